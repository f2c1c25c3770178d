// Groups of columns, and the errors that their coding leaves in the targets.

#ifndef FEEDBACK_GROUP_H
#define FEEDBACK_GROUP_H

#include "checks.h"

// A group of columns whose targets include fed-back errors of earlier columns.
fb_group place_group(size_t columns, size_t symbol_bytes);

// The same group with its own output buffers.
fb_group place_again(const fb_group *g, size_t symbol_bytes);

// Whether two codings of one group have the same outputs.
bool same_outputs(const fb_group *a, const fb_group *b, size_t symbol_bytes);

// Adds the fed-back error of a codeword for pair t to `targets`, and stores the pair's remaining error there.
void move(const fb_group *g, size_t t, const float *codeword, float *targets);

// The magnitudes of a target, the larger first, and its folding: a bit each for the first sign, the second sign and the swap.
unsigned fold(const float *target, float *larger, float *smaller);

// Unfolds a point of the octant x >= y >= 0.
void unfold(unsigned folded, const float *point, float *codeword);

// The folding of pair i that the symbols of an octant code store for a group of `pairs`.
unsigned stored_fold(const uint8_t *symbols, size_t pairs, size_t i);

#endif
