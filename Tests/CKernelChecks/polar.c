// Polar codes: the search for the nearest codeword, compared with exhaustive search.

#include "functions.h"
#include "plain.h"
#include "polar_kernels.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

static pk_codebook place_polar(check *c, uint32_t rate, uint32_t amplitude_count, uint32_t phase_count) {
    float *amplitudes = place(c, "amplitudes", amplitude_count * sizeof *amplitudes);
    float *directions = place(c, "directions", 2 * phase_count * sizeof *directions);
    for (uint32_t i = 0; i < amplitude_count; i++)
        amplitudes[i] = 4.5f * ((float)i + 0.6f + (float)below(c, 1000) / 2500) / (float)amplitude_count;
    // Starting at any angle.
    double first = (double)below(c, 1000) / 1000;
    for (uint32_t k = 0; k < phase_count; k++) {
        double angle = 2 * 3.14159265358979323846 * (k + first) / phase_count;
        directions[2 * k] = (float)cos(angle);
        directions[2 * k + 1] = (float)sin(angle);
    }
    return (pk_codebook){rate, amplitude_count, phase_count, amplitudes, directions};
}

// The number of amplitudes that suits the rate, or any number.
static pk_codebook some_polar(check *c, uint32_t rate) {
    uint32_t amplitudes = (uint32_t)sqrtf((float)(1u << rate) / 2.66f), most = (1u << rate) / 4;
    if (below(c, 2)) amplitudes = 1 + (uint32_t)below(c, most < 90 ? most : 90);
    uint32_t phases = (1u << rate) / amplitudes;
    return place_polar(c, rate, amplitudes, phases < 256 ? phases : 256);
}

// The points of all symbols that select a codeword of their own, by definition.
static float *place_points(check *c, const pk_codebook *b) {
    float *points = place(c, "points", 2 * sizeof *points << b->rate);
    for (uint32_t s = 0; s < 1u << b->rate; s++) {
        uint32_t i = s / b->phase_count < b->amplitude_count ? s / b->phase_count : b->amplitude_count - 1, k = s % b->phase_count;
        points[2 * s] = b->amplitudes[i] * b->directions[2 * k];
        points[2 * s + 1] = b->amplitudes[i] * b->directions[2 * k + 1];
    }
    return points;
}

static uint32_t nearest_of_all(const float *points, uint32_t count, float x, float y) {
    uint32_t best = 0;
    float least = INFINITY;
    for (uint32_t s = 0; s < count; s++) {
        float dx = x - points[2 * s], dy = y - points[2 * s + 1], d = dx * dx + dy * dy;
        if (d < least) least = d, best = s;
    }
    return best;
}

// A point where a search may err: arbitrary, between two or four codewords, at the origin, or at the limits of the cells.
static void some_point(check *c, const pk_codebook *b, const float *points, value_kind kind, float *z) {
    uint32_t i = (uint32_t)below(c, b->amplitude_count), k = (uint32_t)below(c, b->phase_count);
    uint32_t above = i + 1 < b->amplitude_count ? i + 1 : i, next = (k + 1) % b->phase_count;
    uint32_t corners[] = {i * b->phase_count + k, i * b->phase_count + next, above * b->phase_count + k, above * b->phase_count + next};
    size_t count = (size_t)1 << below(c, 3), first = below(c, 4);
    z[0] = z[1] = 0;
    switch (below(c, 4)) {
    case 0:
        for (size_t n = 0; n < count; n++)
            for (int axis = 0; axis < 2; axis++) z[axis] += points[2 * corners[(first + n) % 4] + (uint32_t)axis] / (float)count;
        for (int axis = 0; axis < 2; axis++)
            for (size_t steps = below(c, 4); steps > 0; steps--) z[axis] = nextafterf(z[axis], below(c, 2) ? INFINITY : -INFINITY);
        break;
    case 1: {
        // In any direction, at a power of two times the least or the largest amplitude.
        float length = b->amplitudes[below(c, 2) ? 0 : b->amplitude_count - 1] * ldexpf(1, (int)below(c, 9) - 4);
        for (uint32_t axis = 0; axis < 2; axis++) z[axis] = length * (points[2 * corners[0] + axis] / b->amplitudes[i] + 0x1p-20f * gaussian(c));
        break;
    }
    default: z[0] = random_value(c, kind), z[1] = random_value(c, kind);
    }
}

void check_polar_encode(check *c) {
    const pk_functions *truth = pk_functions_for(QAM_SET_SCALAR), *table = pk_functions_for(c->features);
    for (uint32_t rate = 4; rate <= 13; rate++)
        for (int round = 0; round < 12; round++) {
            pk_codebook book = some_polar(c, rate);
            pk_search *search = place(c, "search", sizeof *search);
            begin_case(c, "rate %u, %u amplitudes, %u phases", rate, book.amplitude_count, book.phase_count);
            if (!pk_make_search(&book, search)) fail(c, "the search is refused");
            const float *points = place_points(c, &book);
            size_t mark = c->used;
            for (size_t columns = 2; columns; columns = next_columns(columns, 66, rate < 11 || round == 0 ? 1024 : 300)) {
                begin_case(c, "rate %u, %u amplitudes, %u phases, %zu columns", rate, book.amplitude_count, book.phase_count, columns);
                float *z = place(c, "z", columns * sizeof *z);
                for (size_t j = 0; j < columns; j += 2) some_point(c, &book, points, round % VALUE_KINDS, z + j);
                size_t bytes = qam_row_bytes(QAM_FREE, rate, columns);
                uint8_t *expected = place(c, "expected", bytes), *symbols = place(c, "symbols", bytes);
                truth->encode(z, columns, search, expected);
                table->encode(z, columns, search, symbols);
                same_bytes(c, expected, symbols, bytes);
                for (size_t i = 0; i < bytes * 8 / rate; i++) {
                    uint32_t symbol = plain_free_symbol(symbols, rate, i);
                    uint32_t nearest = i < columns / 2 ? nearest_of_all(points, 1u << rate, z[2 * i], z[2 * i + 1]) : 0;
                    if (symbol != nearest)
                        fail(c, "symbol %zu is %u, not %u, for %a, %a", i, symbol, nearest, (double)z[2 * i], (double)z[2 * i + 1]);
                }
                release(c, mark);
            }
            release(c, 0);
        }
}

// Tables of points, and codebooks that a search must refuse.
void check_polar_search(check *c) {
    for (uint32_t rate = 4; rate <= 13; rate++) {
        pk_codebook book = some_polar(c, rate);
        begin_case(c, "points of rate %u, %u amplitudes, %u phases", rate, book.amplitude_count, book.phase_count);
        const float *expected = place_points(c, &book);
        float *points = place(c, "expanded", 2 * sizeof *points << rate);
        pk_expand(&book, points);
        same_bytes(c, expected, points, 2 * sizeof *points << rate);
        release(c, 0);
    }
    pk_search *search = place(c, "search", sizeof *search);
    pk_codebook good = place_polar(c, 11, 27, 75);
    begin_case(c, "codebooks that suit no search");
    if (!pk_make_search(&good, search)) fail(c, "a good one is refused");
    static const struct {
        uint32_t amplitudes, phases;
    } shapes[] = {{27, 3}, {27, 257}, {257, 31}, {256, 8}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        pk_codebook book = place_polar(c, 13, shapes[i].amplitudes, shapes[i].phases);
        if (pk_make_search(&book, search)) fail(c, "%u amplitudes and %u phases are taken", book.amplitude_count, book.phase_count);
    }
    static const float changes[] = {1.001f, -1, 0, NAN, INFINITY};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        for (int which = 0; which < 2; which++) {
            float *amplitudes = place_copy(c, "amplitudes", good.amplitudes, good.amplitude_count * sizeof *amplitudes);
            float *directions = place_copy(c, "directions", good.directions, 2 * good.phase_count * sizeof *directions);
            pk_codebook book = good;
            book.amplitudes = amplitudes, book.directions = directions;
            size_t k = below(c, 75);
            if (which) directions[2 * k] *= changes[i], directions[2 * k + 1] *= changes[i];
            // A small change of an amplitude is valid.
            else amplitudes[1 + below(c, 26)] *= i ? changes[i] : 0.5f;
            if (pk_make_search(&book, search)) fail(c, "a factor of %g is taken", (double)changes[i]);
        }
    // In the opposite direction around the circle, and twice around.
    for (uint32_t turns = 2; turns <= 74; turns += 72) {
        float *directions = place(c, "directions", 2 * good.phase_count * sizeof *directions);
        for (uint32_t k = 0; k < good.phase_count; k++) memcpy(directions + 2 * k, good.directions + 2 * (k * turns % 75), 2 * sizeof *directions);
        pk_codebook book = good;
        book.directions = directions;
        if (pk_make_search(&book, search)) fail(c, "%u turns are taken", turns);
    }
}
