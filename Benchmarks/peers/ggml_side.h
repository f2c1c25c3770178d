// The peer: ggml through its public interface, as llama.cpp uses it.

#ifndef PEERS_GGML_SIDE_H
#define PEERS_GGML_SIDE_H

#include <stdbool.h>
#include <stddef.h>

#include <ggml.h>

// The version of the library, such as "0.9.4".
const char *ggml_side_version(void);

// ---- Products of matrices with one vector ----

// Common to all matrices of a run.
typedef struct {
    size_t columns, rows, matrices;
    const float *vector; // `columns` of them
} product_shape;

typedef struct ggml_weights ggml_weights;

// Matrices of a type, and a graph per matrix that multiplies it by the vector. With `repacked` they have the layout
// that ggml prefers on this processor; NULL if it has none for the type.
ggml_weights *ggml_weights_make(enum ggml_type type, bool repacked, const product_shape *shape);

// The size of all matrices in bytes.
size_t ggml_weights_bytes(const ggml_weights *weights);

// The relative error of the products of some rows, compared with a slow double-precision reference.
double ggml_weights_check(ggml_weights *weights);

// Runs the graphs in turn, one per pass, on its own pool of `threads` threads.
typedef struct ggml_product ggml_product;

ggml_product *ggml_product_make(ggml_weights *weights, int threads);
void ggml_product_pass(void *product);
void ggml_product_wake(void *product);
void ggml_product_rest(void *product);

// ---- Rows, on one thread ----

// Some rows and their quantized form; `stored` may instead be rows of a large matrix that are used in turn.
typedef struct {
    enum ggml_type type;
    size_t columns, rows;        // per pass
    const char *stored;          // `distance` bytes of rows in total
    size_t row_bytes, total_rows, next_row;
    float *floats;               // rows * columns
    char *quantized;             // the output of `quantize`
    const char *activation;      // the vector in the form that the type's dot product requires
} ggml_rows;

// First quantizes `rows` rows of `floats`; `total_rows` rows (a multiple of `rows`) are laid out in memory.
ggml_rows *ggml_rows_make(
    enum ggml_type type, const float *floats, size_t rows, size_t total_rows, const product_shape *shape);
void ggml_dequantize_pass(void *rows);
void ggml_quantize_pass(void *rows);
void ggml_dot_pass(void *rows);

#endif
