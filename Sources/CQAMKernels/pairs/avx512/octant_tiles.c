#if defined(__x86_64__)
// Products of octant codes with many activations: each weight is decoded once for up to TILED activations, into a
// buffer that stays in the L1 cache, and multiplied in tiles of rows and activations.

#include "octant_groups.h"
#include "product.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512

enum {
    TILED = 64,           // activations that share decoded weights
    PANEL_GROUPS = 8,     // groups of each row that are decoded at once
    BLOCK_GROUPS = QAM_ACTIVATION_BLOCK / (2 * QAM_GROUP_PAIRS),
};

// 64 decoded weights of each of a tile's rows: first or second coordinates.
typedef struct {
    uint8_t magnitudes[TILE_ROWS][QAM_GROUP_PAIRS];
    uint64_t signs[TILE_ROWS];
} slice;

// Two slices per group.
typedef struct {
    slice slices[2 * PANEL_GROUPS];
} panel;

static inline __attribute__((always_inline)) void store_group(
    group_kind kind, const point_tables *tables, const group *g, slice *slices, size_t row) {
    __m512i a, b;
    look_up(kind, tables->larger, g, 1, &a);
    look_up(kind, tables->smaller, g, 1, &b);
    _mm512_storeu_si512(slices[0].magnitudes[row], _mm512_mask_mov_epi8(a, g->swaps, b));
    _mm512_storeu_si512(slices[1].magnitudes[row], _mm512_mask_mov_epi8(b, g->swaps, a));
    slices[0].signs[row] = g->first_signs;
    slices[1].signs[row] = g->second_signs;
}

// Decodes `whole` groups of each row from `symbols` on, and the row's last group if `last`. Missing rows of a tile
// repeat the last row.
static inline __attribute__((always_inline)) void decode_panel(
    const group_reader *reader, group_kind kind, const point_tables *tables, const uint8_t *symbols, size_t row_bytes,
    size_t rows, size_t whole, bool last, panel *out) {
    for (size_t row = 0; row < TILE_ROWS; row++) {
        const uint8_t *p = symbols + (row < rows ? row : rows - 1) * row_bytes;
        for (size_t i = 0; i < whole; i++, p += reader->whole.layout.total) {
            group g = load_whole(reader, kind, p);
            store_group(kind, tables, &g, &out->slices[2 * i], row);
        }
        if (last) {
            group g = load_last(reader, kind, p);
            store_group(kind, tables, &g, &out->slices[2 * whole], row);
        }
    }
}

// The lanes of a tile's products: one register for each row and activation.
typedef struct {
    float lanes[TILE_ROWS][16];
} tile_lanes;

// Adds the products of `count` slices that share a scale for each activation.
static inline __attribute__((always_inline)) void add_slices(
    const slice *slices, size_t count, const int8_t *const *values, const float *scales, size_t batch, tile_lanes *lanes) {
    __m512i sums[TILE_BATCH][TILE_ROWS];
    for (size_t t = 0; t < batch; t++)
        for (size_t row = 0; row < TILE_ROWS; row++) sums[t][row] = _mm512_setzero_si512();
    for (size_t s = 0; s < count; s++) {
        __m512i magnitudes[TILE_ROWS];
        for (size_t row = 0; row < TILE_ROWS; row++)
            magnitudes[row] = _mm512_loadu_si512(slices[s].magnitudes[row]);
        for (size_t t = 0; t < batch; t++) {
            // Signs are applied to the activation: the products take unsigned times signed bytes.
            __m512i value = _mm512_loadu_si512(values[t] + s * QAM_GROUP_PAIRS);
            __m512i negated = _mm512_sub_epi8(_mm512_setzero_si512(), value);
            for (size_t row = 0; row < TILE_ROWS; row++)
                sums[t][row] = _mm512_dpbusd_epi32(
                    sums[t][row], magnitudes[row], _mm512_mask_blend_epi8(slices[s].signs[row], value, negated));
        }
    }
    for (size_t t = 0; t < batch; t++)
        for (size_t row = 0; row < TILE_ROWS; row++) {
            float *l = lanes[t].lanes[row];
            _mm512_storeu_ps(l, add_scaled(_mm512_loadu_ps(l), sums[t][row], scales[t]));
        }
}

// Adds the products of a panel of `slices` slices that begins at block `block` of the activations.
static inline __attribute__((always_inline)) void add_panel(
    const panel *weights, size_t slices, const qam_activation *activations, size_t batch, size_t block,
    tile_lanes *lanes) {
    for (size_t s = 0; s < slices; s += 2 * BLOCK_GROUPS, block++) {
        const int8_t *values[TILE_BATCH];
        float scales[TILE_BATCH];
        for (size_t t = 0; t < batch; t++) {
            values[t] = activations[t].values + block * QAM_ACTIVATION_BLOCK;
            scales[t] = activations[t].scales[block];
        }
        if (slices - s >= 2 * BLOCK_GROUPS)
            add_slices(&weights->slices[s], 2 * BLOCK_GROUPS, values, scales, batch, lanes);
        else
            add_slices(&weights->slices[s], slices - s, values, scales, batch, lanes);
    }
}

static inline __attribute__((always_inline)) void multiply_tiles(
    const qam_code *code, group_kind kind, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    const group_reader reader = reader_of(code->columns, code->rate);
    const size_t row_bytes = qam_row_bytes(QAM_OCTANT, code->rate, code->columns);
    const size_t whole = code->columns / (2 * QAM_GROUP_PAIRS), groups = whole + reader.has_last;
    point_tables tables;
    load_tables(code->magnitudes, kind, &tables);
    panel weights;
    tile_lanes lanes[TILED];
    for (size_t i = 0; i < rows; i += TILE_ROWS, symbols += TILE_ROWS * row_bytes) {
        const size_t height = rows - i < TILE_ROWS ? rows - i : TILE_ROWS;
        memset(lanes, 0, batch * sizeof *lanes);
        for (size_t first = 0; first < groups; first += PANEL_GROUPS) {
            size_t end = first + PANEL_GROUPS < groups ? first + PANEL_GROUPS : groups;
            size_t end_whole = end < whole ? end : whole;
            decode_panel(
                &reader, kind, &tables, symbols + first * reader.whole.layout.total, row_bytes, height,
                end_whole - first, end > whole, &weights);
            size_t slices = 2 * (end - first), block = first / BLOCK_GROUPS, t = 0;
            for (; t + TILE_BATCH <= batch; t += TILE_BATCH)
                add_panel(&weights, slices, activations + t, TILE_BATCH, block, lanes + t);
            switch (batch - t) {
            case 3: add_panel(&weights, slices, activations + t, 3, block, lanes + t); break;
            case 2: add_panel(&weights, slices, activations + t, 2, block, lanes + t); break;
            case 1: add_panel(&weights, slices, activations + t, 1, block, lanes + t); break;
            default: break;
            }
        }
        for (size_t t = 0; t < batch; t++)
            for (size_t row = 0; row < height; row++)
                out[t * output_stride + i + row] = factors[i + row] * add_lanes(_mm512_loadu_ps(lanes[t].lanes[row]));
    }
}

void qam_octant_many_avx512(
    const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, const qam_activation *activations,
    size_t batch, float *out, size_t output_stride) {
    for (size_t t = 0; t < batch; t += TILED) {
        size_t tiled = batch - t < TILED ? batch - t : TILED;
        const qam_activation *some = activations + t;
        float *to = out + t * output_stride;
        switch (kind_of(code->rate)) {
        case TRELLIS: multiply_tiles(code, TRELLIS, symbols, factors, rows, some, tiled, to, output_stride); break;
        case PLAIN_8: multiply_tiles(code, PLAIN_8, symbols, factors, rows, some, tiled, to, output_stride); break;
        case PLAIN_9: multiply_tiles(code, PLAIN_9, symbols, factors, rows, some, tiled, to, output_stride); break;
        case PLAIN_10: multiply_tiles(code, PLAIN_10, symbols, factors, rows, some, tiled, to, output_stride); break;
        }
    }
}

QAM_TARGET_POP
#endif
