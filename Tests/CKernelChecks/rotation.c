// Rotations.

#include "functions.h"

#include <math.h>

// Block sizes and row lengths: every block size with one, two and more blocks, and a few long rows.
typedef void rotation_case(check *c, size_t count, size_t block, value_kind kind);

static void for_each_shape(check *c, rotation_case *body) {
    for (value_kind kind = 0; kind < VALUE_KINDS; kind++)
        for (size_t block = 2; block <= 1 << 15; block *= 2)
            for (size_t blocks = 1; blocks <= 40; blocks += blocks < 9 ? 1 : 10) {
                if (blocks > 1 && blocks * block > 5000) break;
                begin_case(c, "%zu floats in blocks of %zu, kind %d", block * blocks, block, kind);
                body(c, block * blocks, block, kind);
                release(c, 0);
            }
}

static void one_rotate(check *c, size_t count, size_t block, value_kind kind) {
    float *x = place_values(c, "x", count, kind), *expected = place_copy(c, "expected", x, count * sizeof *x);
    const uint64_t *signs = place(c, "signs", (count + 63) / 64 * sizeof *signs);
    // Also gains so small or large that the powers of two of their reciprocals are not normal floats.
    double inverse_gain = 1 / fabs((double)random_value(c, kind));
    if (below(c, 4) == 0) inverse_gain = ldexp(inverse_gain, (int)below(c, 400) - 200);
    float scale = random_value(c, kind);
    c->truth->rotate(expected, inverse_gain, signs, count, block, scale);
    c->table->rotate(x, inverse_gain, signs, count, block, scale);
    same_floats(c, expected, x, count);
}

static void one_rotate_back(check *c, size_t count, size_t block, value_kind kind) {
    float *x = place_values(c, "x", count, kind), *expected = place_copy(c, "expected", x, count * sizeof *x);
    const uint64_t *signs = place(c, "signs", (count + 63) / 64 * sizeof *signs);
    float factor = random_value(c, kind);
    c->truth->rotate_back(expected, signs, count, block, factor);
    c->table->rotate_back(x, signs, count, block, factor);
    same_floats(c, expected, x, count);
}

void check_rotate(check *c) { for_each_shape(c, one_rotate); }
void check_rotate_back(check *c) { for_each_shape(c, one_rotate_back); }
