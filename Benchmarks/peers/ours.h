// Our kernels as a runtime would call them: everything that is compared with the peers uses this interface.

#ifndef PEERS_OURS_H
#define PEERS_OURS_H

#include "threads.h"

#include <stddef.h>
#include <stdint.h>

// The measured instruction set, such as "avx512".
const char *ours_instruction_set(void);

// A code, and the symbols and factors of matrices, all in memory.
typedef struct ours_weights ours_weights;

// `family`: 1 free, 2 octant; `rate` as in the codebooks. Symbols are random bytes, all of which are valid.
ours_weights *ours_weights_make(
    uint32_t family, uint32_t rate, size_t columns, size_t rows, size_t matrices, const float *vector);

// The size of all matrices' symbols and factors in bytes.
size_t ours_weights_bytes(const ours_weights *weights);

// The relative error of the products of some rows, compared with a slow double-precision reference: rows dequantized by the scalar
// kernels, the vector unrounded. Exits if the selected kernels and the scalar ones differ in any bit.
double ours_weights_check(const ours_weights *weights);

// ---- Products with the vector, end to end ----

// Prepares the vector for every matrix (rotation, quantization) and multiplies, on the threads of a pool. A
// pass is the product with the next matrix in turn.
typedef struct ours_product ours_product;

ours_product *ours_product_make(const ours_weights *weights, thread_pool *pool);
void ours_product_pass(void *product);

// ---- Rows, on one thread ----

typedef struct ours_rows ours_rows;

// `rows` rows per pass, of the weights' first `total_rows` in turn; `floats` are the rows to encode.
ours_rows *ours_rows_make(const ours_weights *weights, const float *floats, size_t rows, size_t total_rows);
void ours_dot_pass(void *rows);
void ours_dequantize_pass(void *rows);

// The complete encoding of rows: gain, rotation, nearest codewords or trellis search, refit of the gain.
void ours_encode_pass(void *rows);

// The relative squared error of the rows encoded by `ours_encode_pass`, after dequantizing.
double ours_rows_check(ours_rows *rows);

#endif
