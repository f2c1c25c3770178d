// Rotation and Cholesky factorization, in double.

static void hadamard(double *x, size_t count, size_t block) {
    for (size_t h = 1; h < block; h *= 2) {
        for (size_t p = 0; p < count; p += 2 * h) {
            for (size_t i = p; i < p + h; i++) {
                double a = x[i], b = x[i + h];
                x[i] = a + b;
                x[i + h] = a - b;
            }
        }
    }
}

static void hadamard_rows(double *x, size_t row_stride, size_t count, size_t block) {
    for (size_t h = 1; h < block; h *= 2) {
        for (size_t p = 0; p < block; p++) {
            if (p & h) continue;
            double *upper = x + p * row_stride, *lower = upper + h * row_stride;
            for (size_t i = 0; i < count; i++) {
                double a = upper[i], b = lower[i];
                upper[i] = a + b;
                lower[i] = a - b;
            }
        }
    }
}

// The sum of eight lanes, adding halves to halves.
INLINE double sum8(doubles v) {
    double x[DOUBLES];
    store_doubles(x, v);
    for (int width = DOUBLES / 2; width; width /= 2) {
        for (int i = 0; i < width; i++) x[i] += x[i + width];
    }
    return x[0];
}

// m[i][j] -= the inner product of the first `count` elements (a multiple of 8) of rows i and j, for `height` rows by
// `width`.
INLINE void reduce_tile(double *m, size_t i, size_t j, size_t count, const int height, const int width) {
    doubles sums[4][4] = {{{0}}};
    for (size_t k = 0; k < count; k += DOUBLES) {
        doubles a[4];
        for (int r = 0; r < height; r++) a[r] = load_doubles(m + fb_row(i + (size_t)r) + k);
        for (int c = 0; c < width; c++) {
            doubles b = load_doubles(m + fb_row(j + (size_t)c) + k);
            for (int r = 0; r < height; r++) sums[r][c] = __builtin_elementwise_fma(a[r], b, sums[r][c]);
        }
    }
    for (int r = 0; r < height; r++) {
        for (int c = 0; c < width; c++) {
            if (j + (size_t)c <= i + (size_t)r) m[fb_row(i + (size_t)r) + j + (size_t)c] -= sum8(sums[r][c]);
        }
    }
}

static void reduce(double *m, size_t column, size_t width, size_t first_row, size_t end_row) {
    const size_t end = column + width;
    size_t i = first_row;
    for (; i + 4 <= end_row; i += 4) {
        size_t j = column;
        for (; j + 4 <= end; j += 4) reduce_tile(m, i, j, column, 4, 4);
        for (; j < end; j++) reduce_tile(m, i, j, column, 4, 1);
    }
    for (; i < end_row; i++) {
        for (size_t j = column; j < end && j <= i; j++) reduce_tile(m, i, j, column, 1, 1);
    }
}

static bool factor(double *m, size_t column, size_t width) {
    for (size_t i = column; i < column + width; i++) {
        double *row = m + fb_row(i);
        for (size_t j = column; j <= i; j++) {
            const double *other = m + fb_row(j);
            double sum = row[j];
            for (size_t k = column; k < j; k++) sum -= row[k] * other[k];
            if (j < i) {
                row[j] = sum / other[j];
            } else {
                if (!(sum > 0) || !(sum < INFINITY)) return false;
                row[j] = sqrt(sum);
            }
        }
    }
    return true;
}

INLINE void solve_rows(double *m, size_t column, size_t width, size_t row, const int count) {
    for (size_t j = column; j < column + width; j++) {
        const double *other = m + fb_row(j);
        double sums[4];
        for (int r = 0; r < count; r++) sums[r] = m[fb_row(row + (size_t)r) + j];
        for (size_t k = column; k < j; k++) {
            for (int r = 0; r < count; r++) sums[r] -= m[fb_row(row + (size_t)r) + k] * other[k];
        }
        for (int r = 0; r < count; r++) m[fb_row(row + (size_t)r) + j] = sums[r] / other[j];
    }
}

static void solve(double *m, size_t column, size_t width, size_t first_row, size_t end_row) {
    size_t i = first_row;
    for (; i + 4 <= end_row; i += 4) solve_rows(m, column, width, i, 4);
    for (; i < end_row; i++) solve_rows(m, column, width, i, 1);
}
