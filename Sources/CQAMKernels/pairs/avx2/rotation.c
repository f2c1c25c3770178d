// The rotation, 8 floats per register.

#if defined(__x86_64__)

#include "lanes.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX2

typedef __m256 vector;

enum {
    LANES = 8,
    LANE_LEVELS = 3,
    REGISTERS = 8
};

static inline vector load(const float *p) { return _mm256_loadu_ps(p); }
static inline void store(float *p, vector v) { _mm256_storeu_ps(p, v); }
static inline vector add(vector a, vector b) { return _mm256_add_ps(a, b); }
static inline vector sub(vector a, vector b) { return _mm256_sub_ps(a, b); }
static inline vector times(vector a, float b) { return _mm256_mul_ps(a, _mm256_set1_ps(b)); }
static inline vector times_signed(vector a, const uint8_t *signs, float b) { return qam_scale_signed(a, signs, b); }
static inline vector load_first(const float *p, size_t count) { return _mm256_maskload_ps(p, qam_first_lanes(count)); }
static inline void store_first(float *p, size_t count, vector v) { _mm256_maskstore_ps(p, qam_first_lanes(count), v); }

// a + b in the lower lane of each butterfly and a - b in the upper one, given the lanes and their exchanged copy.
// Products with 1 and -1 are exact, so a fused multiply-add rounds once like the reference implementation, and no blend
// is needed.
static inline vector butterfly(vector v, vector exchanged, vector signs) {
    return _mm256_fmadd_ps(v, signs, exchanged);
}

static inline __attribute__((always_inline)) vector hadamard_lanes(vector v, int levels) {
    v = butterfly(v, _mm256_permute_ps(v, 0xB1), _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1));
    if (levels > 1) v = butterfly(v, _mm256_permute_ps(v, 0x4E), _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1));
    if (levels > 2) v = butterfly(v, _mm256_permute2f128_ps(v, v, 1), _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1));
    return v;
}

#include "../rotation_passes.h"

void qam_rotate_avx2(float *x, double inverse_gain, const uint64_t *signs, size_t count, size_t block, float scale) {
    qam_split split = qam_split_gain(inverse_gain, scale);
    rotation r = {(const uint8_t *)signs, split.power, split.factor};
    run(x, count, block, FORWARD, &r);
}

void qam_rotate_back_avx2(float *x, const uint64_t *signs, size_t count, size_t block, float factor) {
    rotation r = {(const uint8_t *)signs, 1, factor};
    run(x, count, block, BACK, &r);
}

QAM_TARGET_POP

#endif
