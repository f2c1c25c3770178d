// Decoding.

// Eight lanes.
typedef uint16_t halves8 __attribute__((vector_size(16)));

// The sums of eight lanes, from `lane` on, of weights t ... t + 15: sixteen columns for each.
INLINE void sums_of_lanes(const tile_sums *tile, size_t t, size_t lane, halves out[8]) {
    halves next[8];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 8; i++) {
        halves8 first, second;
        memcpy(&first, &tile->at[t + i][lane], sizeof first);
        memcpy(&second, &tile->at[t + i + 8][lane], sizeof second);
        out[i] = __builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    }
    // Each level interleaves elements, in both halves alike.
#pragma clang loop unroll(full)
    for (int level = 0; level < 3; level++) {
#pragma clang loop unroll(full)
        for (size_t i = 0; i < 4; i++) {
            next[2 * i] = __builtin_shufflevector(out[i], out[i + 4], 0, 16, 1, 17, 2, 18, 3, 19, 8, 24, 9, 25, 10, 26, 11, 27);
            next[2 * i + 1] = __builtin_shufflevector(out[i], out[i + 4], 4, 20, 5, 21, 6, 22, 7, 23, 12, 28, 13, 29, 14, 30, 15, 31);
        }
#pragma clang loop unroll(full)
        for (size_t i = 0; i < 8; i++) out[i] = next[i];
    }
}

INLINE void decode_tile(const tile_sums *tile, size_t columns, size_t first_row, size_t end_row, float *out, size_t stride) {
    // Four rows of both rings are eight lanes.
    for (size_t start = first_row / 4 * 4; start < end_row; start += 4) {
        halves sums[8];
        sums_of_lanes(tile, start / 8 * TR_SIDE, start % 8 * 2, sums);
        for (size_t row = start > first_row ? start : first_row; row < start + 4 && row < end_row; row++) {
            float *to = out + (row - first_row) * stride;
            for (size_t ring = 0; ring < 2 && ring * TR_SIDE < columns; ring++) {
                const floats values = __builtin_convertvector(__builtin_convertvector(sums[(row - start) * 2 + ring], ints) - TR_CENTRE, floats);
                const size_t count = columns - ring * TR_SIDE;
                if (count < TR_SIDE) store_part(to + ring * TR_SIDE, values, count);
                else store(to + ring * TR_SIDE, values);
            }
        }
    }
}

static void decode(
    tr_code code, const uint8_t *tiles, size_t columns, size_t first_row, size_t end_row, float *out, size_t stride) {
    const halves mask = window_mask(code);
    for (size_t column = 0; column < columns; column += TR_COLUMNS, tiles += tr_tile_bytes(code.rate)) {
        tile_sums sums;
        sum_tile(code.rate, tiles, mask, &sums);
        decode_tile(&sums, columns - column < TR_COLUMNS ? columns - column : TR_COLUMNS, first_row, end_row, out + column, stride);
    }
}
