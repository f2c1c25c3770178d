// Comparison, random values and shapes.

#include "checks.h"

#include <math.h>
#include <string.h>

// ---- Comparison -------------------------------------------------------------------------------------------------

void same_bytes(check *c, const void *expected, const void *actual, size_t count) {
    const uint8_t *e = expected, *a = actual;
    c->comparisons += count;
    for (size_t i = 0; i < count; i++)
        if (e[i] != a[i]) fail(c, "byte %zu of %zu is 0x%02x, not 0x%02x", i, count, a[i], e[i]);
}

void same_floats(check *c, const float *expected, const float *actual, size_t count) {
    c->comparisons += count;
    for (size_t i = 0; i < count; i++) {
        uint32_t e, a;
        memcpy(&e, &expected[i], 4);
        memcpy(&a, &actual[i], 4);
        if (e != a && !(isnan(expected[i]) && isnan(actual[i])))
            fail(c, "float %zu of %zu is %a, not %a", i, count, (double)actual[i], (double)expected[i]);
    }
}

void same_double(check *c, double expected, double actual) {
    c->comparisons++;
    if (memcmp(&expected, &actual, sizeof expected) != 0 && !(isnan(expected) && isnan(actual)))
        fail(c, "the sum is %a, not %a", actual, expected);
}

// ---- Random values ----------------------------------------------------------------------------------------------

uint64_t next_random(check *c) {
    uint64_t x = c->random = c->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    return x ^ x >> 29;
}

size_t below(check *c, size_t bound) { return (size_t)((next_random(c) >> 32) * bound >> 32); }

// The sum of twelve uniform values is approximately Gaussian, and has the same bits on every machine. The divisor fills all bits
// of the fraction, so that every sum and product is rounded and a wrong order of operations is found.
float gaussian(check *c) {
    int32_t sum = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t word = next_random(c);
        for (int j = 0; j < 64; j += 16) sum += (int32_t)(word >> j & 0xFFFF);
    }
    return (float)(sum - 6 * 0xFFFF) / 65537;
}

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float random_value(check *c, value_kind kind) {
    uint32_t bits = (uint32_t)(next_random(c) >> 32), sign = bits & 0x80000000;
    switch (kind) {
    case ORDINARY: return gaussian(c);
    case GRIDDED: return rintf(16 * gaussian(c)) / 16;
    case EXTREME:
        switch (below(c, 8)) {
        case 0: return float_of(sign);
        case 1: return float_of(sign | (bits & 0x7FFFFF));
        // Exponents such that sums and squares of a few thousand values mostly stay finite.
        case 2: return float_of(sign | ((40 + bits % 140) << 23 | (bits & 0x7FFFFF)));
        default: return gaussian(c);
        }
    default:
        switch (below(c, 64)) {
        case 0: return float_of(sign | 0x7F800000);
        case 1: return float_of(bits | 0x7F800000);
        case 2: return float_of(sign | 0x7F7FFFFF);
        default: return float_of(bits);
        }
    }
}

void fill_values(check *c, float *x, size_t count, value_kind kind) {
    for (size_t i = 0; i < count; i++) x[i] = random_value(c, kind);
}

float *place_values(check *c, const char *name, size_t count, value_kind kind) {
    float *x = place(c, name, count * sizeof *x);
    fill_values(c, x, count, kind);
    return x;
}

// ---- Shapes -----------------------------------------------------------------------------------------------------

size_t next_columns(size_t columns, size_t dense, size_t longest) {
    static const size_t sparse[] = {254,  256,  258,  272,  304,  320,  382,  384,  386,  400,  512,  514,   576,
                                    640,  768,  770,  896,  1008, 1022, 1024, 1040, 1152, 1536, 2050, 4096,  5120};
    size_t next = 0;
    if (columns < dense) next = columns + 2;
    for (size_t i = 0; !next && i < sizeof sparse / sizeof *sparse; i++)
        if (sparse[i] > columns) next = sparse[i];
    return next <= longest ? next : 0;
}

uint32_t first_rate(qam_family family) { return family == QAM_FREE ? 4 : 1; }
uint32_t last_rate(qam_family family) { return family == QAM_FREE ? 13 : 10; }
