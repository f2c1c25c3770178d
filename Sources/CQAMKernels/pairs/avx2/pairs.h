// Pairs of coordinates, 8 at a time.

#ifndef QAM_AVX2_PAIRS_H
#define QAM_AVX2_PAIRS_H

#include "../../targets.h"
#include "../internal.h"

QAM_TARGET_AVX2

static inline __m256i qam_first_of_8(size_t count) {
    int lanes = count < 8 ? (int)count : 8;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// The first and the second floats of 8 pairs.
static inline void qam_split_pairs(__m256 low, __m256 high, __m256 *first, __m256 *second) {
    __m256d x = _mm256_castps_pd(_mm256_shuffle_ps(low, high, 0x88));
    __m256d y = _mm256_castps_pd(_mm256_shuffle_ps(low, high, 0xDD));
    *first = _mm256_castpd_ps(_mm256_permute4x64_pd(x, 0xD8));
    *second = _mm256_castpd_ps(_mm256_permute4x64_pd(y, 0xD8));
}

// The first `count` of 8 pairs, zeros for the others.
static inline void qam_load_pairs_avx2(const float *z, size_t count, __m256 *first, __m256 *second) {
    __m256 low, high;
    if (count >= 8) {
        low = _mm256_loadu_ps(z);
        high = _mm256_loadu_ps(z + 8);
    } else {
        low = _mm256_maskload_ps(z, qam_first_of_8(2 * count));
        high = count > 4 ? _mm256_maskload_ps(z + 8, qam_first_of_8(2 * count - 8)) : _mm256_setzero_ps();
    }
    qam_split_pairs(low, high, first, second);
}

// 8 pairs folded into the octant x >= y >= 0, with the signs and swaps that undo the folds, one bit per pair.
typedef struct {
    __m256 x, y;
    uint8_t first_signs, second_signs, swaps;
} qam_folded8;

static inline qam_folded8 qam_fold8(const float *z, size_t count) {
    __m256 a, b, zero = _mm256_setzero_ps(), sign = _mm256_set1_ps(-0.0f);
    qam_load_pairs_avx2(z, count, &a, &b);
    __m256 p = _mm256_andnot_ps(sign, a), q = _mm256_andnot_ps(sign, b);
    return (qam_folded8){
        // This operand order gives the same results for NaNs as the reference implementation.
        _mm256_max_ps(q, p), _mm256_min_ps(p, q), (uint8_t)_mm256_movemask_ps(_mm256_cmp_ps(a, zero, _CMP_LT_OQ)),
        (uint8_t)_mm256_movemask_ps(_mm256_cmp_ps(b, zero, _CMP_LT_OQ)),
        (uint8_t)_mm256_movemask_ps(_mm256_cmp_ps(p, q, _CMP_LT_OQ))};
}

// Eight dwords below 2^16 as uint16.
static inline __m128i qam_narrow8(__m256i v) {
    return _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

// Packs eight symbols of a free code into `bits` bytes; `left` bytes may be written, and bytes after the eight symbols
// may be overwritten with zeros.
static inline void qam_store_eight(__m128i eight, uint32_t bits, size_t left, uint8_t *symbols) {
    uint64_t fields = UINT64_C(0x0001000100010001) * ((1u << bits) - 1);
    uint64_t low = _pext_u64((uint64_t)_mm_cvtsi128_si64(eight), fields);
    uint64_t high = _pext_u64((uint64_t)_mm_extract_epi64(eight, 1), fields);
    // Four symbols have 16 to 52 bits, the others follow them.
    uint64_t out[2] = {low | high << 4 * bits, high >> (64 - 4 * bits)};
    memcpy(symbols, out, left < sizeof out ? bits : sizeof out);
}

QAM_TARGET_POP

#endif
