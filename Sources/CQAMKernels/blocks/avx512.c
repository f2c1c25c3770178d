// The bodies compiled for AVX-512.

#if defined(__x86_64__)

#include "internal.h"

#include <immintrin.h>

#define GB_ISA ISA_AVX512
#define GB_TABLE gb_avx512
#define GB_X86 1

#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512vl,avx512dq,avx512bw,bmi,bmi2,popcnt"))), apply_to = function)

#include "bodies/all.h"

#pragma clang attribute pop

#endif
