// Groups of columns, and what their coding leaves of the targets.

#ifndef FEEDBACK_GROUP_H
#define FEEDBACK_GROUP_H

#include "checks.h"

// A group of so many columns with errors of the columns before it in its targets.
fb_group place_group(size_t columns, size_t symbol_bytes);

// The same group with outputs of its own.
fb_group place_again(const fb_group *g, size_t symbol_bytes);

// Whether two codings of one group have the same outputs.
bool same_outputs(const fb_group *a, const fb_group *b, size_t symbol_bytes);

// Moves `targets` by the error that a codeword makes in pair t, and leaves there what coding leaves of the pair.
void move(const fb_group *g, size_t t, const float *codeword, float *targets);

// Magnitudes of a target, the larger first, and how it is folded: bits of its first and second sign, and of the swap.
unsigned fold(const float *target, float *larger, float *smaller);

// A point of the octant x >= y >= 0 where that folding came from.
void unfold(unsigned folded, const float *point, float *codeword);

// How the symbols of an octant code fold pair i of a group of `pairs`.
unsigned stored_fold(const uint8_t *symbols, size_t pairs, size_t i);

#endif
