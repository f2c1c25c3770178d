// What all instruction sets share: the vectors, and their tables.

#ifndef FB_INTERNAL_H
#define FB_INTERNAL_H

#include "feedback_kernels.h"

#include <math.h>
#include <string.h>

// Functions that pass vectors are all inlined, so how a call would pass them does not matter.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpsabi"
#else
#pragma GCC diagnostic ignored "-Wpsabi"
#endif
#define FB_INLINE static inline __attribute__((always_inline))

enum { LANES = 16, DOUBLES = 8 };

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));
typedef double doubles __attribute__((vector_size(8 * DOUBLES)));

extern const fb_functions fb_scalar;
#if defined(__x86_64__)
extern const fb_functions fb_avx2, fb_avx512;
#endif

#endif
