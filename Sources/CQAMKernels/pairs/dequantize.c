// Whole rows, step by step.

#include "internal.h"

enum { NEAR = 1024 }; // columns that stay in the L1 cache

void qam_dequantize_row(
    const qam_kernels *kernels, const qam_code *code, const uint8_t *symbols, float factor, float *y) {
    // Decoded columns are transformed while they are cached. Chunks are whole blocks, whole groups and whole bytes of
    // symbols.
    size_t chunk = code->block < NEAR ? NEAR : code->block;
    for (size_t j = 0; j < code->columns; j += chunk, symbols += qam_row_bytes(code->family, code->rate, chunk)) {
        size_t columns = code->columns - j < chunk ? code->columns - j : chunk;
        if (code->family == QAM_FREE)
            kernels->free_decode(symbols, columns, code->points, code->rate, y + j);
        else
            kernels->octant_decode(symbols, columns, code->magnitudes, code->rate, y + j);
        kernels->rotate_back(y + j, code->signs + j / 64, columns, code->block, factor);
        if (code->channel_scales) kernels->unscale(y + j, code->channel_scales + j, columns);
    }
}

void qam_dequantize_scalar(
    const qam_kernels *kernels, const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, float *out) {
    size_t row_bytes = qam_row_bytes(code->family, code->rate, code->columns);
    for (size_t i = 0; i < rows; i++, symbols += row_bytes, out += code->columns)
        qam_dequantize_row(kernels, code, symbols, factors[i] * qam_root(code->block), out);
}
