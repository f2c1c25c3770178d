// The instruction sets of the files in avx2/ and avx512/: each begins its functions with one of the two pushes and
// ends with QAM_TARGET_POP, so that no compiler flag is needed and nothing else uses these instructions.

#ifndef QAM_X86_H
#define QAM_X86_H

#include "internal.h"

#include <immintrin.h>

#define QAM_TARGET_AVX2                                                                                                \
    _Pragma("clang attribute push(__attribute__((target(\"avx2,fma,f16c,bmi,bmi2\"))), apply_to = function)")
// Each of these implies AVX-512F, which implies AVX2, FMA and F16C.
#define QAM_TARGET_AVX512                                                                                              \
    _Pragma("clang attribute push(__attribute__((target(\"avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512vnni,bmi,bmi2\"))), apply_to = function)")
#define QAM_TARGET_POP _Pragma("clang attribute pop")

#endif
