// The reference implementation of products with int8 activations.

#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 16 };

// ---- Activations ----------------------------------------------------------------------------------------------

// The position of column j in an activation: octant codes separate first and second coordinates.
static size_t place(qam_family family, size_t j) {
    return family == QAM_FREE ? j : j / 128 * 128 + j % 2 * 64 + j % 128 / 2;
}

void qam_prepare_scalar(const qam_kernels *kernels, const qam_code *code, float *x, qam_activation activation) {
    size_t columns = code->columns;
    if (code->channel_scales) kernels->unscale(x, code->channel_scales, columns);
    kernels->rotate(x, 1, code->signs, columns, code->block, qam_root(code->block));
    memset(activation.values, 0, qam_value_bytes(columns));
    for (size_t first = 0; first < columns; first += QAM_ACTIVATION_BLOCK) {
        size_t end = columns - first < QAM_ACTIVATION_BLOCK ? columns : first + QAM_ACTIVATION_BLOCK;
        bool finite = true;
        float largest = 0;
        for (size_t j = first; j < end; j++) {
            float magnitude = fabsf(x[j]);
            finite &= isfinite(magnitude);
            largest = magnitude > largest ? magnitude : largest;
        }
        // A smaller one has no finite reciprocal, and contributes nothing to any sum.
        if (largest < 0x1p-100f) largest = 0;
        activation.scales[first / QAM_ACTIVATION_BLOCK] = finite ? largest / 127 : NAN;
        if (!finite || largest == 0) continue;
        float inverse = 127 / largest;
        for (size_t j = first; j < end; j++)
            activation.values[place(code->family, j)] = (int8_t)rintf(x[j] * inverse);
    }
    qam_append_negated(activation.values, columns);
}

// ---- Products -------------------------------------------------------------------------------------------------

static float add_lanes(float *lanes) {
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lanes[l] += lanes[l + half];
    return lanes[0];
}

// The sums of one block: `values` begin at the block's first column.
static void block_sums(
    qam_family family, const int32_t *row, size_t columns, const int8_t *values, int32_t sums[LANES]) {
    memset(sums, 0, LANES * sizeof *sums);
    for (size_t j = 0; j < columns; j++) {
        size_t lane = family == QAM_FREE ? j / 2 % LANES : j % 128 / 2 / 4;
        sums[lane] += row[j] * values[place(family, j)];
    }
}

// The integer codewords of a row.
static void decode_row(
    const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, size_t first, size_t count, int32_t *row) {
    float y[QAM_ACTIVATION_BLOCK];
    if (code->family == QAM_OCTANT) {
        // Groups of a block are whole, except for the row's last one.
        const uint8_t *group = symbols + qam_row_bytes(QAM_OCTANT, code->rate, first);
        qam_octant_decode_scalar(group, count, code->magnitudes, code->rate, y);
        for (size_t j = 0; j < count; j++) row[j] = (int32_t)y[j];
        return;
    }
    for (size_t j = 0; j < count; j += 2) {
        size_t bit = (first + j) / 2 * code->rate;
        size_t bytes = (bit % 8 + code->rate + 7) / 8;
        uint32_t k = (uint32_t)(qam_load_bytes(symbols + bit / 8, bytes) >> bit % 8) & ((1u << code->rate) - 1);
        row[j] = fixed_points[2 * k];
        row[j + 1] = fixed_points[2 * k + 1];
    }
}

void qam_multiply_scalar(
    const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    size_t columns = code->columns, row_bytes = qam_row_bytes(code->family, code->rate, columns);
    int32_t row[QAM_ACTIVATION_BLOCK], sums[LANES];
    for (size_t t = 0; t < batch; t++)
        for (size_t i = 0; i < rows; i++) {
            float lanes[LANES] = {0};
            for (size_t first = 0; first < columns; first += QAM_ACTIVATION_BLOCK) {
                size_t count = columns - first < QAM_ACTIVATION_BLOCK ? columns - first : QAM_ACTIVATION_BLOCK;
                decode_row(code, fixed_points, symbols + i * row_bytes, first, count, row);
                block_sums(code->family, row, count, activations[t].values + first, sums);
                float scale = activations[t].scales[first / QAM_ACTIVATION_BLOCK];
                for (size_t l = 0; l < LANES; l++) lanes[l] += (float)sums[l] * scale;
            }
            out[t * output_stride + i] = factors[i] * add_lanes(lanes);
        }
}
