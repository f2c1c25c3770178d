// The rotation, 16 floats per register.

#if defined(__x86_64__)

#include "lanes.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512_BASE

typedef __m512 vector;

enum {
    LANES = 16,
    LANE_LEVELS = 4,
    REGISTERS = 16
};

static inline vector load(const float *p) { return _mm512_loadu_ps(p); }
static inline void store(float *p, vector v) { _mm512_storeu_ps(p, v); }
static inline vector add(vector a, vector b) { return _mm512_add_ps(a, b); }
static inline vector sub(vector a, vector b) { return _mm512_sub_ps(a, b); }
static inline vector times(vector a, float b) { return _mm512_mul_ps(a, _mm512_set1_ps(b)); }
static inline vector times_signed(vector a, const uint8_t *signs, float b) { return qam_scale_signed(a, signs, b); }
static inline vector load_first(const float *p, size_t count) {
    return _mm512_maskz_loadu_ps(qam_first_lanes(count), p);
}
static inline void store_first(float *p, size_t count, vector v) {
    _mm512_mask_storeu_ps(p, qam_first_lanes(count), v);
}

// a + b in the lower lane of each butterfly and a - b in the upper one, given the lanes and their exchanged copy.
// Products with 1 and -1 are exact, so a fused multiply-add rounds once like the reference implementation, and no blend
// is needed.
static inline vector butterfly(vector v, vector exchanged, __mmask16 upper) {
    return _mm512_fmadd_ps(v, _mm512_mask_blend_ps(upper, _mm512_set1_ps(1), _mm512_set1_ps(-1)), exchanged);
}

static inline __attribute__((always_inline)) vector hadamard_lanes(vector v, int levels) {
    v = butterfly(v, _mm512_permute_ps(v, 0xB1), 0xAAAA);
    if (levels > 1) v = butterfly(v, _mm512_permute_ps(v, 0x4E), 0xCCCC);
    if (levels > 2) v = butterfly(v, _mm512_shuffle_f32x4(v, v, 0xB1), 0xF0F0);
    if (levels > 3) v = butterfly(v, _mm512_shuffle_f32x4(v, v, 0x4E), 0xFF00);
    return v;
}

#include "../rotation_passes.h"

void qam_rotate_avx512(float *x, double inverse_gain, const uint64_t *signs, size_t count, size_t block, float scale) {
    qam_split split = qam_split_gain(inverse_gain, scale);
    rotation r = {(const uint8_t *)signs, split.power, split.factor};
    run(x, count, block, FORWARD, &r);
}

void qam_rotate_back_avx512(float *x, const uint64_t *signs, size_t count, size_t block, float factor) {
    rotation r = {(const uint8_t *)signs, 1, factor};
    run(x, count, block, BACK, &r);
}

QAM_TARGET_POP

#endif
