// The reference implementation of free codes.

#include "../../codes.h"
#include "../internal.h"

#include "nearest.h"

void qam_free_encode_scalar(const float *z, size_t columns, const qam_plane *plane, uint32_t bits, uint8_t *symbols) {
    memset(symbols, 0, qam_row_bytes(QAM_FREE, bits, columns));
    for (size_t i = 0; i < columns / 2; i++) qam_put_symbol(qam_nearest(plane, z[2 * i], z[2 * i + 1]), i, bits, symbols);
}

void qam_free_decode_scalar(const uint8_t *symbols, size_t columns, const float *points, uint32_t bits, float *y) {
    size_t pairs = columns / 2;
    uint32_t mask = (UINT32_C(1) << bits) - 1;
    for (size_t i = 0; i < pairs; i += 8, symbols += bits) {
        // Eight symbols have up to 104 bits: two halves of four symbols, the second beginning at bit 4 * bits.
        uint64_t low = qam_load_bytes(symbols, (4 * bits + 7) / 8);
        uint64_t high = qam_load_bytes(symbols + bits / 2, bits - bits / 2) >> (4 * bits % 8);
        size_t used = pairs - i < 8 ? pairs - i : 8;
        for (size_t j = 0; j < used; j++) {
            uint32_t k = (uint32_t)((j < 4 ? low : high) >> (j % 4 * bits)) & mask;
            y[2 * (i + j)] = points[2 * k];
            y[2 * (i + j) + 1] = points[2 * k + 1];
        }
    }
}
