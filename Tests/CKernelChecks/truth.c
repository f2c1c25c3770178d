// The scalar table against plain computations: checks that the scalar reference itself follows the specification.

#include "functions.h"
#include "plain.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

static double combine(const double s[8]) { return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])); }

void check_plain_sums(check *c) {
    for (size_t n = 1; n < 200; n += 1 + n / 40) {
        begin_case(c, "%zu values", n);
        const float *a = place_values(c, "a", n, ORDINARY), *b = place_values(c, "b", n, ORDINARY);
        double aa[8] = {0}, ab[8] = {0}, bb[8] = {0}, dd[8] = {0};
        for (size_t j = 0; j < n; j++) {
            double x = (double)a[j], y = (double)b[j];
            aa[j % 8] += x * x;
            ab[j % 8] += x * y;
            bb[j % 8] += y * y;
            dd[j % 8] += (x - y) * (x - y);
        }
        qam_products sums = c->table->inner_products(a, b, n);
        same_double(c, combine(aa), sums.zz);
        same_double(c, combine(ab), sums.zy);
        same_double(c, combine(bb), sums.yy);
        same_double(c, combine(aa), c->table->sum_of_squares(a, n));
        same_double(c, combine(dd), c->table->squared_distance(a, b, n));
        release(c, 0);
    }
}

// ---- Conversion -------------------------------------------------------------------------------------------------

// The value of a finite binary16 magnitude.
static double half_value(uint32_t bits) {
    uint32_t exponent = bits >> 10, fraction = bits & 0x3FF;
    return exponent ? ldexp(1024 + fraction, (int)exponent - 25) : ldexp(fraction, -24);
}

static uint16_t rounded(check *c, float x) {
    uint16_t half;
    c->table->from_floats(&x, 1, QAM_F16, &half);
    return half;
}

void check_plain_halves(check *c) {
    for (uint32_t bits = 0; bits < 0x7C00; bits++) {
        begin_case(c, "half 0x%04x", bits);
        uint16_t half = (uint16_t)bits;
        float x, expected = (float)half_value(bits);
        c->table->to_floats(&half, QAM_F16, 1, &x);
        same_floats(c, &expected, &x, 1);
        // The midpoint of two adjacent float16 values is a float; infinity follows the largest.
        float middle = (float)((half_value(bits) + half_value(bits + 1)) / 2);
        uint16_t even = (uint16_t)(bits + (bits & 1)), next = (uint16_t)(bits + 1), negative = half | 0x8000;
        uint16_t results[] = {
            rounded(c, expected), rounded(c, nextafterf(middle, 0)), rounded(c, middle),
            rounded(c, nextafterf(middle, INFINITY)), rounded(c, -expected)};
        uint16_t wanted[] = {half, half, even, next, negative};
        same_bytes(c, wanted, results, sizeof wanted);
    }
}

// ---- Rotation ---------------------------------------------------------------------------------------------------

void check_plain_rotation(check *c) {
    for (size_t block = 2; block <= 1 << 15; block *= 2)
        for (size_t count = block; count <= 3 * block; count += block) {
            begin_case(c, "%zu floats in blocks of %zu", count, block);
            const uint64_t *signs = place(c, "signs", (count + 63) / 64 * sizeof *signs);
            float *x = place_values(c, "x", count, ORDINARY), *back = place_copy(c, "back", x, count * sizeof *x);
            float *plain = place_copy(c, "plain", x, count * sizeof *x), *plain_back = place_copy(c, "plain back", x, count * sizeof *x);
            // The power of two is applied before the transform, the remaining factor after it.
            double rest = 1 + (double)below(c, 1 << 20) * 0x1p-20;
            int exponent = (int)below(c, 60) - 30;
            float factor = 0.3f;
            for (size_t j = 0; j < count; j++)
                plain[j] = ldexpf(plain_sign(signs, j) ? -plain[j] : plain[j], exponent);
            plain_hadamard(plain, count, block);
            plain_hadamard(plain_back, count, block);
            for (size_t j = 0; j < count; j++) {
                plain[j] *= (float)(rest * (double)factor);
                plain_back[j] = (plain_sign(signs, j) ? -plain_back[j] : plain_back[j]) * factor;
            }
            c->table->rotate(x, ldexp(rest, exponent), signs, count, block, factor);
            c->table->rotate_back(back, signs, count, block, factor);
            same_floats(c, plain, x, count);
            same_floats(c, plain_back, back, count);
            release(c, 0);
        }
}

// ---- Decoding ---------------------------------------------------------------------------------------------------

static void decode_plainly(check *c, qam_family family, uint32_t rate, size_t columns, bool scaled) {
    enum { ROWS = 2 };
    size_t block = random_block(c, columns), row_bytes = qam_row_bytes(family, rate, columns);
    begin_case(c, "family %d, rate %u, %zu columns in blocks of %zu", family, rate, columns, block);
    qam_code code = place_code(c, family, rate, columns, block, scaled);
    const uint8_t *symbols = place(c, "symbols", ROWS * row_bytes);
    const float *factors = place_values(c, "factors", ROWS, ORDINARY);
    double *codewords = place(c, "codewords", columns * sizeof *codewords);
    float *plain = place(c, "plain", ROWS * columns * sizeof *plain), *out = place(c, "out", ROWS * columns * sizeof *out);
    for (size_t i = 0; i < ROWS; i++) {
        float *row = plain + i * columns;
        plain_codewords(&code, NULL, symbols + i * row_bytes, codewords);
        for (size_t j = 0; j < columns; j++) row[j] = (float)codewords[j];
        if (i == 0) {
            if (family == QAM_FREE)
                c->table->free_decode(symbols, columns, code.points, rate, out);
            else
                c->table->octant_decode(symbols, columns, code.magnitudes, rate, out);
            same_bytes(c, row, out, columns * sizeof *out);
        }
        plain_hadamard(row, columns, block);
        float factor = factors[i] * plain_root(block);
        for (size_t j = 0; j < columns; j++) {
            row[j] = (plain_sign(code.signs, j) ? -row[j] : row[j]) * factor;
            if (scaled) row[j] = row[j] / code.channel_scales[j];
        }
    }
    c->table->dequantize(c->table, &code, symbols, factors, ROWS, out);
    same_bytes(c, plain, out, ROWS * columns * sizeof *out);
    release(c, 0);
}

void check_plain_decoding(check *c) {
    for (qam_family family = QAM_FREE; family <= QAM_OCTANT; family++)
        for (uint32_t rate = first_rate(family); rate <= last_rate(family); rate++)
            for (size_t columns = 2; columns; columns = next_columns(columns, 150, 1200))
                decode_plainly(c, family, rate, columns, columns % 3 == 0);
}

// ---- Products ---------------------------------------------------------------------------------------------------

static void multiply_plainly(check *c, qam_family family, uint32_t rate, size_t columns) {
    size_t block = random_block(c, columns), blocks = (columns + QAM_ACTIVATION_BLOCK - 1) / QAM_ACTIVATION_BLOCK;
    begin_case(c, "family %d, rate %u, %zu columns in blocks of %zu", family, rate, columns, block);
    qam_code code = place_code(c, family, rate, columns, block, true);
    const uint8_t *symbols = place(c, "symbols", qam_row_bytes(family, rate, columns));
    int16_t *fixed = family == QAM_FREE ? place(c, "fixed_points", (size_t)4 << rate) : NULL;
    if (fixed) qam_fix_points(code.points, (size_t)1 << rate, fixed);
    double *y = place(c, "codewords", columns * sizeof *y);
    plain_codewords(&code, fixed, symbols, y);

    float *x = place_values(c, "x", columns, ORDINARY), *plain = place_copy(c, "plain x", x, columns * sizeof *x);
    qam_activation activation = {
        place(c, "values", qam_activation_bytes(columns)), place(c, "scales", blocks * sizeof(float))};
    c->table->prepare(c->table, &code, x, activation);
    for (size_t j = 0; j < columns; j++) plain[j] = (plain_sign(code.signs, j) ? -1.f : 1.f) * (plain[j] / code.channel_scales[j]);
    plain_hadamard(plain, columns, block);
    float lanes[16] = {0};
    for (size_t first = 0; first < columns; first += QAM_ACTIVATION_BLOCK) {
        size_t end = columns - first < QAM_ACTIVATION_BLOCK ? columns : first + QAM_ACTIVATION_BLOCK;
        float largest = 0, scale = activation.scales[first / QAM_ACTIVATION_BLOCK];
        for (size_t j = first; j < end; j++) largest = fmaxf(largest, fabsf(plain[j] *= plain_root(block)));
        float expected_scale = largest / 127;
        same_floats(c, &expected_scale, &scale, 1);
        double sums[16] = {0};
        for (size_t j = first; j < end; j++) {
            int8_t value = (int8_t)rintf(plain[j] * (127 / largest));
            size_t pair = j / 2, place = family == QAM_FREE ? j : pair / 64 * 128 + j % 2 * 64 + pair % 64;
            int8_t negated = (int8_t)-value;
            same_bytes(c, &value, &activation.values[place], 1);
            same_bytes(c, &negated, &activation.values[qam_activation_bytes(columns) / 2 + place], 1);
            sums[family == QAM_FREE ? pair % 16 : pair % 64 / 4] += y[j] * value;
        }
        for (int l = 0; l < 16; l++) lanes[l] += (float)(int32_t)sums[l] * scale;
    }
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
    float factor = 0.6f, expected = factor * lanes[0], out;
    c->table->multiply(&code, fixed, symbols, &factor, 1, &activation, 1, &out, 1);
    same_floats(c, &expected, &out, 1);
    release(c, 0);
}

void check_plain_product(check *c) {
    for (qam_family family = QAM_FREE; family <= QAM_OCTANT; family++)
        for (uint32_t rate = first_rate(family); rate <= last_rate(family); rate++)
            for (size_t columns = 2; columns; columns = next_columns(columns, 150, 1200))
                multiply_plainly(c, family, rate, columns);
}
