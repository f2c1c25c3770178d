// Products with int8 activations.

#include "functions.h"

#include <math.h>
#include <string.h>

static size_t scale_count(size_t columns) { return (columns + QAM_ACTIVATION_BLOCK - 1) / QAM_ACTIVATION_BLOCK; }

static qam_activation place_activation(check *c, size_t columns) {
    return (qam_activation){
        place(c, "values", qam_activation_bytes(columns)), place(c, "scales", scale_count(columns) * sizeof(float))};
}

// ---- prepare ----------------------------------------------------------------------------------------------------

// Blocks of zeros, of values too small for a scale, with one outlier, with ties, and with values that are not finite.
static void fill_activation(check *c, float *x, size_t columns, size_t block) {
    for (size_t first = 0; first < columns; first += block) {
        size_t kind = below(c, 10);
        for (size_t j = first; j < first + block; j++)
            switch (kind) {
            case 0: x[j] = 0; break;
            case 1: x[j] = gaussian(c) * 0x1p-101f; break;
            case 2: x[j] = j == first ? 1 : 0; break;
            case 3: x[j] = random_value(c, GRIDDED); break;
            case 4: x[j] = random_value(c, EXTREME); break;
            case 5: x[j] = gaussian(c) * 0x1p+120f; break;
            default: x[j] = gaussian(c); break;
            }
        if (below(c, 12) == 0) x[first + below(c, block)] = below(c, 2) ? NAN : -INFINITY;
    }
}

void check_prepare(check *c) {
    for (int round = 0; round < 6; round++)
        for (qam_family family = QAM_FREE; family <= QAM_OCTANT; family++)
            for (size_t columns = 2; columns; columns = next_columns(columns, 300, 5120)) {
                size_t block = random_block(c, columns);
                bool scaled = below(c, 3) == 0;
                begin_case(
                    c, "family %d, %zu columns in blocks of %zu%s", family, columns, block, scaled ? " with scales" : "");
                qam_code code = place_code(c, family, 4, columns, block, scaled);
                code.points = NULL, code.magnitudes = NULL;
                float *x = place(c, "x", columns * sizeof *x);
                fill_activation(c, x, columns, block);
                float *copy = place_copy(c, "truth's x", x, columns * sizeof *x);
                qam_activation expected = place_activation(c, columns), activation = place_activation(c, columns);
                c->truth->prepare(c->truth, &code, copy, expected);
                c->table->prepare(c->table, &code, x, activation);
                same_bytes(c, expected.values, activation.values, qam_activation_bytes(columns));
                same_floats(c, expected.scales, activation.scales, scale_count(columns));
                same_floats(c, copy, x, columns);
                release(c, 0);
            }
}

// ---- multiply ---------------------------------------------------------------------------------------------------

// Values as `prepare` makes them: -127 to 127, zeros as padding, then the same negated.
static void fill_prepared(check *c, const qam_code *code, qam_activation activation) {
    size_t pairs = code->columns / 2, count = qam_activation_bytes(code->columns) / 2;
    // Sometimes the first positions of a row's lanes hold whole blocks of the largest products.
    size_t largest = below(c, 4) == 0 ? code->columns / 128 * 128 : 0;
    for (size_t i = 0; i < count; i++) {
        size_t pair = code->family == QAM_FREE ? i / 2 : i / 128 * 64 + i % 64;
        // The largest magnitude is frequent, so that overflowing sums are found.
        int32_t value = (int32_t)below(c, 255) - 127;
        if (below(c, 4) == 0) value = value < 0 ? -127 : 127;
        if (i < largest) value = 127;
        activation.values[i] = (int8_t)(pair < pairs ? value : 0);
        activation.values[count + i] = (int8_t)-activation.values[i];
    }
    for (size_t i = 0; i < scale_count(code->columns); i++)
        activation.scales[i] = below(c, 64) == 0 ? NAN : below(c, 32) == 0 ? 0 : fabsf(gaussian(c)) / 127;
}

static void multiply_rows(check *c, const qam_code *code, size_t rows, size_t batch) {
    size_t output_stride = rows + below(c, 3), count = (batch - 1) * output_stride + rows;
    const uint8_t *symbols = place(c, "symbols", rows * qam_row_bytes(code->family, code->rate, code->columns));
    float *factors = place_values(c, "factors", rows, ORDINARY);
    int16_t *fixed = NULL;
    if (code->family == QAM_FREE) {
        size_t coordinates = (size_t)2 << code->rate;
        fixed = place(c, "fixed_points", coordinates * sizeof *fixed);
        for (size_t i = 0; i < coordinates; i++)
            fixed[i] = (int16_t)((int32_t)below(c, 65535) - 32767);
        fixed[below(c, coordinates)] = 32767;
    }
    qam_activation activations[9 + 14];
    for (size_t t = 0; t < batch; t++) {
        activations[t] = place_activation(c, code->columns);
        fill_prepared(c, code, activations[t]);
    }
    float *expected = place(c, "expected", count * sizeof *expected);
    float *out = place_copy(c, "out", expected, count * sizeof *out);
    c->truth->multiply(code, fixed, symbols, factors, rows, activations, batch, expected, output_stride);
    c->table->multiply(code, fixed, symbols, factors, rows, activations, batch, out, output_stride);
    // The gaps between the rows of `out` keep their old values in both.
    same_floats(c, expected, out, count);
}

void check_multiply(check *c) {
    for (qam_family family = QAM_FREE; family <= QAM_OCTANT; family++)
        for (uint32_t rate = first_rate(family); rate <= last_rate(family); rate++)
            for (size_t columns = 2; columns; columns = next_columns(columns, 300, 5120)) {
                size_t rows = 1 + below(c, columns < 300 ? 9 : 3), batch = 1 + below(c, columns < 300 ? 9 : 5);
                // Sometimes more activations than a function may keep sums for.
                if (below(c, 12) == 0) batch += 14;
                begin_case(
                    c, "family %d, rate %u, %zu rows of %zu columns, batch of %zu", family, rate, rows, columns, batch);
                qam_code code = place_code(c, family, rate, columns, 2, false);
                multiply_rows(c, &code, rows, batch);
                release(c, 0);
            }
}
