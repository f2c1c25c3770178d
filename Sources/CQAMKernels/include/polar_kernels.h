// Polar codes of pairs (spec section 15): a codeword is an amplitude times a direction. Symbols have the layout of free
// codes.
//
// There is no decoder here: `pk_expand` computes the points of a free code of the same rate, for decoding and products.
// The encoder is one source text, compiled for each instruction set; all give the same symbols. Nothing outside the
// given sizes is read or written, and pointers need only their type's alignment.

#ifndef POLAR_KERNELS_H
#define POLAR_KERNELS_H

#include <processor.h>
#include <qam_codes.h>
#include <stdbool.h>

enum {
    PK_PHASE_CELLS = 2048,
    PK_AMPLITUDE_CELLS = 512
};

// Symbol s is the codeword amplitudes[i] * directions[k], coordinate by coordinate, with i = min(s / phase_count,
// amplitude_count - 1) and k = s % phase_count.
typedef struct {
    uint32_t rate;            // bits of a symbol
    uint32_t amplitude_count; // amplitude_count * phase_count is at most 2^rate
    uint32_t phase_count;
    const float *amplitudes;  // ascending
    const float *directions;  // pairs (cosine, sine)
} pk_codebook;

// The tables of a search for the nearest codeword. The codewords that can be nearest to a point have one of two
// neighbouring phases, given by the cell of its direction, and one of two neighbouring amplitudes, given by the cell of
// its projection on these phases. A point whose squared length is not between `least` and `most` is compared with all
// codewords.
typedef struct {
    pk_codebook codebook;
    float least, most;
    float cells_per_unit;                    // of projections
    uint8_t phases[PK_PHASE_CELLS];          // the first of the two phases, counter-clockwise
    uint8_t amplitudes[PK_AMPLITUDE_CELLS];  // the lower of the two amplitudes
} pk_search;

// Initialises a search, which keeps the codebook's pointers. False if the codebook is unsuitable. Directions must have
// unit length and go counter-clockwise once around the circle, in steps from 1/256 of a circle to 1/4; amplitudes must
// be positive, finite and ascending, at most 256, and not closer together than 1/200 of the largest. The built-in
// codebooks are suitable.
bool pk_make_search(const pk_codebook *codebook, pk_search *search);

// Writes the 2^rate points (x, y) of all symbols, as in codec 1's free codes.
void pk_expand(const pk_codebook *codebook, float *points);

typedef struct {
    // The symbol of each pair: the codeword with the least (dx * dx) + (dy * dy) in float32, the lowest symbol on ties;
    // 0 if no distance is finite. `columns` is even; `symbols` receives qam_row_bytes(QAM_FREE, rate, columns) bytes.
    void (*encode)(const float *z, size_t columns, const pk_search *search, uint8_t *symbols);
} pk_functions;

// The best functions for processors with these features.
const pk_functions *pk_functions_for(qam_features features);

#endif
