// Partial registers, and signs of lanes: 16 lanes per register.

#ifndef QAM_AVX512_LANES_H
#define QAM_AVX512_LANES_H

#include "../../targets.h"
#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512_BASE

// The first `count` lanes, at most 16.
static inline __mmask16 qam_first_lanes(size_t count) { return (__mmask16)_bzhi_u32(0xFFFF, (uint32_t)count); }

// x * factor, or x * -factor if the bit is set.
static inline __m512 qam_scale_signed(__m512 x, const uint8_t *signs, float factor) {
    __mmask16 negative;
    memcpy(&negative, signs, sizeof negative);
    return _mm512_mul_ps(x, _mm512_mask_blend_ps(negative, _mm512_set1_ps(factor), _mm512_set1_ps(-factor)));
}

QAM_TARGET_POP

#endif
