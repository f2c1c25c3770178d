// Vectors of sixteen floats or eight doubles, for source text that is compiled for several processors: the compiler
// splits them to the available registers. Included inside a QAM_TARGET, except for the baseline.

#ifndef QAM_VECTORS_H
#define QAM_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Functions with vector parameters are all inlined, so the calling convention does not matter.
#pragma clang diagnostic ignored "-Wpsabi"
#define INLINE static inline __attribute__((always_inline))

#pragma STDC FP_CONTRACT OFF

enum { LANES = 16, DOUBLES = 8 };

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));
typedef double doubles __attribute__((vector_size(8 * DOUBLES)));

INLINE floats load(const float *p) {
    floats v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, floats v) { memcpy(p, &v, sizeof v); }

// Fewer than sixteen, padded with zeros.
INLINE floats load_part(const float *p, size_t count) {
    float buffer[LANES] = {0};
    memcpy(buffer, p, count * sizeof *p);
    return load(buffer);
}

INLINE void store_part(float *p, floats v, size_t count) {
    float buffer[LANES];
    store(buffer, v);
    memcpy(p, buffer, count * sizeof *p);
}

INLINE doubles load_doubles(const double *p) {
    doubles v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store_doubles(double *p, doubles v) { memcpy(p, &v, sizeof v); }

INLINE floats fma16(floats a, floats b, floats c) { return __builtin_elementwise_fma(a, b, c); }

// `mask` must have all bits of a lane equal.
INLINE floats select16(words mask, floats a, floats b) { return (floats)(((words)a & mask) | ((words)b & ~mask)); }

#endif
