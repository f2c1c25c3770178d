// What rows of floats need on their way in and out, 16 a register.

#ifndef QAM_AVX512_CONVERT_H
#define QAM_AVX512_CONVERT_H

#include "../../targets.h"
#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512_BASE

// The first `count` lanes, at most 16.
static inline __mmask16 qam_first_lanes(size_t count) { return (__mmask16)_bzhi_u32(0xFFFF, (uint32_t)count); }

// x * factor, or -factor where the bit is set.
static inline __m512 qam_scale_signed(__m512 x, const uint8_t *signs, float factor) {
    __mmask16 negative;
    memcpy(&negative, signs, sizeof negative);
    return _mm512_mul_ps(x, _mm512_mask_blend_ps(negative, _mm512_set1_ps(factor), _mm512_set1_ps(-factor)));
}

// The conversion instructions do what the truth does: they set the quiet bit of NaNs and keep sign and payload, and the
// rounding is in the instruction. They take denormal halves as they are whatever MXCSR says.
static inline __m256i qam_to_halves(__m512 x) { return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }

// Not AVX512_BF16's instruction, which makes zeros of denormals.
static inline __m256i qam_to_brains(__m512 x) {
    __m512i v = _mm512_castps_si512(x);
    __mmask16 odd = _mm512_test_epi32_mask(v, _mm512_set1_epi32(0x10000));
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    __m512i half = _mm512_mask_blend_epi32(odd, _mm512_set1_epi32(0x7FFF), _mm512_set1_epi32(0x8000));
    __m512i rounded = _mm512_add_epi32(v, half);
    rounded = _mm512_mask_or_epi32(rounded, nan, v, _mm512_set1_epi32(0x400000));
    const __m512i upper = _mm512_broadcast_i64x4(
        _mm256_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1));
    return _mm512_castsi512_si256(_mm512_permutexvar_epi16(upper, rounded));
}

static inline __m512 qam_from_halves(__m256i v) { return _mm512_cvtph_ps(v); }

static inline __m512 qam_from_brains(__m256i v) {
    __m512i x = _mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16);
    __mmask16 nan = _mm512_cmp_ps_mask(_mm512_castsi512_ps(x), _mm512_castsi512_ps(x), _CMP_UNORD_Q);
    return _mm512_castsi512_ps(_mm512_mask_or_epi32(x, nan, x, _mm512_set1_epi32(0x400000)));
}

// Stores the given lanes as elements `at` to `at + 15`.
static inline __attribute__((always_inline)) void qam_store_floats(
    void *elements, qam_element type, size_t at, __mmask16 lanes, __m512 x) {
    if (type == QAM_F32) {
        _mm512_mask_storeu_ps((float *)elements + at, lanes, x);
    } else {
        __m256i v = type == QAM_F16 ? qam_to_halves(x) : qam_to_brains(x);
        _mm256_mask_storeu_epi16((uint8_t *)elements + 2 * at, lanes, v);
    }
}

QAM_TARGET_POP

#endif
