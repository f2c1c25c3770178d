// Octant groups to magnitudes.

#ifndef QAM_NEON_OCTANT_H
#define QAM_NEON_OCTANT_H

#include "neon.h"

// Magnitudes of a base point side by side, the larger in the lower byte, so that one load brings both.
typedef struct {
    uint16_t entries[1024];
} qam_octant_table;

// A whole group: magnitudes with their swaps undone, and the signs that they still need.
typedef struct {
    uint8_t first[QAM_GROUP_PAIRS], second[QAM_GROUP_PAIRS];
    uint8_t signs[QAM_GROUP_PAIRS / 4]; // as in the symbols: first ones, then second ones
} qam_octant_group;

// `flip` is xored to all magnitudes: 0, or 0x80 where they are wanted as signed bytes, less 128.
void qam_octant_table_neon(const uint8_t *magnitudes, uint32_t stride, uint8_t flip, qam_octant_table *table);

// The groups of the `pairs` pairs that begin at `symbols`, which is a group's beginning. The last group may be a short
// one of its row; pairs that it has not get magnitudes of no meaning.
void qam_octant_groups_neon(
    const uint8_t *symbols, size_t pairs, const qam_octant_table *table, uint32_t stride, qam_octant_group *groups);

#endif
