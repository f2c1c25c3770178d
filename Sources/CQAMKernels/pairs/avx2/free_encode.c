// Encoding of free codes, 8 pairs at a time.

#if defined(__x86_64__)

#include "nearest.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX2

void qam_free_encode_avx2(const float *z, size_t columns, const qam_plane *plane, uint32_t bits, uint8_t *symbols) {
    size_t pairs = columns / 2, left = qam_row_bytes(QAM_FREE, bits, columns);
    for (size_t i = 0; i < pairs; i += 8, symbols += bits, left -= bits) {
        __m256 x, y;
        qam_load_pairs_avx2(z + 2 * i, pairs - i, &x, &y);
        qam_store_eight(qam_narrow8(qam_nearest8(plane, pairs - i, x, y)), bits, left, symbols);
    }
}

QAM_TARGET_POP

#endif
