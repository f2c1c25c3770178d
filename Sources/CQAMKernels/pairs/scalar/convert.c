// The truth about conversion.

#include "../internal.h"

static uint32_t bits_of(float x) {
    uint32_t v;
    memcpy(&v, &x, sizeof v);
    return v;
}

static float float_of(uint32_t v) {
    float x;
    memcpy(&x, &v, sizeof x);
    return x;
}

static float half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3FF;
    if (exponent == 31) return float_of(sign | 0x7F800000 | fraction << 13 | (fraction ? 0x400000 : 0));
    if (exponent == 0) {
        float x = (float)fraction * 0x1p-24f;
        return sign ? -x : x;
    }
    return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

// v / 2^shift, rounded to nearest even; shift is 1 to 31.
static uint32_t shift_right_even(uint32_t v, uint32_t shift) {
    return (uint32_t)(((uint64_t)v + ((UINT64_C(1) << (shift - 1)) - 1) + (v >> shift & 1)) >> shift);
}

static uint16_t float_to_half(float x) {
    uint32_t v = bits_of(x), sign = v >> 16 & 0x8000, magnitude = v & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (magnitude >> 13 & 0x3FF));
    if (magnitude >= 0x47800000) return (uint16_t)(sign | 0x7C00);
    if (magnitude >= 0x38800000) return (uint16_t)(sign | shift_right_even(magnitude - 0x38000000, 13));
    if (magnitude < 0x33000000) return (uint16_t)sign;
    uint32_t shift = 126 - (magnitude >> 23);
    return (uint16_t)(sign | shift_right_even((magnitude & 0x7FFFFF) | 0x800000, shift));
}

static uint16_t float_to_brain(float x) {
    uint32_t v = bits_of(x);
    if ((v & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(v >> 16 | 0x40);
    return (uint16_t)((v + 0x7FFF + (v >> 16 & 1)) >> 16);
}

void qam_to_floats_scalar(const void *elements, qam_element type, size_t count, float *x) {
    if (type == QAM_F32) {
        memcpy(x, elements, count * sizeof *x);
        return;
    }
    const uint8_t *bytes = elements;
    for (size_t j = 0; j < count; j++) {
        uint16_t v;
        memcpy(&v, bytes + 2 * j, sizeof v);
        x[j] = type == QAM_F16 ? half_to_float(v) : float_of((uint32_t)v << 16 | ((v & 0x7FFF) > 0x7F80 ? 0x400000 : 0));
    }
}

void qam_from_floats_scalar(const float *x, size_t count, qam_element type, void *elements) {
    if (type == QAM_F32) {
        memcpy(elements, x, count * sizeof *x);
        return;
    }
    uint8_t *bytes = elements;
    for (size_t j = 0; j < count; j++) {
        uint16_t v = type == QAM_F16 ? float_to_half(x[j]) : float_to_brain(x[j]);
        memcpy(bytes + 2 * j, &v, sizeof v);
    }
}
