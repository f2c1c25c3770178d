// Codes and searches with random tables.

#include "checks.h"

#include <math.h>

size_t random_block(check *c, size_t columns) {
    size_t exponents = (size_t)__builtin_ctzll(columns);
    return (size_t)2 << below(c, exponents < 15 ? exponents : 15);
}

qam_code place_code(check *c, qam_family family, uint32_t rate, size_t columns, size_t block, bool with_scales) {
    qam_code code = {.family = family, .rate = rate, .columns = columns, .block = block};
    code.signs = place(c, "signs", (columns + 63) / 64 * sizeof *code.signs);
    if (with_scales) {
        float *scales = place(c, "channel_scales", columns * sizeof *scales);
        for (size_t j = 0; j < columns; j++) scales[j] = (float)(1024 + below(c, 1024)) * 0x1p-10f;
        code.channel_scales = scales;
    }
    if (family == QAM_FREE) {
        code.points = place_values(c, "points", (size_t)2 << rate, ORDINARY);
    } else {
        // All byte values are valid for the functions that use these.
        code.magnitudes = place(c, "magnitudes", 2 * base_points(rate));
    }
    return code;
}

// The squared distance from a point to the farthest and to the nearest point of a square.
static double farthest(double x, double y, double left, double low, double width) {
    double dx = fmax(fabs(x - left), fabs(x - left - width)), dy = fmax(fabs(y - low), fabs(y - low - width));
    return dx * dx + dy * dy;
}

static double nearest(double x, double y, double left, double low, double width) {
    double dx = fmax(fmax(left - x, x - left - width), 0), dy = fmax(fmax(low - y, y - low - width), 0);
    return dx * dx + dy * dy;
}

qam_plane place_plane(check *c, size_t count, uint32_t side, bool octant, value_kind kind) {
    float *points = place(c, "plane.points", 2 * count * sizeof *points), step = kind == GRIDDED ? 0x1p-6f : 0x1.4p-6f;
    uint8_t *magnitudes = octant ? place(c, "plane.magnitudes", 2 * count) : NULL;
    for (size_t k = 0; k < count; k++) {
        if (octant) {
            uint8_t a = magnitudes[k], b = magnitudes[count + k];
            magnitudes[k] = a > b ? a : b;
            magnitudes[count + k] = a > b ? b : a;
        }
        points[2 * k] = octant ? (float)magnitudes[k] * step : random_value(c, kind);
        points[2 * k + 1] = octant ? (float)magnitudes[count + k] * step : random_value(c, kind);
    }
    float origin = octant ? -0.125f : -3, width = (3 - origin) / (float)side;
    size_t cells = (size_t)side * side;
    uint32_t *starts = place(c, "plane.starts", (cells + 1) * sizeof *starts);
    // The first pass computes the lengths of the lists, the second fills them.
    uint16_t *candidates = NULL;
    for (int pass = 0; pass < 2; pass++) {
        uint32_t total = 0;
        for (size_t cell = 0; cell < cells; cell++) {
            double left = (double)origin + (double)(cell % side) * (double)width;
            double low = (double)origin + (double)(cell / side) * (double)width;
            double bound = INFINITY;
            for (size_t k = 0; k < count; k++)
                bound = fmin(bound, farthest((double)points[2 * k], (double)points[2 * k + 1], left, low, (double)width));
            starts[cell] = total;
            for (size_t k = 0; k < count; k++)
                if (nearest((double)points[2 * k], (double)points[2 * k + 1], left, low, (double)width) <= bound + 1e-3) {
                    if (candidates) candidates[total] = (uint16_t)k;
                    total++;
                }
        }
        starts[cells] = total;
        if (!candidates) candidates = place(c, "plane.candidates", total * sizeof *candidates);
    }
    uint16_t *cells_of_four = place(c, "plane.cells", 4 * cells * sizeof *cells_of_four);
    qam_fill_cells(starts, candidates, cells, cells_of_four);
    return (qam_plane){points, (uint32_t)count, side, origin, 1 / width, starts, candidates, cells_of_four,
        magnitudes, step};
}
