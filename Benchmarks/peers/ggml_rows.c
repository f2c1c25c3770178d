// ggml's kernels on rows: quantizing, dequantizing, and the dot product with a quantized vector, on one thread.

#include "ggml_side.h"

#include "machine.h"

#include <ggml-cpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t bytes) {
    // Sufficient for the kernels, and the size of a cache line.
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!memory) {
        fputs("peers: no memory\n", stderr);
        exit(71);
    }
    return memory;
}

ggml_rows *ggml_rows_make(
    enum ggml_type type, const float *floats, size_t rows, size_t total_rows, const product_shape *shape) {
    ggml_cpu_init();
    size_t columns = shape->columns, row_bytes = ggml_row_size(type, (int64_t)columns);
    ggml_rows *made = allocate(sizeof *made);
    *made = (ggml_rows){
        .type = type, .columns = columns, .rows = rows, .row_bytes = row_bytes, .total_rows = total_rows,
        .floats = allocate(rows * columns * sizeof(float)), .quantized = allocate(rows * row_bytes)};
    memcpy(made->floats, floats, rows * columns * sizeof(float));
    ggml_quantize_pass(made);

    char *stored = allocate_pages(total_rows * row_bytes);
    for (size_t row = 0; row < total_rows; row += rows)
        memcpy(stored + row * row_bytes, made->quantized, rows * row_bytes);
    made->stored = stored;

    enum ggml_type partner = ggml_get_type_traits_cpu(type)->vec_dot_type;
    char *activation = allocate(ggml_row_size(partner, (int64_t)columns));
    ggml_get_type_traits_cpu(partner)->from_float(shape->vector, activation, (int64_t)columns);
    made->activation = activation;
    return made;
}

void ggml_dequantize_pass(void *rows) {
    ggml_rows *r = rows;
    ggml_get_type_traits(r->type)->to_float(
        r->stored + r->next_row * r->row_bytes, r->floats, (int64_t)(r->rows * r->columns));
    r->next_row = (r->next_row + r->rows) % r->total_rows;
}

void ggml_quantize_pass(void *rows) {
    ggml_rows *r = rows;
    ggml_get_type_traits(r->type)->from_float_ref(r->floats, r->quantized, (int64_t)(r->rows * r->columns));
}

void ggml_dot_pass(void *rows) {
    ggml_rows *r = rows;
    ggml_vec_dot_t dot = ggml_get_type_traits_cpu(r->type)->vec_dot;
    for (size_t i = 0; i < r->rows; i++)
        dot((int)r->columns, r->floats + i, 0, r->stored + i * r->row_bytes, 0, r->activation, 0, 1);
}
