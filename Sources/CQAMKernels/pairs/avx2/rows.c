// Sums over rows of floats, four doubles at a time: lane l of two registers is the sum s[l] of scalar/rows.c.

#if defined(__x86_64__)

#include "../../targets.h"
#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX2

enum { LANES = 8 };

// Eight sums.
typedef struct {
    __m256d low, high;
} eight;

static inline double combine(eight sums) {
    double s[LANES];
    _mm256_storeu_pd(s, sums.low);
    _mm256_storeu_pd(s + 4, sums.high);
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

static inline __m256i first_lanes(size_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// Eight floats, or those that are left: zeros in the other lanes add nothing.
static inline eight load(const float *x, size_t left) {
    __m256 v = left >= LANES ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, first_lanes(left));
    return (eight){_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
}

static inline void add_products(eight *sums, eight a, eight b) {
    sums->low = _mm256_add_pd(sums->low, _mm256_mul_pd(a.low, b.low));
    sums->high = _mm256_add_pd(sums->high, _mm256_mul_pd(a.high, b.high));
}

double qam_sum_of_squares_avx2(const float *x, size_t count) {
    eight sum = {_mm256_setzero_pd(), _mm256_setzero_pd()};
    for (size_t j = 0; j < count; j += LANES) {
        eight v = load(x + j, count - j);
        add_products(&sum, v, v);
    }
    return combine(sum);
}

qam_products qam_inner_products_avx2(const float *z, const float *y, size_t count) {
    eight zz = {_mm256_setzero_pd(), _mm256_setzero_pd()}, zy = zz, yy = zz;
    for (size_t j = 0; j < count; j += LANES) {
        eight a = load(z + j, count - j), b = load(y + j, count - j);
        add_products(&zz, a, a);
        add_products(&zy, a, b);
        add_products(&yy, b, b);
    }
    return (qam_products){combine(zz), combine(zy), combine(yy)};
}

double qam_squared_distance_avx2(const float *a, const float *b, size_t count) {
    eight sum = {_mm256_setzero_pd(), _mm256_setzero_pd()};
    for (size_t j = 0; j < count; j += LANES) {
        eight p = load(a + j, count - j), q = load(b + j, count - j);
        eight d = {_mm256_sub_pd(p.low, q.low), _mm256_sub_pd(p.high, q.high)};
        add_products(&sum, d, d);
    }
    return combine(sum);
}

void qam_scale_avx2(float *x, const float *scales, size_t count) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES)
        _mm256_storeu_ps(x + j, _mm256_mul_ps(_mm256_loadu_ps(x + j), _mm256_loadu_ps(scales + j)));
    __m256i rest = first_lanes(count - j);
    if (j < count)
        _mm256_maskstore_ps(
            x + j, rest, _mm256_mul_ps(_mm256_maskload_ps(x + j, rest), _mm256_maskload_ps(scales + j, rest)));
}

QAM_TARGET_POP

#endif
