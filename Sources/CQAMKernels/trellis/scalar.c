// The reference implementation: for any machine, with the vectors of the compiler's baseline.

#include "trellis_kernels.h"

#define TR_TABLE tr_scalar
#define TR_VECTORS 8

#include "bodies/all.h"
