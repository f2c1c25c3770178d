// Products of codewords with int8 activations, in two steps: the first decodes the symbols of some blocks of a row to a
// form without lookups, the second multiplies it by one activation after the other.

#ifndef QAM_NEON_PRODUCT_H
#define QAM_NEON_PRODUCT_H

#include "octant.h"

enum {
    QAM_LANES = 16,
    // Blocks that are decoded before they are multiplied: they stay in the L1 cache.
    QAM_STEP_BLOCKS = 4,
    QAM_STEP_COLUMNS = QAM_STEP_BLOCKS * QAM_ACTIVATION_BLOCK,
    QAM_STEP_GROUPS = QAM_STEP_COLUMNS / (2 * QAM_GROUP_PAIRS),
    // Activations whose sums are held while a row is decoded once.
    QAM_TILE = 16
};

// The sums of one activation and one row.
typedef struct {
    float32x4_t lanes[4];
} qam_lanes;

// Adds the sums of a block.
QAM_INLINE void qam_add_block(qam_lanes *l, const int32x4_t sums[4], float scale) {
    for (int v = 0; v < 4; v++) l->lanes[v] = vaddq_f32(l->lanes[v], vmulq_n_f32(vcvtq_f32_s32(sums[v]), scale));
}

// In halves: l and l + 8, then l + 4, l + 2, l + 1.
QAM_INLINE float qam_add_lanes(const qam_lanes *l) {
    float32x4_t four = vaddq_f32(vaddq_f32(l->lanes[0], l->lanes[2]), vaddq_f32(l->lanes[1], l->lanes[3]));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

// ---- Octant: signs are applied to the activation, or to magnitudes shared by several activations ----

// Signed nine-bit magnitudes as 2 * high + low, in signed bytes.
typedef struct {
    int8_t high[2][QAM_GROUP_PAIRS], low[2][QAM_GROUP_PAIRS];
} qam_split_group;

void qam_octant_split_neon(const qam_octant_group *groups, size_t count, qam_split_group *split);

// Adds up to QAM_STEP_GROUPS groups, beginning with a block. `values` and `scales` are the activation's from there on.
// `step` takes magnitudes minus 128 as signed bytes, or unsigned ones with i8mm.
typedef void qam_octant_step(
    const qam_octant_group *groups, size_t count, const int8_t *values, const float *scales, qam_lanes *lanes);
typedef void qam_octant_split_step(
    const qam_split_group *groups, size_t count, const int8_t *values, const float *scales, qam_lanes *lanes);

qam_octant_step qam_octant_step_base, qam_octant_step_dotprod, qam_octant_step_i8mm;
qam_octant_split_step qam_octant_split_step_base, qam_octant_split_step_dotprod;

// ---- Free -------------------------------------------------------------------------------------------------------

// The int16 codewords of `pairs` pairs, a multiple of 8; `end` is the end of all symbols.
void qam_free_codewords_neon(
    const uint8_t *symbols, const uint8_t *end, size_t pairs, const int16_t *points, uint32_t bits, int16_t *out);

// Adds the products of `columns` columns, at most QAM_STEP_COLUMNS. Codewords are padded with arbitrary values to a
// multiple of 16 pairs, the activation with zeros.
void qam_free_step_neon(
    const int16_t *codewords, size_t columns, const int8_t *values, const float *scales, qam_lanes *lanes);

#endif
