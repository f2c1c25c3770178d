// Products of decoded octant groups.

#if defined(__aarch64__)

#include "product.h"

#pragma STDC FP_CONTRACT OFF

void qam_octant_split_neon(const qam_octant_group *groups, size_t count, qam_split_group *split) {
    for (; count > 0; count--, groups++, split++) {
        uint8x16_t signs = vld1q_u8(groups->signs);
#pragma clang loop unroll(full)
        for (int side = 0; side < 2; side++)
#pragma clang loop unroll(full)
            for (int v = 0; v < 4; v++) {
                uint8x16_t m = vld1q_u8((side ? groups->second : groups->first) + 16 * v);
                uint8x16_t negative = qam_spread(signs, 8 * side + 2 * v);
                uint8x16_t low = vandq_u8(m, vdupq_n_u8(1)), half = vshrq_n_u8(m, 1);
                // Half of -m, rounded down, is -half - low: the negated half, minus the low bit if negative.
                uint8x16_t high = vsubq_u8(veorq_u8(half, negative), vaddq_u8(negative, vandq_u8(low, negative)));
                vst1q_s8(split->high[side] + 16 * v, vreinterpretq_s8_u8(high));
                vst1q_s8(split->low[side] + 16 * v, vreinterpretq_s8_u8(low));
            }
    }
}

// Sixteen values of an activation with the signs in bytes `first` and `first` + 1. Values are never -128.
QAM_INLINE int8x16_t signed_values(const int8_t *values, uint8x16_t signs, int first) {
    int8x16_t x = vld1q_s8(values), negative = vreinterpretq_s8_u8(qam_spread(signs, first));
    return vsubq_s8(veorq_s8(x, negative), negative);
}

// ---- ARMv8.0 ----------------------------------------------------------------------------------------------------

// Two products of -128 and -127 fit int16.
QAM_INLINE int32x4_t dot(int32x4_t sums, int8x16_t a, int8x16_t b) {
    int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b)), high = vmull_high_s8(a, b);
    return vpadalq_s16(sums, vpaddq_s16(low, high));
}

#define NAME(f) f##_base
#define DOT dot
#include "octant_step.h"
#undef NAME
#undef DOT

// ---- dotprod ----------------------------------------------------------------------------------------------------

QAM_TARGET_DOTPROD
#define NAME(f) f##_dotprod
#define DOT vdotq_s32
#include "octant_step.h"
#undef NAME
#undef DOT
QAM_TARGET_POP

// ---- i8mm -------------------------------------------------------------------------------------------------------

QAM_TARGET_I8MM

void qam_octant_step_i8mm(
    const qam_octant_group *groups, size_t count, const int8_t *values, const float *scales, qam_lanes *lanes) {
    qam_lanes total = *lanes;
    for (; count > 0; scales++) {
        int32x4_t sums[4] = {0};
        for (int g = 0; g < 2 && count > 0; g++, count--, groups++, values += 2 * QAM_GROUP_PAIRS) {
            uint8x16_t signs = vld1q_u8(groups->signs);
#pragma clang loop unroll(full)
            for (int v = 0; v < 4; v++) {
                int8x16_t x = signed_values(values + 16 * v, signs, 2 * v);
                int8x16_t y = signed_values(values + QAM_GROUP_PAIRS + 16 * v, signs, 8 + 2 * v);
                sums[v] = vusdotq_s32(sums[v], vld1q_u8(groups->first + 16 * v), x);
                sums[v] = vusdotq_s32(sums[v], vld1q_u8(groups->second + 16 * v), y);
            }
        }
        qam_add_block(&total, sums, *scales);
    }
    *lanes = total;
}

QAM_TARGET_POP

#endif
