// The functions, on vectors of sixteen floats or eight doubles, which the compiler splits to the instruction set's
// width.
//
// FB_TABLE: the table to define. FB_TILE_ROWS, FB_TILE_VECTORS: the number of concurrent sums, limited by the
// registers; results do not depend on them.

#include "../../codes.h"
#include "../../pairs/pack.h"
#include "../../polar/nearest.h"
#include "../../vectors.h"

#include "factor.h"
#include "feed.h"
#include "integers.h"
#include "plain.h"
#include "polar.h"
#include "trellis.h"

const fb_functions FB_TABLE = {
    .hadamard = hadamard,
    .hadamard_rows = hadamard_rows,
    .reduce = reduce,
    .factor = factor,
    .solve = solve,
    .feed = feed,
    .code_plain = code_plain,
    .code_trellis = code_trellis,
    .code_polar = code_polar,
    .code_integers = code_integers,
};
