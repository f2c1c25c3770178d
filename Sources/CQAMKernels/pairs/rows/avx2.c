#if defined(__x86_64__)

#include "../../targets.h"

#define NAME(f) qam_##f##_avx2
#define QAM_HALF_INSTRUCTIONS
QAM_TARGET_AVX2
#include "rows.h"
QAM_TARGET_POP

#endif
