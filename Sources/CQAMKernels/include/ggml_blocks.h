// ggml's block types: decoding of all of them, encoding of most, also with error feedback. Plain pointers and counts; no allocation, no I/O, no
// errors.
//
// The functions are compiled from one source text for several feature sets, and all give equal bits. Decoders are
// bit-identical to ggml's own to_float: products and sums are rounded separately in ggml's order, never fused. (Sign and payload of NaNs are
// unspecified.) All bytes are valid; callers check sizes. Nothing outside the given sizes is read or written, and
// pointers need only their type's alignment.

#ifndef GGML_BLOCKS_H
#define GGML_BLOCKS_H

#include <feedback_kernels.h>
#include <processor.h>
#include <stddef.h>
#include <stdint.h>

enum { GB_TYPES = 43 };  // one more than the largest type id

// Encodes blocks of `count` * elements floats with little weighted squared error, by a search of scales and minima. The
// values are finite, of magnitudes below 65504. `weights` is NULL, or has `row` positive weights, a multiple of the
// elements of a block; the first value is of column `column`, which begins a block. Each block depends on its own
// values only.
typedef void gb_encoder(
    const float *restrict x, size_t count, const float *restrict weights, size_t row, size_t column, uint8_t *restrict blocks);

// Encodes the columns of one group, or of the two groups of a super-block, with error feedback (feedback_kernels.h); a unit is
// one column. `symbols` of the first group receives the blocks. Values below 65504 in magnitude are coded well. The second
// group's `panel` is preceded by the coefficients of the first one's columns, by which the errors of these are fed.
typedef void gb_coder(const fb_group *groups);

typedef struct {
    uint32_t elements;  // per block
    uint32_t bytes;
    // `out` receives count * elements floats.
    void (*to_floats)(const uint8_t *restrict blocks, size_t count, float *restrict out);
    gb_encoder *from_floats;  // NULL if there is none
    gb_coder *code;           // NULL if there is none
} gb_type;

typedef struct {
    gb_type types[GB_TYPES];  // by ggml's type id; zeros for ids that are not block types
    // The same blocks as ggml's quantize_row_q8_0_ref for 32 * count floats. Where the reference has undefined
    // behaviour: a block with a NaN gets a NaN scale, one with an infinity (and no NaN) an infinite scale, and both
    // contain zeros, as does one whose scale has an infinite inverse.
    void (*q8_0_from_floats)(const float *restrict x, size_t count, uint8_t *restrict blocks);
} gb_functions;

// The best functions for processors with these features.
const gb_functions *gb_functions_for(qam_features features);

// types[id]; zeros if there is no such id.
static inline gb_type gb_type_of(const gb_functions *functions, uint32_t id) {
    return id < GB_TYPES ? functions->types[id] : (gb_type){0, 0, NULL, NULL, NULL};
}

#endif
