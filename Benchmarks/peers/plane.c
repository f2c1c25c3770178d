// The library builds its grids in Swift; this is the same computation, cell by cell, without shortcuts.

#include "plane.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

// Cells are enlarged by this fraction of their size, and distances that differ by less than this fraction count as tied:
// more than the rounding errors of float32.
static const double border = 0x1p-10, tie = 0x1p-20;

typedef struct {
    double corners[4]; // squared distances
    double most;
} reach;

static reach reach_of(double x, double y, double left, double top, double length) {
    reach r = {.most = 0};
    for (int i = 0; i < 4; i++) {
        double dx = left + (i & 1 ? length : 0) - x, dy = top + (i & 2 ? length : 0) - y;
        r.corners[i] = dx * dx + dy * dy;
        r.most = fmax(r.most, r.corners[i]);
    }
    return r;
}

// Whether `rival` is nearer at all four corners and therefore, because the border between two codewords is straight, in the whole cell.
static bool is_beaten(const reach *own, const reach *rival) {
    for (int i = 0; i < 4; i++)
        if (own->corners[i] - rival->corners[i] <= own->most * tie) return false;
    return true;
}

// Stores the candidates of a cell and returns their number: the codewords not beaten by the most central one, and of these those not
// beaten by any other.
static uint32_t contenders(
    const float *points, uint32_t count, double left, double top, double length, reach *reaches,
    uint16_t *survivors, uint16_t *kept) {
    uint32_t central = 0, first = 0, second = 0;
    for (uint32_t k = 0; k < count; k++) {
        reaches[k] = reach_of(points[2 * k], points[2 * k + 1], left, top, length);
        if (reaches[k].most < reaches[central].most) central = k;
    }
    for (uint32_t k = 0; k < count; k++)
        if (!is_beaten(&reaches[k], &reaches[central])) survivors[first++] = (uint16_t)k;
    for (uint32_t i = 0; i < first; i++) {
        bool beaten = false;
        for (uint32_t j = 0; j < first && !beaten; j++)
            beaten = is_beaten(&reaches[survivors[i]], &reaches[survivors[j]]);
        if (!beaten) kept[second++] = survivors[i];
    }
    return second;
}

qam_plane plane_make(const float *points, uint32_t count, uint32_t side, float origin, float extent) {
    float cells_per_unit = (float)side / (extent - origin);
    double width = 1 / (double)cells_per_unit, length = (1 + 2 * border) * width;
    size_t cells = (size_t)side * side, room = 16 * cells, used = 0;
    uint32_t *starts = malloc((cells + 1) * sizeof *starts);
    uint16_t *candidates = malloc((room + count) * sizeof *candidates), *survivors = malloc(count * sizeof *survivors);
    reach *reaches = malloc(count * sizeof *reaches);
    if (!starts || !candidates || !survivors || !reaches) abort();
    starts[0] = 0;
    for (size_t cell = 0; cell < cells; cell++) {
        double left = origin + ((double)(cell % side) - border) * width;
        double top = origin + ((double)(cell / side) - border) * width;
        if (used > room) {
            room = 2 * used;
            candidates = realloc(candidates, (room + count) * sizeof *candidates);
            if (!candidates) abort();
        }
        used += contenders(points, count, left, top, length, reaches, survivors, candidates + used);
        starts[cell + 1] = (uint32_t)used;
    }
    free(survivors);
    free(reaches);
    uint16_t *lists = malloc(4 * cells * sizeof *lists);
    if (!lists) abort();
    qam_fill_cells(starts, candidates, cells, lists);
    return (qam_plane){
        .points = points, .count = count, .side = side, .origin = origin, .cells_per_unit = cells_per_unit,
        .starts = starts, .candidates = candidates, .cells = lists};
}
