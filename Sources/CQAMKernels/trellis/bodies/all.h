// The functions, on vectors of sixteen, which the compiler splits to the instruction set's width.
//
// TR_TABLE: the table to define. TR_VECTORS: activations for which a tile is decoded once; results do not depend on it.

#include "../../vectors.h"

#include <math.h>
#include <stdbool.h>

#include "windows.h"

#include "decode.h"
#include "product.h"
#include "search.h"

const tr_functions TR_TABLE = {
    .decode = decode,
    .prepare = prepare,
    .multiply = multiply,
    .make_tables = make_tables,
    .search = search,
};
