// Decoding of octant codes.

#if defined(__x86_64__)

#include "octant.h"

QAM_TARGET_AVX512

static inline __attribute__((always_inline)) void decode_group(
    group_kind kind, const point_tables *tables, group g, float *y) {
    __m512i larger, smaller, words[4];
    look_up(kind, tables->larger, &g, 1, &larger);
    look_up(kind, tables->smaller, &g, 1, &smaller);
    qam_group_words(&g, larger, smaller, 0, words);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        qam_two halves = qam_group_halves(words[i], false);
        _mm512_storeu_ps(y + 16 * i, _mm512_cvtepi32_ps(halves.low));
        _mm512_storeu_ps(y + 64 + 16 * i, _mm512_cvtepi32_ps(halves.high));
    }
}

static inline __attribute__((always_inline)) void decode(
    group_kind kind, const uint8_t *symbols, size_t columns, const uint8_t *magnitudes, uint32_t step_bits, float *y) {
    group_reader reader = reader_of(columns, step_bits);
    point_tables tables;
    load_tables(magnitudes, kind, &tables);
    size_t j = 0;
    for (; j + QAM_GROUP_COLUMNS <= columns; j += QAM_GROUP_COLUMNS, symbols += reader.whole.layout.total)
        decode_group(kind, &tables, load_whole(&reader, kind, symbols), y + j);
    if (j < columns) {
        float last[QAM_GROUP_COLUMNS];
        decode_group(kind, &tables, load_last(&reader, kind, symbols), last);
        memcpy(y + j, last, (columns - j) * sizeof *y);
    }
}

void qam_octant_decode_avx512(
    const uint8_t *symbols, size_t columns, const uint8_t *magnitudes, uint32_t step_bits, float *y) {
    switch (kind_of(step_bits)) {
    case TRELLIS: decode(TRELLIS, symbols, columns, magnitudes, step_bits, y); break;
    case PLAIN_8: decode(PLAIN_8, symbols, columns, magnitudes, step_bits, y); break;
    case PLAIN_9: decode(PLAIN_9, symbols, columns, magnitudes, step_bits, y); break;
    case PLAIN_10: decode(PLAIN_10, symbols, columns, magnitudes, step_bits, y); break;
    }
}

QAM_TARGET_POP

#endif
