// The functions, in vectors of sixteen floats or eight doubles, which the compiler cuts to what the instruction set has.
//
// FB_ISA, FB_TABLE: what is defined. FB_TILE_ROWS, FB_TILE_VECTORS: how many sums are under way at a time, which is
// bounded by the registers; results do not depend on them.

#pragma STDC FP_CONTRACT OFF

FB_INLINE floats load(const float *p) {
    floats v;
    memcpy(&v, p, sizeof v);
    return v;
}

FB_INLINE void store(float *p, floats v) { memcpy(p, &v, sizeof v); }

FB_INLINE doubles load_doubles(const double *p) {
    doubles v;
    memcpy(&v, p, sizeof v);
    return v;
}

FB_INLINE void store_doubles(double *p, doubles v) { memcpy(p, &v, sizeof v); }

FB_INLINE floats fma16(floats a, floats b, floats c) { return __builtin_elementwise_fma(a, b, c); }

// All bits of a lane of `mask` are equal.
FB_INLINE floats select16(words mask, floats a, floats b) { return (floats)(((words)a & mask) | ((words)b & ~mask)); }

#include "factor.h"
#include "feed.h"
#include "plain.h"
#include "trellis.h"

const fb_functions FB_TABLE = {
    .isa = FB_ISA,
    .hadamard = hadamard,
    .hadamard_rows = hadamard_rows,
    .reduce = reduce,
    .factor = factor,
    .solve = solve,
    .feed = feed,
    .code_plain = code_plain,
    .code_trellis = code_trellis,
};
