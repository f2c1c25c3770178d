// The functions, in vectors of sixteen floats or eight doubles, which the compiler cuts to what the instruction set has.
//
// FB_TABLE: what is defined. FB_TILE_ROWS, FB_TILE_VECTORS: how many sums are under way at a time, which is
// bounded by the registers; results do not depend on them.

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
