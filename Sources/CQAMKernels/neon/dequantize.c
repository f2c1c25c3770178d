// Whole rows: decoded, rotated and converted while they are near.

#if defined(__aarch64__)

#include "neon.h"

#pragma STDC FP_CONTRACT OFF

void qam_dequantize_neon(
    const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, qam_element type, void *out,
    float *work) {
    size_t columns = code->columns, row_bytes = qam_row_bytes(code->family, code->rate, columns);
    float root = qam_root(code->block);
    for (size_t i = 0; i < rows; i++, symbols += row_bytes) {
        float *y = type == QAM_F32 ? (float *)out + i * columns : work;
        if (code->family == QAM_FREE)
            qam_free_decode_neon(symbols, columns, code->points, code->rate, y);
        else
            qam_octant_decode_neon(symbols, columns, code->magnitudes, code->rate, y);
        qam_rotate_back_neon(y, code->signs, columns, code->block, factors[i] * root);
        if (code->channel_scales) qam_unscale_scalar(y, code->channel_scales, columns);
        if (type != QAM_F32) qam_from_floats_neon(y, columns, type, (uint16_t *)out + i * columns);
    }
}

#endif
