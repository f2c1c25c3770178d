// The codec's inner loops over plain pointers and counts: no allocation, no input or output, no errors.
//
// scalar.c is the truth. Whatever stands in for one of these functions gives the same bits, so every order of
// floating-point operations is fixed, products and sums are never fused, and ties go to the lowest index.
// Callers check all sizes; the functions trust them.

#ifndef QAM_KERNELS_H
#define QAM_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// ---- Rows of floats -------------------------------------------------------------------------------------------

// The sum of x[j]^2 in double: eight sums, of j % 8 = 0...7 each in ascending order, then
// ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)).
double qam_sum_of_squares(const float *x, size_t count);

typedef struct {
    double zz, zy, yy;
} qam_products;

// The sums of z^2, z*y and y^2, each in the order of `qam_sum_of_squares`.
qam_products qam_inner_products(const float *z, const float *y, size_t count);

// The sum of (a[j] - b[j])^2 with the difference in double, in the order of `qam_sum_of_squares`.
double qam_squared_distance(const float *a, const float *b, size_t count);

// x[j] = x[j] * scales[j].
void qam_multiply(float *x, const float *scales, size_t count);

// x[j] = x[j] / scales[j].
void qam_divide(float *x, const float *scales, size_t count);

// ---- Rotation -------------------------------------------------------------------------------------------------

// Walsh-Hadamard transform, without normalisation, of each block of `block` (a power of two) floats in place:
// butterflies (a + b, a - b) at distances 1, 2, 4, ...
void qam_hadamard(float *x, size_t count, size_t block);

// x = H(d * (float)((double)x * inverse_gain)) * scale, blockwise in place. Bit j % 64 of signs[j / 64] set means
// d[j] = -1.
void qam_rotate(float *x, double inverse_gain, const uint64_t *signs, size_t count, size_t block, float scale);

// x = (d * H(x)) * factor, blockwise in place.
void qam_rotate_back(float *x, const uint64_t *signs, size_t count, size_t block, float factor);

// ---- Nearest codewords ----------------------------------------------------------------------------------------

// Codewords and a square grid of cells. The codewords that can be nearest to a point of cell i, in ascending order,
// are candidates[starts[i]] ... candidates[starts[i + 1] - 1]; i = row * side + column. A point outside the grid is
// compared with all codewords.
typedef struct {
    const float *x, *y;
    uint32_t count;
    uint32_t side;
    float origin;          // the least coordinate of the grid, on both axes
    float cells_per_unit;
    const uint32_t *starts;
    const uint16_t *candidates;
} qam_plane;

// The index of the codeword with the least (dx * dx) + (dy * dy).
uint32_t qam_nearest(const qam_plane *plane, float x, float y);

// ---- Free codes: eight symbols of `bits` bits in `bits` bytes --------------------------------------------------

// `columns` is even; `symbols` takes ceil(columns / 16) * bits bytes.
void qam_free_encode(const float *z, size_t columns, const qam_plane *plane, uint32_t bits, uint8_t *symbols);

// `points` holds 2^bits pairs (x, y).
void qam_free_decode(const uint8_t *symbols, size_t columns, const float *points, uint32_t bits, float *y);

// ---- Octant codes: groups of 32 pairs, 12 + 4 * stride bytes each ----------------------------------------------

enum { QAM_GROUP_PAIRS = 32, QAM_WINDOWS = 256 };

// Plain codes (stride 8 and more): `plane` holds the base points, x >= y >= 0. `columns` is even.
void qam_octant_encode_plain(const float *z, size_t columns, const qam_plane *plane, uint32_t stride, uint8_t *symbols);

// Trellis codes (stride 1...7): 256 base points, of which `x` and `y` hold window k at `qam_window_slot(k, stride)`.
void qam_octant_encode_trellis(
    const float *z, size_t columns, const float *x, const float *y, uint32_t stride, uint8_t *symbols);

// Where the search keeps window k: windows that share their newest bits lie apart, those that share their next
// state lie `256 >> stride` apart, so that one step of the search runs over consecutive states.
uint32_t qam_window_slot(uint32_t window, uint32_t stride);

// The cheapest ring of `length` windows (at most 32, length * stride at least 8) that the search finds for the
// folded pairs (fx, fy); pairs from `used` on cost nothing. Returns its cost, the float sum in ring order from
// pair 0 on, and stores the windows. The rule: arriving[n] and leaving[n] are the least costs of one turn of windows,
// not closed to a ring, that ends and that begins in state n. Up to eight times, of the states not tried yet whose
// arriving and leaving costs are both below the best ring's, the one with the least arriving + leaving is tried: the
// best ring through it replaces a dearer one. Ties go to the lowest state and the lowest window.
float qam_trellis_search(
    const float *fx, const float *fy, size_t used, size_t length, const float *x, const float *y, uint32_t stride,
    uint8_t *windows);

// The decoded magnitudes as signed integers, never -0. `magnitudes` holds pairs of bytes (a, b), a >= b.
void qam_octant_decode(const uint8_t *symbols, size_t columns, const uint8_t *magnitudes, uint32_t stride, float *y);

#endif
