// For AVX-512.

#if defined(__x86_64__)

#include "../targets.h"
#include "float_kernels.h"

#define FK_TABLE fk_avx512
#define FK_TILE_ROWS 4
#define FK_TILE_VECTORS 4

QAM_TARGET_AVX512_BASE
#include "body.h"
QAM_TARGET_POP

#endif
