// For AVX-512.

#if defined(__x86_64__)

#include "internal.h"

#define FB_ISA ISA_AVX512
#define FB_TABLE fb_avx512
#define FB_TILE_ROWS 8
#define FB_TILE_VECTORS 2

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#include "bodies/all.h"
#pragma clang attribute pop

#endif
