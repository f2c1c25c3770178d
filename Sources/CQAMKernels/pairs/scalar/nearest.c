// The truth about nearest codewords, pair by pair.

#include "../internal.h"

#include "nearest.h"

#pragma STDC FP_CONTRACT OFF

enum { SHORT_LIST = 4 };

static inline float squared(float dx, float dy) { return dx * dx + dy * dy; }

uint32_t qam_nearest(const qam_plane *plane, float x, float y) {
    float column = (x - plane->origin) * plane->cells_per_unit;
    float row = (y - plane->origin) * plane->cells_per_unit;
    float side = (float)plane->side;
    uint32_t best = 0;
    float least = INFINITY;
    if (column >= 0 && column < side && row >= 0 && row < side) {
        size_t cell = (size_t)row * plane->side + (size_t)column;
        for (uint32_t i = plane->starts[cell], end = plane->starts[cell + 1]; i < end; i++) {
            uint32_t k = plane->candidates[i];
            float d = squared(x - plane->points[2 * k], y - plane->points[2 * k + 1]);
            if (d < least) least = d, best = k;
        }
    } else {
        for (uint32_t k = 0; k < plane->count; k++) {
            float d = squared(x - plane->points[2 * k], y - plane->points[2 * k + 1]);
            if (d < least) least = d, best = k;
        }
    }
    return best;
}

void qam_fill_cells(const uint32_t *starts, const uint16_t *candidates, size_t count, uint16_t *cells) {
    for (size_t i = 0; i < count; i++, cells += SHORT_LIST) {
        const uint16_t *list = candidates + starts[i];
        size_t length = starts[i + 1] - starts[i];
        for (size_t j = 0; j < SHORT_LIST; j++)
            cells[j] = length > SHORT_LIST ? QAM_LONG_LIST : list[j < length ? j : length - 1];
    }
}
