// Int8 rows and their products.

#include "functions.h"
#include "integer_kernels.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

enum { LONGEST = 2050 };

// Lengths with every remainder, odd ones included, then long ones.
static size_t next_length(size_t columns) {
    if (columns < 140) return columns + 1;
    return columns < 1000 ? columns * 2 - 3 : columns < LONGEST ? LONGEST : 0;
}

static float plain_quotient(float w, float gain) {
    float q = nearbyintf(w / gain);
    return q > 127 ? 127 : q < -127 ? -127 : q;
}

static float plain_largest(const float *x, size_t count) {
    float most = 0;
    for (size_t j = 0; j < count; j++) {
        if (isnan(x[j])) return NAN;
        most = fmaxf(most, fabsf(x[j]));
    }
    return most;
}

void check_integer_rows(check *c) {
    const ik_functions *truth = ik_functions_for(QAM_SET_SCALAR), *table = ik_functions_for(c->features);
    for (size_t columns = 1; columns; columns = next_length(columns))
        for (value_kind kind = ORDINARY; kind < VALUE_KINDS; kind++) {
            begin_case(c, "%zu columns of kind %d", columns, kind);
            float *w = place_values(c, "w", columns, kind);
            float found = table->largest(w, columns), expected = truth->largest(w, columns), plain = plain_largest(w, columns);
            same_floats(c, &expected, &found, 1);
            same_floats(c, &plain, &found, 1);
            // Finite from here on, including ties.
            for (size_t j = 0; j < columns; j++)
                if (!isfinite(w[j])) w[j] = (float)below(c, 9) - 4;
            float gains[] = {below(c, 4) ? plain_largest(w, columns) / 127 : 0x1p-5f, 0, 0x1p-149f};
            for (size_t g = 0; g < 3; g++) {
                int8_t *first = place(c, "first", columns), *symbols = place(c, "symbols", columns);
                truth->encode(w, columns, gains[g], first);
                table->encode(w, columns, gains[g], symbols);
                same_bytes(c, first, symbols, columns);
                for (size_t j = 0; j < columns; j++) {
                    float q = gains[g] == 0 ? 0 : plain_quotient(w[j], gains[g]);
                    if ((float)symbols[j] != q) fail(c, "column %zu is %d, not %g", j, symbols[j], (double)q);
                }
            }
            release(c, 0);
        }
    for (size_t columns = 1; columns; columns = next_length(columns)) {
        size_t rows = below(c, 4), count = rows * columns;
        begin_case(c, "decoding %zu rows of %zu columns", rows, columns);
        const int8_t *symbols = place(c, "symbols", count);
        const float *gains = place_values(c, "gains", rows, EXTREME), *scales = place_values(c, "scales", columns, ORDINARY);
        for (int scaled = 0; scaled < 2; scaled++) {
            float *expected = place(c, "expected", count * sizeof *expected), *out = place(c, "out", count * sizeof *out);
            truth->decode(symbols, columns, gains, rows, scaled ? scales : NULL, expected);
            table->decode(symbols, columns, gains, rows, scaled ? scales : NULL, out);
            same_floats(c, expected, out, count);
            for (size_t j = 0; j < count; j++) {
                float w = (float)symbols[j] * gains[j / columns];
                expected[j] = scaled ? w / scales[j % columns] : w;
            }
            same_floats(c, expected, out, count);
        }
        release(c, 0);
    }
}

void check_integer_prepare(check *c) {
    const ik_functions *truth = ik_functions_for(QAM_SET_SCALAR), *table = ik_functions_for(c->features);
    for (size_t columns = 1; columns; columns = next_length(columns))
        for (value_kind kind = ORDINARY; kind < VALUE_KINDS; kind++) {
            begin_case(c, "%zu columns of kind %d", columns, kind);
            float *x = place_values(c, "x", columns, kind), *scales = place_values(c, "scales", columns, ORDINARY);
            for (size_t j = 0; j < columns; j++) {
                scales[j] = fabsf(scales[j]) + 0x1p-4f;
                // Some so small that they are rounded to zero.
                if (columns % 7 == 0) x[j] = kind == ORDINARY ? ldexpf(x[j], -105) : x[j];
            }
            const float *given = below(c, 2) ? scales : NULL;
            float *first = place_copy(c, "first", x, columns * sizeof *x), *second = place_copy(c, "second", x, columns * sizeof *x);
            int8_t *expected = place(c, "expected", columns), *values = place(c, "values", columns);
            float scale = truth->prepare(first, given, columns, expected), other = table->prepare(second, given, columns, values);
            same_floats(c, &scale, &other, 1);
            same_floats(c, first, second, columns);
            same_bytes(c, expected, values, columns);

            for (size_t j = 0; given && j < columns; j++) x[j] /= scales[j];
            same_floats(c, x, second, columns);
            float most = plain_largest(x, columns), plain = isfinite(most) ? most < 0x1p-100f ? 0 : most / 127 : NAN;
            same_floats(c, &plain, &other, 1);
            for (size_t j = 0; j < columns; j++) {
                float value = plain > 0 ? nearbyintf(x[j] * (127 / most)) : 0;
                if ((float)values[j] != value) fail(c, "column %zu is %d, not %g", j, values[j], (double)value);
            }
            release(c, 0);
        }
}

// Only extreme values make sums that overflow int32.
static void multiply_rows(check *c, size_t columns, size_t rows, size_t vectors, bool extreme) {
    const ik_functions *truth = ik_functions_for(QAM_SET_SCALAR), *table = ik_functions_for(c->features);
    begin_case(c, "%zu rows of %zu columns times %zu vectors%s", rows, columns, vectors, extreme ? ", extremes" : "");
    int8_t *symbols = place(c, "symbols", rows * columns), *values = place(c, "values", vectors * columns);
    if (extreme) memset(symbols, -128, rows * columns), memset(values, (int)below(c, 2) ? -127 : 127, vectors * columns);
    for (size_t j = 0; j < vectors * columns; j++)
        if (values[j] == -128) values[j] = -127;
    const float *gains = place_values(c, "gains", rows, EXTREME), *scales = place_values(c, "scales", vectors, SPECIAL);
    const size_t row_stride = rows + below(c, 3), count = vectors ? (vectors - 1) * row_stride + rows : 0;
    float *expected = place(c, "expected", count * sizeof *expected);
    float *out = place_copy(c, "out", expected, count * sizeof *out), *plain = place_copy(c, "plain", expected, count * sizeof *out);
    truth->multiply(symbols, columns, gains, rows, values, scales, vectors, expected, row_stride);
    table->multiply(symbols, columns, gains, rows, values, scales, vectors, out, row_stride);
    same_floats(c, expected, out, count);
    for (size_t t = 0; t < vectors; t++)
        for (size_t i = 0; i < rows; i++) {
            int64_t sum = 0;
            for (size_t j = 0; j < columns; j++) sum += symbols[i * columns + j] * values[t * columns + j];
            plain[t * row_stride + i] = (float)sum * (gains[i] * scales[t]);
        }
    same_floats(c, plain, out, count);
    release(c, 0);
}

void check_integer_multiply(check *c) {
    for (size_t columns = 1; columns; columns = next_length(columns))
        for (size_t round = 0; round < 4; round++) multiply_rows(c, columns, below(c, 12), below(c, 10), below(c, 8) == 0);
    // More than int32 and one span of columns can hold.
    multiply_rows(c, 140000, 5, 5, true);
    multiply_rows(c, (1 << 20) + 3, 1, 1, true);
    multiply_rows(c, (1 << 20) + 3, 3, 2, false);
}
