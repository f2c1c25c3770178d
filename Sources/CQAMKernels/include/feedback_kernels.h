// The inner loops of coding with feedback: the factor of a matrix of second moments, and groups of columns coded so that
// the error of each pair moves the columns after it.
//
// One text (bodies/), compiled for each instruction set. Every sum has a fixed order, so results have the same bits on
// every instruction set and do not depend on how work is cut into calls. Pointers need no alignment beyond their type's.
//
// The second moments H of the inputs' n channels are factored as H = V VT with V upper triangular, so that the error
// e = z - y of a row costs |VT e|^2, of which coordinate t depends on the columns up to t only. With the 2 x 2 blocks D
// on the diagonal of V and F = V D^-1 (columns of a pair together), the target of pair t is z plus the sum of e[j] F[j][t]
// over the columns before it, and what is left of it after coding, x = target - y, costs |DT x|^2.

#ifndef FEEDBACK_KERNELS_H
#define FEEDBACK_KERNELS_H

#include <polar_kernels.h>
#include <processor.h>
#include <qam_codes.h>
#include <stdbool.h>

enum {
    FB_WIDTH = 2 * QAM_GROUP_PAIRS, // columns of a group
    FB_STATES = 128,      // most states of a trellis
    FB_BLOCK = 64,        // columns that are factored at a time; a multiple of 8
    // Floats that `code_trellis` works in.
    FB_WORK = 2 * FB_STATES * FB_WIDTH + 2 * QAM_GROUP_PAIRS * FB_STATES / 4
};

// A group of columns to be coded in one row.
typedef struct {
    size_t columns;       // at most FB_WIDTH; even, but for `code_integers`
    const float *panel;   // F of the group's own columns: FB_WIDTH floats for each of them; zero up to the end of its pair
    const float *metric;  // D of each pair: its elements (0, 0), (0, 1), (1, 1); neither huge nor tiny
    const float *z;       // FB_WIDTH coordinates of the row
    float *targets;       // FB_WIDTH: z and what the columns before the group have added; then x = targets - codewords
    float *codewords;     // FB_WIDTH: takes the codewords
    uint8_t *symbols;     // takes the group's symbols (spec sections 8.4, 15.3 and 16.3)
} fb_group;

typedef struct {
    // ---- The factor ----

    // Walsh-Hadamard transform, without normalisation, of each block of `block` doubles in place.
    void (*hadamard)(double *x, size_t count, size_t block);
    // The same across `block` rows that lie `apart` doubles apart, for `count` columns.
    void (*hadamard_rows)(double *x, size_t apart, size_t count, size_t block);

    // The lower triangle of a symmetric matrix, packed: row i begins at fb_row(i). Cholesky's factorization of it takes,
    // for each block of FB_BLOCK columns (the last may be shorter) from the first on: `reduce` for all rows from `column` on, `factor`, and
    // `solve` for all rows below the block.
    void (*reduce)(double *m, size_t column, size_t width, size_t first_row, size_t end_row);
    // False where the matrix is not positive definite.
    bool (*factor)(double *m, size_t column, size_t width);
    void (*solve)(double *m, size_t column, size_t width, size_t first_row, size_t end_row);

    // ---- Coding ----

    // targets[i][j] += sum over k < count of errors[i][k] * panel[k][j], in ascending order of k by fused multiply-adds, for
    // FB_WIDTH columns j. Rows of `errors` and `targets` lie so many floats apart.
    void (*feed)(
        const float *errors, size_t errors_apart, const float *panel, size_t count, size_t rows, float *targets, size_t targets_apart);
    // Codes a group pair by pair, each by the codeword nearest to its target.
    void (*code_plain)(const fb_group *group, const qam_plane *plane, qam_family family, uint32_t rate);
    // Codes a group of a trellis code of stride 1 to 7 with the points (x, y), x >= y >= 0, of its 256 windows. `work` holds FB_WORK floats.
    void (*code_trellis)(const fb_group *group, const float *points, uint32_t stride, float *work);
    // Codes a group of a polar code pair by pair, each by the codeword nearest to its target.
    void (*code_polar)(const fb_group *group, const pk_search *search);
    // Codes a group of int8 rows, whose z and targets are in units of the gain: codewords are the integers from -127 to 127, of
    // each pair those with the least |DT x|^2. The columns may be odd here: the last one then has a `metric` of its own, of
    // which only element (0, 0) counts. `symbols` takes a byte a column.
    void (*code_integers)(const fb_group *group);
} fb_functions;

// Where row i of a packed triangle begins: rows are as long as multiples of 8.
static inline size_t fb_row(size_t i) { return 32 * (i / 8) * (i / 8 + 1) + 8 * (i % 8) * (i / 8 + 1); }

// The best functions for processors with these features.
const fb_functions *fb_functions_for(qam_features features);

#endif
