// Decoding of octant codes.

#if defined(__x86_64__)

#include "octant.h"

QAM_TARGET_AVX2

static void decode_group(const uint8_t *symbols, const uint16_t points[2][HALF_PAIRS], float *y) {
    __m256i words[8];
    qam_group_words(symbols, points, 0, words);
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
        _mm256_storeu_ps(y + 16 * i, _mm256_cvtepi32_ps(qam_lower_halves(words[i], false)));
        _mm256_storeu_ps(y + 16 * i + 8, _mm256_cvtepi32_ps(qam_upper_halves(words[i], false)));
    }
}

void qam_octant_decode_avx2(
    const uint8_t *symbols, size_t columns, const uint8_t *magnitudes, uint32_t step_bits, float *y) {
    qam_octant_reader reader;
    qam_piece_points points;
    qam_make_reader(magnitudes, step_bits, &reader);
    size_t groups = columns / QAM_GROUP_COLUMNS, rest = columns % QAM_GROUP_COLUMNS;
    while (groups > 0) {
        size_t piece = groups < QAM_PIECE_GROUPS ? groups : QAM_PIECE_GROUPS;
        qam_look_up_piece(&reader, symbols, piece, &points);
        for (size_t i = 0; i < piece; i++, symbols += reader.group_bytes, y += QAM_GROUP_COLUMNS)
            decode_group(symbols, points.pairs[i], y);
        groups -= piece;
    }
    if (rest > 0) {
        uint8_t filled[FILLED_BYTES];
        float last[QAM_GROUP_COLUMNS];
        fill_group(symbols, qam_layout(qam_group_pairs(rest, 0), step_bits), step_bits, filled);
        qam_look_up_piece(&reader, filled, 1, &points);
        decode_group(filled, points.pairs[0], last);
        memcpy(y, last, rest * sizeof *y);
    }
}

QAM_TARGET_POP

#endif
