// Our side: kernels on rows, on one thread.

#include "ours_code.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ours_rows {
    const ours_weights *weights;
    qam_kernels kernels;
    size_t rows, total_rows, next_row;
    const float *input;      // rows to encode
    float *floats;           // decoded rows
    float *z, *y, *out;      // buffers for one row each, and for one product per row
    uint8_t *symbols;        // encoded rows
    float *gains;            // of the encoded rows
    qam_activation activation;
};

ours_rows *ours_rows_make(const ours_weights *w, const float *floats, size_t rows, size_t total_rows) {
    ours_rows *r = ours_allocate(sizeof *r);
    size_t columns = w->code.columns;
    *r = (ours_rows){
        .weights = w, .kernels = qam_kernels_for(qam_features_allowed()), .rows = rows, .total_rows = total_rows, .input = floats,
        .floats = ours_allocate(rows * columns * sizeof(float)), .z = ours_allocate(columns * sizeof(float)),
        .y = ours_allocate(columns * sizeof(float)), .out = ours_allocate(rows * sizeof(float)),
        .symbols = ours_allocate(rows * w->row_bytes), .gains = ours_allocate(rows * sizeof(float)),
        .activation = {ours_allocate(qam_activation_bytes(columns)),
                       ours_allocate((columns / QAM_ACTIVATION_BLOCK + 1) * sizeof(float))}};
    memcpy(r->z, w->vector, columns * sizeof(float));
    r->kernels.prepare(&r->kernels, &w->code, r->z, r->activation);
    return r;
}

void ours_dot_pass(void *rows) {
    ours_rows *r = rows;
    const ours_weights *w = r->weights;
    r->kernels.multiply(
        &w->code, w->fixed_points, w->symbols, w->product_factors, r->rows, &r->activation, 1, r->out, r->rows);
}

void ours_dequantize_pass(void *rows) {
    ours_rows *r = rows;
    const ours_weights *w = r->weights;
    // Any rows' factors will do.
    r->kernels.dequantize(
        &r->kernels, &w->code, w->symbols + r->next_row * w->row_bytes, w->row_factors, r->rows, r->floats);
    r->next_row = (r->next_row + r->rows) % r->total_rows;
}

// ---- Encoding -------------------------------------------------------------------------------------------------

// The same steps as the library's encoder.
static void encode_row(ours_rows *r, const float *row, uint8_t *symbols, float *gain) {
    const ours_weights *w = r->weights;
    const qam_code *code = &w->code;
    const qam_kernels *k = &r->kernels;
    size_t columns = code->columns;
    *gain = (float)sqrt(k->sum_of_squares(row, columns) / (double)columns);
    if (*gain == 0) return;
    memcpy(r->z, row, columns * sizeof *row);
    k->rotate(r->z, 1 / (double)*gain, code->signs, columns, code->block, 1 / sqrtf((float)code->block));
    if (code->family == QAM_FREE)
        k->free_encode(r->z, columns, &w->plane, code->rate, symbols);
    else if (code->rate < 8)
        k->octant_encode_trellis(r->z, columns, w->trellis, w->step, code->rate, symbols);
    else
        k->octant_encode_plain(r->z, columns, &w->plane, code->rate, symbols);
    if (code->family == QAM_FREE)
        k->free_decode(symbols, columns, code->points, code->rate, r->y);
    else
        k->octant_decode(symbols, columns, code->magnitudes, code->rate, r->y);
    qam_products sums = k->inner_products(r->z, r->y, columns);
    if (sums.yy > 0) *gain = (float)(*gain * sums.zy / (sums.yy * w->step));
}

void ours_encode_pass(void *rows) {
    ours_rows *r = rows;
    size_t columns = r->weights->code.columns;
    for (size_t i = 0; i < r->rows; i++)
        encode_row(r, r->input + i * columns, r->symbols + i * r->weights->row_bytes, r->gains + i);
}

double ours_rows_check(ours_rows *r) {
    const ours_weights *w = r->weights;
    size_t columns = w->code.columns;
    const qam_kernels scalar = qam_kernels_for(QAM_SET_SCALAR);
    ours_encode_pass(r);
    double error = 0, energy = 0;
    for (size_t i = 0; i < r->rows; i++) {
        float factor = r->gains[i] * w->step;
        scalar.dequantize(
            &scalar, &w->code, r->symbols + i * w->row_bytes, &factor, 1, r->y);
        for (size_t j = 0; j < columns; j++) {
            double x = r->input[i * columns + j], d = x - r->y[j];
            error += d * d;
            energy += x * x;
        }
    }
    return error / energy;
}
