// Shared by the files of our side: a code with its search, and matrices of its symbols.

#ifndef PEERS_OURS_CODE_H
#define PEERS_OURS_CODE_H

#include "ours.h"

#include <qam_kernels.h>

struct ours_weights {
    qam_code code;
    float step;                 // of an octant code's magnitudes; 1 for a free code
    uint32_t count;             // of codewords or base points
    int32_t *trellis;           // the tables of a trellis code
    qam_plane plane;            // the grid of other codes
    int16_t *fixed_points;      // for free codes
    float fixed_unit;
    size_t rows, matrices, row_bytes;
    const float *vector;
    uint8_t *symbols;
    // Per row, the gain times the unit: of the integer codewords for products, of the codewords for
    // dequantizing.
    float *product_factors, *row_factors;
};

// Memory that is never freed; exits on failure.
void *ours_allocate(size_t bytes);

#endif
