// Whole rows. The coordinates of octant codes are never stored: groups are decoded and transformed as integers, exact
// in any order. For a piece of a row, up to 1,024 columns, the base points are looked up; then come six of the
// distances within groups, in 16 bits; then the one at 128, which still fits them (128 * 255 < 2^15); then the others,
// at 8, 256 and 512, in 32 bits.
//
// Free codes, and octant codes of larger blocks, are decoded to floats and rotated back in place.

#if defined(__x86_64__)

#include "lanes.h"
#include "octant.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX2

enum {
    LANES = 8,
    PIECE = QAM_PIECE_GROUPS * QAM_GROUP_COLUMNS
};

// The destination of a row, and its final scaling.
typedef struct {
    const uint8_t *signs; // of column 0: bit j % 8 of byte j / 8, as x86 stores words
    const float *scales;  // or NULL
    float factor;
    float *out;
} sink;

static inline __attribute__((always_inline)) __m256 finished(const sink *s, size_t column, const uint8_t *signs, __m256 x) {
    x = qam_scale_signed(x, signs, s->factor);
    return s->scales ? _mm256_div_ps(x, _mm256_loadu_ps(s->scales + column)) : x;
}

// The last columns of a row, if fewer than eight.
static void put_last(const sink *s, size_t column, size_t count, __m256 x) {
    __m256i lanes = qam_first_lanes(count);
    x = qam_scale_signed(x, s->signs + column / 8, s->factor);
    if (s->scales) x = _mm256_div_ps(x, _mm256_maskload_ps(s->scales + column, lanes));
    _mm256_maskstore_ps(s->out + column, lanes, x);
}

// ---- Within groups ----

static inline __attribute__((always_inline)) void transform_groups(
    const qam_octant_reader *reader, const uint8_t *symbols, size_t groups, const qam_piece_points *points, int levels,
    int16_t *words) {
    for (size_t i = 0; i < groups; i++, symbols += reader->group_bytes, words += QAM_GROUP_COLUMNS) {
        __m256i v[8];
        qam_group_words(symbols, points->pairs[i], levels, v);
#pragma clang loop unroll(full)
        for (int k = 0; k < 8; k++) _mm256_storeu_si256((void *)(words + 16 * k), v[k]);
    }
}

// Compiled for all distances, and for fewer.
static void decode(
    const qam_octant_reader *reader, const uint8_t *symbols, size_t groups, int levels, int16_t *words) {
    qam_piece_points points;
    qam_look_up_piece(reader, symbols, groups, &points);
    if (levels == 7)
        transform_groups(reader, symbols, groups, &points, 7, words);
    else
        transform_groups(reader, symbols, groups, &points, levels, words);
}

// ---- Across groups ----

// The last distances of `groups` groups, including the one at 8 if `sum`.
static inline __attribute__((always_inline)) void finish_groups(
    const int16_t *words, size_t groups, bool sum, const sink *to, size_t column) {
    // A local copy, which cannot alias stores.
    const sink local = *to, *s = &local;
    for (size_t i = 0; i < 8; i++) {
        const uint8_t *signs = s->signs + column / 8 + 2 * i;
        __m256i v[QAM_PIECE_GROUPS];
#pragma clang loop unroll(full)
        for (size_t g = 0; g < groups; g++)
            v[g] = _mm256_loadu_si256((const __m256i *)(words + QAM_GROUP_COLUMNS * g + 16 * i));
#pragma clang loop unroll(full)
        for (size_t g = 0; g + 1 < groups; g += 2) qam_butterfly16(&v[g], &v[g + 1], true);
#pragma clang loop unroll(full)
        for (size_t half = 0; half < 2; half++) {
            __m256i t[QAM_PIECE_GROUPS];
#pragma clang loop unroll(full)
            for (size_t g = 0; g < groups; g++) t[g] = half ? qam_upper_halves(v[g], sum) : qam_lower_halves(v[g], sum);
#pragma clang loop unroll(full)
            for (size_t h = 2; h < groups; h *= 2)
#pragma clang loop unroll(full)
                for (size_t g = 0; g < groups; g++)
                    if ((g & h) == 0) {
                        __m256i a = t[g], b = t[g + h];
                        t[g] = _mm256_add_epi32(a, b), t[g + h] = _mm256_sub_epi32(a, b);
                    }
#pragma clang loop unroll(full)
            for (size_t g = 0; g < groups; g++) {
                size_t at = column + QAM_GROUP_COLUMNS * g + 16 * i + LANES * half;
                const uint8_t *group_signs = signs + QAM_GROUP_COLUMNS / 8 * g + half;
                _mm256_storeu_ps(s->out + at, finished(s, at, group_signs, _mm256_cvtepi32_ps(t[g])));
            }
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
        default: finish_groups(words, 1, block > 8, s, column); break;
        }
    }
}

// ---- Rows ----

// `block` is the code's, at most 1,024.
static void octant_row(
    const qam_code *code, size_t block, const uint8_t *symbols, const qam_octant_reader *reader, const sink *s) {
    int16_t words[PIECE];
    size_t columns = code->columns;
    int levels = __builtin_ctzll(block < QAM_GROUP_COLUMNS ? block : QAM_GROUP_COLUMNS);
    size_t j = 0;
    while (columns - j >= QAM_GROUP_COLUMNS) {
        // Blocks larger than groups leave no remainder: pieces end with a block.
        size_t left = (columns - j) / QAM_GROUP_COLUMNS, groups = left < QAM_PIECE_GROUPS ? left : QAM_PIECE_GROUPS;
        decode(reader, symbols, groups, levels, words);
        finish(words, groups * QAM_GROUP_COLUMNS, block, s, j);
        symbols += groups * reader->group_bytes;
        j += groups * QAM_GROUP_COLUMNS;
    }
    if (j < columns) {
        uint8_t filled[FILLED_BYTES];
        float sums[QAM_GROUP_COLUMNS];
        const uint8_t positive[QAM_GROUP_COLUMNS / 8] = {0};
        const sink local = {positive, NULL, 1, sums};
        fill_group(symbols, qam_layout(qam_group_pairs(columns, j / 2), code->rate), code->rate, filled);
        decode(reader, filled, 1, levels, words);
        finish(words, QAM_GROUP_COLUMNS, block, &local, 0);
        size_t k = 0;
        for (; j + k + LANES <= columns; k += LANES)
            _mm256_storeu_ps(s->out + j + k, finished(s, j + k, s->signs + (j + k) / 8, _mm256_loadu_ps(sums + k)));
        if (j + k < columns) put_last(s, j + k, columns - j - k, _mm256_loadu_ps(sums + k));
    }
}

void qam_dequantize_avx2(
    const qam_kernels *kernels, const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, float *out) {
    size_t columns = code->columns, row_bytes = qam_row_bytes(code->family, code->rate, columns);
    float root = qam_root(code->block);
    qam_octant_reader reader;
    if (code->family == QAM_OCTANT) qam_make_reader(code->magnitudes, code->rate, &reader);
    for (size_t i = 0; i < rows; i++, symbols += row_bytes, out += columns) {
        sink s = {(const uint8_t *)code->signs, code->channel_scales, factors[i] * root, out};
        if (code->family == QAM_OCTANT && code->block <= PIECE) octant_row(code, code->block, symbols, &reader, &s);
        else qam_dequantize_row(kernels, code, symbols, s.factor, out);
    }
}

QAM_TARGET_POP

#endif
