// What rows of floats need on their way in and out, 8 a register.

#ifndef QAM_AVX2_CONVERT_H
#define QAM_AVX2_CONVERT_H

#include "../../targets.h"
#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX2

// All ones in the first `count` lanes, at most 8.
static inline __m256i qam_first_lanes(size_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// x * factor, or -factor where the bit is set.
static inline __m256 qam_scale_signed(__m256 x, const uint8_t *signs, float factor) {
    // The blend looks at the topmost bits: of the byte that each lane has four times, bit l goes there.
    __m256i bits = _mm256_sllv_epi32(_mm256_set1_epi8((char)*signs), _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0));
    return _mm256_mul_ps(
        x, _mm256_blendv_ps(_mm256_set1_ps(factor), _mm256_set1_ps(-factor), _mm256_castsi256_ps(bits)));
}

// The conversion instructions do what the truth does: they set the quiet bit of NaNs and keep sign and payload, and the
// rounding is in the instruction. They take denormal halves as they are whatever MXCSR says.
static inline __m128i qam_to_halves(__m256 x) { return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }

static inline __m128i qam_to_brains(__m256 x) {
    __m256i v = _mm256_castps_si256(x);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(v, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(v, _mm256_set1_epi32(0x7FFF)), odd);
    __m256 quiet = _mm256_or_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x400000)));
    rounded = _mm256_castps_si256(
        _mm256_blendv_ps(_mm256_castsi256_ps(rounded), quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
    rounded = _mm256_srli_epi32(rounded, 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
}

static inline __m256 qam_from_halves(__m128i v) { return _mm256_cvtph_ps(v); }

static inline __m256 qam_from_brains(__m128i v) {
    __m256 x = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
    __m256 quiet = _mm256_castsi256_ps(_mm256_set1_epi32(0x400000));
    return _mm256_or_ps(x, _mm256_and_ps(quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}

// Stores eight elements.
static inline __attribute__((always_inline)) void qam_store_floats(void *elements, qam_element type, __m256 x) {
    if (type == QAM_F32)
        _mm256_storeu_ps(elements, x);
    else
        _mm_storeu_si128(elements, type == QAM_F16 ? qam_to_halves(x) : qam_to_brains(x));
}

QAM_TARGET_POP

#endif
