// Matrix-vector and matrix-matrix products: a row is decoded step by step, and each step is multiplied by all
// activations of a tile.

#if defined(__aarch64__)

#include "product.h"

#pragma STDC FP_CONTRACT OFF

// A row's symbols from a step's first column on, the end of all symbols, and the activations of a tile.
typedef struct {
    const uint8_t *symbols, *end;
    size_t first, columns; // of the step
    const qam_activation *activations;
    size_t batch;
} step;

static const float *scales_of(const step *s, size_t t) { return s->activations[t].scales + s->first / QAM_ACTIVATION_BLOCK; }

// The instructions used for products of bytes.
typedef enum { BASE, DOTPROD, I8MM } byte_products;

QAM_INLINE void octant_step(
    const step *s, uint32_t step_bits, const qam_octant_table *table, byte_products products, qam_lanes *lanes) {
    qam_octant_group groups[QAM_STEP_GROUPS];
    size_t pairs = s->columns / 2, count = (pairs + QAM_GROUP_PAIRS - 1) / QAM_GROUP_PAIRS;
    qam_octant_groups_neon(s->symbols, pairs, table, step_bits, groups);
    if (s->batch == 1) {
        const int8_t *values = s->activations->values + s->first;
        switch (products) {
        case I8MM: qam_octant_step_i8mm(groups, count, values, scales_of(s, 0), lanes); break;
        case DOTPROD: qam_octant_step_dotprod(groups, count, values, scales_of(s, 0), lanes); break;
        default: qam_octant_step_base(groups, count, values, scales_of(s, 0), lanes); break;
        }
        return;
    }
    qam_split_group split[QAM_STEP_GROUPS];
    qam_octant_split_neon(groups, count, split);
    qam_octant_split_step *product = products == BASE ? qam_octant_split_step_base : qam_octant_split_step_dotprod;
    for (size_t t = 0; t < s->batch; t++)
        product(split, count, s->activations[t].values + s->first, scales_of(s, t), &lanes[t]);
}

static void free_step(const step *s, uint32_t bits, const int16_t *points, qam_lanes *lanes) {
    int16_t codewords[QAM_STEP_COLUMNS];
    size_t padded = (s->columns + 15) / 16 * 16;
    // Values that are multiplied by an activation's zeros must be initialised, too.
    for (size_t j = padded; j % 32 != 0; j++) codewords[j] = 0;
    qam_free_codewords_neon(s->symbols, s->end, padded / 2, points, bits, codewords);
    for (size_t t = 0; t < s->batch; t++)
        qam_free_step_neon(codewords, s->columns, s->activations[t].values + s->first, scales_of(s, t), &lanes[t]);
}

QAM_INLINE void multiply(
    byte_products products, const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    size_t columns = code->columns, row_bytes = qam_row_bytes(code->family, code->rate, columns);
    size_t step_bytes = qam_row_bytes(code->family, code->rate, QAM_STEP_COLUMNS);
    bool octant = code->family == QAM_OCTANT;
    qam_octant_table table;
    for (size_t tile = 0; tile < batch; tile += QAM_TILE) {
        step s = {.end = symbols + rows * row_bytes, .activations = activations + tile};
        s.batch = batch - tile < QAM_TILE ? batch - tile : QAM_TILE;
        // A single activation uses `qam_octant_step`, which takes magnitudes minus 128 without i8mm.
        uint8_t flip = s.batch == 1 && products != I8MM ? 0x80 : 0;
        if (octant) qam_octant_table_neon(code->magnitudes, code->rate, flip, &table);
        for (size_t i = 0; i < rows; i++) {
            qam_lanes lanes[QAM_TILE] = {0};
            s.symbols = symbols + i * row_bytes;
            for (s.first = 0; s.first < columns; s.first += QAM_STEP_COLUMNS, s.symbols += step_bytes) {
                s.columns = columns - s.first < QAM_STEP_COLUMNS ? columns - s.first : QAM_STEP_COLUMNS;
                if (octant)
                    octant_step(&s, code->rate, &table, products, lanes);
                else
                    free_step(&s, code->rate, fixed_points, lanes);
            }
            for (size_t t = 0; t < s.batch; t++) out[(tile + t) * output_stride + i] = factors[i] * qam_add_lanes(&lanes[t]);
        }
    }
}

#define MULTIPLY(version, products)                                                                                    \
    void qam_multiply_##version(                                                                                       \
        const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,  \
        const qam_activation *activations, size_t batch, float *out, size_t output_stride) {                              \
        multiply(products, code, fixed_points, symbols, factors, rows, activations, batch, out, output_stride);           \
    }
MULTIPLY(neon, BASE)
MULTIPLY(neon_dotprod, DOTPROD)
MULTIPLY(neon_i8mm, I8MM)

#endif
