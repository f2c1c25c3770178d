// The reference implementation: for any machine, with the vectors of the compiler's baseline.

#include "feedback_kernels.h"

#define FB_TABLE fb_scalar
#define FB_TILE_ROWS 2
#define FB_TILE_VECTORS 1

#include "bodies/all.h"
