// The reference implementation of the rotation.

#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

// The butterflies at distances 1, 2 and 4 of eight floats.
static inline void hadamard8(float *x) {
    float a0 = x[0] + x[1], a1 = x[0] - x[1], a2 = x[2] + x[3], a3 = x[2] - x[3];
    float a4 = x[4] + x[5], a5 = x[4] - x[5], a6 = x[6] + x[7], a7 = x[6] - x[7];
    float b0 = a0 + a2, b1 = a1 + a3, b2 = a0 - a2, b3 = a1 - a3;
    float b4 = a4 + a6, b5 = a5 + a7, b6 = a4 - a6, b7 = a5 - a7;
    x[0] = b0 + b4, x[1] = b1 + b5, x[2] = b2 + b6, x[3] = b3 + b7;
    x[4] = b0 - b4, x[5] = b1 - b5, x[6] = b2 - b6, x[7] = b3 - b7;
}

// The butterflies at distance `h`.
static void hadamard_once(float *x, size_t block, size_t h) {
    for (size_t i = 0; i < block; i += 2 * h) {
        float *restrict p = x + i, *restrict q = p + h;
        for (size_t j = 0; j < h; j++) {
            float a = p[j], b = q[j];
            p[j] = a + b;
            q[j] = a - b;
        }
    }
}

// The butterflies at distances `h` and `2 * h`, with one load and one store of each float.
static void hadamard_twice(float *x, size_t block, size_t h) {
    for (size_t i = 0; i < block; i += 4 * h) {
        float *restrict p = x + i, *restrict q = p + h, *restrict r = q + h, *restrict s = r + h;
        for (size_t j = 0; j < h; j++) {
            float a = p[j] + q[j], b = p[j] - q[j], c = r[j] + s[j], d = r[j] - s[j];
            p[j] = a + c;
            q[j] = b + d;
            r[j] = a - c;
            s[j] = b - d;
        }
    }
}

static void hadamard(float *x, size_t count, size_t block) {
    for (float *end = x + count; x < end; x += block) {
        size_t h = 1;
        if (block >= 8) {
            for (size_t i = 0; i < block; i += 8) hadamard8(x + i);
            h = 8;
        }
        for (; 4 * h <= block; h *= 4) hadamard_twice(x, block, h);
        if (h < block) hadamard_once(x, block, h);
    }
}

// x[j] = x[j] * factor, or x[j] * -factor if bit j is set.
static inline void scale_word(float *x, uint64_t word, size_t count, float factor) {
    for (size_t half = 0; half < count; half += 32) {
        uint32_t bits = (uint32_t)(word >> half);
        size_t end = count - half < 32 ? count - half : 32;
        for (size_t j = 0; j < end; j++) x[half + j] *= (bits & (UINT32_C(1) << j)) != 0 ? -factor : factor;
    }
}

static void scale_signed(float *x, const uint64_t *signs, size_t count, float factor) {
    size_t j = 0;
    for (; j + 64 <= count; j += 64) scale_word(x + j, signs[j / 64], 64, factor);
    if (j < count) scale_word(x + j, signs[j / 64], count - j, factor);
}

void qam_rotate_scalar(float *x, double inverse_gain, const uint64_t *signs, size_t count, size_t block, float scale) {
    qam_split split = qam_split_gain(inverse_gain, scale);
    scale_signed(x, signs, count, split.power);
    hadamard(x, count, block);
    for (size_t j = 0; j < count; j++) x[j] *= split.factor;
}

void qam_rotate_back_scalar(float *x, const uint64_t *signs, size_t count, size_t block, float factor) {
    hadamard(x, count, block);
    scale_signed(x, signs, count, factor);
}
