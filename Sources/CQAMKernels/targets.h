// Target attributes. Each of these macros begins the functions of a file that need more than the architecture's
// baseline, and QAM_TARGET_POP ends them: no compiler flag is needed, and no other code uses those instructions.
// dispatch.c selects such functions if the processor has the features of the set of the same name.

#ifndef QAM_TARGETS_H
#define QAM_TARGETS_H

#include "processor.h"

#define QAM_TARGET(features) QAM_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define QAM_TARGET_POP _Pragma("clang attribute pop")
#define QAM_PRAGMA(text) _Pragma(#text)

#if defined(__x86_64__)

#include <immintrin.h>

#define QAM_TARGET_AVX2 QAM_TARGET("avx2,fma,f16c,bmi,bmi2,popcnt")
// AVX-512F implies AVX2, FMA and F16C.
#define QAM_TARGET_AVX512_BASE QAM_TARGET("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,popcnt")
#define QAM_TARGET_AVX512_VNNI QAM_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi,bmi2,popcnt")
#define QAM_TARGET_AVX512 \
    QAM_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512vnni,bmi,bmi2,popcnt")

#elif defined(__aarch64__)

#include <arm_neon.h>

#define QAM_TARGET_DOTPROD QAM_TARGET("dotprod")
#define QAM_TARGET_I8MM QAM_TARGET("dotprod,i8mm")

#endif

#endif
