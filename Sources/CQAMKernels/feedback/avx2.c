// For AVX2 with fused multiply-adds.

#if defined(__x86_64__)

#include "../targets.h"
#include "feedback_kernels.h"

#define FB_TABLE fb_avx2
#define FB_TILE_ROWS 5
#define FB_TILE_VECTORS 1

QAM_TARGET_AVX2
#include "bodies/all.h"
QAM_TARGET_POP

#endif
