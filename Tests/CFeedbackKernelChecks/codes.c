// Polar codes and int8 rows.

#include "group.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// Targets outside the cells, far outside, infinities and NaNs: all versions choose the same codeword. (Not -0: where a codeword is 0,
// the sign of the remaining error is unspecified.)
static void put_odd_targets(const fb_group *g) {
    static const float odd[] = {5, -7, 150, -127.5f, 1e20f, -3e38f, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (random_below(2)) g->targets[random_below(g->columns)] = odd[i];
}

// ---- Polar codes ----

static pk_codebook place_codebook(uint32_t rate) {
    const uint32_t levels = (uint32_t)sqrtf((float)(1u << rate) / 2.66f), phases = (1u << rate) / levels;
    float *amplitudes = place(levels, sizeof *amplitudes), *directions = place(2 * (size_t)phases, sizeof *directions);
    for (uint32_t i = 0; i < levels; i++) amplitudes[i] = 4 * ((float)i + 0.5f) / (float)levels;
    for (uint32_t k = 0; k < phases; k++) {
        double angle = 2 * 3.14159265358979323846 * k / phases;
        directions[2 * k] = (float)cos(angle), directions[2 * k + 1] = (float)sin(angle);
    }
    return (pk_codebook){rate, levels, phases, amplitudes, directions};
}

// The first of the nearest codewords, by exhaustive search.
static uint32_t nearest(const float *points, uint32_t count, float x, float y) {
    uint32_t best = 0;
    float least = INFINITY;
    for (uint32_t k = 0; k < count; k++) {
        float dx = x - points[2 * k], dy = y - points[2 * k + 1], d = dx * dx + dy * dy;
        if (d < least) least = d, best = k;
    }
    return best;
}

static void check_polar_group(check *c, uint32_t rate, size_t columns) {
    const size_t bytes = qam_row_bytes(QAM_FREE, rate, columns);
    pk_codebook book = place_codebook(rate);
    float *points = place((size_t)2 << rate, sizeof *points);
    pk_search *search = place(1, sizeof *search);
    if (!pk_make_search(&book, search)) fail(c, "the codebook of rate %u is refused", rate);
    pk_expand(&book, points);
    fb_group g = place_group(columns, bytes);
    put_odd_targets(&g);
    fb_group expected = place_again(&g, bytes), actual = place_again(&g, bytes);
    c->truth->code_polar(&expected, search);
    c->table->code_polar(&actual, search);
    if (!same_outputs(&expected, &actual, bytes)) fail(c, "%zu columns of rate %u differ", columns, rate);
    for (size_t i = 0; i < bytes * 8 / rate; i++) {
        uint32_t stored = 0, k = 0;
        for (size_t bit = 0; bit < rate; bit++)
            stored |= (uint32_t)(actual.symbols[(i * rate + bit) / 8] >> (i * rate + bit) % 8 & 1) << bit;
        if (i < columns / 2) {
            k = nearest(points, 1u << rate, g.targets[2 * i], g.targets[2 * i + 1]);
            if (!same(points + 2 * k, actual.codewords + 2 * i, 2))
                fail(c, "pair %zu of %zu columns of rate %u has another codeword", i, columns, rate);
            move(&g, i, points + 2 * k, g.targets);
        }
        if (stored != k) fail(c, "pair %zu of %zu columns of rate %u has another symbol", i, columns, rate);
    }
    if (!same(g.targets, actual.targets, FB_WIDTH)) fail(c, "%zu columns of rate %u leave something else", columns, rate);
}

void check_code_polar(check *c) {
    for (uint32_t rate = 4; rate <= 13; rate++)
        for (size_t columns = 2; columns <= FB_WIDTH; columns += columns < 36 ? 2 : 46) {
            check_polar_group(c, rate, columns);
            release();
        }
}

// ---- Int8 rows ----

// |DT x|^2 for a pair's target and integers, in double precision.
static double cost(const float *target, const float *d, double first, double second) {
    double x0 = (double)target[0] - first, x1 = (double)target[1] - second;
    double a = (double)d[0] * x0, b = (double)d[1] * x0 + (double)d[2] * x1;
    return a * a + b * b;
}

// The least cost over all pairs of integers from -127 to 127.
static double least_cost(const float *target, const float *d) {
    double least = INFINITY;
    for (int first = -127; first <= 127; first++)
        for (int second = -127; second <= 127; second++) least = fmin(least, cost(target, d, first, second));
    return least;
}

// A group in units of a gain, with many different metrics.
static fb_group place_integer_group(size_t columns) {
    fb_group g = place_group((columns + 1) / 2 * 2, columns);
    g.columns = columns;
    float *metric = place_copy(g.metric, (columns + 1) / 2 * 3, sizeof *metric);
    for (size_t i = 0; i < (columns + 1) / 2; i++) {
        metric[3 * i] *= random_below(4) ? 1 : 0.125f;
        metric[3 * i + 1] *= random_below(4) ? 1 : 16;
    }
    g.metric = metric;
    float *z = place_copy(g.z, FB_WIDTH, sizeof *z);
    for (size_t j = 0; j < FB_WIDTH; j++) {
        // Including halves, which are ties.
        float wide = random_below(8) ? 40 * z[j] : (float)random_below(100) / 2 - 25;
        g.targets[j] = wide + (random_below(4) ? g.targets[j] - z[j] : 0);
        z[j] = wide;
    }
    g.z = z;
    return g;
}

static void check_integer_group(check *c, size_t columns) {
    fb_group g = place_integer_group(columns);
    put_odd_targets(&g);
    fb_group expected = place_again(&g, columns), actual = place_again(&g, columns);
    c->truth->code_integers(&expected);
    c->table->code_integers(&actual);
    if (!same_outputs(&expected, &actual, columns)) fail(c, "%zu columns differ", columns);
    for (size_t j = 0; j < columns; j++) {
        const int8_t symbol = (int8_t)actual.symbols[j];
        if ((float)symbol != actual.codewords[j] || symbol == -128)
            fail(c, "column %zu of %zu is %d, its codeword %g", j, columns, symbol, (double)actual.codewords[j]);
    }
    for (size_t i = 0; i < columns / 2; i++) {
        const float *target = g.targets + 2 * i, *codeword = actual.codewords + 2 * i;
        if (fabsf(target[0]) < 1e6f && fabsf(target[1]) < 1e6f) {
            double least = least_cost(target, g.metric + 3 * i);
            double found = cost(target, g.metric + 3 * i, (double)codeword[0], (double)codeword[1]);
            // For targets far outside, rounding errors of the squares are large.
            double error = 1e-5 * least + 1e-9;
            if (!(found <= least + error)) fail(c, "pair %zu of %zu columns costs %.9g, but %.9g is possible", i, columns, found, least);
        }
        move(&g, i, codeword, g.targets);
    }
    if (columns % 2) {
        const size_t last = columns - 1;
        const float target = g.targets[last], kept = target < 127 ? target > -127 ? target : -127 : 127;
        if (actual.codewords[last] != nearbyintf(kept))
            fail(c, "the last of %zu columns is %g, not %g", columns, (double)actual.codewords[last], (double)kept);
        g.targets[last] -= actual.codewords[last];
    }
    if (!same(g.targets, actual.targets, FB_WIDTH)) fail(c, "%zu columns leave something else", columns);
}

void check_code_integers(check *c) {
    for (size_t round = 0; round < 6; round++)
        for (size_t columns = 1; columns <= FB_WIDTH; columns += columns < 36 ? 1 : 23) {
            check_integer_group(c, columns);
            release();
        }
}
