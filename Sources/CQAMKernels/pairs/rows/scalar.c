// The truth: for any machine, with what vectors the compiler may take for granted on it.

#define NAME(f) qam_##f##_scalar
#if defined(__aarch64__)
#define QAM_HALF_INSTRUCTIONS
#endif
#include "rows.h"
