// The reference implementation: for any machine, with the vectors of the compiler's baseline.

#include "integer_kernels.h"

#define IK_TABLE ik_scalar
#define IK_TILE_ROWS 2
#define IK_TILE_VECTORS 1

#include "body.h"
