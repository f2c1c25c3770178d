// Lookups of free codes' symbols for products: general registers extract symbols, and four bytes are loaded for each.
// That is faster than vector gathers, and than copies through general registers with a store for each.

#ifndef QAM_FREE_SYMBOLS_H
#define QAM_FREE_SYMBOLS_H

#include "../targets.h"
#include "internal.h"

QAM_TARGET_AVX2

enum { QAM_EIGHT_REACH = 16 }; // bytes that qam_look_eight_up may read

static inline __attribute__((always_inline)) __m128i qam_load_point(const int16_t *fixed_points, uint64_t symbol) {
    __m128i point = _mm_loadu_si32(fixed_points + 2 * symbol);
    // Keeps the compiler from combining adjacent lookups into a gather.
    __asm__("" : "+x"(point));
    return point;
}

// The points of the lowest four symbols of `word`.
static inline __attribute__((always_inline)) __m128i qam_look_four_up(
    uint64_t word, uint32_t bits, const int16_t *fixed_points) {
    __m128i points[4];
    for (uint32_t i = 0; i < 4; i++) points[i] = qam_load_point(fixed_points, _bextr_u64(word, i * bits, bits));
    return _mm_unpacklo_epi64(
        _mm_unpacklo_epi32(points[0], points[1]), _mm_unpacklo_epi32(points[2], points[3]));
}

// Copies the points of the eight symbols of `bits` bits at `p`.
static inline __attribute__((always_inline)) void qam_look_eight_up(
    const uint8_t *p, uint32_t bits, const int16_t *fixed_points, int16_t *points) {
    // Four symbols have at most 52 bits, and begin at most 4 bits into a byte.
    uint64_t low, high;
    memcpy(&low, p, sizeof low);
    memcpy(&high, p + bits / 2, sizeof high);
    high >>= 4 * bits % 8;
    _mm_storeu_si128((void *)points, qam_look_four_up(low, bits, fixed_points));
    _mm_storeu_si128((void *)(points + 8), qam_look_four_up(high, bits, fixed_points));
}

// Copies the points of `count` symbols, a multiple of eight; `left` bytes may be read from `symbols` on.
static inline __attribute__((always_inline)) void qam_look_up_free(
    const uint8_t *symbols, size_t left, uint32_t bits, size_t count, const int16_t *fixed_points, int16_t *points) {
    const uint8_t *end = symbols + count / 8 * bits;
    for (; symbols < end && left >= QAM_EIGHT_REACH; symbols += bits, left -= bits, points += 16)
        qam_look_eight_up(symbols, bits, fixed_points, points);
    for (; symbols < end; symbols += bits, points += 16) {
        uint8_t copy[QAM_EIGHT_REACH] = {0};
        memcpy(copy, symbols, bits);
        qam_look_eight_up(copy, bits, fixed_points, points);
    }
}

QAM_TARGET_POP

#endif
