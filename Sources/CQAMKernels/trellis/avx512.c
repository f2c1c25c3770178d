// For AVX-512.

#if defined(__x86_64__)

#include "../targets.h"
#include "trellis_kernels.h"

#define TR_TABLE tr_avx512
#define TR_VECTORS 8
// One instruction instead of three, and of a dozen.
#define TR_BYTE_SUMS(h) ((halves)_mm256_maddubs_epi16((__m256i)(h), _mm256_set1_epi8(1)))
#define TR_SCALED(a, b) ((shorts)_mm256_mulhrs_epi16((__m256i)(a), (__m256i)(b)))

QAM_TARGET_AVX512_BASE
#include "bodies/all.h"
QAM_TARGET_POP

#endif
