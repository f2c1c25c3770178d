#if defined(__x86_64__)
// Products of free codes: points are looked up into a buffer in the L1 cache, once for up to TILED activations, and
// multiplied as 16-bit integers.

#include "../free_symbols.h"
#include "product.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512

enum {
    TILED = 64,                             // activations that share looked-up points
    BLOCK_PAIRS = QAM_ACTIVATION_BLOCK / 2, // pairs that share scales
    PANEL_BLOCKS = 4,                       // blocks of each row that are looked up at once
    LANES = 16,                             // pairs per register
};

// The points of a panel's columns, for each row of a tile.
typedef struct {
    int16_t points[TILE_ROWS][PANEL_BLOCKS * QAM_ACTIVATION_BLOCK];
} panel;

// The lanes of the products of a tile's rows with one activation.
typedef struct {
    float lanes[TILE_ROWS][LANES];
} tile_lanes;

// ---- Few points: tables in registers ----

enum { PERMUTED_BITS = 7, PERMUTED_REGISTERS = (1 << PERMUTED_BITS) / LANES }; // the maximum bits of such symbols

// The tables for looking up 16 symbols at once.
typedef struct {
    __m512i order, shifts; // the two bytes that contain each symbol, and its first bit in them
    __m512i points[PERMUTED_REGISTERS];
} point_table;

static inline __attribute__((always_inline)) void load_points(
    const int16_t *fixed_points, uint32_t bits, point_table *table) {
    uint8_t order[LANES][4];
    uint32_t shifts[LANES];
    for (uint32_t i = 0; i < LANES; i++) {
        for (uint32_t k = 0; k < 4; k++) order[i][k] = (uint8_t)(i * bits / 8 + k);
        shifts[i] = i * bits % 8;
    }
    table->order = _mm512_loadu_si512(order);
    table->shifts = _mm512_loadu_si512(shifts);
    for (size_t i = 0; i < (1u << bits) / LANES; i++) table->points[i] = _mm512_loadu_si512(fixed_points + 32 * i);
}

// Selects from 2^bits points: a permutation takes four bits of an index, or five with two registers, and each further
// bit selects one of two results.
static inline __attribute__((always_inline)) __m512i choose(const __m512i *points, uint32_t bits, __m512i index) {
    if (bits == 4) return _mm512_permutexvar_epi32(index, points[0]);
    __m512i found[PERMUTED_REGISTERS / 2];
    for (uint32_t i = 0; i < 1u << (bits - 5); i++)
        found[i] = _mm512_permutex2var_epi32(points[2 * i], index, points[2 * i + 1]);
    for (uint32_t bit = 5; bit < bits; bit++) {
        __mmask16 upper = _mm512_test_epi32_mask(index, _mm512_set1_epi32(1 << bit));
        for (uint32_t i = 0; i < 1u << (bits - 1 - bit); i++)
            found[i] = _mm512_mask_mov_epi32(found[2 * i], upper, found[2 * i + 1]);
    }
    return found[0];
}

// The points of `count` symbols, a multiple of eight, padded to a multiple of 16.
static inline __attribute__((always_inline)) void permute_points(
    const uint8_t *symbols, uint32_t bits, size_t count, const point_table *table, int16_t *points) {
    for (size_t i = 0; i < count; i += LANES, symbols += 2 * bits, points += 2 * LANES) {
        __mmask32 bytes = (__mmask32)((1u << (count - i < LANES ? bits : 2 * bits)) - 1);
        __m512i packed = _mm512_castsi256_si512(_mm256_maskz_loadu_epi8(bytes, symbols));
        __m512i index = _mm512_srlv_epi32(_mm512_permutexvar_epi8(table->order, packed), table->shifts);
        _mm512_storeu_si512(points, choose(table->points, bits, index));
    }
}

// ---- Tiles ---------------------------------------------------------------------------------------------------------

// Adds the products of `pairs` pairs (a multiple of 16) that share a scale for each activation.
static inline __attribute__((always_inline)) void add_block(
    const panel *weights, size_t first, size_t pairs, const int8_t *const *values, const float *scales, size_t rows,
    size_t batch, tile_lanes *lanes) {
    __m512i sums[TILE_BATCH][TILE_ROWS];
    for (size_t t = 0; t < batch; t++)
        for (size_t row = 0; row < rows; row++) sums[t][row] = _mm512_setzero_si512();
    for (size_t i = 0; i < pairs; i += LANES) {
        __m512i points[TILE_ROWS];
        for (size_t row = 0; row < rows; row++)
            points[row] = _mm512_loadu_si512(weights->points[row] + 2 * (first + i));
        for (size_t t = 0; t < batch; t++) {
            __m512i value = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)(values[t] + 2 * i)));
            for (size_t row = 0; row < rows; row++)
                sums[t][row] = _mm512_dpwssd_epi32(sums[t][row], points[row], value);
        }
    }
    for (size_t t = 0; t < batch; t++)
        for (size_t row = 0; row < rows; row++) {
            float *l = lanes[t].lanes[row];
            _mm512_storeu_ps(l, add_scaled(_mm512_loadu_ps(l), sums[t][row], scales[t]));
        }
}

// Adds the products of a panel of `pairs` pairs that begins at block `block` of the activations.
static inline __attribute__((always_inline)) void add_panel(
    const panel *weights, size_t pairs, const qam_activation *activations, size_t rows, size_t batch, size_t block,
    tile_lanes *lanes) {
    for (size_t first = 0; first < pairs; first += BLOCK_PAIRS, block++) {
        const int8_t *values[TILE_BATCH];
        float scales[TILE_BATCH];
        for (size_t t = 0; t < batch; t++) {
            values[t] = activations[t].values + block * QAM_ACTIVATION_BLOCK;
            scales[t] = activations[t].scales[block];
        }
        if (pairs - first >= BLOCK_PAIRS)
            add_block(weights, first, BLOCK_PAIRS, values, scales, rows, batch, lanes);
        else
            add_block(weights, first, pairs - first, values, scales, rows, batch, lanes);
    }
}

// `height` rows (constant where it matters) with up to TILED activations.
static inline __attribute__((always_inline)) void multiply_tile(
    const qam_code *code, uint32_t bits, const int16_t *fixed_points, const uint8_t *symbols, const float *factors,
    size_t height, const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    const size_t pairs = code->columns / 2, row_bytes = qam_row_bytes(QAM_FREE, bits, code->columns);
    panel weights;
    tile_lanes lanes[TILED];
    point_table table;
    if (bits <= PERMUTED_BITS) load_points(fixed_points, bits, &table);
    for (size_t t = 0; t < batch; t++) memset(lanes[t].lanes, 0, height * sizeof *lanes[t].lanes);
    for (size_t first = 0; first < pairs; first += PANEL_BLOCKS * BLOCK_PAIRS) {
        size_t count = pairs - first < PANEL_BLOCKS * BLOCK_PAIRS ? pairs - first : PANEL_BLOCKS * BLOCK_PAIRS;
        // Symbols are in groups of eight, lanes of sixteen. Values beyond the columns are zero, so any points will do
        // there.
        size_t eights = (count + 7) / 8 * 8, padded = (count + LANES - 1) / LANES * LANES;
        size_t offset = first / 8 * bits;
        for (size_t row = 0; row < height; row++) {
            const uint8_t *from = symbols + row * row_bytes + offset;
            if (bits <= PERMUTED_BITS)
                permute_points(from, bits, eights, &table, weights.points[row]);
            else
                qam_look_up_free(from, row_bytes - offset, bits, eights, fixed_points, weights.points[row]);
            memset(weights.points[row] + 2 * eights, 0, 4 * (padded - eights));
        }
        size_t t = 0;
        for (; t + TILE_BATCH <= batch; t += TILE_BATCH)
            add_panel(&weights, padded, activations + t, height, TILE_BATCH, first / BLOCK_PAIRS, lanes + t);
        for (; t < batch; t++)
            add_panel(&weights, padded, activations + t, height, 1, first / BLOCK_PAIRS, lanes + t);
    }
    for (size_t t = 0; t < batch; t++)
        for (size_t row = 0; row < height; row++)
            out[t * output_stride + row] = factors[row] * add_lanes(_mm512_loadu_ps(lanes[t].lanes[row]));
}

static inline __attribute__((always_inline)) void multiply_bits(
    const qam_code *code, uint32_t bits, const int16_t *fixed_points, const uint8_t *symbols, const float *factors,
    size_t rows, const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    const size_t row_bytes = qam_row_bytes(QAM_FREE, bits, code->columns);
    for (size_t t = 0; t < batch; t += TILED) {
        size_t i = 0, tiled = batch - t < TILED ? batch - t : TILED;
        float *to = out + t * output_stride;
        for (; tiled >= TILE_BATCH && i + TILE_ROWS <= rows; i += TILE_ROWS)
            multiply_tile(
                code, bits, fixed_points, symbols + i * row_bytes, factors + i, TILE_ROWS, activations + t, tiled,
                to + i, output_stride);
        for (; i < rows; i++)
            multiply_tile(
                code, bits, fixed_points, symbols + i * row_bytes, factors + i, 1, activations + t, tiled, to + i,
                output_stride);
    }
}

void qam_free_product_avx512(
    const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    // A constant number of bits makes the shifts of lookups constant.
#define MULTIPLY_BITS(b)                                                                                               \
    case b:                                                                                                            \
        multiply_bits(code, b, fixed_points, symbols, factors, rows, activations, batch, out, output_stride);             \
        break;
    switch (code->rate) {
        MULTIPLY_BITS(4) MULTIPLY_BITS(5) MULTIPLY_BITS(6) MULTIPLY_BITS(7) MULTIPLY_BITS(8)
        MULTIPLY_BITS(9) MULTIPLY_BITS(10) MULTIPLY_BITS(11) MULTIPLY_BITS(12) MULTIPLY_BITS(13)
    }
#undef MULTIPLY_BITS
}

QAM_TARGET_POP
#endif
