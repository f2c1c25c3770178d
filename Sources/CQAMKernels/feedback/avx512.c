// For AVX-512.

#if defined(__x86_64__)

#include "../targets.h"
#include "feedback_kernels.h"

#define FB_TABLE fb_avx512
#define FB_TILE_ROWS 8
#define FB_TILE_VECTORS 2

QAM_TARGET_AVX512_BASE
#include "bodies/all.h"
QAM_TARGET_POP

#endif
