// The Cholesky factor of a Hessian.

#include "checks.h"

#include <math.h>
#include <string.h>

static double *place_doubles(size_t count) {
    double *x = place(count, sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = (double)gaussian();
    return x;
}

// In row i of a Walsh-Hadamard matrix, the sign of column j is the parity of i & j.
static bool is_odd(size_t bits) { return __builtin_parityll(bits); }

void check_hadamard(check *c) {
    for (size_t block = 1; block <= 1024; block *= 2) {
        size_t count = block * random_below(4);
        double *x = place_doubles(count);
        double *expected = place_copy(x, count, sizeof *x), *actual = place_copy(x, count, sizeof *x);
        c->truth->hadamard(expected, count, block);
        c->table->hadamard(actual, count, block);
        if (memcmp(expected, actual, count * sizeof *x) != 0) fail(c, "%zu in blocks of %zu differ", count, block);
        for (size_t i = 0; i < count; i++) {
            const double *from = x + i / block * block;
            double sum = 0;
            for (size_t j = 0; j < block; j++) sum += is_odd(i % block & j) ? -from[j] : from[j];
            if (!(fabs(sum - actual[i]) < 1e-12 * (double)block)) fail(c, "number %zu in blocks of %zu is %g, not %g", i, block, actual[i], sum);
        }
        release();
    }
}

// Rows with a stride larger than their length; the gap stays unchanged.
void check_hadamard_rows(check *c) {
    for (size_t block = 1; block <= 64; block *= 2) {
        for (size_t count = 0; count <= 20; count++) {
            size_t row_stride = count + random_below(4), length = (block - 1) * row_stride + count;
            double *x = place_doubles(length);
            double *expected = place_copy(x, length, sizeof *x), *actual = place_copy(x, length, sizeof *x);
            c->truth->hadamard_rows(expected, row_stride, count, block);
            c->table->hadamard_rows(actual, row_stride, count, block);
            if (memcmp(expected, actual, length * sizeof *x) != 0) fail(c, "%zu columns of %zu rows differ", count, block);
            for (size_t i = 0; i < length; i++) {
                size_t row = i / row_stride, column = i % row_stride;
                double sum = column < count ? 0 : x[i];
                for (size_t j = 0; j < block && column < count; j++) sum += is_odd(row & j) ? -x[j * row_stride + column] : x[j * row_stride + column];
                if (!(fabs(sum - actual[i]) < 1e-12 * (double)block)) fail(c, "number %zu of %zu rows is %g, not %g", i, block, actual[i], sum);
            }
            release();
        }
    }
}

// Rows `first` to `end` in random steps of at most `most`; 0 for all at once.
static void eliminate(const fb_functions *table, double *m, size_t column, size_t width, size_t first, size_t end, bool solve, size_t most) {
    for (size_t row = first; row < end;) {
        size_t next = most ? row + 1 + random_below(most) : end;
        if (next > end) next = end;
        table->reduce(m, column, width, row, next);
        if (solve) table->solve(m, column, width, row, next);
        row = next;
    }
}

// As the header specifies: block after block, the rows of each in parts.
static bool factor(const fb_functions *table, double *m, size_t rows, size_t most) {
    for (size_t column = 0; column < rows; column += FB_BLOCK) {
        size_t width = rows - column < FB_BLOCK ? rows - column : FB_BLOCK;
        eliminate(table, m, column, width, column, column + width, false, most);
        if (!table->factor(m, column, width)) return false;
        eliminate(table, m, column, width, column + width, rows, true, most);
    }
    return true;
}

// A packed matrix B BT, positive definite because the diagonal of B dominates; NaNs between its rows.
static double *place_moments(size_t rows, size_t length) {
    double *m = place(length, sizeof *m), *b = place_doubles(rows * rows);
    for (size_t i = 0; i < length; i++) m[i] = NAN;
    for (size_t i = 0; i < rows; i++) b[i * rows + i] += 4;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = 0; k < rows; k++) sum += b[i * rows + k] * b[j * rows + k];
            m[fb_row(i) + j] = sum;
        }
    }
    return m;
}

void check_cholesky(check *c) {
    static const size_t sizes[] = {1, 2, 3, 7, 8, 9, 31, 63, 64, 65, 71, 128, 131, 200};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t rows = sizes[s], length = fb_row(rows - 1) + rows, bytes = length * sizeof(double);
        double *m = place_moments(rows, length);
        double *expected = place_copy(m, length, sizeof *m), *actual = place_copy(m, length, sizeof *m);
        if (!factor(c->truth, expected, rows, 0) || !factor(c->table, actual, rows, 9)) fail(c, "%zu rows are refused", rows);
        if (memcmp(expected, actual, bytes) != 0) fail(c, "the factors of %zu rows differ", rows);
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j <= i; j++) {
                double sum = 0;
                for (size_t k = 0; k <= j; k++) sum += actual[fb_row(i) + k] * actual[fb_row(j) + k];
                double tolerance = 1e-13 * (double)rows * sqrt(m[fb_row(i) + i] * m[fb_row(j) + j]);
                if (!(fabs(sum - m[fb_row(i) + j]) < tolerance)) fail(c, "element %zu, %zu of %zu rows is %g, not %g", i, j, rows, sum, m[fb_row(i) + j]);
            }
        }
        // Diagonal elements that cannot be a sum of squares.
        static const double wrong[] = {-1e9, NAN, INFINITY};
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
            size_t row = random_below(rows);
            memcpy(actual, m, bytes);
            actual[fb_row(row) + row] = wrong[w];
            if (factor(c->table, actual, rows, 9)) fail(c, "%g in row %zu of %zu is taken", wrong[w], row, rows);
        }
        release();
    }
}
