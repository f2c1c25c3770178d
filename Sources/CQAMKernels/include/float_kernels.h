// The floating-point arithmetic of a transformer's forward pass, on plain pointers and counts.
//
// One source text (body.h), compiled for each instruction set. Every sum has a fixed order - sixteen lanes, each in
// order of the elements by fused multiply-adds, then halves added to halves - so results are bit-identical on every
// instruction set and do not depend on how work is split into calls. Pointers need only their type's alignment; nothing
// outside the given sizes is read or written. NaNs propagate.

#ifndef FLOAT_KERNELS_H
#define FLOAT_KERNELS_H

#include <processor.h>
#include <stddef.h>
#include <stdint.h>

// Stored numbers, little-endian.
typedef enum { FK_F32, FK_F16, FK_BF16 } fk_type;

// The functions f of a feed-forward network.
typedef enum {
    // x / (1 + exp(-x)).
    FK_SILU,
    // x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2.
    FK_GELU,
    // max(x, 0)^2.
    FK_SQUARED_RELU,
    // x / (1 + exp(-1.702 x)) of min(x, 7). The other factor is 1 + y with y clamped to -7 ... 7.
    FK_CLAMPED_GATE,
} fk_activation;

typedef struct {
    // The products of rows and vectors: out[t * out_stride + i] = sum over j of rows[i][j] * x[t * x_stride + j].
    // Row i begins at `rows` + i * `row_bytes`.
    void (*multiply)(
        const void *rows, fk_type type, size_t row_bytes, size_t row_count, size_t columns, const float *x, size_t x_stride,
        size_t vectors, float *out, size_t out_stride);

    // Converts stored numbers to floats.
    void (*widen)(const void *stored, fk_type type, size_t count, float *out);

    // out = x / sqrt(mean(x^2) + epsilon) * weight; `out` may be `x`.
    void (*rms_norm)(const float *x, const float *weight, float epsilon, size_t count, float *out);

    // x = exp(x * scale - max) / sum of all, in place; minus infinity becomes 0.
    void (*softmax)(float *x, float scale, size_t count);

    // x = f(x) * h(y), in place, where f is the activation, and h(y) = y except for FK_CLAMPED_GATE. Without y, x = f(x).
    void (*activate)(fk_activation activation, float *x, const float *y, size_t count);

    // Backward pass of `activate`: replaces x and y, if there is one, with the gradients at them, given the gradient at the product.
    void (*activation_gradient)(fk_activation activation, float *x, float *y, const float *gradient, size_t count);

    // x = 1 / (1 + exp(-x)).
    void (*sigmoid)(float *x, size_t count);

    // x = cap * tanh(x * scale / cap).
    void (*soft_cap)(float *x, float scale, float cap, size_t count);

    // Rotates the pairs (x[j], x[j + half]) by the angles with the given cosines and sines.
    void (*rotary)(float *x, const float *cosines, const float *sines, size_t half);

    // x += y.
    void (*add)(float *x, const float *y, size_t count);

    // x += scale * y.
    void (*add_scaled)(float *x, const float *y, float scale, size_t count);

    // x *= factor.
    void (*scale)(float *x, float factor, size_t count);

    // The logarithm of the sum of exp(x). `count` is at least 1.
    double (*log_sum_exp)(const float *x, size_t count);

    // The KL divergence of the distribution exp(x - x_norm) from exp(reference - reference_norm), with norms from
    // log_sum_exp: the sum of p * log(p / q).
    double (*divergence)(const float *reference, double reference_norm, const float *x, double x_norm, size_t count);
} fk_functions;

// The best functions for processors with these features.
const fk_functions *fk_functions_for(qam_features features);

#endif
