// Pairs of coordinates, 16 at a time.

#ifndef QAM_AVX512_PAIRS_H
#define QAM_AVX512_PAIRS_H

#include "../../targets.h"
#include "../internal.h"

QAM_TARGET_AVX512_BASE

static inline __mmask16 qam_first_of_16(size_t count) { return (__mmask16)(count < 16 ? (1u << count) - 1 : 0xFFFF); }

// The first `count` of 16 pairs, zeros for the others.
static inline void qam_load_pairs(const float *z, size_t count, __m512 *first, __m512 *second) {
    size_t floats = 2 * count;
    __m512 low = _mm512_maskz_loadu_ps(qam_first_of_16(floats), z);
    __m512 high = _mm512_maskz_loadu_ps(qam_first_of_16(floats > 16 ? floats - 16 : 0), z + 16);
    __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    __m512i odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    *first = _mm512_permutex2var_ps(low, even, high);
    *second = _mm512_permutex2var_ps(low, odd, high);
}

// 16 pairs folded into the octant x >= y >= 0, with the signs and swaps that undo the folds, as masks.
typedef struct {
    __m512 x, y;
    __mmask16 first_signs, second_signs, swaps;
} qam_folded16;

static inline qam_folded16 qam_fold16(const float *z, size_t count) {
    __m512 a, b, zero = _mm512_setzero_ps();
    qam_load_pairs(z, count, &a, &b);
    __m512 p = _mm512_abs_ps(a), q = _mm512_abs_ps(b);
    return (qam_folded16){
        // This operand order gives the same results for NaNs as the reference implementation.
        _mm512_max_ps(q, p), _mm512_min_ps(p, q), _mm512_cmp_ps_mask(a, zero, _CMP_LT_OQ),
        _mm512_cmp_ps_mask(b, zero, _CMP_LT_OQ), _mm512_cmp_ps_mask(p, q, _CMP_LT_OQ)};
}

// Stores 16 bits of a plane, or its last 8.
static inline void qam_store_bits16(uint8_t *plane, size_t pair, size_t pairs, __mmask16 bits) {
    uint16_t v = (uint16_t)bits;
    if (pairs - pair >= 16) memcpy(plane + pair / 8, &v, 2);
    else plane[pair / 8] = (uint8_t)v;
}

static inline void qam_store_folds16(const qam_folded16 *f, size_t pair, size_t pairs, uint8_t *symbols) {
    size_t plane = pairs / 8;
    qam_store_bits16(symbols, pair, pairs, f->first_signs);
    qam_store_bits16(symbols + plane, pair, pairs, f->second_signs);
    qam_store_bits16(symbols + 2 * plane, pair, pairs, f->swaps);
}

QAM_TARGET_POP

#endif
