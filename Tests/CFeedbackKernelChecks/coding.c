// Feedback of errors to later groups, and codes without a trellis.

#include "group.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// Rows with a stride larger than their length; gaps between the targets stay unchanged.
void check_feed(check *c) {
    static const size_t counts[] = {0, 1, 2, 17, 127, 128, 129, 256, 300};
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        for (size_t rows = 0; rows <= 19; rows++) {
            const size_t count = counts[n], errors_stride = count + random_below(3), targets_stride = FB_WIDTH + random_below(3);
            const size_t length = rows ? (rows - 1) * targets_stride + FB_WIDTH : 0;
            float *errors = place_gaussian(rows ? (rows - 1) * errors_stride + count : 0), *panel = place_gaussian(count * FB_WIDTH);
            float *targets = place_gaussian(length);
            float *expected = place_copy(targets, length, sizeof *targets), *actual = place_copy(targets, length, sizeof *targets);
            c->truth->feed(errors, errors_stride, panel, count, rows, expected, targets_stride);
            c->table->feed(errors, errors_stride, panel, count, rows, actual, targets_stride);
            if (!same(expected, actual, length)) fail(c, "%zu columns of %zu rows differ", count, rows);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < FB_WIDTH; j++)
                    for (size_t k = 0; k < count; k++)
                        targets[i * targets_stride + j] = fmaf(errors[i * errors_stride + k], panel[k * FB_WIDTH + j], targets[i * targets_stride + j]);
            if (!same(targets, actual, length)) fail(c, "%zu columns of %zu rows are not their sums", count, rows);
            release();
        }
    }
}

typedef struct {
    qam_plane plane;
    qam_family family;
    uint32_t rate;
} code;

// Random codewords and a candidate grid: a cell lists the codewords whose distance from its centre exceeds the least by at most its diagonal.
static code place_plane(bool octant, uint32_t rate) {
    const uint32_t count = 1u << rate, side = 8, cells = side * side;
    const float origin = octant ? 0 : -2, cells_per_unit = octant ? 4 : 2;
    float *points = place_gaussian(2 * (size_t)count);
    for (size_t i = 0; octant && i < count; i++) fold((float[]){points[2 * i], points[2 * i + 1]}, points + 2 * i, points + 2 * i + 1);
    // Every second codeword in the first half is repeated in the second, so that ties occur.
    for (size_t i = 0; i < count / 2; i += 2) memcpy(points + 2 * (i + count / 2), points + 2 * i, 2 * sizeof *points);
    uint32_t *starts = place(cells + 1, sizeof *starts), found = 0;
    uint16_t *candidates = NULL;
    // The first pass counts them, the second stores them.
    for (int pass = 0; pass < 2; pass++) {
        if (pass) candidates = place(found, sizeof *candidates);
        found = 0;
        for (uint32_t cell = 0; cell < cells; cell++) {
            float x = origin + ((float)(cell % side) + 0.5f) / cells_per_unit, y = origin + ((float)(cell / side) + 0.5f) / cells_per_unit;
            float least = INFINITY, diagonal = sqrtf(2) / cells_per_unit;
            for (size_t i = 0; i < count; i++) least = fminf(least, hypotf(points[2 * i] - x, points[2 * i + 1] - y));
            starts[cell] = found;
            for (uint32_t i = 0; i < count; i++) {
                if (hypotf(points[2 * i] - x, points[2 * i + 1] - y) > least + diagonal + 0.01f) continue;
                if (candidates) candidates[found] = (uint16_t)i;
                found++;
            }
        }
        starts[cells] = found;
    }
    const qam_plane plane = {
        .points = points, .count = count, .side = side, .origin = origin, .cells_per_unit = cells_per_unit, .starts = starts,
        .candidates = candidates};
    return (code){plane, octant ? QAM_OCTANT : QAM_FREE, rate};
}

// The first of the nearest codewords, by exhaustive search.
static uint32_t nearest(const qam_plane *p, float x, float y) {
    uint32_t best = 0;
    float least = INFINITY;
    for (uint32_t k = 0; k < p->count; k++) {
        float dx = x - p->points[2 * k], dy = y - p->points[2 * k + 1], d = dx * dx + dy * dy;
        if (d < least) least = d, best = k;
    }
    return best;
}

// The index of pair i of a group of `pairs` (spec section 8.4).
static uint32_t stored_index(const code *p, const uint8_t *symbols, size_t pairs, size_t i) {
    const size_t eighths = pairs / 8;
    uint32_t index = 0;
    if (p->family == QAM_OCTANT) index = symbols[(p->rate - 5) * eighths + i];
    for (uint32_t bit = p->family == QAM_OCTANT ? 8 : 0; bit < p->rate; bit++) {
        size_t place = p->family == QAM_OCTANT ? 8 * (bit - 5) * eighths + i : i * p->rate + bit;
        index |= (uint32_t)(symbols[place / 8] >> place % 8 & 1) << bit;
    }
    return index;
}

static void check_code(check *c, const code *p, size_t columns) {
    const size_t pairs = (columns + 15) / 16 * 8, bytes = qam_row_bytes(p->family, p->rate, columns);
    fb_group g = place_group(columns, bytes);
    // Outside the grid, far outside, and NaN: all versions choose the same codeword.
    static const float odd[] = {-0.0f, 5, -7, 1e20f, -3e38f, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (random_below(2)) g.targets[random_below(columns)] = odd[i];
    fb_group expected = place_again(&g, bytes), actual = place_again(&g, bytes);
    c->truth->code_plain(&expected, &p->plane, p->family, p->rate);
    c->table->code_plain(&actual, &p->plane, p->family, p->rate);
    if (!same_outputs(&expected, &actual, bytes)) fail(c, "%zu columns of rate %u differ", columns, p->rate);
    for (size_t i = 0; i < pairs; i++) {
        uint32_t index = stored_index(p, actual.symbols, pairs, i), k = 0;
        unsigned folded = 0, stored = p->family == QAM_OCTANT ? stored_fold(actual.symbols, pairs, i) : 0;
        if (i < columns / 2) {
            float codeword[2], x = g.targets[2 * i], y = g.targets[2 * i + 1];
            if (p->family == QAM_OCTANT) folded = fold(g.targets + 2 * i, &x, &y);
            k = nearest(&p->plane, x, y);
            unfold(folded, p->plane.points + 2 * k, codeword);
            if (!same(codeword, actual.codewords + 2 * i, 2)) fail(c, "pair %zu of %zu columns of rate %u has another codeword", i, columns, p->rate);
            move(&g, i, codeword, g.targets);
        }
        if (index != k || stored != folded) fail(c, "pair %zu of %zu columns of rate %u has other symbols", i, columns, p->rate);
    }
    if (!same(g.targets, actual.targets, FB_WIDTH)) fail(c, "%zu columns of rate %u leave something else", columns, p->rate);
}

void check_code_plain(check *c) {
    static const struct {
        bool octant;
        uint32_t rate;
    } codes[] = {{false, 4}, {false, 7}, {false, 11}, {true, 8}, {true, 10}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        for (size_t columns = 2; columns <= FB_WIDTH; columns += columns < 36 ? 2 : 46) {
            code p = place_plane(codes[i].octant, codes[i].rate);
            check_code(c, &p, columns);
            release();
        }
    }
}
