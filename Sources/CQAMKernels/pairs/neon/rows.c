// Rows of floats: eight sums in four registers of two doubles.

#if defined(__aarch64__)

#include "neon.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 8, VECTORS = LANES / 2 };

// Sums 2v and 2v + 1 in sums[v].
static inline double combine(const float64x2_t sums[VECTORS]) {
    return (vpaddd_f64(sums[0]) + vpaddd_f64(sums[1])) + (vpaddd_f64(sums[2]) + vpaddd_f64(sums[3]));
}

static inline void widen(const float *x, float64x2_t out[VECTORS]) {
    float32x4_t low = vld1q_f32(x), high = vld1q_f32(x + 4);
    out[0] = vcvt_f64_f32(vget_low_f32(low));
    out[1] = vcvt_high_f64_f32(low);
    out[2] = vcvt_f64_f32(vget_low_f32(high));
    out[3] = vcvt_high_f64_f32(high);
}

static inline void add_products(float64x2_t sums[VECTORS], const float64x2_t *a, const float64x2_t *b) {
    for (int v = 0; v < VECTORS; v++) sums[v] = vaddq_f64(sums[v], vmulq_f64(a[v], b[v]));
}

// The rest of a row, followed by zeros. Those add 0 to sums that are never -0, which changes none.
static inline const float *padded(const float *x, size_t count, float buffer[LANES]) {
    memset(buffer, 0, LANES * sizeof *buffer);
    memcpy(buffer, x, count * sizeof *x);
    return buffer;
}

double qam_sum_of_squares_neon(const float *x, size_t count) {
    float64x2_t sums[VECTORS] = {0}, a[VECTORS];
    float rest[LANES];
    for (size_t j = 0; j < count; j += LANES) {
        widen(count - j < LANES ? padded(x + j, count - j, rest) : x + j, a);
        add_products(sums, a, a);
    }
    return combine(sums);
}

qam_products qam_inner_products_neon(const float *z, const float *y, size_t count) {
    float64x2_t zz[VECTORS] = {0}, zy[VECTORS] = {0}, yy[VECTORS] = {0}, a[VECTORS], b[VECTORS];
    float rest[2][LANES];
    for (size_t j = 0; j < count; j += LANES) {
        bool whole = count - j >= LANES;
        widen(whole ? z + j : padded(z + j, count - j, rest[0]), a);
        widen(whole ? y + j : padded(y + j, count - j, rest[1]), b);
        add_products(zz, a, a);
        add_products(zy, a, b);
        add_products(yy, b, b);
    }
    return (qam_products){combine(zz), combine(zy), combine(yy)};
}

double qam_squared_distance_neon(const float *a, const float *b, size_t count) {
    float64x2_t sums[VECTORS] = {0}, x[VECTORS], y[VECTORS];
    float rest[2][LANES];
    for (size_t j = 0; j < count; j += LANES) {
        bool whole = count - j >= LANES;
        widen(whole ? a + j : padded(a + j, count - j, rest[0]), x);
        widen(whole ? b + j : padded(b + j, count - j, rest[1]), y);
        for (int v = 0; v < VECTORS; v++) x[v] = vsubq_f64(x[v], y[v]);
        add_products(sums, x, x);
    }
    return combine(sums);
}

#endif
