// The bodies compiled for AVX2.

#if defined(__x86_64__)

#include "internal.h"

#include <immintrin.h>

#define GB_ISA ISA_AVX2
#define GB_TABLE gb_avx2
#define GB_X86 1

// With the instruction set as an attribute of the functions no compiler flag is needed, and nothing else uses it.
#pragma clang attribute push(__attribute__((target("avx2,f16c,bmi,bmi2,popcnt"))), apply_to = function)

#include "bodies/all.h"

#pragma clang attribute pop

#endif
