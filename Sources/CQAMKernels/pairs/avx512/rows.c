// Sums over rows of floats, eight doubles at a time: lane l of a register is the sum s[l] of scalar/rows.c.

#if defined(__x86_64__)

#include "../../targets.h"
#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512_BASE

enum { LANES = 8 };

static inline double combine(__m512d sums) {
    double s[LANES];
    _mm512_storeu_pd(s, sums);
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

// Eight floats, or those that are left: zeros in the other lanes add nothing.
static inline __m512d load(const float *x, size_t left) {
    __m256 v = left >= LANES ? _mm256_loadu_ps(x) : _mm256_maskz_loadu_ps((__mmask8)((1u << left) - 1), x);
    return _mm512_cvtps_pd(v);
}

double qam_sum_of_squares_avx512(const float *x, size_t count) {
    __m512d sum = _mm512_setzero_pd();
    for (size_t j = 0; j < count; j += LANES) {
        __m512d v = load(x + j, count - j);
        sum = _mm512_add_pd(sum, _mm512_mul_pd(v, v));
    }
    return combine(sum);
}

qam_products qam_inner_products_avx512(const float *z, const float *y, size_t count) {
    __m512d zz = _mm512_setzero_pd(), zy = zz, yy = zz;
    for (size_t j = 0; j < count; j += LANES) {
        __m512d a = load(z + j, count - j), b = load(y + j, count - j);
        zz = _mm512_add_pd(zz, _mm512_mul_pd(a, a));
        zy = _mm512_add_pd(zy, _mm512_mul_pd(a, b));
        yy = _mm512_add_pd(yy, _mm512_mul_pd(b, b));
    }
    return (qam_products){combine(zz), combine(zy), combine(yy)};
}

double qam_squared_distance_avx512(const float *a, const float *b, size_t count) {
    __m512d sum = _mm512_setzero_pd();
    for (size_t j = 0; j < count; j += LANES) {
        __m512d d = _mm512_sub_pd(load(a + j, count - j), load(b + j, count - j));
        sum = _mm512_add_pd(sum, _mm512_mul_pd(d, d));
    }
    return combine(sum);
}

void qam_scale_avx512(float *x, const float *scales, size_t count) {
    for (size_t j = 0; j < count; j += 16) {
        __mmask16 lanes = (__mmask16)(count - j < 16 ? (1u << (count - j)) - 1 : 0xFFFF);
        __m512 product = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + j), _mm512_maskz_loadu_ps(lanes, scales + j));
        _mm512_mask_storeu_ps(x + j, lanes, product);
    }
}

QAM_TARGET_POP

#endif
