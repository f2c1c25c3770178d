// The error of products with int8 activations.

#include "checks.h"

#include <math.h>

// Enough rows to measure the error within 3%.
enum { ROWS = 1024 };

static double product(const float *weights, const double *x, size_t columns) {
    double sum = 0;
    for (size_t j = 0; j < columns; j++) sum += (double)weights[j] * x[j];
    return sum;
}

static double relative_error(const double *truth, const double *value) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < ROWS; i++) {
        error += (value[i] - truth[i]) * (value[i] - truth[i]);
        norm += truth[i] * truth[i];
    }
    return sqrt(error / norm);
}

// An activation, quantized to int8 without rotation.
static void quantize_as_it_is(const float *x, size_t columns, double *out) {
    for (size_t first = 0; first < columns; first += QAM_ACTIVATION_BLOCK) {
        size_t end = columns - first < QAM_ACTIVATION_BLOCK ? columns : first + QAM_ACTIVATION_BLOCK;
        double largest = 0;
        for (size_t j = first; j < end; j++) largest = fmax(largest, fabs((double)x[j]));
        for (size_t j = first; j < end; j++) out[j] = rint((double)x[j] * (127 / largest)) * largest / 127;
    }
}

// The inputs and results of a measurement.
typedef struct {
    qam_family family;
    uint32_t rate, outliers;
    size_t columns;
    qam_product_errors errors;
} measurement;

static void measure(check *c) {
    measurement *m = c->argument;
    begin_case(c, "measuring errors of products");
    c->comparisons = 1;
    size_t columns = m->columns, block = columns & -columns, row_bytes = qam_row_bytes(m->family, m->rate, columns);
    qam_code code = place_code(c, m->family, m->rate, columns, block < 1024 ? block : 1024, false);
    const uint8_t *symbols = place(c, "symbols", ROWS * row_bytes);
    float factors[ROWS], product_factors[ROWS], out[ROWS];
    for (size_t i = 0; i < ROWS; i++) factors[i] = product_factors[i] = 0.5f + (float)below(c, 1024) / 1024;
    int16_t *fixed = NULL;
    if (m->family == QAM_FREE) {
        fixed = place(c, "fixed_points", (size_t)4 << m->rate);
        float unit = qam_fix_points(code.points, (size_t)1 << m->rate, fixed);
        for (size_t i = 0; i < ROWS; i++) product_factors[i] *= unit;
    }

    float *x = place(c, "x", columns * sizeof *x), *weights = place(c, "weights", columns * sizeof *weights);
    double *exact = place(c, "exact x", columns * sizeof *exact), *rounded = place(c, "rounded x", columns * sizeof *rounded);
    for (size_t j = 0; j < columns; j++) {
        x[j] = gaussian(c) * (below(c, 1000) < m->outliers ? 20 : 1);
        exact[j] = (double)x[j];
    }
    quantize_as_it_is(x, columns, rounded);
    double truth[ROWS], plain[ROWS], rotated[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        c->table->dequantize(c->table, &code, symbols + i * row_bytes, &factors[i], 1, weights);
        truth[i] = product(weights, exact, columns);
        plain[i] = product(weights, rounded, columns);
    }

    qam_activation activation = {
        place(c, "values", qam_activation_bytes(columns)),
        place(c, "scales", (columns + QAM_ACTIVATION_BLOCK - 1) / QAM_ACTIVATION_BLOCK * sizeof(float))};
    c->table->prepare(c->table, &code, x, activation);
    c->table->multiply(&code, fixed, symbols, product_factors, ROWS, &activation, 1, out, ROWS);
    for (size_t i = 0; i < ROWS; i++) rotated[i] = (double)out[i];
    m->errors = (qam_product_errors){relative_error(truth, rotated), relative_error(truth, plain)};
    release(c, 0);
}

qam_product_errors qam_measure_product_errors(
    qam_features features, qam_family family, uint32_t rate, size_t columns, uint32_t outliers, uint64_t seed) {
    measurement m = {family, rate, outliers, columns, {NAN, NAN}};
    return run_check(measure, &m, features, seed) ? (qam_product_errors){NAN, NAN} : m.errors;
}
