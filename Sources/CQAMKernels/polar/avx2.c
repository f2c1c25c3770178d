// For AVX2 with fused multiply-adds.

#if defined(__x86_64__)

#include "../targets.h"
#include "polar_kernels.h"

#define PK_TABLE pk_avx2

QAM_TARGET_AVX2
#include "body.h"
QAM_TARGET_POP

#endif
