// The inner loops of coding with error feedback: factoring a Hessian, and coding groups of columns so that the error of
// each pair adjusts the targets of later columns.
//
// One source text (bodies/), compiled for each instruction set. Every sum has a fixed order, so results are
// bit-identical on every instruction set and do not depend on how work is split into calls. Pointers need only their
// type's alignment.
//
// The Hessian H of n input channels is factored as H = V VT with V upper triangular, so the error e = z - y of a row
// costs |VT e|^2, of which coordinate t depends only on columns up to t. With the 2 x 2 blocks D on the diagonal of V
// and F = V D^-1 (columns of a pair together), the target of pair t is z plus the sum of e[j] F[j][t] over the earlier
// columns, and the remaining error x = target - y costs |DT x|^2.

#ifndef FEEDBACK_KERNELS_H
#define FEEDBACK_KERNELS_H

#include <polar_kernels.h>
#include <processor.h>
#include <qam_codes.h>
#include <stdbool.h>

enum {
    FB_WIDTH = 2 * QAM_GROUP_PAIRS, // columns of a group
    FB_STATES = 128,      // maximum states of a trellis
    FB_BLOCK = 64,        // columns that are factored at a time; a multiple of 8
    // Size of the workspace of `code_trellis`, in floats.
    FB_WORK = 2 * FB_STATES * FB_WIDTH + 2 * QAM_GROUP_PAIRS * FB_STATES / 4
};

// A group of columns of one row to be coded.
typedef struct {
    size_t columns;       // at most FB_WIDTH; even for codes of pairs, except for `code_integers`
    const float *panel;   // F of the group's own columns: FB_WIDTH floats for each; zero up to the end of its pair
    const float *metric;  // D of each pair: its elements (0, 0), (0, 1), (1, 1); neither huge nor tiny
    const float *z;       // FB_WIDTH coordinates of the row
    float *targets;       // FB_WIDTH: z adjusted for the errors before the group; on return x = targets - codewords
    float *codewords;     // FB_WIDTH: receives the codewords
    uint8_t *symbols;     // receives the group's symbols (spec sections 8.4, 15.3 and 16.3)
} fb_group;

typedef struct {
    // ---- The factor ----

    // In-place Walsh-Hadamard transform, without normalisation, of each block of `block` doubles.
    void (*hadamard)(double *x, size_t count, size_t block);
    // The same down the columns of `block` rows with a row stride of `row_stride` doubles, for `count` columns.
    void (*hadamard_rows)(double *x, size_t row_stride, size_t count, size_t block);

    // A packed lower triangle of a symmetric matrix: row i begins at fb_row(i). Its Cholesky factorization consists of,
    // for each block of FB_BLOCK columns (the last may be shorter) in ascending order: `reduce` for all rows from
    // `column` on, `factor`, and `solve` for all rows below the block.
    void (*reduce)(double *m, size_t column, size_t width, size_t first_row, size_t end_row);
    // False if the matrix is not positive definite.
    bool (*factor)(double *m, size_t column, size_t width);
    void (*solve)(double *m, size_t column, size_t width, size_t first_row, size_t end_row);

    // ---- Coding ----

    // targets[i][j] += sum over k < count of errors[i][k] * panel[k][j], in ascending order of k by fused
    // multiply-adds, for FB_WIDTH columns j. Row strides of `errors` and `targets` are in floats.
    void (*feed)(
        const float *errors, size_t errors_stride, const float *panel, size_t count, size_t rows, float *targets, size_t targets_stride);
    // Codes a group pair by pair, each with the codeword nearest to its target.
    void (*code_plain)(const fb_group *group, const qam_plane *plane, qam_family family, uint32_t rate);
    // Codes a group of a trellis code with 1 to 7 bits per step, given the points (x, y), x >= y >= 0, of its 256
    // windows. `work` has FB_WORK floats.
    void (*code_trellis)(const fb_group *group, const float *points, uint32_t step_bits, float *work);
    // Codes a group of a polar code pair by pair, each with the codeword nearest to its target.
    void (*code_polar)(const fb_group *group, const pk_search *search);
    // Codes a group of int8 rows, whose z and targets are in units of the gain: the codewords of each pair are the
    // integers from -127 to 127 with the least |DT x|^2. The number of columns may be odd: the last one then has its
    // own `metric`, of which only element (0, 0) is used. `symbols` receives a byte per column.
    void (*code_integers)(const fb_group *group);
} fb_functions;

// The start of row i in a packed triangle: row lengths are rounded up to multiples of 8.
static inline size_t fb_row(size_t i) { return 32 * (i / 8) * (i / 8 + 1) + 8 * (i % 8) * (i / 8 + 1); }

// The best functions for processors with these features.
const fb_functions *fb_functions_for(qam_features features);

#endif
