// The bodies compiled for AVX2.

#if defined(__x86_64__)

#include "../targets.h"
#include "internal.h"

#define GB_TABLE gb_avx2
#define GB_X86 1

QAM_TARGET_AVX2

#include "bodies/all.h"

QAM_TARGET_POP

#endif
