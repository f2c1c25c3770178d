// For AVX-512.

#if defined(__x86_64__)

#include "../targets.h"
#include "polar_kernels.h"

#define PK_TABLE pk_avx512

QAM_TARGET_AVX512_BASE
#include "body.h"
QAM_TARGET_POP

#endif
