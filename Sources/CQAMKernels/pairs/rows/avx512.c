#if defined(__x86_64__)

#include "../../targets.h"

#define NAME(f) qam_##f##_avx512
#define QAM_HALF_INSTRUCTIONS
QAM_TARGET_AVX512_BASE
#include "rows.h"
QAM_TARGET_POP

#endif
