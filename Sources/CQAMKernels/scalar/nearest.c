// The truth about nearest codewords, pair by pair.

#include "../internal.h"

#include "nearest.h"

#pragma STDC FP_CONTRACT OFF

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
            float d = squared(x - plane->x[k], y - plane->y[k]);
            if (d < least) least = d, best = k;
        }
    } else {
        for (uint32_t k = 0; k < plane->count; k++) {
            float d = squared(x - plane->x[k], y - plane->y[k]);
            if (d < least) least = d, best = k;
        }
    }
    return best;
}
