// Decodes octant groups to magnitudes. Windows are extracted with general registers, and both magnitudes of a pair are
// loaded at once: on cores with two or three loads per cycle that takes half the time of 4-register tbl instructions,
// which such cores start every second cycle at best and of which 16 pairs need eight.

#if defined(__aarch64__)

#include "octant.h"

void qam_octant_table_neon(const uint8_t *magnitudes, uint32_t step_bits, uint8_t flip, qam_octant_table *table) {
    size_t points = step_bits > 8 ? (size_t)1 << step_bits : QAM_WINDOWS;
    uint8x16_t flips = vdupq_n_u8(flip);
    for (size_t k = 0; k < points; k += 16) {
        uint8x16x2_t both = {{veorq_u8(vld1q_u8(magnitudes + k), flips), veorq_u8(vld1q_u8(magnitudes + points + k), flips)}};
        vst2q_u8((uint8_t *)(table->entries + k), both);
    }
}

QAM_INLINE uint64_t load_word(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

// The magnitudes of eight pairs: windows begin `step` bits apart, and the planes of upper bits, if any, are
// consecutive.
QAM_INLINE uint8x16_t look_up(const uint16_t *table, uint64_t windows, uint32_t step, const uint8_t *upper, uint32_t planes) {
    uint64_t halves[2] = {0, 0};
#pragma clang loop unroll(full)
    for (uint32_t i = 0; i < 8; i++) {
        uint64_t index = windows >> (i * step) & 255;
        for (uint32_t k = 0; k < planes; k++) index |= (uint64_t)(upper[8 * k] >> i & 1) << (8 + k);
        halves[i / 4] |= (uint64_t)table[index] << (i % 4 * 16);
    }
    return vcombine_u8(vcreate_u8(halves[0]), vcreate_u8(halves[1]));
}

QAM_INLINE void decode_group(const uint8_t *symbols, const uint16_t *table, uint32_t step_bits, qam_octant_group *out) {
    const uint32_t planes = step_bits > 8 ? step_bits - 8 : 0, step = step_bits - planes;
    const uint8_t *upper = symbols + 8 * QAM_UPPER_BITS;
    // The ring's words, followed by the first one again, for windows that wrap around.
    uint64_t ring[9];
#pragma clang loop unroll(full)
    for (uint32_t i = 0; i < step; i++) ring[i] = load_word(upper + 8 * planes + 8 * i);
    ring[step] = ring[0];
    uint8x16_t swaps = vld1q_u8(symbols + 8); // in the upper half
    vst1q_u8(out->signs, vld1q_u8(symbols));
#pragma clang loop unroll(full)
    for (uint32_t part = 0; part < 4; part++) {
        uint8x16_t both[2];
#pragma clang loop unroll(full)
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t eight = 2 * part + i, bit = 8 * eight * step;
            uint64_t windows = ring[bit / 64];
            if (bit % 64) windows = windows >> bit % 64 | ring[bit / 64 + 1] << (64 - bit % 64);
            both[i] = look_up(table, windows, step, upper + eight, planes);
        }
        uint8x16_t larger = vuzp1q_u8(both[0], both[1]), smaller = vuzp2q_u8(both[0], both[1]);
        uint8x16_t swapped = qam_spread(swaps, 8 + 2 * (int)part);
        vst1q_u8(out->first + 16 * part, vbslq_u8(swapped, smaller, larger));
        vst1q_u8(out->second + 16 * part, vbslq_u8(swapped, larger, smaller));
    }
}

// Pads a short group to a whole one: planes with zeros, the ring by repetition as far as windows reach.
static void widen(const uint8_t *symbols, size_t pairs, uint32_t step_bits, uint8_t *whole) {
    qam_group_layout layout = qam_layout(pairs, step_bits);
    size_t planes = qam_planes(step_bits), ring = qam_layout(QAM_GROUP_PAIRS, step_bits).ring;
    memset(whole, 0, 8 * planes);
    for (size_t i = 0; i < planes; i++) memcpy(whole + 8 * i, symbols + i * layout.plane, layout.plane);
    for (size_t i = 0; i < ring; i++) whole[8 * planes + i] = symbols[layout.base + i % layout.ring];
}

QAM_INLINE void decode_groups(
    const uint8_t *symbols, size_t pairs, const uint16_t *table, uint32_t step_bits, qam_octant_group *out) {
    size_t bytes = qam_layout(QAM_GROUP_PAIRS, step_bits).total;
    for (; pairs >= QAM_GROUP_PAIRS; pairs -= QAM_GROUP_PAIRS, symbols += bytes, out++)
        decode_group(symbols, table, step_bits, out);
    if (pairs == 0) return;
    uint8_t whole[8 * (QAM_UPPER_BITS + 10)];
    widen(symbols, (pairs + 7) / 8 * 8, step_bits, whole);
    decode_group(whole, table, step_bits, out);
}

// A constant number of bits per step makes every shift and every field an immediate.
void qam_octant_groups_neon(
    const uint8_t *symbols, size_t pairs, const qam_octant_table *table, uint32_t step_bits, qam_octant_group *groups) {
    const uint16_t *t = table->entries;
    switch (step_bits) {
    case 1: decode_groups(symbols, pairs, t, 1, groups); break;
    case 2: decode_groups(symbols, pairs, t, 2, groups); break;
    case 3: decode_groups(symbols, pairs, t, 3, groups); break;
    case 4: decode_groups(symbols, pairs, t, 4, groups); break;
    case 5: decode_groups(symbols, pairs, t, 5, groups); break;
    case 6: decode_groups(symbols, pairs, t, 6, groups); break;
    case 7: decode_groups(symbols, pairs, t, 7, groups); break;
    case 8: decode_groups(symbols, pairs, t, 8, groups); break;
    case 9: decode_groups(symbols, pairs, t, 9, groups); break;
    default: decode_groups(symbols, pairs, t, 10, groups); break;
    }
}

// ---- To floats --------------------------------------------------------------------------------------------------

// Sixteen magnitudes with their signs. Negated as integers, so that 0 stays +0: 255 - m minus 255 is -m.
QAM_INLINE void to_floats(uint8x16_t magnitudes, uint8x16_t negative, float *y) {
    uint8x16_t m = veorq_u8(magnitudes, negative);
    int16x8_t low = vreinterpretq_s16_u16(vsubl_u8(vget_low_u8(m), vget_low_u8(negative)));
    int16x8_t high = vreinterpretq_s16_u16(vsubl_high_u8(m, negative));
    vst1q_f32(y, vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))));
    vst1q_f32(y + 4, vcvtq_f32_s32(vmovl_high_s16(low)));
    vst1q_f32(y + 8, vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))));
    vst1q_f32(y + 12, vcvtq_f32_s32(vmovl_high_s16(high)));
}

static void group_to_floats(const qam_octant_group *group, float *y) {
    uint8x16_t signs = vld1q_u8(group->signs);
#pragma clang loop unroll(full)
    for (int part = 0; part < 4; part++) {
        uint8x16_t first = vld1q_u8(group->first + 16 * part), second = vld1q_u8(group->second + 16 * part);
        uint8x16_t first_signs = qam_spread(signs, 2 * part), second_signs = qam_spread(signs, 8 + 2 * part);
        to_floats(vzip1q_u8(first, second), vzip1q_u8(first_signs, second_signs), y + 32 * part);
        to_floats(vzip2q_u8(first, second), vzip2q_u8(first_signs, second_signs), y + 32 * part + 16);
    }
}

void qam_octant_decode_neon(const uint8_t *symbols, size_t columns, const uint8_t *magnitudes, uint32_t step_bits, float *y) {
    qam_octant_table table;
    qam_octant_group group;
    float rest[2 * QAM_GROUP_PAIRS];
    qam_octant_table_neon(magnitudes, step_bits, 0, &table);
    for (size_t first = 0; first < columns; first += 2 * QAM_GROUP_PAIRS, symbols += qam_layout(QAM_GROUP_PAIRS, step_bits).total) {
        size_t left = columns - first;
        bool whole = left >= 2 * QAM_GROUP_PAIRS;
        qam_octant_groups_neon(symbols, whole ? QAM_GROUP_PAIRS : left / 2, &table, step_bits, &group);
        group_to_floats(&group, whole ? y + first : rest);
        if (!whole) memcpy(y + first, rest, left * sizeof *y);
    }
}

#endif
