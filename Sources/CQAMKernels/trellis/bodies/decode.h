// Decoding.

static void decode(
    tr_code code, const uint8_t *tiles, size_t columns, size_t first_row, size_t end_row, float *out, size_t stride) {
    const halves mask = window_mask(code);
    for (size_t column = 0; column < columns; column += TR_COLUMNS, tiles += tr_tile_bytes(code.rate)) {
        tile_sums sums;
        sum_tile(code.rate, tiles, mask, &sums);
        const size_t count = columns - column < TR_COLUMNS ? columns - column : TR_COLUMNS;
        for (size_t row = first_row; row < end_row; row++) {
            float *to = out + (row - first_row) * stride + column;
            for (size_t j = 0; j < count; j++)
                to[j] = (float)((int32_t)sums.at[row / 8 * TR_SIDE + j % TR_SIDE][row % 8 * 2 + j / TR_SIDE] - TR_CENTRE);
        }
    }
}
