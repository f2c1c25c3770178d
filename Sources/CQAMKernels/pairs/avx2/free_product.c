#if defined(__x86_64__)
// Products of free codes.

#include "../free_symbols.h"
#include "product.h"

QAM_TARGET_AVX2

enum { EIGHT = 16 }; // columns of eight symbols

typedef struct {
    const int16_t *fixed_points;
    size_t columns, row_bytes;
} free_decoder;

// `bits` is constant, so that shifts are by constants.
static inline __attribute__((always_inline)) void decode_row(
    const free_decoder *d, uint32_t bits, const uint8_t *symbols, size_t first, panel *out, size_t row) {
    size_t end = d->columns - first < PANEL_COLUMNS ? d->columns : first + PANEL_COLUMNS;
    // Groups of eight symbols that would be read beyond the row are copied first.
    const uint8_t *p = symbols + first / EIGHT * bits, *row_end = symbols + d->row_bytes;
    for (size_t j = first; j < end; j += EIGHT, p += bits) {
        size_t eight = (j - first) / EIGHT % 4;
        int16_t *points = out->units[(j - first) / UNIT].rows[row].weights[eight % 2][eight / 2];
        if (row_end - p >= QAM_EIGHT_REACH) {
            qam_look_eight_up(p, bits, d->fixed_points, points);
        } else {
            uint8_t copy[QAM_EIGHT_REACH] = {0};
            memcpy(copy, p, bits);
            qam_look_eight_up(copy, bits, d->fixed_points, points);
        }
    }
    // Pads the row's last unit: activation values are zero there, so any points will do.
    for (size_t j = (end + EIGHT - 1) / EIGHT * EIGHT; j % (2 * UNIT) != 0; j += EIGHT) {
        size_t eight = (j - first) / EIGHT % 4;
        memset(out->units[(j - first) / UNIT].rows[row].weights[eight % 2][eight / 2], 0, 2 * EIGHT);
    }
}

#define MULTIPLY_BITS(bits)                                                                                            \
    static void decode_##bits(const void *decoder, const uint8_t *symbols, size_t first, panel *out, size_t row) {     \
        decode_row(decoder, bits, symbols, first, out, row);                                                           \
    }
MULTIPLY_BITS(4) MULTIPLY_BITS(5) MULTIPLY_BITS(6) MULTIPLY_BITS(7) MULTIPLY_BITS(8)
MULTIPLY_BITS(9) MULTIPLY_BITS(10) MULTIPLY_BITS(11) MULTIPLY_BITS(12) MULTIPLY_BITS(13)

void qam_free_product_avx2(
    const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    static const row_decoder decoders[] = {decode_4, decode_5,  decode_6,  decode_7,  decode_8,
                                           decode_9, decode_10, decode_11, decode_12, decode_13};
    free_decoder decoder = {fixed_points, code->columns, qam_row_bytes(QAM_FREE, code->rate, code->columns)};
    multiply_tiles(
        code, QAM_FREE, decoders[code->rate - 4], &decoder, symbols, factors, rows, activations, batch, out, output_stride);
}

QAM_TARGET_POP
#endif
