// For AVX2 with fused multiply-adds.

#if defined(__x86_64__)

#include "internal.h"

#define FK_ISA ISA_AVX2
#define FK_TABLE fk_avx2
#define FK_TILE_ROWS 2
#define FK_TILE_VECTORS 2

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "body.h"
#pragma clang attribute pop

#endif
