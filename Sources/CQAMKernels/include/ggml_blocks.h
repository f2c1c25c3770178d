// ggml's block types as numbers: decoding of all of them, encoding of Q8_0. Plain pointers and counts; no allocation, no
// input or output, no errors.
//
// Every instruction set has one table of the same functions, compiled from the same bodies. All give the bits that
// ggml's own to_float gives: products and sums are rounded one by one in ggml's order, never fused. (The sign and payload
// of a NaN are free.) Any bytes decode; callers check sizes. Nothing outside the sizes given here is read or written, and
// no pointer needs an alignment beyond its type's.

#ifndef GGML_BLOCKS_H
#define GGML_BLOCKS_H

#include <instruction_set.h>
#include <stddef.h>
#include <stdint.h>

enum { GB_TYPES = 43 };  // one more than the largest type id

typedef struct {
    uint32_t elements;  // of a block
    uint32_t bytes;
    // `out` takes count * elements floats.
    void (*to_floats)(const uint8_t *restrict blocks, size_t count, float *restrict out);
} gb_type;

typedef struct {
    instruction_set isa;
    gb_type types[GB_TYPES];  // by ggml's type id; zeros for ids that are no block types
    // The blocks that ggml's quantize_row_q8_0_ref makes of 32 * count floats. Where that leaves C's rails: a block with
    // a NaN has a NaN for a scale, one with an infinity (and no NaN) an infinite one, and both hold zeros, as does one
    // whose scale is so small that its inverse is infinite.
    void (*q8_0_from_floats)(const float *restrict x, size_t count, uint8_t *restrict blocks);
} gb_functions;

// The functions for one instruction set; NULL where this machine or this build has it not.
const gb_functions *gb_functions_for(instruction_set isa);

// The best functions that this machine runs, up to isa_cap().
const gb_functions *gb_functions_chosen(void);

// types[id]; zeros where there is no such id.
gb_type gb_type_of(const gb_functions *functions, uint32_t id);

#endif
