// The butterflies within octant groups, in 16-bit integers.

#ifndef QAM_AVX512_OCTANT_H
#define QAM_AVX512_OCTANT_H

#include "octant_groups.h"

QAM_TARGET_AVX512

enum { QAM_GROUP_COLUMNS = 2 * QAM_GROUP_PAIRS };

// Below, a group's columns have numbers with bits c6...c0: c6...c1 is the pair, c0 the coordinate. A butterfly at
// distance 2^k combines two registers if bit k of the column distinguishes registers; if it distinguishes lanes, a
// shuffle of two registers first exchanges it with a bit whose butterfly is done. The order does not matter, because
// integer sums are exact.

typedef struct {
    __m512i low, high;
} qam_two;

static inline qam_two qam_butterfly16(qam_two v, bool really) {
    if (!really) return v;
    return (qam_two){_mm512_add_epi16(v.low, v.high), _mm512_sub_epi16(v.low, v.high)};
}

// Sums and differences of pairs 2i and 2i + 1 in lane i, or the two pairs alone. A product of unsigned magnitudes and
// signs adds neighbours, which combines c1's butterfly, the signs and the widening.
static inline __attribute__((always_inline)) qam_two qam_signed_pairs(
    __m512i magnitudes, __mmask64 negative, bool sum) {
    const __m512i odd = _mm512_set1_epi16((int16_t)0xFF00);
    __m512i signs = _mm512_mask_blend_epi8(negative, _mm512_set1_epi8(1), _mm512_set1_epi8(-1));
    __m512i one, other;
    if (sum) {
        // 1 and -1 differ in all bits except the last.
        one = signs, other = _mm512_xor_si512(signs, _mm512_set1_epi16((int16_t)0xFE00));
    } else {
        one = _mm512_andnot_si512(odd, signs), other = _mm512_and_si512(odd, signs);
    }
    return (qam_two){_mm512_maddubs_epi16(magnitudes, one), _mm512_maddubs_epi16(magnitudes, other)};
}

// The butterflies at the first `levels` distances (at most six) of a group's 128 columns, given magnitudes in `larger`
// and `smaller`. Register 2 * c5 + c4 has the columns in the order c3, c2, c1, c0, c6: neighbouring lanes are 64
// columns apart.
static inline __attribute__((always_inline)) void qam_group_words(
    const group *g, __m512i larger, __m512i smaller, int levels, __m512i out[4]) {
    qam_two first =
        qam_signed_pairs(_mm512_mask_blend_epi8(g->swaps, larger, smaller), g->first_signs, levels > 1);
    qam_two second =
        qam_signed_pairs(_mm512_mask_blend_epi8(g->swaps, smaller, larger), g->second_signs, levels > 1);

    // Lanes c6...c2, registers c1 and c0.
    qam_two a = qam_butterfly16((qam_two){first.low, second.low}, levels > 0);
    qam_two b = qam_butterfly16((qam_two){first.high, second.high}, levels > 0);
    // c4 for c0: lanes c6 c5 c3 c2 c0, registers c1 (a, b) and c4.
    a = (qam_two){_mm512_unpacklo_epi16(a.low, a.high), _mm512_unpackhi_epi16(a.low, a.high)};
    b = (qam_two){_mm512_unpacklo_epi16(b.low, b.high), _mm512_unpackhi_epi16(b.low, b.high)};
    a = qam_butterfly16(a, levels > 4), b = qam_butterfly16(b, levels > 4);
    // c3 for c1: lanes c6 c5 c2 c1 c0, registers c4 (p, q) and c3.
    qam_two p = {_mm512_unpacklo_epi32(a.low, b.low), _mm512_unpackhi_epi32(a.low, b.low)};
    qam_two q = {_mm512_unpacklo_epi32(a.high, b.high), _mm512_unpackhi_epi32(a.high, b.high)};
    p = qam_butterfly16(p, levels > 3), q = qam_butterfly16(q, levels > 3);
    // c2 for c3: lanes c6 c5 c3 c1 c0, registers c4 and c2.
    p = (qam_two){_mm512_unpacklo_epi64(p.low, p.high), _mm512_unpackhi_epi64(p.low, p.high)};
    q = (qam_two){_mm512_unpacklo_epi64(q.low, q.high), _mm512_unpackhi_epi64(q.low, q.high)};
    p = qam_butterfly16(p, levels > 2), q = qam_butterfly16(q, levels > 2);
    // c5 for c2, and c6 to the lowest position: lanes c3 c2 c1 c0 c6, registers c4 and c5.
    const __m512i order = _mm512_set_epi16(
        55, 39, 54, 38, 53, 37, 52, 36, 23, 7, 22, 6, 21, 5, 20, 4,
        51, 35, 50, 34, 49, 33, 48, 32, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i next = _mm512_add_epi16(order, _mm512_set1_epi16(8));
    p = (qam_two){_mm512_permutex2var_epi16(p.low, order, p.high), _mm512_permutex2var_epi16(p.low, next, p.high)};
    q = (qam_two){_mm512_permutex2var_epi16(q.low, order, q.high), _mm512_permutex2var_epi16(q.low, next, q.high)};
    p = qam_butterfly16(p, levels > 5), q = qam_butterfly16(q, levels > 5);
    out[0] = p.low, out[1] = q.low, out[2] = p.high, out[3] = q.high;
}

// 16 columns per register from a register of `qam_group_words`, in 32-bit integers: sums and differences of columns 64
// apart, or those columns alone.
static inline __attribute__((always_inline)) qam_two qam_group_halves(__m512i words, bool sum) {
    const __m512i low = _mm512_set1_epi32(sum ? 0x00010001 : 0x00000001);
    const __m512i high = _mm512_set1_epi32(sum ? (int32_t)0xFFFF0001 : 0x00010000);
    return (qam_two){_mm512_madd_epi16(words, low), _mm512_madd_epi16(words, high)};
}

QAM_TARGET_POP

#endif
