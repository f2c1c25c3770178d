// Octant groups (spec section 8.4) in 256-bit registers: one byte per pair of half a group, 32 pairs.

#ifndef QAM_AVX2_OCTANT_GROUPS_H
#define QAM_AVX2_OCTANT_GROUPS_H

#include "../../targets.h"
#include "../internal.h"

QAM_TARGET_AVX2

enum {
    PLANE = QAM_GROUP_PAIRS / 8, // bytes of a bit plane
    HALF_PAIRS = 32,
    PERMUTED = 16,               // bytes that a permutation selects from
    FILLED_BYTES = (QAM_UPPER_BITS + 10) * PLANE + 1, // a whole group of the highest rate, and the first byte of its ring again
};

// 32 bits as bytes 0 or -1.
static inline __attribute__((always_inline)) __m256i bytes_of_bits(const uint8_t *p) {
    const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    uint32_t bits;
    memcpy(&bits, p, sizeof bits);
    __m256i v = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)bits), byte);
    return _mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit);
}

// ---- Windows of trellis codes --------------------------------------------------------------------------------------

// The windows of 16 pairs are in 2 * step_bits bytes and the byte after them. Even and odd windows are each put into 16
// bits and multiplied so that the window ends up in the upper byte.
typedef struct {
    size_t step_bits;
    __m256i even[2], odd[2]; // for both halves of a group
    __m256i even_factors, odd_factors;
} window_reader;

static inline window_reader window_reader_of(uint32_t step_bits) {
    window_reader r = {.step_bits = step_bits};
    uint8_t order[2][2][32];
    uint16_t factors[2][16];
    for (uint32_t half = 0; half < 2; half++)
        for (uint32_t i = 0; i < 32; i++) {
            // Sixteen bytes are loaded that end with the required ones, from byte `from` on. The ring's last bytes are
            // followed by its first, which replaces an unused byte.
            bool wraps = half == 1 && i >= 16;
            uint32_t bit = i % 16 * step_bits, from = wraps ? 16 - 2 * step_bits : 15 - 2 * step_bits;
            uint32_t low = from + bit / 8, high = low + 1;
            order[i % 2][half][i / 2 * 2] = (uint8_t)low;
            order[i % 2][half][i / 2 * 2 + 1] = high == 16 ? 0 : (uint8_t)high;
            factors[i % 2][i / 2] = (uint16_t)(256 >> bit % 8);
        }
    for (uint32_t half = 0; half < 2; half++) {
        r.even[half] = _mm256_loadu_si256((const void *)order[0][half]);
        r.odd[half] = _mm256_loadu_si256((const void *)order[1][half]);
    }
    r.even_factors = _mm256_loadu_si256((const void *)factors[0]);
    r.odd_factors = _mm256_loadu_si256((const void *)factors[1]);
    return r;
}

// The windows of half a whole group. No byte before the group's bit planes or after its ring is read.
static inline __attribute__((always_inline)) __m256i windows(const window_reader *r, const uint8_t *group, size_t half) {
    const uint8_t *ring = group + QAM_UPPER_BITS * PLANE;
    size_t width = 2 * r->step_bits;
    const uint8_t *end = ring + 2 * half * width; // of the 16 pairs before these
    __m128i low = _mm_loadu_si128((const void *)(end + width + 1 - 16)), high;
    if (half == 0)
        high = _mm_loadu_si128((const void *)(end + 2 * width + 1 - 16));
    else
        high = _mm_insert_epi8(_mm_loadu_si128((const void *)(end + 2 * width - 16)), ring[0], 0);
    __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
    __m256i even = _mm256_mullo_epi16(_mm256_shuffle_epi8(bytes, r->even[half]), r->even_factors);
    __m256i odd = _mm256_mullo_epi16(_mm256_shuffle_epi8(bytes, r->odd[half]), r->odd_factors);
    return _mm256_blendv_epi8(_mm256_srli_epi16(even, 8), odd, _mm256_set1_epi16((int16_t)0xFF00));
}

// Pads a short last group to a whole one: the contents of missing pairs are arbitrary.
static inline void fill_group(const uint8_t *group, qam_group_layout layout, uint32_t step_bits, uint8_t *filled) {
    size_t planes = qam_planes(step_bits);
    memset(filled, 0, FILLED_BYTES);
    for (size_t i = 0; i < planes; i++) memcpy(filled + i * PLANE, group + i * layout.plane, layout.plane);
    memcpy(filled + planes * PLANE, group + layout.base, layout.ring);
    // Where the last window of a short ring reads the ring's first byte.
    filled[planes * PLANE + layout.ring] = group[layout.base];
}

// ---- Look-ups of 256 base points -----------------------------------------------------------------------------------

enum { LARGER_LOW, LARGER_HIGH, SMALLER_LOW, SMALLER_HIGH, QUARTERS }; // of the larger and smaller magnitudes

// Step i has row i, 16 bytes, of each quarter: from the second on, its exclusive or with the previous row.
typedef struct {
    __m256i rows[QUARTERS];
} point_step;

enum { STEPS = QAM_WINDOWS / 2 / PERMUTED };

static inline void load_steps(const uint8_t *magnitudes, point_step steps[STEPS]) {
    for (size_t i = 0; i < STEPS; i++)
        for (size_t q = 0; q < QUARTERS; q++) {
            const uint8_t *p = magnitudes + (q * STEPS + i) * PERMUTED;
            __m128i row = _mm_loadu_si128((const void *)p);
            if (i > 0) row = _mm_xor_si128(row, _mm_loadu_si128((const void *)(p - PERMUTED)));
            steps[i].rows[q] = _mm256_broadcastsi128_si256(row);
        }
}

// The magnitudes of a group's pairs, for both halves at once so that each row is loaded once.
//
// A permutation gives zero for negative indices. As the index decreases by 16 per row, exactly the differences of all
// rows up to the index's own are accumulated: that takes fewer and cheaper instructions than a blend per row.
static inline __attribute__((always_inline)) void look_up(
    const point_step steps[STEPS], const __m256i index[2], __m256i larger[2], __m256i smaller[2]) {
    __m256i at[2], found[QUARTERS][2];
    for (size_t half = 0; half < 2; half++) {
        at[half] = _mm256_and_si256(index[half], _mm256_set1_epi8(127));
        for (size_t q = 0; q < QUARTERS; q++) found[q][half] = _mm256_shuffle_epi8(steps[0].rows[q], at[half]);
    }
    // Not unrolled: the compiler would interleave the steps and run out of registers.
#pragma clang loop unroll(disable)
    for (size_t i = 1; i < STEPS; i++) {
        for (size_t half = 0; half < 2; half++) at[half] = _mm256_sub_epi8(at[half], _mm256_set1_epi8(PERMUTED));
        for (size_t q = 0; q < QUARTERS; q++)
            for (size_t half = 0; half < 2; half++)
                found[q][half] = _mm256_xor_si256(found[q][half], _mm256_shuffle_epi8(steps[i].rows[q], at[half]));
    }
    for (size_t half = 0; half < 2; half++) {
        larger[half] = _mm256_blendv_epi8(found[LARGER_LOW][half], found[LARGER_HIGH][half], index[half]);
        smaller[half] = _mm256_blendv_epi8(found[SMALLER_LOW][half], found[SMALLER_HIGH][half], index[half]);
    }
}

QAM_TARGET_POP

#endif
