// Partial registers, and signs of lanes: 8 lanes per register.

#ifndef QAM_AVX2_LANES_H
#define QAM_AVX2_LANES_H

#include "../../targets.h"
#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX2

// All ones in the first `count` lanes, at most 8.
static inline __m256i qam_first_lanes(size_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// x * factor, or x * -factor if the bit is set.
static inline __m256 qam_scale_signed(__m256 x, const uint8_t *signs, float factor) {
    // The blend uses the topmost bit: each lane has the byte four times, and shifts bit l there.
    __m256i bits = _mm256_sllv_epi32(_mm256_set1_epi8((char)*signs), _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0));
    return _mm256_mul_ps(
        x, _mm256_blendv_ps(_mm256_set1_ps(factor), _mm256_set1_ps(-factor), _mm256_castsi256_ps(bits)));
}

QAM_TARGET_POP

#endif
