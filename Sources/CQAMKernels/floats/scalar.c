// The reference implementation: for any machine, with the vectors of the compiler's baseline.

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
