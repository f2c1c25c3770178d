// The truth about octant codes.

#include "../internal.h"

#include "nearest.h"
#include "trellis.h"

// A group's pairs folded into the octant x >= y >= 0, and the folds undone by its sign and swap bits.
typedef struct {
    float x[QAM_GROUP_PAIRS], y[QAM_GROUP_PAIRS];
    uint64_t first_signs, second_signs, swaps;
} folded;

static void fold(const float *z, size_t pairs, folded *out) {
    out->first_signs = out->second_signs = out->swaps = 0;
    for (size_t i = 0; i < pairs; i++) {
        float a = z[2 * i], b = z[2 * i + 1];
        float p = fabsf(a), q = fabsf(b);
        out->first_signs |= (uint64_t)(a < 0) << i;
        out->second_signs |= (uint64_t)(b < 0) << i;
        out->swaps |= (uint64_t)(p < q) << i;
        out->x[i] = p < q ? q : p;
        out->y[i] = p < q ? p : q;
    }
}

static void store_folds(const folded *group, qam_group_layout layout, uint8_t *symbols) {
    qam_store_bytes(symbols, group->first_signs, layout.plane);
    qam_store_bytes(symbols + layout.plane, group->second_signs, layout.plane);
    qam_store_bytes(symbols + 2 * layout.plane, group->swaps, layout.plane);
}

static size_t used_pairs(size_t columns, size_t first) {
    size_t left = columns / 2 - first;
    return left < QAM_GROUP_PAIRS ? left : QAM_GROUP_PAIRS;
}

void qam_octant_encode_plain_scalar(
    const float *z, size_t columns, const qam_plane *plane, uint32_t stride, uint8_t *symbols) {
    folded group;
    for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
        size_t used = used_pairs(columns, first);
        qam_group_layout layout = qam_layout(qam_group_pairs(columns, first), stride);
        fold(z + 2 * first, used, &group);
        store_folds(&group, layout, symbols);
        memset(symbols + 3 * layout.plane, 0, layout.total - 3 * layout.plane);
        for (size_t i = 0; i < used; i++) {
            uint32_t k = qam_nearest(plane, group.x[i], group.y[i]);
            symbols[layout.base + i] = (uint8_t)k;
            for (uint32_t upper = 8; upper < stride; upper++)
                symbols[(upper - 5) * layout.plane + i / 8] |= (uint8_t)((k >> upper & 1) << i % 8);
        }
        symbols += layout.total;
    }
}

void qam_octant_encode_trellis_scalar(
    const float *z, size_t columns, const int32_t *tables, float step, uint32_t stride, uint8_t *symbols) {
    const float scale = QAM_TRELLIS_SCALE / step;
    qam_trellis search;
    folded group;
    int16_t coordinates[2 * QAM_GROUP_PAIRS];
    uint8_t windows[QAM_GROUP_PAIRS];
    qam_trellis_begin_scalar(&search, tables, stride);
    for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
        size_t used = used_pairs(columns, first), pairs = qam_group_pairs(columns, first);
        qam_group_layout layout = qam_layout(pairs, stride);
        fold(z + 2 * first, used, &group);
        for (size_t i = 0; i < used; i++) {
            coordinates[2 * i] = qam_trellis_coordinate(group.x[i], scale);
            coordinates[2 * i + 1] = qam_trellis_coordinate(group.y[i], scale);
        }
        qam_trellis_search_one(&search, coordinates, used, pairs, windows);
        store_folds(&group, layout, symbols);
        qam_trellis_store(windows, pairs, stride, symbols + layout.base);
        symbols += layout.total;
    }
}

// The base index of each pair of a group.
static void unpack(const uint8_t *symbols, size_t pairs, qam_group_layout layout, uint32_t stride, uint16_t *index) {
    const uint8_t *base = symbols + layout.base;
    uint32_t step = stride < 8 ? stride : 8;
    for (size_t i = 0; i < pairs; i++) {
        size_t bit = i * step;
        // A window lies in one byte or two, of which the second may be the ring's first.
        uint32_t two = base[bit / 8] | (uint32_t)base[(bit / 8 + 1) % layout.ring] << 8;
        index[i] = (uint8_t)(two >> bit % 8);
        for (uint32_t upper = 8; upper < stride; upper++)
            index[i] |= (uint16_t)((symbols[(upper - 5) * layout.plane + i / 8] >> i % 8 & 1) << upper);
    }
}

void qam_octant_decode_scalar(
    const uint8_t *symbols, size_t columns, const uint8_t *magnitudes, uint32_t stride, float *y) {
    const uint8_t *smaller = magnitudes + (stride > 8 ? 1 << stride : QAM_WINDOWS);
    uint16_t index[QAM_GROUP_PAIRS];
    for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
        size_t used = used_pairs(columns, first), pairs = qam_group_pairs(columns, first);
        qam_group_layout layout = qam_layout(pairs, stride);
        unpack(symbols, pairs, layout, stride, index);
        uint64_t first_signs = qam_load_bytes(symbols, layout.plane);
        uint64_t second_signs = qam_load_bytes(symbols + layout.plane, layout.plane);
        uint64_t swaps = qam_load_bytes(symbols + 2 * layout.plane, layout.plane);
        for (size_t i = 0; i < used; i++) {
            bool swapped = swaps >> i & 1;
            int32_t a = (swapped ? smaller : magnitudes)[index[i]], b = (swapped ? magnitudes : smaller)[index[i]];
            y[2 * (first + i)] = (float)(first_signs >> i & 1 ? -a : a);
            y[2 * (first + i) + 1] = (float)(second_signs >> i & 1 ? -b : b);
        }
        symbols += layout.total;
    }
}
