// The peer: ggml through its public interface, as llama.cpp uses it.

#ifndef PEERS_GGML_SIDE_H
#define PEERS_GGML_SIDE_H

#include <stdbool.h>
#include <stddef.h>

#include <ggml.h>

// "0.9.4", the version of the library.
const char *ggml_side_version(void);

// ---- Products of matrices with one vector ----

// What all matrices of a run have in common.
typedef struct {
    size_t columns, rows, matrices;
    const float *vector; // `columns` of them
} product_shape;

typedef struct ggml_weights ggml_weights;

// Matrices of a type, and for each a graph that multiplies it with the vector. With `repacked` they lie in the layout
// that ggml prefers on this processor; NULL where it has none for the type.
ggml_weights *ggml_weights_make(enum ggml_type type, bool repacked, const product_shape *shape);

// The bytes of all matrices.
size_t ggml_weights_bytes(const ggml_weights *weights);

// The relative error of the products of some rows against a slow reference in double.
double ggml_weights_check(ggml_weights *weights);

// Runs the graphs in turn, one a pass, on so many threads of a pool of its own.
typedef struct ggml_product ggml_product;

ggml_product *ggml_product_make(ggml_weights *weights, int threads);
void ggml_product_pass(void *product);
void ggml_product_wake(void *product);
void ggml_product_rest(void *product);

// ---- Rows, on one thread ----

// Some rows and their quantized form; `stored` may instead be rows of a large matrix that are gone through in turn.
typedef struct {
    enum ggml_type type;
    size_t columns, rows;        // of one pass
    const char *stored;          // `distance` bytes of rows in all
    size_t row_bytes, total_rows, next_row;
    float *floats;               // rows * columns
    char *quantized;             // what `quantize` makes
    const char *activation;      // the vector as the dot product of the type wants it
} ggml_rows;

// `rows` of `floats` are quantized at first; `total_rows` of them (a multiple of `rows`) are laid out in memory.
ggml_rows *ggml_rows_make(
    enum ggml_type type, const float *floats, size_t rows, size_t total_rows, const product_shape *shape);
void ggml_dequantize_pass(void *rows);
void ggml_quantize_pass(void *rows);
void ggml_dot_pass(void *rows);

#endif
