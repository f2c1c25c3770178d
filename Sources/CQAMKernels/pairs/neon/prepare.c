// Prepares activations for products.

#if defined(__aarch64__)

#include "neon.h"

#pragma STDC FP_CONTRACT OFF

enum { GROUP = 2 * QAM_GROUP_PAIRS };

// The largest magnitude of a block, or NaN if a value is not finite.
static float largest_of(const float *x, size_t count) {
    float32x4_t most = vdupq_n_f32(0);
    size_t j = 0;
    // fmax propagates NaNs, unlike a comparison.
    for (; j + 4 <= count; j += 4) most = vmaxq_f32(most, vabsq_f32(vld1q_f32(x + j)));
    float largest = vmaxvq_f32(most);
    for (; j < count; j++) largest = vget_lane_f32(vmax_f32(vdup_n_f32(largest), vabs_f32(vdup_n_f32(x[j]))), 0);
    return isfinite(largest) ? largest : NAN;
}

// Eight values, rounded to nearest even. None exceeds 127 by more than rounding.
QAM_INLINE int16x8_t round_eight(const float *x, float inverse) {
    int32x4_t low = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x), inverse));
    int32x4_t high = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4), inverse));
    return vcombine_s16(vmovn_s32(low), vmovn_s32(high));
}

// Rounds one group of 64 pairs to bytes.
QAM_INLINE void round_group(const float *x, float inverse, qam_family family, int8_t *values) {
    for (size_t j = 0; j < GROUP; j += 32) {
        int16x8_t v[4];
        for (size_t k = 0; k < 4; k++) v[k] = round_eight(x + j + 8 * k, inverse);
        int8x16_t low = vmovn_high_s16(vmovn_s16(v[0]), v[1]), high = vmovn_high_s16(vmovn_s16(v[2]), v[3]);
        if (family == QAM_FREE) {
            vst1q_s8(values + j, low);
            vst1q_s8(values + j + 16, high);
        } else {
            vst1q_s8(values + j / 2, vuzp1q_s8(low, high));
            vst1q_s8(values + QAM_GROUP_PAIRS + j / 2, vuzp2q_s8(low, high));
        }
    }
}

static void quantize_block(const float *x, size_t count, qam_family family, int8_t *values, float *scale) {
    float largest = largest_of(x, count);
    if (largest < 0x1p-100f) largest = 0;
    *scale = largest / 127;
    if (isnan(largest) || largest == 0) {
        memset(values, 0, qam_value_bytes(count));
        return;
    }
    float inverse = 127 / largest;
    for (; count >= GROUP; count -= GROUP, x += GROUP, values += GROUP) round_group(x, inverse, family, values);
    if (count > 0) {
        float rest[GROUP] = {0};
        memcpy(rest, x, count * sizeof *x);
        round_group(rest, inverse, family, values);
    }
}

void qam_prepare_neon(const qam_kernels *kernels, const qam_code *code, float *x, qam_activation activation) {
    size_t columns = code->columns;
    if (code->channel_scales) kernels->unscale(x, code->channel_scales, columns);
    kernels->rotate(x, 1, code->signs, columns, code->block, qam_root(code->block));
    for (size_t first = 0; first < columns; first += QAM_ACTIVATION_BLOCK) {
        size_t count = columns - first < QAM_ACTIVATION_BLOCK ? columns - first : QAM_ACTIVATION_BLOCK;
        quantize_block(
            x + first, count, code->family, activation.values + first, activation.scales + first / QAM_ACTIVATION_BLOCK);
    }
    qam_append_negated(activation.values, columns);
}

#endif
