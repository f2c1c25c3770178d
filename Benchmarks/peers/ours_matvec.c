// Our side: matrix-vector products, as a runtime computes them for each token.

#include "ours_code.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Rows per work item: some tens of microseconds.
enum { PRODUCT_GRAIN = 64, CHECKED_ROWS = 16 };

struct ours_product {
    const ours_weights *weights;
    thread_pool *pool;
    qam_kernels kernels;
    size_t next_matrix;
    const uint8_t *matrix; // the current one
    float *vector;
    qam_activation activation;
    float *out;
};

ours_product *ours_product_make(const ours_weights *w, thread_pool *pool) {
    ours_product *p = ours_allocate(sizeof *p);
    size_t columns = w->code.columns;
    *p = (ours_product){
        .weights = w, .pool = pool, .kernels = qam_kernels_for(qam_features_allowed()),
        .vector = ours_allocate(columns * sizeof(float)),
        .activation = {ours_allocate(qam_activation_bytes(columns)),
                       ours_allocate((columns / QAM_ACTIVATION_BLOCK + 1) * sizeof(float))},
        .out = ours_allocate(w->rows * sizeof(float))};
    return p;
}

static void prepare_vector(ours_product *p) {
    memcpy(p->vector, p->weights->vector, p->weights->code.columns * sizeof(float));
    p->kernels.prepare(&p->kernels, &p->weights->code, p->vector, p->activation);
}

static void multiply_rows(void *context, size_t first, size_t last) {
    const ours_product *p = context;
    const ours_weights *w = p->weights;
    p->kernels.multiply(
        &w->code, w->fixed_points, p->matrix + first * w->row_bytes, w->product_factors + first, last - first,
        &p->activation, 1, p->out + first, last - first);
}

void ours_product_pass(void *product) {
    ours_product *p = product;
    const ours_weights *w = p->weights;
    p->matrix = w->symbols + p->next_matrix * w->rows * w->row_bytes;
    p->next_matrix = (p->next_matrix + 1) % w->matrices;
    prepare_vector(p);
    pool_run(p->pool, multiply_rows, p, w->rows, PRODUCT_GRAIN);
}

double ours_weights_check(const ours_weights *w) {
    const qam_kernels scalar = qam_kernels_for(QAM_SET_SCALAR);
    ours_product *chosen = ours_product_make(w, NULL), *truth = ours_product_make(w, NULL);
    truth->kernels = scalar;
    size_t columns = w->code.columns, first = w->rows - CHECKED_ROWS;
    float *row = ours_allocate(columns * sizeof *row);
    double error = 0, energy = 0;
    // The last matrix, up to its last byte.
    chosen->matrix = truth->matrix = w->symbols + (w->matrices - 1) * w->rows * w->row_bytes;
    prepare_vector(chosen);
    prepare_vector(truth);
    multiply_rows(chosen, first, w->rows);
    multiply_rows(truth, first, w->rows);
    if (memcmp(chosen->out + first, truth->out + first, CHECKED_ROWS * sizeof(float)) != 0) {
        fprintf(stderr, "peers: the %s kernels differ from the scalar ones\n", ours_instruction_set());
        exit(70);
    }
    for (size_t i = first; i < w->rows; i++) {
        scalar.dequantize(&scalar, &w->code, chosen->matrix + i * w->row_bytes, w->row_factors + i, 1, row);
        double sum = 0;
        for (size_t j = 0; j < columns; j++) sum += (double)row[j] * w->vector[j];
        error += (chosen->out[i] - sum) * (chosen->out[i] - sum);
        energy += sum * sum;
    }
    free(row);
    return sqrt(error / energy);
}
