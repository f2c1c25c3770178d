// For AVX2 with fused multiply-adds.

#if defined(__x86_64__)

#include "../targets.h"
#include "float_kernels.h"

#define FK_TABLE fk_avx2
#define FK_TILE_ROWS 2
#define FK_TILE_VECTORS 2

QAM_TARGET_AVX2
#include "body.h"
QAM_TARGET_POP

#endif
