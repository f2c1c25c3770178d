// The list of functions: F(name of the version, function). Function f is qam_f_version, with the type in qam_kernels. A
// processor uses those of the last list whose features it has.

#ifndef QAM_FUNCTIONS_H
#define QAM_FUNCTIONS_H

#include "qam_kernels.h"

#define QAM_SCALAR_FUNCTIONS(F)                                                                                        \
    F(scalar, read) F(scalar, sum_of_squares) F(scalar, inner_products) F(scalar, squared_distance) F(scalar, scale)   \
    F(scalar, unscale) F(scalar, to_floats) F(scalar, from_floats) F(scalar, rotate)               \
    F(scalar, rotate_back) F(scalar, free_encode) F(scalar, free_decode) F(scalar, octant_encode_plain)                \
    F(scalar, octant_encode_trellis) F(scalar, octant_decode) F(scalar, dequantize)          \
    F(scalar, prepare) F(scalar, multiply)

#define QAM_AVX2_FUNCTIONS(F)                                                                                          \
    F(avx2, read) F(avx2, sum_of_squares) F(avx2, inner_products) F(avx2, squared_distance) F(avx2, scale)             \
    F(avx2, unscale) F(avx2, to_floats) F(avx2, from_floats) F(avx2, rotate) F(avx2, rotate_back)    \
    F(avx2, free_encode) F(avx2, free_decode) F(avx2, octant_encode_plain) F(avx2, octant_encode_trellis)              \
    F(avx2, octant_decode) F(avx2, dequantize) F(avx2, prepare) F(avx2, multiply)

// Decoding of free codes does not benefit from wider registers.
#define QAM_AVX512_BASE_FUNCTIONS(F)                                                                                   \
    F(avx512, read) F(avx512, sum_of_squares) F(avx512, inner_products) F(avx512, squared_distance) F(avx512, scale)   \
    F(avx512, unscale) F(avx512, to_floats) F(avx512, from_floats) F(avx512, rotate)               \
    F(avx512, rotate_back) F(avx512, free_encode)
#define QAM_AVX512_VNNI_FUNCTIONS(F) F(avx512, octant_encode_trellis)
#define QAM_AVX512_FUNCTIONS(F)                                                                                        \
    F(avx512, octant_encode_plain) F(avx512, octant_decode) F(avx512, dequantize) F(avx512, prepare) F(avx512, multiply)

// ARM's baseline has vectors, so the scalar version is the best one for rows and conversion.
#define QAM_NEON_BASE_FUNCTIONS(F)                                                                                     \
    F(neon, rotate) F(neon, rotate_back) F(neon, free_decode) F(neon, octant_decode) F(neon, prepare) F(neon, multiply)
#define QAM_NEON_DOTPROD_FUNCTIONS(F) F(neon_dotprod, multiply)
#define QAM_NEON_FUNCTIONS(F) F(neon_i8mm, multiply)

#define QAM_DECLARE(version, f) __typeof__(*((qam_kernels *)0)->f) qam_##f##_##version;
QAM_SCALAR_FUNCTIONS(QAM_DECLARE)
#if defined(__x86_64__)
QAM_AVX2_FUNCTIONS(QAM_DECLARE)
QAM_AVX512_BASE_FUNCTIONS(QAM_DECLARE)
QAM_AVX512_VNNI_FUNCTIONS(QAM_DECLARE)
QAM_AVX512_FUNCTIONS(QAM_DECLARE)
#elif defined(__aarch64__)
QAM_NEON_BASE_FUNCTIONS(QAM_DECLARE)
QAM_NEON_DOTPROD_FUNCTIONS(QAM_DECLARE)
QAM_NEON_FUNCTIONS(QAM_DECLARE)
#endif
#undef QAM_DECLARE

#endif
