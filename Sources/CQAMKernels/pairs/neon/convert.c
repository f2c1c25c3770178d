// Conversion: the machine's own for binary16, integers for the upper half of binary32.

#if defined(__aarch64__)

#include "neon.h"

// fcvtl and fcvtn round to nearest even, keep NaNs' signs and payloads and make them quiet, unless a program has
// changed the floating-point control register.

QAM_INLINE float32x4_t widen_half(uint16x4_t v) { return vcvt_f32_f16(vreinterpret_f16_u16(v)); }
QAM_INLINE uint16x4_t narrow_half(float32x4_t x) { return vreinterpret_u16_f16(vcvt_f16_f32(x)); }

QAM_INLINE float32x4_t widen_brain(uint16x4_t v) {
    uint32x4_t bits = vshll_n_u16(v, 15);
    bits = vaddq_u32(bits, bits);
    uint32x4_t nan = vcgtq_u32(bits << 1, vdupq_n_u32(0xFF000000));
    return vreinterpretq_f32_u32(vorrq_u32(bits, vandq_u32(nan, vdupq_n_u32(0x400000))));
}

QAM_INLINE uint16x4_t narrow_brain(float32x4_t x) {
    uint32x4_t bits = vreinterpretq_u32_f32(x);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint16x4_t rounded = vshrn_n_u32(vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7FFF)), odd), 16);
    uint16x4_t quiet = vorr_u16(vshrn_n_u32(bits, 16), vdup_n_u16(0x40));
    uint16x4_t number = vmovn_u32(vceqq_f32(x, x));
    return vbsl_u16(number, rounded, quiet);
}

QAM_INLINE void to_floats(const uint8_t *elements, bool half, size_t count, float *x) {
    size_t j = 0;
    for (; j + 8 <= count; j += 8) {
        uint16x8_t v = vreinterpretq_u16_u8(vld1q_u8(elements + 2 * j));
        uint16x4_t low = vget_low_u16(v), high = vget_high_u16(v);
        vst1q_f32(x + j, half ? widen_half(low) : widen_brain(low));
        vst1q_f32(x + j + 4, half ? widen_half(high) : widen_brain(high));
    }
    if (j < count) qam_to_floats_scalar(elements + 2 * j, half ? QAM_F16 : QAM_BF16, count - j, x + j);
}

QAM_INLINE void from_floats(const float *x, size_t count, bool half, uint8_t *elements) {
    size_t j = 0;
    for (; j + 8 <= count; j += 8) {
        float32x4_t low = vld1q_f32(x + j), high = vld1q_f32(x + j + 4);
        uint16x8_t v = half ? vcombine_u16(narrow_half(low), narrow_half(high))
                            : vcombine_u16(narrow_brain(low), narrow_brain(high));
        vst1q_u8(elements + 2 * j, vreinterpretq_u8_u16(v));
    }
    if (j < count) qam_from_floats_scalar(x + j, count - j, half ? QAM_F16 : QAM_BF16, elements + 2 * j);
}

void qam_to_floats_neon(const void *elements, qam_element type, size_t count, float *x) {
    switch (type) {
    case QAM_F16: to_floats(elements, true, count, x); break;
    case QAM_BF16: to_floats(elements, false, count, x); break;
    default: memcpy(x, elements, count * sizeof *x); break;
    }
}

void qam_from_floats_neon(const float *x, size_t count, qam_element type, void *elements) {
    switch (type) {
    case QAM_F16: from_floats(x, count, true, elements); break;
    case QAM_BF16: from_floats(x, count, false, elements); break;
    default: memcpy(elements, x, count * sizeof *x); break;
    }
}

#endif
