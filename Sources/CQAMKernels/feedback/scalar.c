// The truth: for any machine, with what vectors the compiler may take for granted on it.

#include "feedback_kernels.h"

#define FB_TABLE fb_scalar
#define FB_TILE_ROWS 2
#define FB_TILE_VECTORS 1

#include "bodies/all.h"
