// ggml's block types as numbers: decoding of all of them, encoding of Q8_0. Plain pointers and counts; no allocation, no
// input or output, no errors.
//
// The functions are compiled from one text for several sets of processor features. All give the bits that
// ggml's own to_float gives: products and sums are rounded one by one in ggml's order, never fused. (The sign and payload
// of a NaN are free.) Any bytes decode; callers check sizes. Nothing outside the sizes given here is read or written, and
// no pointer needs an alignment beyond its type's.

#ifndef GGML_BLOCKS_H
#define GGML_BLOCKS_H

#include <processor.h>
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
    gb_type types[GB_TYPES];  // by ggml's type id; zeros for ids that are no block types
    // The blocks that ggml's quantize_row_q8_0_ref makes of 32 * count floats. Where that leaves C's rails: a block with
    // a NaN has a NaN for a scale, one with an infinity (and no NaN) an infinite one, and both hold zeros, as does one
    // whose scale is so small that its inverse is infinite.
    void (*q8_0_from_floats)(const float *restrict x, size_t count, uint8_t *restrict blocks);
} gb_functions;

// The best functions for processors with these features.
const gb_functions *gb_functions_for(qam_features features);

// types[id]; zeros where there is no such id.
static inline gb_type gb_type_of(const gb_functions *functions, uint32_t id) {
    return id < GB_TYPES ? functions->types[id] : (gb_type){0, 0, NULL};
}

#endif
