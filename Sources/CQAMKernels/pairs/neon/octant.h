// Decodes octant groups to magnitudes.

#ifndef QAM_NEON_OCTANT_H
#define QAM_NEON_OCTANT_H

#include "neon.h"

// The magnitudes of each base point, the larger in the lower byte, so that one load fetches both.
typedef struct {
    uint16_t entries[1024];
} qam_octant_table;

// A whole group: magnitudes with swaps undone, and the signs to be applied.
typedef struct {
    uint8_t first[QAM_GROUP_PAIRS], second[QAM_GROUP_PAIRS];
    uint8_t signs[QAM_GROUP_PAIRS / 4]; // as in the symbols: first ones, then second ones
} qam_octant_group;

// `flip` is xored with all magnitudes: 0, or 0x80 for magnitudes minus 128 as signed bytes.
void qam_octant_table_neon(const uint8_t *magnitudes, uint32_t step_bits, uint8_t flip, qam_octant_table *table);

// The groups of the `pairs` pairs that begin at `symbols`, the start of a group. The last group may be the short last
// one of its row; magnitudes of missing pairs are arbitrary.
void qam_octant_groups_neon(
    const uint8_t *symbols, size_t pairs, const qam_octant_table *table, uint32_t step_bits, qam_octant_group *groups);

#endif
