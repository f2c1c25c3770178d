#if defined(__x86_64__)
// Products of octant codes with few activations: each row is decoded in registers, directly from its symbols.

#include "octant_groups.h"
#include "product.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512

enum {
    BLOCK_GROUPS = QAM_ACTIVATION_BLOCK / (2 * QAM_GROUP_PAIRS),
    LINE = 64,    // bytes per cache line
    LINES = 3,    // lines per block, except for the highest rate
    AHEAD = 4096, // bytes from a block's symbols to those that are prefetched
};

// Adds the products of one group, given its magnitudes: `a` the larger ones, `b` the smaller ones. A merging load is
// cheaper than a merging subtraction, which reduces the byte permutations per cycle on Zen 4.
static inline __attribute__((always_inline)) __m512i add_group(
    __m512i sums, const group *g, __m512i a, __m512i b, const int8_t *values, const int8_t *negated) {
    // Swaps and signs are applied to the activation: the products take unsigned times signed bytes.
    __m512i first = _mm512_loadu_si512(values), second = _mm512_loadu_si512(values + 64);
    first = _mm512_mask_loadu_epi8(first, g->first_signs, negated);
    second = _mm512_mask_loadu_epi8(second, g->second_signs, negated + 64);
    sums = _mm512_dpbusd_epi32(sums, a, _mm512_mask_mov_epi8(first, g->swaps, second));
    return _mm512_dpbusd_epi32(sums, b, _mm512_mask_mov_epi8(second, g->swaps, first));
}

// Adds the products of a block to `lanes`: `whole` groups and, if `last`, a short one. `negated` is the offset of an
// activation's negated values.
static inline __attribute__((always_inline)) void add_block(
    const group_reader *reader, group_kind kind, const point_tables *tables, const uint8_t *symbols, size_t whole,
    bool last, const qam_activation *activations, size_t batch, size_t negated, size_t block, __m512 *lanes) {
    __m512i sums[FEW], a[BLOCK_GROUPS], b[BLOCK_GROUPS];
    for (size_t t = 0; t < batch; t++) sums[t] = _mm512_setzero_si512();
    // Groups are combined only if that saves loading tables: two of them use all mask registers.
    const size_t count = whole + last, together = kind == PLAIN_10 ? count : 1;
    for (size_t i = 0; i < count; i += together) {
        group groups[BLOCK_GROUPS];
        for (size_t j = 0; j < together; j++) {
            const uint8_t *p = symbols + (i + j) * reader->whole.layout.total;
            groups[j] = i + j < whole ? load_whole(reader, kind, p) : load_last(reader, kind, p);
        }
        look_up(kind, tables->larger, groups, together, a);
        look_up(kind, tables->smaller, groups, together, b);
        for (size_t j = 0; j < together; j++)
            for (size_t t = 0; t < batch; t++) {
                const int8_t *values = activations[t].values + block * QAM_ACTIVATION_BLOCK;
                size_t place = 2 * QAM_GROUP_PAIRS * (i + j);
                sums[t] = add_group(sums[t], &groups[j], a[j], b[j], values + place, values + negated + place);
            }
    }
    for (size_t t = 0; t < batch; t++) lanes[t] = add_scaled(lanes[t], sums[t], activations[t].scales[block]);
}

// Prefetches the symbols that are needed in some hundred cycles: the hardware prefetcher does not cross pages.
// Prefetching invalid addresses is harmless.
static inline __attribute__((always_inline)) void fetch_ahead(const uint8_t *symbols) {
    for (size_t i = 0; i < LINES; i++) _mm_prefetch((const char *)((uintptr_t)symbols + AHEAD + LINE * i), _MM_HINT_T0);
}

static inline __attribute__((always_inline)) void multiply_rows(
    const qam_code *code, group_kind kind, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    const group_reader reader = reader_of(code->columns, code->rate);
    const size_t negated = qam_value_bytes(code->columns);
    point_tables tables;
    load_tables(code->magnitudes, kind, &tables);
    const size_t blocks = code->columns / QAM_ACTIVATION_BLOCK, step = BLOCK_GROUPS * reader.whole.layout.total;
    const size_t rest = qam_row_bytes(QAM_OCTANT, code->rate, code->columns % QAM_ACTIVATION_BLOCK);
    const bool single = code->columns % QAM_ACTIVATION_BLOCK >= 2 * QAM_GROUP_PAIRS;
    for (size_t i = 0; i < rows; i++, symbols += rest) {
        __m512 lanes[FEW];
        for (size_t t = 0; t < batch; t++) lanes[t] = _mm512_setzero_ps();
        for (size_t block = 0; block < blocks; block++, symbols += step) {
            fetch_ahead(symbols);
            add_block(&reader, kind, &tables, symbols, BLOCK_GROUPS, false, activations, batch, negated, block, lanes);
        }
        if (single && reader.has_last)
            add_block(&reader, kind, &tables, symbols, 1, true, activations, batch, negated, blocks, lanes);
        else if (single)
            add_block(&reader, kind, &tables, symbols, 1, false, activations, batch, negated, blocks, lanes);
        else if (reader.has_last)
            add_block(&reader, kind, &tables, symbols, 0, true, activations, batch, negated, blocks, lanes);
        for (size_t t = 0; t < batch; t++) out[t * output_stride + i] = factors[i] * add_lanes(lanes[t]);
    }
}

#define MULTIPLY_FEW(kind)                                                                                             \
    if (batch == 1)                                                                                                    \
        multiply_rows(code, kind, symbols, factors, rows, activations, 1, out, output_stride);                            \
    else                                                                                                               \
        multiply_rows(code, kind, symbols, factors, rows, activations, FEW, out, output_stride);

void qam_octant_few_avx512(
    const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, const qam_activation *activations,
    size_t batch, float *out, size_t output_stride) {
    switch (kind_of(code->rate)) {
    case TRELLIS: MULTIPLY_FEW(TRELLIS); break;
    case PLAIN_8: MULTIPLY_FEW(PLAIN_8); break;
    case PLAIN_9: MULTIPLY_FEW(PLAIN_9); break;
    case PLAIN_10: MULTIPLY_FEW(PLAIN_10); break;
    }
}

QAM_TARGET_POP
#endif
