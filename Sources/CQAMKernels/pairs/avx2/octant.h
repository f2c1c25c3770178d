// Octant groups: lookups for a piece of a row, and the butterflies within groups in 16-bit integers.

#ifndef QAM_AVX2_OCTANT_H
#define QAM_AVX2_OCTANT_H

#include "octant_groups.h"

QAM_TARGET_AVX2

enum {
    QAM_GROUP_COLUMNS = 2 * QAM_GROUP_PAIRS,
    QAM_PIECE_GROUPS = 8,  // groups that are decoded at a time
    QAM_MOST_POINTS = 1024 // base points at 10 bits per step
};

typedef struct {
    uint32_t step_bits;
    size_t group_bytes;
    window_reader windows;            // below 8 bits per step
    point_step steps[STEPS];          // up to 8 bits per step
    uint16_t points[QAM_MOST_POINTS]; // above: the larger magnitude, and the smaller one in the upper byte
} qam_octant_reader;

static inline void qam_make_reader(const uint8_t *magnitudes, uint32_t step_bits, qam_octant_reader *r) {
    r->step_bits = step_bits;
    r->group_bytes = qam_layout(QAM_GROUP_PAIRS, step_bits).total;
    if (step_bits < 8) r->windows = window_reader_of(step_bits);
    if (step_bits <= 8) {
        load_steps(magnitudes, r->steps);
    } else {
        size_t count = (size_t)1 << step_bits;
        for (size_t i = 0; i < count; i++) r->points[i] = (uint16_t)(magnitudes[i] | magnitudes[count + i] << 8);
    }
}

// The base points of up to QAM_PIECE_GROUPS groups, larger and smaller magnitudes interleaved: for each half of a group
// pairs 0 to 7, 16 to 23, 8 to 15 and 24 to 31, the order of interleaving in 128-bit lanes.
typedef struct {
    uint16_t pairs[QAM_PIECE_GROUPS][2][HALF_PAIRS];
} qam_piece_points;

static inline void qam_store_interleaved(__m256i low, __m256i high, uint16_t *out) {
    _mm256_storeu_si256((void *)out, _mm256_unpacklo_epi8(low, high));
    _mm256_storeu_si256((void *)(out + 16), _mm256_unpackhi_epi8(low, high));
}

// Up to 8 bits per step: byte permutations.
static inline __attribute__((always_inline)) void qam_permute_points(
    const qam_octant_reader *r, bool trellis, const uint8_t *symbols, size_t groups, qam_piece_points *points) {
    for (size_t i = 0; i < groups; i++, symbols += r->group_bytes) {
        __m256i index[2], larger[2], smaller[2];
        for (size_t half = 0; half < 2; half++) {
            const uint8_t *base = symbols + QAM_UPPER_BITS * PLANE + half * HALF_PAIRS;
            index[half] = trellis ? windows(&r->windows, symbols, half) : _mm256_loadu_si256((const void *)base);
        }
        look_up(r->steps, index, larger, smaller);
        for (size_t half = 0; half < 2; half++)
            qam_store_interleaved(larger[half], smaller[half], points->pairs[i][half]);
    }
}

// Above: loads. The base indices of half a whole group, in the order of qam_piece_points.
static inline __attribute__((always_inline)) void qam_store_indices(
    const uint8_t *symbols, bool two, size_t half, uint16_t *indices) {
    const uint8_t *upper = symbols + QAM_UPPER_BITS * PLANE + half * PLANE / 2;
    const uint8_t *base = symbols + qam_upper_plane(two ? 10 : 9) * PLANE + half * HALF_PAIRS;
    __m256i high = _mm256_and_si256(bytes_of_bits(upper), _mm256_set1_epi8(1));
    if (two) high = _mm256_or_si256(high, _mm256_and_si256(bytes_of_bits(upper + PLANE), _mm256_set1_epi8(2)));
    qam_store_interleaved(_mm256_loadu_si256((const void *)base), high, indices);
}

// Replaces indices by points. All indices are stored before the first of them is loaded.
static inline __attribute__((always_inline)) void qam_load_points(const qam_octant_reader *r, uint16_t *pairs, size_t groups) {
#pragma clang loop unroll_count(4)
    for (size_t i = 0; i < groups * QAM_GROUP_PAIRS; i++) {
        uint32_t point = r->points[pairs[i]];
        // Keeps the compiler from turning these loads into a gather.
        __asm__("" : "+r"(point));
        pairs[i] = (uint16_t)point;
    }
}

static inline __attribute__((always_inline)) void qam_look_points_up(
    const qam_octant_reader *r, bool two, const uint8_t *symbols, size_t groups, qam_piece_points *points) {
    for (size_t i = 0; i < groups; i++, symbols += r->group_bytes)
        for (size_t half = 0; half < 2; half++) qam_store_indices(symbols, two, half, points->pairs[i][half]);
    qam_load_points(r, &points->pairs[0][0][0], groups);
}

// Looks up whole groups.
static inline void qam_look_up_piece(
    const qam_octant_reader *r, const uint8_t *symbols, size_t groups, qam_piece_points *points) {
    switch (r->step_bits) {
    case 8: qam_permute_points(r, false, symbols, groups, points); break;
    case 9: qam_look_points_up(r, false, symbols, groups, points); break;
    case 10: qam_look_points_up(r, true, symbols, groups, points); break;
    default: qam_permute_points(r, true, symbols, groups, points); break;
    }
}

// ---- Butterflies ----

// Below, a group's columns have numbers with bits c6...c0: c6...c1 is the pair, c0 the coordinate. A butterfly at
// distance 2^k combines two registers if bit k of the column distinguishes registers; if it distinguishes lanes, a
// shuffle of two registers first exchanges it with another bit. The order does not matter, because integer sums are
// exact.

typedef struct {
    __m256i low, high;
} qam_two;

static inline __attribute__((always_inline)) void qam_butterfly16(__m256i *low, __m256i *high, bool really) {
    if (!really) return;
    __m256i a = *low, b = *high;
    *low = _mm256_add_epi16(a, b);
    *high = _mm256_sub_epi16(a, b);
}

// -1 in each byte whose bit in `planes` is set: byte i of `which` selects the byte of `planes`, byte i of `bits` the
// bit.
static inline __m256i qam_spread_bits(__m256i planes, __m256i which, __m256i bits) {
    return _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(planes, which), bits), bits);
}

// Both coordinates of 16 pairs, with pairs 0, 2, 4, 6, 1, 3, 5 and 7 of each eight in the lanes: their sums and
// differences, or each alone. A product of unsigned magnitudes and signs adds neighbours, which combines c0's
// butterfly, the signs and the widening. The eights are numbers `eight` and `eight + 2` of the group.
static inline __attribute__((always_inline)) qam_two qam_signed_points(
    const uint16_t *points, __m256i signs, __m256i swaps, int eight, bool sum) {
    // For the first and second coordinate of each pair: the byte in the plane, the bit in it, the index of the point.
    const __m256i which = _mm256_add_epi8(
        _mm256_setr_m128i(_mm_set1_epi16(0x0800), _mm_set1_epi16(0x0A02)), _mm256_set1_epi8((char)eight));
    const __m256i bits = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 1, 4, 4, 16, 16, 64, 64, 2, 2, 8, 8, 32, 32, -128, -128));
    const __m256i places = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    const __m256i one = _mm256_set1_epi8(1), second = _mm256_set1_epi16((int16_t)0xFF00);

    __m256i swapped = _mm256_and_si256(qam_spread_bits(swaps, which, bits), one);
    __m256i coordinates =
        _mm256_shuffle_epi8(_mm256_loadu_si256((const void *)points), _mm256_xor_si256(places, swapped));
    __m256i factors = _mm256_or_si256(qam_spread_bits(signs, which, bits), one), other;
    if (sum) {
        // 1 and -1 differ in all bits except the last.
        other = _mm256_xor_si256(factors, _mm256_set1_epi16((int16_t)0xFE00));
    } else {
        other = _mm256_and_si256(factors, second);
        factors = _mm256_andnot_si256(second, factors);
    }
    return (qam_two){_mm256_maddubs_epi16(coordinates, factors), _mm256_maddubs_epi16(coordinates, other)};
}

// The butterflies at the first `levels` distances of a group's columns, except the one at distance 8. Register 4 * c6 +
// 2 * c5 + c4 has columns in the order c2, c1, c0, c3: neighbouring lanes are 8 columns apart.
static inline __attribute__((always_inline)) void qam_group_words(
    const uint8_t *symbols, const uint16_t points[2][HALF_PAIRS], int levels, __m256i out[8]) {
    __m256i signs = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)symbols));
    __m256i swaps = _mm256_broadcastq_epi64(_mm_loadl_epi64((const void *)(symbols + 2 * PLANE)));
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        int c6 = i / 2, c4 = i % 2;
        // Lanes c5 c1 c3 c2, registers c0.
        qam_two v = qam_signed_points(points[c6] + 16 * c4, signs, swaps, 4 * c6 + c4, levels > 0);
        // c1 for c0: lanes c5 c3 c2 c0.
        __m256i a = _mm256_unpacklo_epi16(v.low, v.high), b = _mm256_unpackhi_epi16(v.low, v.high);
        qam_butterfly16(&a, &b, levels > 1);
        // c2 for c1: lanes c5 c1 c3 c0.
        __m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);
        a = _mm256_castps_si256(_mm256_shuffle_ps(x, y, 0x88)), b = _mm256_castps_si256(_mm256_shuffle_ps(x, y, 0xDD));
        qam_butterfly16(&a, &b, levels > 2);
        // c5 for c2: lanes c2 c1 c3 c0.
        __m256i low = _mm256_permute2x128_si256(a, b, 0x20), high = _mm256_permute2x128_si256(a, b, 0x31);
        qam_butterfly16(&low, &high, levels > 5);
        // Moves c3 to the lowest position.
        const __m256i order = _mm256_broadcastsi128_si256(
            _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
        out[4 * c6 + c4] = _mm256_shuffle_epi8(low, order);
        out[4 * c6 + 2 + c4] = _mm256_shuffle_epi8(high, order);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i += 2) qam_butterfly16(&out[i], &out[i + 1], levels > 4);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) qam_butterfly16(&out[i], &out[i + 4], levels > 6);
}

// 8 columns per register from a register of `qam_group_words`, in 32-bit integers: sums or differences of columns 8
// apart, or those columns alone.
static inline __m256i qam_lower_halves(__m256i words, bool sum) {
    return _mm256_madd_epi16(words, _mm256_set1_epi32(sum ? 0x00010001 : 0x00000001));
}

static inline __m256i qam_upper_halves(__m256i words, bool sum) {
    return _mm256_madd_epi16(words, _mm256_set1_epi32(sum ? (int32_t)0xFFFF0001 : 0x00010000));
}

QAM_TARGET_POP

#endif
