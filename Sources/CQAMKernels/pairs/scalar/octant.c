// The reference implementation of octant codes.

#include "../../codes.h"
#include "../internal.h"

#include "nearest.h"
#include "trellis.h"

static size_t used_pairs(size_t columns, size_t first) {
    size_t left = columns / 2 - first;
    return left < QAM_GROUP_PAIRS ? left : QAM_GROUP_PAIRS;
}

void qam_octant_encode_plain_scalar(
    const float *z, size_t columns, const qam_plane *plane, uint32_t step_bits, uint8_t *symbols) {
    memset(symbols, 0, qam_row_bytes(QAM_OCTANT, step_bits, columns));
    for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
        qam_group_layout layout = qam_layout(qam_group_pairs(columns, first), step_bits);
        for (size_t i = 0; i < used_pairs(columns, first); i++) {
            float x = z[2 * (first + i)], y = z[2 * (first + i) + 1];
            qam_fold f = qam_fold_of(x, y);
            qam_put_fold(f, i, layout.plane, symbols);
            qam_put_index(qam_nearest(plane, qam_larger(f, x, y), qam_smaller(f, x, y)), i, layout, step_bits, symbols);
        }
        symbols += layout.total;
    }
}

void qam_octant_encode_trellis_scalar(
    const float *z, size_t columns, const int32_t *tables, float step, uint32_t step_bits, uint8_t *symbols) {
    const float scale = QAM_TRELLIS_SCALE / step;
    qam_trellis search;
    uint8_t windows[QAM_GROUP_PAIRS];
    qam_trellis_begin_scalar(&search, tables, step_bits);
    memset(symbols, 0, qam_row_bytes(QAM_OCTANT, step_bits, columns));
    for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
        size_t used = used_pairs(columns, first), pairs = qam_group_pairs(columns, first);
        qam_group_layout layout = qam_layout(pairs, step_bits);
        int16_t coordinates[2 * QAM_GROUP_PAIRS] = {0};
        for (size_t i = 0; i < used; i++) {
            float x = z[2 * (first + i)], y = z[2 * (first + i) + 1];
            qam_fold f = qam_fold_of(x, y);
            qam_put_fold(f, i, layout.plane, symbols);
            coordinates[2 * i] = qam_trellis_coordinate(qam_larger(f, x, y), scale);
            coordinates[2 * i + 1] = qam_trellis_coordinate(qam_smaller(f, x, y), scale);
        }
        qam_trellis_search_rings(&search, coordinates, 1, used, pairs, windows);
        qam_trellis_store(windows, pairs, step_bits, symbols + layout.base);
        symbols += layout.total;
    }
}

// The base index of each pair of a group.
static void unpack(const uint8_t *symbols, size_t pairs, qam_group_layout layout, uint32_t step_bits, uint16_t *index) {
    const uint8_t *base = symbols + layout.base;
    uint32_t step = step_bits < 8 ? step_bits : 8;
    for (size_t i = 0; i < pairs; i++) {
        size_t bit = i * step;
        // A window is in one byte or two, the second of which may be the ring's first.
        uint32_t two = base[bit / 8] | (uint32_t)base[(bit / 8 + 1) % layout.ring] << 8;
        index[i] = (uint8_t)(two >> bit % 8);
        for (uint32_t upper = 8; upper < step_bits; upper++)
            index[i] |= (uint16_t)((symbols[qam_upper_plane(upper) * layout.plane + i / 8] >> i % 8 & 1) << upper);
    }
}

void qam_octant_decode_scalar(
    const uint8_t *symbols, size_t columns, const uint8_t *magnitudes, uint32_t step_bits, float *y) {
    const uint8_t *smaller = magnitudes + (step_bits > 8 ? 1 << step_bits : QAM_WINDOWS);
    uint16_t index[QAM_GROUP_PAIRS];
    for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
        size_t used = used_pairs(columns, first), pairs = qam_group_pairs(columns, first);
        qam_group_layout layout = qam_layout(pairs, step_bits);
        unpack(symbols, pairs, layout, step_bits, index);
        uint64_t first_signs = qam_load_bytes(symbols + QAM_FIRST_SIGNS * layout.plane, layout.plane);
        uint64_t second_signs = qam_load_bytes(symbols + QAM_SECOND_SIGNS * layout.plane, layout.plane);
        uint64_t swaps = qam_load_bytes(symbols + QAM_SWAPS * layout.plane, layout.plane);
        for (size_t i = 0; i < used; i++) {
            bool swapped = swaps >> i & 1;
            int32_t a = (swapped ? smaller : magnitudes)[index[i]], b = (swapped ? magnitudes : smaller)[index[i]];
            y[2 * (first + i)] = (float)(first_signs >> i & 1 ? -a : a);
            y[2 * (first + i) + 1] = (float)(second_signs >> i & 1 ? -b : b);
        }
        symbols += layout.total;
    }
}
