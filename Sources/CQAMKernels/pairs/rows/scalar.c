// The reference implementation: for any machine, with the vectors of the compiler's baseline.

#define NAME(f) qam_##f##_scalar
#if defined(__aarch64__)
#define QAM_HALF_INSTRUCTIONS
#endif
#include "rows.h"
