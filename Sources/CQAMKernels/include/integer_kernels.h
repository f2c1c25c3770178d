// Rows of int8 with one gain each (spec section 16), and their products with int8 activations.
//
// One text, compiled for each instruction set; all give the same bits. No function reads or writes outside the sizes
// given here, and no pointer needs an alignment beyond its type's. Rows have any number of columns up to 2^24.

#ifndef INTEGER_KERNELS_H
#define INTEGER_KERNELS_H

#include <processor.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    // The largest magnitude; of no elements 0. It is infinite or NaN where an element is.
    float (*largest)(const float *x, size_t count);

    // symbols[j] = w[j] / gain, rounded to nearest even, within -127 to 127. A gain of 0 makes zeros. The elements are finite.
    void (*encode)(const float *w, size_t columns, float gain, int8_t *symbols);

    // Decodes rows that lie `columns` bytes apart: out[i][j] = (symbols[i][j] * gains[i]) / channel_scales[j]. There is no division
    // where `channel_scales` is NULL.
    void (*decode)(
        const int8_t *symbols, size_t columns, const float *gains, size_t rows, const float *channel_scales, float *out);

    // Makes an activation ready for `multiply`: x[j] = x[j] / channel_scales[j] in place (not where `channel_scales` is NULL),
    // then values[j] = round(x[j] * (127 / m)) to nearest even, m being the largest magnitude. Returns the scale m / 127. Where m is
    // below 2^-100, zeros with scale 0; where an element is not finite, zeros with a NaN for a scale.
    float (*prepare)(float *x, const float *channel_scales, size_t columns, int8_t *values);

    // out[t * out_apart + i] = (float)(row i of symbols, dot vector t of values) * (gains[i] * scales[t]): the sum
    // is exact, its conversion and both products are rounded. Rows and vectors of values lie `columns` bytes apart. Values are
    // within -127 to 127, symbols may be -128.
    void (*multiply)(
        const int8_t *symbols, size_t columns, const float *gains, size_t rows, const int8_t *values, const float *scales,
        size_t vectors, float *out, size_t out_apart);
} ik_functions;

// The best functions for processors with these features.
const ik_functions *ik_functions_for(qam_features features);

#endif
