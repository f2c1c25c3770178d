// Shared by ARMv8.0 and the dot-product instructions: NAME(f) names a function, DOT(sums, a, b) adds the products of
// four bytes each to four lanes.

void NAME(qam_octant_split_step)(
    const qam_split_group *groups, size_t count, const int8_t *values, const float *scales, qam_lanes *lanes) {
    qam_lanes total = *lanes;
    for (; count > 0; scales++) {
        int32x4_t high[4] = {0}, low[4] = {0};
        for (int g = 0; g < 2 && count > 0; g++, count--, groups++, values += 2 * QAM_GROUP_PAIRS)
#pragma clang loop unroll(full)
            for (int v = 0; v < 4; v++)
#pragma clang loop unroll(full)
                for (int side = 0; side < 2; side++) {
                    int8x16_t x = vld1q_s8(values + side * QAM_GROUP_PAIRS + 16 * v);
                    high[v] = DOT(high[v], vld1q_s8(groups->high[side] + 16 * v), x);
                    low[v] = DOT(low[v], vld1q_s8(groups->low[side] + 16 * v), x);
                }
#pragma clang loop unroll(full)
        for (int v = 0; v < 4; v++) low[v] = vaddq_s32(low[v], vshlq_n_s32(high[v], 1));
        qam_add_block(&total, low, *scales);
    }
    *lanes = total;
}

void NAME(qam_octant_step)(
    const qam_octant_group *groups, size_t count, const int8_t *values, const float *scales, qam_lanes *lanes) {
    qam_lanes total = *lanes;
    const int8x16_t ones = vdupq_n_s8(1);
    for (; count > 0; scales++) {
        // Magnitudes are 128 too small, so 128 times the signed activations must be added.
        int32x4_t sums[4] = {0}, missing[4] = {0};
        for (int g = 0; g < 2 && count > 0; g++, count--, groups++, values += 2 * QAM_GROUP_PAIRS) {
            uint8x16_t signs = vld1q_u8(groups->signs);
#pragma clang loop unroll(full)
            for (int v = 0; v < 4; v++) {
                int8x16_t x = signed_values(values + 16 * v, signs, 2 * v);
                int8x16_t y = signed_values(values + QAM_GROUP_PAIRS + 16 * v, signs, 8 + 2 * v);
                sums[v] = DOT(sums[v], vreinterpretq_s8_u8(vld1q_u8(groups->first + 16 * v)), x);
                sums[v] = DOT(sums[v], vreinterpretq_s8_u8(vld1q_u8(groups->second + 16 * v)), y);
                missing[v] = DOT(DOT(missing[v], ones, x), ones, y);
            }
        }
#pragma clang loop unroll(full)
        for (int v = 0; v < 4; v++) sums[v] = vaddq_s32(sums[v], vshlq_n_s32(missing[v], 7));
        qam_add_block(&total, sums, *scales);
    }
    *lanes = total;
}
