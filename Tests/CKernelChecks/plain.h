// A direct implementation of decoding and rotation as specified.

#ifndef PLAIN_H
#define PLAIN_H

#include "checks.h"

// The base index of pair `pair` in a row's octant symbols, and the positions of its signs and swap.
typedef struct {
    uint32_t index;
    bool first_negative, second_negative, swapped;
} plain_pair;

plain_pair plain_octant_pair(const uint8_t *symbols, size_t columns, uint32_t step_bits, size_t pair);
uint32_t plain_free_symbol(const uint8_t *symbols, uint32_t bits, size_t pair);

// The codewords of a row; `points` are floats or, for multiply, int16 (then `fixed` is not NULL).
void plain_codewords(const qam_code *code, const int16_t *fixed, const uint8_t *symbols, double *y);

// In place, blockwise, in float32.
void plain_hadamard(float *x, size_t count, size_t block);
float plain_root(size_t block);
bool plain_sign(const uint64_t *signs, size_t column);

#endif
