// Preparation of activations, shared by registers of any width. The including file defines SPAN, the number of columns
// that are quantized at once, and before that
//   largest_magnitude: the bits of the largest magnitude of some columns. Bits of magnitudes are ordered like their
//     floats, with infinities and NaNs above all others.
//   quantize_span: the bytes of up to SPAN columns, padded with zeros; first and second coordinates split or not.

#ifndef QAM_QUANTIZE_H
#define QAM_QUANTIZE_H

#include "internal.h"

static inline __attribute__((always_inline)) void quantize(
    const float *x, size_t columns, bool split, qam_activation activation) {
    for (size_t first = 0; first < columns; first += QAM_ACTIVATION_BLOCK) {
        size_t count = columns - first < QAM_ACTIVATION_BLOCK ? columns - first : QAM_ACTIVATION_BLOCK;
        uint32_t bits = largest_magnitude(x + first, count);
        float largest, inverse = 0;
        memcpy(&largest, &bits, sizeof largest);
        bool finite = isfinite(largest);
        if (largest < 0x1p-100f) largest = 0;
        activation.scales[first / QAM_ACTIVATION_BLOCK] = finite ? largest / 127 : NAN;
        if (finite && largest > 0) inverse = 127 / largest;
        for (size_t j = 0; j < count; j += SPAN) {
            int8_t *values = activation.values + first + j;
            if (inverse > 0) quantize_span(x + first + j, count - j, inverse, split, values);
            else memset(values, 0, SPAN);
        }
    }
}

static inline __attribute__((always_inline)) void prepare(
    const qam_kernels *kernels, const qam_code *code, float *x, qam_activation activation) {
    size_t columns = code->columns;
    if (code->channel_scales) kernels->unscale(x, code->channel_scales, columns);
    kernels->rotate(x, 1, code->signs, columns, code->block, qam_root(code->block));
    if (code->family == QAM_OCTANT) quantize(x, columns, true, activation);
    else quantize(x, columns, false, activation);
    qam_append_negated(activation.values, columns);
}

#endif
