// What the files of this family share: small helpers.

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

// 1 / sqrt(block), as spec section 8.5 has it.
static inline float qam_root(size_t block) {
    float r = 1;
    for (; block >= 4; block /= 4) r *= 0.5f;
    return block == 2 ? r * 0x1.6a09e6p-1f : r;
}

// What `rotate` multiplies by before the transform and after it.
typedef struct {
    float power, factor;
} qam_split;

// The power of two in `inverse_gain` goes before the transform, where it is exact and brings every row to sums far from
// overflow; the rest goes with `scale`.
static inline qam_split qam_split_gain(double inverse_gain, float scale) {
    int exponent = ilogb(inverse_gain);
    exponent = exponent < -126 ? -126 : exponent > 127 ? 127 : exponent;
    double power = ldexp(1, exponent);
    return (qam_split){(float)power, (float)(inverse_gain / power * (double)scale)};
}

// ---- Whole rows ----

// A row decoded to floats and rotated back where they lie. `factor` is that of the row times r; all else as in
// qam_kernels.dequantize.
void qam_dequantize_row(
    const qam_kernels *kernels, const qam_code *code, const uint8_t *symbols, float factor, qam_element type, void *out,
    float *work);

// ---- Activations ----

// Bytes of an activation's values, before the same negated.
static inline size_t qam_value_bytes(size_t columns) { return (columns + 127) / 128 * 128; }

static inline void qam_append_negated(int8_t *values, size_t columns) {
    size_t count = qam_value_bytes(columns);
    for (size_t i = 0; i < count; i++) values[count + i] = (int8_t)-values[i];
}

// ---- Octant groups (spec section 8.4) ----

// Pairs of the group that begins at pair `first`: a multiple of 8, at most 64.
static inline size_t qam_group_pairs(size_t columns, size_t first) {
    size_t left = (columns / 2 - first + 7) / 8 * 8;
    return left < QAM_GROUP_PAIRS ? left : QAM_GROUP_PAIRS;
}

// Where the fields of a group of `pairs` pairs lie. Widths are in bytes.
typedef struct {
    size_t plane;  // width of one bit for each pair: first signs, second signs, swaps, upper index bits
    size_t base;   // offset of the base bits
    size_t ring;   // their width
    size_t total;
} qam_group_layout;

static inline qam_group_layout qam_layout(size_t pairs, uint32_t stride) {
    size_t plane = pairs / 8, upper = stride > 8 ? stride - 8 : 0;
    return (qam_group_layout){plane, (3 + upper) * plane, plane * (stride - upper), (3 + stride) * plane};
}

#endif
