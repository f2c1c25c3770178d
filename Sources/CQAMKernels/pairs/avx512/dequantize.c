// Whole rows. The coordinates of octant codes are never stored: groups are decoded into registers and transformed
// there. All butterflies are sums of integers, exact in any order. For a piece of a row, up to 1,024 columns, come the
// first six distances within groups, in 16 bits; then the one at 128, which still fits them (128 * 255 < 2^15); then
// the others, at 64, 256 and 512, in 32 bits.
//
// Free codes, and octant codes of larger blocks, are decoded to floats and rotated back in place.

#if defined(__x86_64__)

#include "lanes.h"
#include "octant.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512

enum {
    LANES = 16,
    PIECE = 1024, // columns
    GROUPS = PIECE / QAM_GROUP_COLUMNS,
    CACHE_LINE = 64,
    FAR = 1 << 20 // bytes of output, more than the nearer caches hold
};

// The destination of a row, and its final scaling.
typedef struct {
    const uint8_t *signs; // of column 0: bit j % 8 of byte j / 8, as x86 stores words
    const float *scales;  // or NULL
    float factor;
    float *out;
    bool far; // `out` is not in a near cache
} sink;

static inline __attribute__((always_inline)) void put(
    const sink *s, size_t column, const uint8_t *signs, __mmask16 lanes, __m512 x) {
    x = qam_scale_signed(x, signs, s->factor);
    if (s->scales) x = _mm512_mask_div_ps(x, lanes, x, _mm512_maskz_loadu_ps(lanes, s->scales + column));
    _mm512_mask_storeu_ps(s->out + column, lanes, x);
}

// ---- Within groups ----

static inline __attribute__((always_inline)) void decode_group(
    group_kind kind, const point_tables *tables, group g, int levels, int16_t *words) {
    __m512i larger, smaller, v[4];
    look_up(kind, tables->larger, &g, 1, &larger);
    look_up(kind, tables->smaller, &g, 1, &smaller);
    qam_group_words(&g, larger, smaller, levels, v);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) _mm512_storeu_si512(words + 32 * i, v[i]);
}

// Whole groups; or, if there are none, the last one.
static inline __attribute__((always_inline)) void decode_groups(
    group_kind kind, const qam_code *code, const group_reader *reader, const uint8_t *symbols, size_t groups,
    int levels, int16_t *words) {
    point_tables tables;
    load_tables(code->magnitudes, kind, &tables);
    if (groups == 0) decode_group(kind, &tables, load_last(reader, kind, symbols), levels, words);
    for (; groups > 0; groups--, symbols += reader->whole.layout.total, words += QAM_GROUP_COLUMNS)
        decode_group(kind, &tables, load_whole(reader, kind, symbols), levels, words);
}

// Compiled for all six distances, and for fewer.
static inline __attribute__((always_inline)) void decode_piece(
    group_kind kind, const qam_code *code, const group_reader *reader, const uint8_t *symbols, size_t groups,
    int levels, int16_t *words) {
    if (levels == 6)
        decode_groups(kind, code, reader, symbols, groups, 6, words);
    else
        decode_groups(kind, code, reader, symbols, groups, levels, words);
}

static void decode(
    const qam_code *code, const group_reader *reader, const uint8_t *symbols, size_t groups, int levels,
    int16_t *words) {
    switch (kind_of(code->rate)) {
    case TRELLIS: decode_piece(TRELLIS, code, reader, symbols, groups, levels, words); break;
    case PLAIN_8: decode_piece(PLAIN_8, code, reader, symbols, groups, levels, words); break;
    case PLAIN_9: decode_piece(PLAIN_9, code, reader, symbols, groups, levels, words); break;
    case PLAIN_10: decode_piece(PLAIN_10, code, reader, symbols, groups, levels, words); break;
    }
}

// ---- Across groups ----

// The last distances of `groups` groups, including the seventh if `sum`.
static inline __attribute__((always_inline)) void finish_groups(
    const int16_t *words, int groups, bool sum, const sink *to, size_t column) {
    // A local copy, which cannot alias stores.
    const sink local = *to, *s = &local;
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *signs = s->signs + column / 8 + LANES / 8 * i;
        __m512i v[GROUPS], low[GROUPS], high[GROUPS];
#pragma clang loop unroll(full)
        for (int g = 0; g < groups; g++) v[g] = _mm512_loadu_si512(words + QAM_GROUP_COLUMNS * (size_t)g + 32 * i);
#pragma clang loop unroll(full)
        for (int g = 0; g + 1 < groups; g += 2) {
            __m512i a = v[g], b = v[g + 1];
            v[g] = _mm512_add_epi16(a, b);
            v[g + 1] = _mm512_sub_epi16(a, b);
        }
#pragma clang loop unroll(full)
        for (int g = 0; g < groups; g++) {
            qam_two halves = qam_group_halves(v[g], sum);
            low[g] = halves.low, high[g] = halves.high;
        }
#pragma clang loop unroll(full)
        for (int h = 2; h < groups; h *= 2)
#pragma clang loop unroll(full)
            for (int g = 0; g < groups; g++)
                if ((g & h) == 0) {
                    __m512i a = low[g], b = low[g + h], c = high[g], d = high[g + h];
                    low[g] = _mm512_add_epi32(a, b), low[g + h] = _mm512_sub_epi32(a, b);
                    high[g] = _mm512_add_epi32(c, d), high[g + h] = _mm512_sub_epi32(c, d);
                }
#pragma clang loop unroll(full)
        for (int g = 0; g < groups; g++) {
            size_t at = column + QAM_GROUP_COLUMNS * (size_t)g + LANES * i;
            const uint8_t *group_signs = signs + QAM_GROUP_COLUMNS / 8 * g;
            put(s, at, group_signs, 0xFFFF, _mm512_cvtepi32_ps(low[g]));
            put(s, at + 64, group_signs + 64 / 8, 0xFFFF, _mm512_cvtepi32_ps(high[g]));
        }
    }
}

static void finish(const int16_t *words, size_t columns, size_t block, const sink *s, size_t column) {
    size_t step = block < QAM_GROUP_COLUMNS ? QAM_GROUP_COLUMNS : block;
    for (size_t end = column + columns; column < end; column += step, words += step) {
        switch (block) {
        case 1024: finish_groups(words, 8, true, s, column); break;
        case 512: finish_groups(words, 4, true, s, column); break;
        case 256: finish_groups(words, 2, true, s, column); break;
        case 128: finish_groups(words, 1, true, s, column); break;
        default: finish_groups(words, 1, false, s, column); break;
        }
    }
}

// ---- Rows ----

// A piece is stored in scattered order, which no hardware prefetcher follows: its lines are prefetched during decoding.
static void fetch_lines(const sink *s, size_t column, size_t columns) {
    const char *p = (const char *)(s->out + column);
    for (size_t i = 0; i < columns * sizeof(float); i += CACHE_LINE) _mm_prefetch(p + i, _MM_HINT_T0);
}

// Blocks of up to 1,024 columns.
static void octant_row(
    const qam_code *code, const group_reader *reader, const uint8_t *symbols, const sink *s) {
    _Alignas(64) int16_t words[PIECE];
    size_t columns = code->columns, block = code->block;
    int levels = __builtin_ctzll(block < 64 ? block : 64);
    size_t j = 0;
    while (columns - j >= QAM_GROUP_COLUMNS) {
        size_t left = (columns - j) / QAM_GROUP_COLUMNS, groups = left < GROUPS ? left : GROUPS;
        // Blocks larger than groups leave no remainder: pieces end with a block.
        if (s->far) fetch_lines(s, j, groups * QAM_GROUP_COLUMNS);
        decode(code, reader, symbols, groups, levels, words);
        finish(words, groups * QAM_GROUP_COLUMNS, block, s, j);
        symbols += groups * reader->whole.layout.total;
        j += groups * QAM_GROUP_COLUMNS;
    }
    if (j < columns) {
        float sums[QAM_GROUP_COLUMNS];
        const uint8_t positive[QAM_GROUP_COLUMNS / 8] = {0};
        const sink local = {positive, NULL, 1, sums, false};
        decode(code, reader, symbols, 0, levels, words);
        finish(words, QAM_GROUP_COLUMNS, block, &local, 0);
        for (size_t k = 0; j + k < columns; k += LANES) {
            size_t used = columns - j - k;
            __mmask16 lanes = qam_first_lanes(used < LANES ? used : LANES);
            put(s, j + k, s->signs + (j + k) / 8, lanes, _mm512_loadu_ps(sums + k));
        }
    }
}

void qam_dequantize_avx512(
    const qam_kernels *kernels, const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, float *out) {
    size_t columns = code->columns, row_bytes = qam_row_bytes(code->family, code->rate, columns);
    bool far = rows * columns * sizeof *out > FAR;
    float root = qam_root(code->block);
    group_reader reader = {0};
    if (code->family == QAM_OCTANT) reader = reader_of(columns, code->rate);
    for (size_t i = 0; i < rows; i++, symbols += row_bytes, out += columns) {
        sink s = {(const uint8_t *)code->signs, code->channel_scales, factors[i] * root, out, far};
        if (code->family == QAM_OCTANT && code->block <= PIECE) octant_row(code, &reader, symbols, &s);
        else qam_dequantize_row(kernels, code, symbols, s.factor, out);
    }
}

QAM_TARGET_POP

#endif
