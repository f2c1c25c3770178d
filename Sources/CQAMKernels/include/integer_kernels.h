// Rows of int8 with one gain each (spec section 16), and their products with int8 activations.
//
// One source text, compiled for each instruction set; results are bit-identical. Nothing outside the given sizes is
// read or written, and pointers need only their type's alignment. Rows have up to 2^24 columns.

#ifndef INTEGER_KERNELS_H
#define INTEGER_KERNELS_H

#include <processor.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    // The largest magnitude; 0 if there are no elements, infinite or NaN if an element is.
    float (*largest)(const float *x, size_t count);

    // symbols[j] = w[j] / gain, rounded to nearest even, clamped to -127...127; zeros for a gain of 0. Elements must be
    // finite.
    void (*encode)(const float *w, size_t columns, float gain, int8_t *symbols);

    // Decodes rows with a stride of `columns` bytes: out[i][j] = (symbols[i][j] * gains[i]) / channel_scales[j],
    // without the division if `channel_scales` is NULL.
    void (*decode)(
        const int8_t *symbols, size_t columns, const float *gains, size_t rows, const float *channel_scales, float *out);

    // Prepares an activation for `multiply`: x[j] = x[j] / channel_scales[j] in place (unless `channel_scales` is
    // NULL), then values[j] = round(x[j] * (127 / m)) to nearest even, where m is the largest magnitude. Returns the
    // scale m / 127. If m is below 2^-100, the result is zeros with scale 0; if an element is not finite, zeros with a
    // NaN scale.
    float (*prepare)(float *x, const float *channel_scales, size_t columns, int8_t *values);

    // out[t * out_stride + i] = (float)(row i of symbols, dot vector t of values) * (gains[i] * scales[t]): the sum is
    // exact, its conversion and both products are rounded. Rows and vectors of values have a stride of `columns` bytes.
    // Values are within -127...127, symbols may be -128.
    void (*multiply)(
        const int8_t *symbols, size_t columns, const float *gains, size_t rows, const int8_t *values, const float *scales,
        size_t vectors, float *out, size_t out_stride);
} ik_functions;

// The best functions for processors with these features.
const ik_functions *ik_functions_for(qam_features features);

#endif
