// The reference implementation: for any machine, with the vectors of the compiler's baseline.

#include "polar_kernels.h"

#define PK_TABLE pk_scalar

#include "body.h"
