// The floating-point arithmetic of a transformer's forward pass, on plain pointers and counts.
//
// One text (body.h), compiled for each instruction set. Every sum has a fixed order - sixteen lanes, each in order of
// the elements by fused multiply-adds, then halves added to halves - so results have the same bits on every instruction set
// and do not depend on how work is cut into calls. Pointers need no alignment beyond their type's; nothing is read or
// written outside the sizes given. What is no number stays none.

#ifndef FLOAT_KERNELS_H
#define FLOAT_KERNELS_H

#include <processor.h>
#include <stddef.h>
#include <stdint.h>

// Stored numbers, little-endian.
typedef enum { FK_F32, FK_F16, FK_BF16 } fk_type;

typedef struct {
    // The products of rows and vectors: out[t * out_apart + i] = sum over j of rows[i][j] * x[t * x_apart + j].
    // Row i begins `row_bytes` * i after `rows`.
    void (*multiply)(
        const void *rows, fk_type type, size_t row_bytes, size_t row_count, size_t columns, const float *x, size_t x_apart,
        size_t vectors, float *out, size_t out_apart);

    // Stored numbers as floats.
    void (*widen)(const void *stored, fk_type type, size_t count, float *out);

    // out = x / sqrt(mean(x^2) + epsilon) * weight; `out` may be `x`.
    void (*rms_norm)(const float *x, const float *weight, float epsilon, size_t count, float *out);

    // x = exp(x * scale - max) / sum of all, in place; minus infinity becomes 0.
    void (*softmax)(float *x, float scale, size_t count);

    // x = x / (1 + exp(-x)) * y, in place.
    void (*silu_product)(float *x, const float *y, size_t count);

    // The way back through x / (1 + exp(-x)) * y: from the gradient at the product to those at x and y, in their places.
    void (*silu_product_gradient)(float *x, float *y, const float *gradient, size_t count);

    // Turns the pairs (x[j], x[j + half]) by the angles whose cosines and sines are given.
    void (*turn)(float *x, const float *cosines, const float *sines, size_t half);

    // x += y.
    void (*add)(float *x, const float *y, size_t count);

    // The logarithm of the sum of exp(x). `count` is at least 1.
    double (*log_sum_exp)(const float *x, size_t count);

    // The divergence of the distribution exp(x - x_norm) from exp(reference - reference_norm), where the norms are those of
    // log_sum_exp: the sum of p * log(p / q).
    double (*divergence)(const float *reference, double reference_norm, const float *x, double x_norm, size_t count);
} fk_functions;

// The best functions for processors with these features.
const fk_functions *fk_functions_for(qam_features features);

#endif
