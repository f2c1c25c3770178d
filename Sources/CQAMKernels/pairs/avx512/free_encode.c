// Encoding of free codes, 16 pairs at a time.

#if defined(__x86_64__)

#include "../avx2/pairs.h"
#include "nearest.h"
#include "pairs.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512_BASE

void qam_free_encode_avx512(const float *z, size_t columns, const qam_plane *plane, uint32_t bits, uint8_t *symbols) {
    size_t pairs = columns / 2, left = qam_row_bytes(QAM_FREE, bits, columns);
    for (size_t i = 0; i < pairs; i += 16) {
        size_t used = pairs - i < 16 ? pairs - i : 16;
        __m512 x, y;
        qam_load_pairs(z + 2 * i, used, &x, &y);
        __m256i k = _mm512_cvtepi32_epi16(qam_nearest16(plane, qam_first_of_16(used), x, y));
        qam_store_eight(_mm256_castsi256_si128(k), bits, left, symbols);
        symbols += bits, left -= bits;
        if (used <= 8) break;
        qam_store_eight(_mm256_extracti128_si256(k, 1), bits, left, symbols);
        symbols += bits, left -= bits;
    }
}

QAM_TARGET_POP

#endif
