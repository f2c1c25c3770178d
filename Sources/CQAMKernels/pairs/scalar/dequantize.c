// The truth about whole rows.

#include "../internal.h"

void qam_dequantize_scalar(
    const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, qam_element type, void *out,
    float *work) {
    qam_dequantize_rows(qam_kernels_for(ISA_SCALAR), code, symbols, factors, rows, type, out, work);
}
