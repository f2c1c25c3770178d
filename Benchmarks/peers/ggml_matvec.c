// ggml's matrix-vector product as llama.cpp runs it for each token: a graph on the CPU backend with persistent
// threads, and the weights in the backend's own layout if it has one. A graph is one product: starting it
// takes a few microseconds, running it milliseconds.

#include "ggml_side.h"

#include "machine.h"

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE_ROWS = 64, CHECKED_ROWS = 16 };

struct ggml_weights {
    enum ggml_type type;
    product_shape shape;
    struct ggml_context *context;
    ggml_backend_buffer_t buffer;
    struct ggml_tensor **results; // per matrix, like the graphs
    struct ggml_cgraph **graphs;
    char *sample;          // the quantized rows that the matrices consist of, repeated
};

struct ggml_product {
    ggml_weights *weights;
    ggml_backend_t backend;
    ggml_threadpool_t pool;
    size_t next_matrix;
};

const char *ggml_side_version(void) { return ggml_version(); }

static void give_up(const char *what) {
    fprintf(stderr, "peers: ggml: %s\n", what);
    exit(70);
}

static struct ggml_context *make_context(size_t tensors) {
    struct ggml_init_params parameters = {
        .mem_size = tensors * (ggml_tensor_overhead() + ggml_graph_overhead()), .no_alloc = true};
    struct ggml_context *context = ggml_init(parameters);
    if (!context) give_up("no context");
    return context;
}

// ggml logs every tensor that it repacks.
static void keep_warnings(enum ggml_log_level level, const char *text, void *context) {
    (void)context;
    if (level == GGML_LOG_LEVEL_WARN || level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

// The layout that llama.cpp would choose: the first extra buffer type of the CPU that supports such a product, queried
// with a batch, as llama.cpp does.
static ggml_backend_buffer_type_t preferred_layout(enum ggml_type type, const product_shape *shape) {
    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    ggml_backend_dev_get_extra_bufts_t extra = (ggml_backend_dev_get_extra_bufts_t)ggml_backend_reg_get_proc_address(
        ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts");
    ggml_backend_buffer_type_t found = NULL;
    for (ggml_backend_buffer_type_t *each = extra ? extra(device) : NULL; each && *each && !found; each++) {
        struct ggml_context *context = make_context(3);
        struct ggml_tensor *w = ggml_new_tensor_2d(context, type, (int64_t)shape->columns, (int64_t)shape->rows);
        struct ggml_tensor *x = ggml_new_tensor_2d(context, GGML_TYPE_F32, (int64_t)shape->columns, 512);
        struct ggml_tensor *product = ggml_mul_mat(context, w, x);
        w->buffer = ggml_backend_buft_alloc_buffer(*each, 0);
        if (ggml_backend_dev_supports_op(device, product)) found = *each;
        ggml_backend_buffer_free(w->buffer);
        ggml_free(context);
    }
    return found;
}

// Rows of Gaussian weights, quantized.
static char *make_sample(enum ggml_type type, size_t columns) {
    size_t row_bytes = ggml_row_size(type, (int64_t)columns);
    float *floats = malloc(SAMPLE_ROWS * columns * sizeof *floats);
    char *sample = malloc(SAMPLE_ROWS * row_bytes);
    if (!floats || !sample) give_up("no memory");
    fill_gaussian(floats, SAMPLE_ROWS * columns, 1);
    ggml_quantize_chunk(type, floats, sample, 0, SAMPLE_ROWS, (int64_t)columns, NULL);
    free(floats);
    return sample;
}

ggml_weights *ggml_weights_make(enum ggml_type type, bool repacked, const product_shape *shape) {
    ggml_log_set(keep_warnings, NULL);
    ggml_cpu_init();
    ggml_backend_buffer_type_t layout = repacked ? preferred_layout(type, shape) : ggml_backend_cpu_buffer_type();
    if (!layout) return NULL;

    ggml_weights *weights = calloc(1, sizeof *weights);
    struct ggml_tensor **matrices = calloc(shape->matrices, sizeof *matrices);
    if (!weights || !matrices) give_up("no memory");
    *weights = (ggml_weights){.type = type, .shape = *shape};

    struct ggml_context *stored = make_context(shape->matrices);
    for (size_t m = 0; m < shape->matrices; m++)
        matrices[m] = ggml_new_tensor_2d(stored, type, (int64_t)shape->columns, (int64_t)shape->rows);
    weights->buffer = ggml_backend_alloc_ctx_tensors_from_buft(stored, layout);
    if (!weights->buffer) give_up("no memory for the weights");
    choose_pages(ggml_backend_buffer_get_base(weights->buffer), ggml_backend_buffer_get_size(weights->buffer));

    size_t row_bytes = ggml_row_size(type, (int64_t)shape->columns), bytes = shape->rows * row_bytes;
    weights->sample = make_sample(type, shape->columns);
    char *matrix = malloc(bytes);
    if (!matrix) give_up("no memory");
    for (size_t row = 0; row < shape->rows; row++)
        memcpy(matrix + row * row_bytes, weights->sample + row % SAMPLE_ROWS * row_bytes, row_bytes);
    for (size_t m = 0; m < shape->matrices; m++) ggml_backend_tensor_set(matrices[m], matrix, 0, bytes);
    free(matrix);

    weights->context = make_context(shape->matrices + 1);
    struct ggml_tensor *x = ggml_new_tensor_1d(weights->context, GGML_TYPE_F32, (int64_t)shape->columns);
    weights->graphs = calloc(shape->matrices, sizeof(struct ggml_cgraph *));
    weights->results = calloc(shape->matrices, sizeof *weights->results);
    if (!weights->graphs || !weights->results) give_up("no memory");
    for (size_t m = 0; m < shape->matrices; m++) {
        weights->graphs[m] = ggml_new_graph(weights->context);
        weights->results[m] = ggml_mul_mat(weights->context, matrices[m], x);
        ggml_build_forward_expand(weights->graphs[m], weights->results[m]);
    }
    if (!ggml_backend_alloc_ctx_tensors_from_buft(weights->context, ggml_backend_cpu_buffer_type()))
        give_up("no memory for the results");
    ggml_backend_tensor_set(x, shape->vector, 0, shape->columns * sizeof *shape->vector);
    free(matrices);
    return weights;
}

size_t ggml_weights_bytes(const ggml_weights *weights) {
    const product_shape *shape = &weights->shape;
    return shape->matrices * shape->rows * ggml_row_size(weights->type, (int64_t)shape->columns);
}

double ggml_weights_check(ggml_weights *weights) {
    size_t columns = weights->shape.columns, row_bytes = ggml_row_size(weights->type, (int64_t)columns);
    ggml_product *product = ggml_product_make(weights, 1);
    ggml_product_wake(product);
    for (size_t i = 0; i < weights->shape.matrices; i++) ggml_product_pass(product);
    ggml_product_rest(product);
    float *row = malloc(columns * sizeof *row), *got = malloc(weights->shape.rows * sizeof *got);
    if (!row || !got) give_up("no memory");
    // The end of the last matrix, which a product that stops early would miss.
    ggml_backend_tensor_get(
        weights->results[weights->shape.matrices - 1], got, 0, weights->shape.rows * sizeof *got);
    double error = 0, energy = 0;
    for (size_t i = weights->shape.rows - CHECKED_ROWS; i < weights->shape.rows; i++) {
        const char *stored = weights->sample + i % SAMPLE_ROWS * row_bytes;
        ggml_get_type_traits(weights->type)->to_float(stored, row, (int64_t)columns);
        double sum = 0;
        for (size_t j = 0; j < columns; j++) sum += (double)row[j] * weights->shape.vector[j];
        error += (got[i] - sum) * (got[i] - sum);
        energy += sum * sum;
    }
    free(row);
    free(got);
    return sqrt(error / energy);
}

// ---- Runs -----------------------------------------------------------------------------------------------------

ggml_product *ggml_product_make(ggml_weights *weights, int threads) {
    ggml_product *product = calloc(1, sizeof *product);
    if (!product) give_up("no memory");
    product->weights = weights;
    product->backend = ggml_backend_cpu_init();
    struct ggml_threadpool_params parameters = ggml_threadpool_params_default(threads);
    // Paused until its turn; when resumed, its threads poll as in llama.cpp by default.
    parameters.paused = true;
    product->pool = ggml_threadpool_new(&parameters);
    if (!product->backend || !product->pool) give_up("no threads");
    ggml_backend_cpu_set_n_threads(product->backend, threads);
    ggml_backend_cpu_set_threadpool(product->backend, product->pool);
    return product;
}

void ggml_product_pass(void *product) {
    ggml_product *p = product;
    struct ggml_cgraph *graph = p->weights->graphs[p->next_matrix];
    if (ggml_backend_graph_compute(p->backend, graph) != GGML_STATUS_SUCCESS) give_up("the graph failed");
    p->next_matrix = (p->next_matrix + 1) % p->weights->shape.matrices;
}

void ggml_product_wake(void *product) { ggml_threadpool_resume(((ggml_product *)product)->pool); }

void ggml_product_rest(void *product) { ggml_threadpool_pause(((ggml_product *)product)->pool); }
