// Small helpers shared by the files of this family.

#ifndef QAM_INTERNAL_H
#define QAM_INTERNAL_H

#include "functions.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static inline uint64_t qam_load_bytes(const uint8_t *p, size_t count) {
    uint64_t v = 0;
    for (size_t i = 0; i < count; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static inline void qam_store_bytes(uint8_t *p, uint64_t v, size_t count) {
    for (size_t i = 0; i < count; i++) p[i] = (uint8_t)(v >> (8 * i));
}

// 1 / sqrt(block) as in spec section 8.5.
static inline float qam_root(size_t block) {
    float r = 1;
    for (; block >= 4; block /= 4) r *= 0.5f;
    return block == 2 ? r * 0x1.6a09e6p-1f : r;
}

// The factors that `rotate` applies before and after the transform.
typedef struct {
    float power, factor;
} qam_split;

// The power of two in `inverse_gain` is applied before the transform, where it is exact and keeps sums far from
// overflow; the rest is combined with `scale`.
static inline qam_split qam_split_gain(double inverse_gain, float scale) {
    int exponent = ilogb(inverse_gain);
    exponent = exponent < -126 ? -126 : exponent > 127 ? 127 : exponent;
    double power = ldexp(1, exponent);
    return (qam_split){(float)power, (float)(inverse_gain / power * (double)scale)};
}

// ---- Whole rows ----

// Decodes a row and rotates it back in place. `factor` is the row's factor times r; otherwise as
// qam_kernels.dequantize.
void qam_dequantize_row(
    const qam_kernels *kernels, const qam_code *code, const uint8_t *symbols, float factor, float *y);

// ---- Activations ----

// The bytes of an activation's values, without the negated copy.
static inline size_t qam_value_bytes(size_t columns) { return (columns + 127) / 128 * 128; }

static inline void qam_append_negated(int8_t *values, size_t columns) {
    size_t count = qam_value_bytes(columns);
    for (size_t i = 0; i < count; i++) values[count + i] = (int8_t)-values[i];
}

#endif
