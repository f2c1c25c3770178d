// The codes of pairs: the layout of their symbols (spec sections 8.1 to 8.4), and the tables for nearest-codeword
// search.

#ifndef QAM_CODES_H
#define QAM_CODES_H

#include <stddef.h>
#include <stdint.h>

typedef enum { QAM_FREE = 1, QAM_OCTANT = 2 } qam_family;

enum {
    QAM_GROUP_PAIRS = 64,     // pairs of a full octant group
    QAM_WINDOWS = 256,        // base points of a trellis code
    QAM_LONG_LIST = 0xFFFF    // in place of a cell's candidates
};

// ---- Octant groups: planes of one bit for each pair, then the base bits ----

// The bit planes in order. Index bits above the eighth have a plane each.
enum { QAM_FIRST_SIGNS, QAM_SECOND_SIGNS, QAM_SWAPS, QAM_UPPER_BITS };

// The plane of index bit `bit`, which is 8 or more.
static inline size_t qam_upper_plane(uint32_t bit) { return QAM_UPPER_BITS + bit - 8; }

// The number of planes, given the bits per step.
static inline size_t qam_planes(uint32_t step_bits) { return step_bits > 8 ? qam_upper_plane(step_bits) : QAM_UPPER_BITS; }

// The bits of a pair in total, which are also the bytes of eight pairs. The rate is an octant code's bits per step.
static inline size_t qam_pair_bits(qam_family family, uint32_t rate) {
    return family == QAM_FREE ? rate : QAM_UPPER_BITS + rate;
}

// The bytes of a row's symbols.
static inline size_t qam_row_bytes(qam_family family, uint32_t rate, size_t columns) {
    return (columns + 15) / 16 * qam_pair_bits(family, rate);
}

// The number of pairs in the group that begins at pair `first`: a multiple of 8, at most 64.
static inline size_t qam_group_pairs(size_t columns, size_t first) {
    size_t left = (columns / 2 - first + 7) / 8 * 8;
    return left < QAM_GROUP_PAIRS ? left : QAM_GROUP_PAIRS;
}

// The layout of a group's fields, in bytes.
typedef struct {
    size_t plane; // width of a plane
    size_t base;  // offset of the base bits
    size_t ring;  // their width
    size_t total;
} qam_group_layout;

static inline qam_group_layout qam_layout(size_t pairs, uint32_t step_bits) {
    size_t plane = pairs / 8, base = qam_planes(step_bits) * plane, total = qam_pair_bits(QAM_OCTANT, step_bits) * plane;
    return (qam_group_layout){plane, base, total - base, total};
}

// ---- Nearest codewords ----

// Codewords and a square grid of cells. The codewords that can be nearest to a point of cell i, in ascending order, are
// candidates[starts[i]] ... candidates[starts[i + 1] - 1]; i = row * side + column. A point outside the grid is
// compared with all codewords. Those of an octant code are its base points, x >= y >= 0.
typedef struct {
    const float *points;   // pairs (x, y)
    uint32_t count;        // 2 to 2^13 codewords
    uint32_t side;
    float origin;          // the least coordinate of the grid, on both axes
    float cells_per_unit;
    const uint32_t *starts;
    const uint16_t *candidates;
    // The same lists with four candidates per cell, for searching many points at once: the last candidate is repeated in
    // shorter lists, and longer ones contain QAM_LONG_LIST. Made by qam_fill_cells.
    const uint16_t *cells;
    // Base points of octant codes, as in qam_code: coordinates are magnitudes times the step. NULL for free codes.
    const uint8_t *magnitudes;
    float step;
} qam_plane;

#endif
