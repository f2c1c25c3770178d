// For AVX-512.

#if defined(__x86_64__)

#include "internal.h"

#define FK_ISA ISA_AVX512
#define FK_TABLE fk_avx512
#define FK_TILE_ROWS 4
#define FK_TILE_VECTORS 4

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)
#include "body.h"
#pragma clang attribute pop

#endif
