// Decoding.

#include "functions.h"

#include <math.h>
#include <string.h>

// ---- Codewords --------------------------------------------------------------------------------------------------

static void decode_row(const qam_kernels *table, const qam_code *code, const uint8_t *symbols, float *y) {
    if (code->family == QAM_FREE)
        table->free_decode(symbols, code->columns, code->points, code->rate, y);
    else
        table->octant_decode(symbols, code->columns, code->magnitudes, code->rate, y);
}

static void compare_decoders(check *c, qam_family family) {
    for (uint32_t rate = first_rate(family); rate <= last_rate(family); rate++)
        for (size_t columns = 2; columns; columns = next_columns(columns, 300, 5120)) {
            begin_case(c, "rate %u, %zu columns", rate, columns);
            qam_code code = place_code(c, family, rate, columns, 2, false);
            const uint8_t *symbols = place(c, "symbols", qam_row_bytes(family, rate, columns));
            float *expected = place(c, "expected", columns * sizeof *expected), *y = place(c, "y", columns * sizeof *y);
            decode_row(c->truth, &code, symbols, expected);
            decode_row(c->table, &code, symbols, y);
            same_bytes(c, expected, y, columns * sizeof *y);
            release(c, 0);
        }
}

void check_free_decode(check *c) { compare_decoders(c, QAM_FREE); }
void check_octant_decode(check *c) { compare_decoders(c, QAM_OCTANT); }

// ---- Whole rows -------------------------------------------------------------------------------------------------

static float some_factor(check *c) {
    switch (below(c, 16)) {
    case 0: return 0;
    case 1: return 0x1p-140f;   // denormal weights
    case 2: return 0x1.8p+122f; // infinite weights
    default: return fabsf(gaussian(c));
    }
}

static void dequantize_rows(check *c, const qam_code *code, size_t rows) {
    size_t count = rows * code->columns;
    const uint8_t *symbols = place(c, "symbols", rows * qam_row_bytes(code->family, code->rate, code->columns));
    float *factors = place(c, "factors", rows * sizeof *factors);
    for (size_t i = 0; i < rows; i++) factors[i] = some_factor(c);
    float *expected = place(c, "expected", count * sizeof *expected), *out = place(c, "out", count * sizeof *out);
    c->truth->dequantize(c->truth, code, symbols, factors, rows, expected);
    c->table->dequantize(c->table, code, symbols, factors, rows, out);
    same_floats(c, expected, out, count);
}

void check_dequantize(check *c) {
    for (qam_family family = QAM_FREE; family <= QAM_OCTANT; family++)
        for (uint32_t rate = first_rate(family); rate <= last_rate(family); rate++)
            for (int round = 0; round < 3; round++)
                for (size_t columns = 2; columns; columns = next_columns(columns, 270, 5120)) {
                    size_t block = random_block(c, columns), rows = 1 + below(c, columns < 300 ? 5 : 3);
                    bool scaled = below(c, 3) == 0;
                    begin_case(
                        c, "family %d, rate %u, %zu rows of %zu columns in blocks of %zu%s", family, rate, rows, columns, block,
                        scaled ? " with scales" : "");
                    qam_code code = place_code(c, family, rate, columns, block, scaled);
                    dequantize_rows(c, &code, rows);
                    release(c, 0);
                }
}
