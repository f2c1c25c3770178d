// For AVX2 with fused multiply-adds.

#if defined(__x86_64__)

#include "internal.h"

#define FB_ISA ISA_AVX2
#define FB_TABLE fb_avx2
#define FB_TILE_ROWS 5
#define FB_TILE_VECTORS 1

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "bodies/all.h"
#pragma clang attribute pop

#endif
