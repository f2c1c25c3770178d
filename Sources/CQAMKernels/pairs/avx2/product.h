// Shared by the products of this instruction set: weights are decoded to a panel of 16-bit integers, reused for many
// activations, and multiplied in tiles of rows and activations.

#ifndef QAM_AVX2_PRODUCT_H
#define QAM_AVX2_PRODUCT_H

#include "../../targets.h"
#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

void qam_octant_product_avx2(
    const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, const qam_activation *activations,
    size_t batch, float *out, size_t output_stride);
void qam_free_product_avx2(
    const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride);

QAM_TARGET_AVX2

enum {
    UNIT = 64,                                  // values that 16 lanes process together
    BLOCK_UNITS = QAM_ACTIVATION_BLOCK / UNIT,  // units that share a scale
    PANEL_UNITS = 16,                           // units of each row that are decoded at once
    PANEL_COLUMNS = PANEL_UNITS * UNIT,
    TILE_ROWS = 4,                              // rows and activations that are multiplied at once
    TILE_BATCH = 2,
    TILED = 64,                                 // activations that share decoded weights
    HALF_LANES = 8,                             // lanes per register
};

// The weights of a row's unit, for lanes 0 to 7 and 8 to 15, in the order of `spread`.
typedef struct {
    int16_t weights[2][2][2 * HALF_LANES];
} row_unit;

typedef struct {
    row_unit rows[TILE_ROWS];
} unit;

typedef struct {
    unit units[PANEL_UNITS];
} panel;

typedef struct {
    float lanes[TILE_ROWS][2 * HALF_LANES];
} tile_lanes;

// The values of half a unit as 16-bit integers, ordered so that the two products that one instruction adds belong to
// one lane.
static inline __attribute__((always_inline)) void spread(
    qam_family family, const int8_t *values, size_t half, __m256i spread[2]) {
    if (family == QAM_OCTANT) {
        // A lane has four bytes: the even ones, then the odd ones.
        __m256i v = _mm256_loadu_si256((const void *)(values + half * UNIT / 2));
        spread[0] = _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8);
        spread[1] = _mm256_srai_epi16(v, 8);
    } else {
        // A lane has two pairs, 16 pairs apart.
        const int8_t *v = values + half * UNIT / 4;
        spread[0] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)v));
        spread[1] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(v + UNIT / 2)));
    }
}

// Adds the products of `count` units that share a scale for each activation.
static inline __attribute__((always_inline)) void add_units(
    qam_family family, const unit *units, size_t count, size_t rows, const qam_activation *activations, size_t batch,
    size_t block, tile_lanes *lanes) {
    for (size_t half = 0; half < 2; half++) {
        __m256i sums[TILE_BATCH][TILE_ROWS];
        for (size_t t = 0; t < batch; t++)
            for (size_t row = 0; row < rows; row++) sums[t][row] = _mm256_setzero_si256();
        for (size_t u = 0; u < count; u++) {
            __m256i values[TILE_BATCH][2];
            for (size_t t = 0; t < batch; t++)
                spread(family, activations[t].values + block * QAM_ACTIVATION_BLOCK + u * UNIT, half, values[t]);
            for (size_t row = 0; row < rows; row++)
                for (size_t i = 0; i < 2; i++) {
                    __m256i weights = _mm256_loadu_si256((const void *)units[u].rows[row].weights[half][i]);
                    for (size_t t = 0; t < batch; t++)
                        sums[t][row] = _mm256_add_epi32(sums[t][row], _mm256_madd_epi16(weights, values[t][i]));
                }
        }
        for (size_t t = 0; t < batch; t++) {
            __m256 scale = _mm256_set1_ps(activations[t].scales[block]);
            for (size_t row = 0; row < rows; row++) {
                // Two roundings: a fused operation would not be bit-identical.
                float *l = lanes[t].lanes[row] + half * HALF_LANES;
                __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[t][row]), scale);
                _mm256_storeu_ps(l, _mm256_add_ps(_mm256_loadu_ps(l), scaled));
            }
        }
    }
}

// Adds the products of a panel of `count` units that begins at block `block` of the activations.
static inline __attribute__((always_inline)) void add_panel(
    qam_family family, const panel *weights, size_t count, size_t rows, const qam_activation *activations,
    size_t batch, size_t block, tile_lanes *lanes) {
    for (size_t u = 0; u < count; u += BLOCK_UNITS, block++) {
        size_t units = count - u < BLOCK_UNITS ? count - u : BLOCK_UNITS;
        add_units(family, &weights->units[u], units, rows, activations, batch, block, lanes);
    }
}

// The sum of 16 lanes, adding halves.
static inline __attribute__((always_inline)) float add_lanes(const float *lanes) {
    __m256 eight = _mm256_add_ps(_mm256_loadu_ps(lanes), _mm256_loadu_ps(lanes + HALF_LANES));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// Decodes a row's units from column `first` on, at most PANEL_COLUMNS, to row `row` of a panel.
typedef void (*row_decoder)(const void *decoder, const uint8_t *symbols, size_t first, panel *out, size_t row);

// `rows` rows (TILE_ROWS or one) with up to TILED activations.
static inline __attribute__((always_inline)) void multiply_tile(
    const qam_code *code, qam_family family, row_decoder decode, const void *decoder, const uint8_t *symbols,
    const float *factors, size_t rows, const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    const size_t row_bytes = qam_row_bytes(family, code->rate, code->columns);
    panel weights;
    tile_lanes lanes[TILED];
    for (size_t t = 0; t < batch; t++) memset(lanes[t].lanes, 0, rows * sizeof *lanes[t].lanes);
    for (size_t first = 0; first < code->columns; first += PANEL_COLUMNS) {
        size_t left = qam_value_bytes(code->columns) - first, block = first / QAM_ACTIVATION_BLOCK, t = 0;
        size_t count = left < PANEL_COLUMNS ? left / UNIT : PANEL_UNITS;
        for (size_t row = 0; row < rows; row++) decode(decoder, symbols + row * row_bytes, first, &weights, row);
        for (; t + TILE_BATCH <= batch; t += TILE_BATCH)
            add_panel(family, &weights, count, rows, activations + t, TILE_BATCH, block, lanes + t);
        for (; t < batch; t++) add_panel(family, &weights, count, rows, activations + t, 1, block, lanes + t);
    }
    for (size_t t = 0; t < batch; t++)
        for (size_t row = 0; row < rows; row++)
            out[t * output_stride + row] = factors[row] * add_lanes(lanes[t].lanes[row]);
}

static inline __attribute__((always_inline)) void multiply_tiles(
    const qam_code *code, qam_family family, row_decoder decode, const void *decoder, const uint8_t *symbols,
    const float *factors, size_t rows, const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    const size_t row_bytes = qam_row_bytes(family, code->rate, code->columns);
    for (size_t t = 0; t < batch; t += TILED) {
        size_t i = 0, tiled = batch - t < TILED ? batch - t : TILED;
        // A single activation processes rows in address order: alternating between several cost a quarter to nearly
        // half of the memory bandwidth, and gains little for one activation.
        for (; tiled > 1 && i + TILE_ROWS <= rows; i += TILE_ROWS)
            multiply_tile(
                code, family, decode, decoder, symbols + i * row_bytes, factors + i, TILE_ROWS, activations + t, tiled,
                out + t * output_stride + i, output_stride);
        for (; i < rows; i++)
            multiply_tile(
                code, family, decode, decoder, symbols + i * row_bytes, factors + i, 1, activations + t, tiled,
                out + t * output_stride + i, output_stride);
    }
}

QAM_TARGET_POP

#endif
