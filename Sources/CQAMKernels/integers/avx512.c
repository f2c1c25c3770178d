// For AVX-512.

#if defined(__x86_64__)

#include "../targets.h"
#include "integer_kernels.h"

#define IK_TABLE ik_avx512
#define IK_TILE_ROWS 4
#define IK_TILE_VECTORS 4

QAM_TARGET_AVX512_BASE
#include "body.h"
QAM_TARGET_POP

#endif
