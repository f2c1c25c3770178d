// What the files of our side share: a code with its search, and matrices of its symbols.

#ifndef PEERS_OURS_CODE_H
#define PEERS_OURS_CODE_H

#include "ours.h"

#include <qam_kernels.h>

struct ours_weights {
    qam_code code;
    float step;                 // of an octant code's magnitudes; 1 for a free one
    uint32_t count;             // of codewords or base points
    int32_t *trellis;           // its tables, of codes that have one
    qam_plane plane;            // of the other codes
    int16_t *fixed_points;      // free codes
    float fixed_unit;
    size_t rows, matrices, row_bytes;
    const float *vector;
    uint8_t *symbols;
    // By row, the gain times the unit: for products that of the integer codewords, for dequantizing that of the
    // codewords.
    float *product_factors, *row_factors;
};

// Memory that the caller keeps; ends the process where there is none.
void *ours_allocate(size_t bytes);

#endif
