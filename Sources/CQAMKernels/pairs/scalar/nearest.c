// The reference implementation of nearest-codeword search, pair by pair.

#include "../../codes.h"
#include "../internal.h"

#include "nearest.h"

enum { SHORT_LIST = 4 };

uint32_t qam_nearest(const qam_plane *plane, float x, float y) { return qam_nearest_codeword(plane, x, y); }

void qam_fill_cells(const uint32_t *starts, const uint16_t *candidates, size_t count, uint16_t *cells) {
    for (size_t i = 0; i < count; i++, cells += SHORT_LIST) {
        const uint16_t *list = candidates + starts[i];
        size_t length = starts[i + 1] - starts[i];
        for (size_t j = 0; j < SHORT_LIST; j++)
            cells[j] = length > SHORT_LIST ? QAM_LONG_LIST : list[j < length ? j : length - 1];
    }
}
