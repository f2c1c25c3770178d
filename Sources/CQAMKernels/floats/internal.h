// What all instruction sets share: the vectors, and their tables.

#ifndef FK_INTERNAL_H
#define FK_INTERNAL_H

#include "float_kernels.h"

#include <math.h>
#include <string.h>

// Functions that pass vectors are all inlined, so how a call would pass them does not matter.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpsabi"
#else
#pragma GCC diagnostic ignored "-Wpsabi"
#endif
#define FK_INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));

extern const fk_functions fk_scalar;
#if defined(__x86_64__)
extern const fk_functions fk_avx2, fk_avx512;
#endif

#endif
