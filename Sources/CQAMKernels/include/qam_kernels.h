// The codec's inner loops, on plain pointers and counts: no allocation, no I/O, no errors.
//
// Each function has a scalar version, the reference implementation, and versions for processors with more features. All
// are bit-identical, so every order of floating-point operations is fixed, products and sums are never fused, and ties
// go to the lowest index. Callers check all sizes. Nothing outside the given sizes is read or written, so symbols may
// end at the end of a mapping. Pointers need only their type's alignment.

#ifndef QAM_KERNELS_H
#define QAM_KERNELS_H

#include <processor.h>
#include <qam_codes.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { QAM_F32, QAM_F16, QAM_BF16 } qam_element;

enum {
    QAM_TRELLIS_WORDS = 1024,  // of qam_trellis_tables
    QAM_ACTIVATION_BLOCK = 256 // activations that share a scale
};

typedef struct {
    double zz, zy, yy;
} qam_products;

// How the rows of a tensor are coded (spec sections 8.1 to 8.4).
typedef struct {
    qam_family family;
    uint32_t rate;              // bits per symbol (free) or per step (octant)
    size_t columns;             // weights per row; a multiple of `block`
    size_t block;               // a power of two, 2 to 2^15
    const uint64_t *signs;      // bit j % 64 of word j / 64 is set if column j is negated
    const float *channel_scales; // one per column, or NULL
    const float *points;        // free: 2^rate pairs (x, y)
    const uint8_t *magnitudes;  // octant: the larger magnitudes of all base points, then the smaller ones
} qam_code;

// Activations prepared for `multiply`: rotated, and quantized to bytes with a float scale for each block.
//
// `values` has qam_activation_bytes(columns) bytes. For octant codes the 128 bytes of a group are the first coordinates
// of its 64 pairs, then the second ones; for free codes the coordinates of a pair are adjacent. Both are padded with
// zeros. The second half of the bytes is the first half negated, so that a product applies a sign by selecting the
// half. `scales` has one float for each QAM_ACTIVATION_BLOCK columns or part of them.
typedef struct {
    int8_t *values;
    float *scales;
} qam_activation;

typedef struct qam_kernels qam_kernels;

struct qam_kernels {
    // ---- Memory ----

    // The exclusive or of all whole 64-bit words, at full memory bandwidth, as a reference for benchmarks.
    uint64_t (*read)(const uint8_t *bytes, size_t count);

    // ---- Rows of floats ----

    // The sum of x[j]^2 in double: eight sums, for j % 8 = 0...7, each in ascending order, then ((s0 + s1) + (s2 + s3))
    // + ((s4 + s5) + (s6 + s7)).
    double (*sum_of_squares)(const float *x, size_t count);
    // The sums of z^2, z*y and y^2, each in the order of `sum_of_squares`.
    qam_products (*inner_products)(const float *z, const float *y, size_t count);
    // The sum of (a[j] - b[j])^2 with the difference in double, in the order of `sum_of_squares`.
    double (*squared_distance)(const float *a, const float *b, size_t count);
    // x[j] = x[j] * scales[j].
    void (*scale)(float *x, const float *scales, size_t count);
    // x[j] = x[j] / scales[j].
    void (*unscale)(float *x, const float *scales, size_t count);

    // ---- Conversion ----

    // IEEE binary16 and bfloat16, rounded to nearest even; propagates NaNs, made quiet, with their sign and the payload
    // bits that fit.
    void (*to_floats)(const void *elements, qam_element type, size_t count, float *x);
    void (*from_floats)(const float *x, size_t count, qam_element type, void *elements);

    // ---- Rotation: H is the Walsh-Hadamard transform of each block, without normalisation: butterflies (a + b, a - b)
    // at distances 1, 2, 4, ... ----

    // x = H(d * p * x) * (float)(inverse_gain / p * scale), blockwise in place, where p is the largest power of two
    // among normal floats that does not exceed `inverse_gain`, or the smallest of them.
    void (*rotate)(float *x, double inverse_gain, const uint64_t *signs, size_t count, size_t block, float scale);
    // x = (d * H(x)) * factor, blockwise in place.
    void (*rotate_back)(float *x, const uint64_t *signs, size_t count, size_t block, float factor);

    // ---- Free codes: eight symbols of `bits` bits in `bits` bytes ----

    // `columns` is even; `symbols` takes ceil(columns / 16) * bits bytes.
    void (*free_encode)(const float *z, size_t columns, const qam_plane *plane, uint32_t bits, uint8_t *symbols);
    // `points` holds 2^bits pairs (x, y).
    void (*free_decode)(const uint8_t *symbols, size_t columns, const float *points, uint32_t bits, float *y);

    // ---- Octant codes: groups of 64 pairs; the last one has the remaining pairs, rounded up to 8 ----

    // Plain codes (8 or more bits per step): `plane` has the base points, x >= y >= 0. `columns` is even.
    void (*octant_encode_plain)(
        const float *z, size_t columns, const qam_plane *plane, uint32_t step_bits, uint8_t *symbols);
    // Trellis codes (1...7 bits per step). `tables` are from qam_trellis_tables, `step` is the codebook's. Magnitudes
    // of pairs are rounded to eighths of the step, from 0 to 4088, and the best tail-biting path of windows is
    // searched.
    //
    // The rule for 64 pairs: find the cheapest path of windows once around the ring and some pairs further (depending
    // on `step_bits`). If it has the same state at two places a whole ring apart, the first such part of it is the result;
    // otherwise the cheapest tail-biting path with the state that the path has 64 pairs before its end. Shorter rings:
    // states are ranked by the least cost of the paths with that state at the seam through 64 pairs on either side of
    // it (around the ring as often as necessary); the best tail-biting paths through the highest-ranked states are
    // searched, four at a time until their pairs are 768 or more, and the cheapest is the result. Ties go to the lowest
    // state, and the path with the lowest last window that differs. Pairs beyond the columns cost nothing.
    void (*octant_encode_trellis)(
        const float *z, size_t columns, const int32_t *tables, float step, uint32_t step_bits, uint8_t *symbols);
    // The decoded magnitudes as signed integers, never -0. `magnitudes` as in qam_code.
    void (*octant_decode)(
        const uint8_t *symbols, size_t columns, const uint8_t *magnitudes, uint32_t step_bits, float *y);

    // ---- Whole rows ----

    // Decodes rows with a stride of qam_row_bytes: weight j of row i is (d * H(codewords)) * (factors[i] * r), divided
    // by the channel scale if there is one. r is 1 / sqrt(block) as in spec section 8.5. `out` receives rows * columns
    // floats. `kernels` has the functions for the steps.
    void (*dequantize)(
        const qam_kernels *kernels, const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, float *out);

    // ---- Products with int8 activations ----

    // Rotates an activation of code->columns floats in place, x = H(d * (x / c)) * r, and quantizes it: each block of
    // 256 by its largest magnitude m: scale = m / 127, value = round(x * (127 / m)) to nearest even. A block with m
    // below 2^-100 becomes zeros with scale 0, one with a non-finite value zeros with a NaN scale. r is 1 / sqrt(block)
    // as in spec section 8.5. Only the shape, signs and channel scales of the code are used. `kernels` has the
    // functions for the steps.
    void (*prepare)(const qam_kernels *kernels, const qam_code *code, float *x, qam_activation activation);
    // out[t * output_stride + i] = factors[i] * (row i of codewords, dot activation t), for `rows` rows and `batch`
    // activations. Codewords of octant codes are integers, those of free codes `fixed_points` (pairs of int16 from
    // `qam_fix_points`).
    //
    // In each block of 256 columns, int32 lane l of 16 sums the products of the pairs whose bytes are at 4l...4l+3 of
    // each 64 bytes of values (octant: first and second coordinates together), or of the pairs l, l + 16, ... (free).
    // Block by block, (float)sum * scale is added to the lane's float sum, product and sum rounded separately. The
    // lanes are added in halves: l and l + 8, then l and l + 4, l and l + 2, l and l + 1.
    void (*multiply)(
        const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,
        const qam_activation *activations, size_t batch, float *out, size_t output_stride);
};

// The best functions for processors with these features.
qam_kernels qam_kernels_for(qam_features features);

// The bytes of a prepared activation: twice the columns, rounded up to a multiple of 128.
size_t qam_activation_bytes(size_t columns);

// Rounds the 2 * count coordinates of a free codebook to int16 with a common unit, which is returned: the largest
// magnitude becomes 32767.
float qam_fix_points(const float *points, size_t count, int16_t *fixed_points);

// The tables for the trellis search of a codebook: QAM_TRELLIS_WORDS words. `magnitudes` as in qam_code.
void qam_trellis_tables(const uint8_t *magnitudes, uint32_t step_bits, int32_t *tables);

// Fills the cells of a qam_plane, 4 * count elements, from the lists of `count` cells.
void qam_fill_cells(const uint32_t *starts, const uint16_t *candidates, size_t count, uint16_t *cells);

#endif
