// For AVX2 with fused multiply-adds.

#if defined(__x86_64__)

#include "../targets.h"
#include "integer_kernels.h"

#define IK_TABLE ik_avx2
#define IK_TILE_ROWS 4
#define IK_TILE_VECTORS 2

QAM_TARGET_AVX2
#include "body.h"
QAM_TARGET_POP

#endif
