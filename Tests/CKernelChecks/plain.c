#include "plain.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

static uint32_t bit(const uint8_t *bytes, size_t index) { return bytes[index / 8] >> index % 8 & 1u; }

plain_pair plain_octant_pair(const uint8_t *symbols, size_t columns, uint32_t step_bits, size_t pair) {
    // Groups of 64 pairs; the last has the remaining pairs, rounded up to a multiple of 8.
    size_t padded = (columns / 2 + 7) / 8 * 8, group = pair / 64, i = pair % 64;
    size_t pairs = padded - 64 * group < 64 ? padded - 64 * group : 64, plane = pairs / 8;
    const uint8_t *bytes = symbols + group * 8 * (3 + step_bits);
    plain_pair out = {0, bit(bytes, i), bit(bytes + plane, i), bit(bytes + 2 * plane, i)};
    const uint8_t *upper = bytes + 3 * plane;
    uint32_t step = step_bits;
    for (; step > 8; step--, upper += plane) out.index |= bit(upper, i) << (8 + step_bits - step);
    for (uint32_t j = 0; j < 8; j++) out.index |= bit(upper, (i * step + j) % (pairs * step)) << j;
    return out;
}

uint32_t plain_free_symbol(const uint8_t *symbols, uint32_t bits, size_t pair) {
    uint32_t symbol = 0;
    for (uint32_t j = 0; j < bits; j++) symbol |= bit(symbols, pair * bits + j) << j;
    return symbol;
}

void plain_codewords(const qam_code *code, const int16_t *fixed, const uint8_t *symbols, double *y) {
    for (size_t pair = 0; pair < code->columns / 2; pair++, y += 2) {
        if (code->family == QAM_FREE) {
            size_t at = (size_t)2 * plain_free_symbol(symbols, code->rate, pair);
            y[0] = fixed ? (double)fixed[at] : (double)code->points[at];
            y[1] = fixed ? (double)fixed[at + 1] : (double)code->points[at + 1];
        } else {
            plain_pair p = plain_octant_pair(symbols, code->columns, code->rate, pair);
            double a = code->magnitudes[p.index], b = code->magnitudes[base_points(code->rate) + p.index];
            y[0] = p.swapped ? b : a;
            y[1] = p.swapped ? a : b;
            // 0 - x: a magnitude of 0 gives 0, not -0.
            if (p.first_negative) y[0] = 0 - y[0];
            if (p.second_negative) y[1] = 0 - y[1];
        }
    }
}

void plain_hadamard(float *x, size_t count, size_t block) {
    for (size_t first = 0; first < count; first += block)
        for (size_t h = 1; h < block; h *= 2)
            for (size_t p = 0; p < block; p++) {
                if (p / h % 2) continue;
                float a = x[first + p], b = x[first + p + h];
                x[first + p] = a + b;
                x[first + p + h] = a - b;
            }
}

float plain_root(size_t block) {
    int k = __builtin_ctzll(block);
    return k % 2 ? ldexpf(0x1.6a09e6p-1f, -(k - 1) / 2) : ldexpf(1, -k / 2);
}

bool plain_sign(const uint64_t *signs, size_t column) { return signs[column / 64] >> column % 64 & 1; }
