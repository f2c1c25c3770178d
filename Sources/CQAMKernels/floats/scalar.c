// The truth: for any machine, with what vectors the compiler may take for granted on it.

#include "float_kernels.h"

#define FK_TABLE fk_scalar
#if defined(__aarch64__)
#define FK_TILE_ROWS 2
#define FK_TILE_VECTORS 2
#else
#define FK_TILE_ROWS 1
#define FK_TILE_VECTORS 2
#endif

#include "body.h"
