// Octant groups in registers: one byte per pair of a group's 64 in a 512-bit register, one bit per pair in a mask
// register (spec section 8.4).

#ifndef QAM_AVX512_GROUPS_H
#define QAM_AVX512_GROUPS_H

#include "../../targets.h"
#include "../internal.h"

QAM_TARGET_AVX512

// Bytes of a whole group's bit planes.
enum { PLANE = QAM_GROUP_PAIRS / 8 };

// The forms of a group's base index. Functions with a kind are inlined with a constant.
typedef enum { TRELLIS, PLAIN_8, PLAIN_9, PLAIN_10 } group_kind;

static inline group_kind kind_of(uint32_t step_bits) {
    return step_bits < 8 ? TRELLIS : step_bits == 8 ? PLAIN_8 : step_bits == 9 ? PLAIN_9 : PLAIN_10;
}

// Planes of upper index bits.
static inline __attribute__((always_inline)) size_t upper_planes(group_kind kind) {
    return kind == PLAIN_10 ? 2 : kind == PLAIN_9 ? 1 : 0;
}

// How groups of one size are read.
typedef struct {
    qam_group_layout layout;
    __mmask16 plane;    // bytes of a bit plane
    __mmask64 ring;     // bytes of the base bits
    __m512i order;      // trellis: the first bytes of the windows of eight pairs, for all eights
} group_shape;

typedef struct {
    group_shape whole, last;
    bool has_last;       // the row ends with a group of fewer than 64 pairs
    __m512i window_bits; // trellis: the positions of eight windows in the 64 bits that hold them
} group_reader;

static inline group_shape shape_of(size_t pairs, uint32_t step_bits) {
    group_shape shape = {.layout = qam_layout(pairs, step_bits)};
    uint8_t order[64];
    for (uint32_t i = 0; i < 64; i++) {
        // Eight windows take step_bits + 1 bytes, the last of which may be the ring's first.
        uint32_t byte = i / 8 * step_bits + i % 8;
        order[i] = byte == shape.layout.ring ? 0 : (uint8_t)byte;
    }
    shape.plane = (__mmask16)((1u << shape.layout.plane) - 1);
    shape.ring = ~UINT64_C(0) >> (64 - shape.layout.ring);
    shape.order = _mm512_loadu_si512(order);
    return shape;
}

static inline group_reader reader_of(size_t columns, uint32_t step_bits) {
    size_t rest = columns % (2 * QAM_GROUP_PAIRS);
    group_reader reader = {.whole = shape_of(QAM_GROUP_PAIRS, step_bits), .has_last = rest != 0};
    reader.last = rest ? shape_of(qam_group_pairs(rest, 0), step_bits) : reader.whole;
    uint8_t bits[64];
    for (uint32_t i = 0; i < 64; i++) bits[i] = (uint8_t)(i % 8 * step_bits);
    reader.window_bits = _mm512_loadu_si512(bits);
    return reader;
}

typedef struct {
    __m512i index;       // the low 8 bits of the base indices
    __mmask64 upper[3];  // their bits 7, 8 and 9
    __mmask64 first_signs, second_signs, swaps;
} group;

static inline __attribute__((always_inline)) __mmask64 load_mask(const uint8_t *p) {
    uint64_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits;
}

// A plane of a group of fewer pairs.
static inline __attribute__((always_inline)) __mmask64 load_short_mask(const uint8_t *p, __mmask16 bytes) {
    return (uint64_t)_mm_cvtsi128_si64(_mm_maskz_loadu_epi8(bytes, p));
}

static inline __attribute__((always_inline)) __m512i windows(__m512i ring, __m512i order, __m512i window_bits) {
    return _mm512_multishift_epi64_epi8(window_bits, _mm512_permutexvar_epi8(order, ring));
}

static inline __attribute__((always_inline)) group load_whole(
    const group_reader *reader, group_kind kind, const uint8_t *p) {
    group g = {.first_signs = load_mask(p), .second_signs = load_mask(p + PLANE), .swaps = load_mask(p + 2 * PLANE)};
    size_t upper = upper_planes(kind);
    const uint8_t *base = p + (QAM_UPPER_BITS + upper) * PLANE;
    if (kind == TRELLIS)
        g.index = windows(_mm512_maskz_loadu_epi8(reader->whole.ring, base), reader->whole.order, reader->window_bits);
    else
        g.index = _mm512_loadu_si512(base);
    g.upper[0] = _mm512_movepi8_mask(g.index);
    for (size_t i = 0; i < upper; i++) g.upper[1 + i] = load_mask(p + (QAM_UPPER_BITS + i) * PLANE);
    return g;
}

static inline __attribute__((always_inline)) group load_last(
    const group_reader *reader, group_kind kind, const uint8_t *p) {
    const group_shape *shape = &reader->last;
    size_t plane = shape->layout.plane;
    group g = {
        .first_signs = load_short_mask(p, shape->plane),
        .second_signs = load_short_mask(p + plane, shape->plane),
        .swaps = load_short_mask(p + 2 * plane, shape->plane),
        .index = _mm512_maskz_loadu_epi8(shape->ring, p + shape->layout.base),
    };
    if (kind == TRELLIS) g.index = windows(g.index, shape->order, reader->window_bits);
    g.upper[0] = _mm512_movepi8_mask(g.index);
    for (size_t i = 0; i < upper_planes(kind); i++)
        g.upper[1 + i] = load_short_mask(p + (QAM_UPPER_BITS + i) * plane, shape->plane);
    return g;
}

// ---- Base points: tables of bytes, 128 of them in a pair of registers --------------------------------------------

// The larger magnitudes of all base points, then the smaller ones.
typedef struct {
    __m512i larger[16], smaller[16];
} point_tables;

static inline __attribute__((always_inline)) size_t table_registers(group_kind kind) {
    return (size_t)4 << upper_planes(kind);
}

static inline __attribute__((always_inline)) void load_tables(
    const uint8_t *magnitudes, group_kind kind, point_tables *tables) {
    size_t count = table_registers(kind);
    for (size_t i = 0; i < count; i++) {
        tables->larger[i] = _mm512_loadu_si512(magnitudes + 64 * i);
        tables->smaller[i] = _mm512_loadu_si512(magnitudes + 64 * (count + i));
    }
}

// Each of these looks up `count` groups at once, so that tables that do not fit the registers are loaded once for all.
// Index bits beyond those that a permutation uses select one of two results.

static inline __attribute__((always_inline)) void look_up_256(
    const __m512i *table, const group *groups, size_t count, __m512i *points) {
    for (size_t i = 0; i < count; i++) {
        __m512i low = _mm512_permutex2var_epi8(table[0], groups[i].index, table[1]);
        __m512i high = _mm512_permutex2var_epi8(table[2], groups[i].index, table[3]);
        points[i] = _mm512_mask_mov_epi8(low, groups[i].upper[0], high);
    }
}

static inline __attribute__((always_inline)) void look_up_512(
    const __m512i *table, const group *groups, size_t count, __m512i *points) {
    __m512i high[2];
    look_up_256(table, groups, count, points);
    look_up_256(table + 4, groups, count, high);
    for (size_t i = 0; i < count; i++) points[i] = _mm512_mask_mov_epi8(points[i], groups[i].upper[1], high[i]);
}

static inline __attribute__((always_inline)) void look_up_1024(
    const __m512i *table, const group *groups, size_t count, __m512i *points) {
    __m512i high[2];
    look_up_512(table, groups, count, points);
    look_up_512(table + 8, groups, count, high);
    for (size_t i = 0; i < count; i++) points[i] = _mm512_mask_mov_epi8(points[i], groups[i].upper[2], high[i]);
}

// The magnitudes of one or two groups' pairs.
static inline __attribute__((always_inline)) void look_up(
    group_kind kind, const __m512i *table, const group *groups, size_t count, __m512i *points) {
    if (kind == PLAIN_10)
        look_up_1024(table, groups, count, points);
    else if (kind == PLAIN_9)
        look_up_512(table, groups, count, points);
    else
        look_up_256(table, groups, count, points);
}

QAM_TARGET_POP

#endif
