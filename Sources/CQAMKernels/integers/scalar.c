// The truth: for any machine, with what vectors the compiler may take for granted on it.

#include "integer_kernels.h"

#define IK_TABLE ik_scalar
#define IK_TILE_ROWS 2
#define IK_TILE_VECTORS 1

#include "body.h"
