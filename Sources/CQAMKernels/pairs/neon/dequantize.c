// Whole rows: decoded, rotated and converted while they are near.

#if defined(__aarch64__)

#include "../internal.h"

void qam_dequantize_neon(
    const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, qam_element type, void *out,
    float *work) {
    qam_dequantize_rows(qam_kernels_for(ISA_NEON), code, symbols, factors, rows, type, out, work);
}

#endif
