// Products with activations. The centre of the values is subtracted from sums, not from each value.

static void prepare(const float *x, size_t columns, tr_activation a) {
    memset(a.values, 0, tr_tiles(columns) * TR_COLUMNS * sizeof *a.values);
    for (size_t start = 0, block = 0; start < columns; start += TR_BLOCK, block++) {
        const size_t count = columns - start < TR_BLOCK ? columns - start : TR_BLOCK;
        float most = 0;
        for (size_t j = 0; j < count; j++) {
            float m = fabsf(x[start + j]);
            most = m > most || isnan(m) ? m : most;
            if (isnan(most)) break;
        }
        a.offsets[block] = 0;
        a.scales[block] = most < 0x1p-100f ? 0 : isfinite(most) ? most / 127 : NAN;
        if (!(a.scales[block] > 0)) continue;
        const float inverse = 127 / most, rounder = 12582912.0f; // 1.5 * 2^23: adding and subtracting it rounds
        int32_t sum = 0;
        for (size_t j = 0; j < count; j++) {
            float v = x[start + j] * inverse;
            v = v < 127 ? v : 127;
            v = v > -127 ? v : -127;
            int32_t value = (int32_t)((v + rounder) - rounder);
            a.values[start + j / TR_COLUMNS * TR_COLUMNS + 2 * (j % TR_SIDE) + j / TR_SIDE % 2] = (int16_t)value;
            sum += value;
        }
        a.offsets[block] = TR_CENTRE * sum;
    }
}

// The products of sixteen numbers, with neighbours added: one instruction on x86-64.
INLINE ints8 multiply16(shorts a, shorts b) {
    ints p = __builtin_convertvector(a, ints) * __builtin_convertvector(b, ints);
    return __builtin_shufflevector(p, p, 0, 2, 4, 6, 8, 10, 12, 14) + __builtin_shufflevector(p, p, 1, 3, 5, 7, 9, 11, 13, 15);
}

// The values of a pair of columns in all lanes.
INLINE shorts pair_of(const int16_t *values) {
    int32_t pair;
    memcpy(&pair, values, sizeof pair);
    return (shorts)((ints8){0} + pair);
}

// Rows i and i + 8 of 16.
typedef struct {
    ints8 at[2];
} row_sums;
typedef struct {
    floats8 at[2];
} row_totals;

INLINE void add_tile(row_sums *sums, const tile_sums *tile, const int16_t *values) {
    ints8 first = sums->at[0], second = sums->at[1];
#pragma clang loop unroll(full)
    for (uint32_t t = 0; t < TR_SIDE; t++) {
        shorts pair = pair_of(values + 2 * t);
        first += multiply16((shorts)load_halves(tile->at[t]), pair);
        second += multiply16((shorts)load_halves(tile->at[TR_SIDE + t]), pair);
    }
    sums->at[0] = first, sums->at[1] = second;
}

INLINE void add_totals(row_totals *totals, const row_sums *sums, const tr_activation *a, size_t block) {
    for (int h = 0; h < 2; h++)
        totals->at[h] += __builtin_convertvector(sums->at[h] - a->offsets[block], floats8) * a->scales[block];
}

// Sixteen rows times one activation: byte sums stay in registers.
INLINE row_totals multiply_one(
    const uint8_t *tiles, size_t columns, const tr_activation *a, const halves mask, const bool masked, const uint32_t rate) {
    row_totals totals = {{{0}}};
    for (size_t start = 0, block = 0; start < columns; start += TR_BLOCK, block++) {
        const size_t end = columns - start < TR_BLOCK ? columns : start + TR_BLOCK;
        row_sums sums = {{{0}}};
        for (size_t column = start; column < end; column += TR_COLUMNS, tiles += tr_tile_bytes(rate)) {
            tile_words w;
            load_words(&w, tiles, rate);
            const int16_t *values = a->values + column;
#pragma clang loop unroll(full)
            for (uint32_t t = 0; t < 2 * TR_SIDE; t++) {
                const halves v = windows_at(&w, rate, t);
                sums.at[t / TR_SIDE] += multiply16((shorts)byte_sums(masked ? v & mask : v), pair_of(values + 2 * (t % TR_SIDE)));
            }
        }
        add_totals(&totals, &sums, a, block);
    }
    return totals;
}

#define RATES(RATE) RATE(3) RATE(4) RATE(5) RATE(6) RATE(7) RATE(8) RATE(9) RATE(10) RATE(11) RATE(12) RATE(13)
#define RATE(n)                                                                                                        \
    static row_totals multiply_one_##n(tr_code code, const uint8_t *tiles, size_t columns, const tr_activation *a) {   \
        if (code.window == 16) return multiply_one(tiles, columns, a, (halves){0}, false, n);                          \
        return multiply_one(tiles, columns, a, window_mask(code), true, n);                                            \
    }
RATES(RATE)
#undef RATE

typedef row_totals one_product(tr_code code, const uint8_t *tiles, size_t columns, const tr_activation *a);

static one_product *one_product_of(tr_code code) {
#define RATE(n) multiply_one_##n,
    static one_product *const products[] = {RATES(RATE)};
#undef RATE
    return products[code.rate - TR_MIN_RATE];
}

// Sixteen rows times up to TR_VECTORS activations: each tile is decoded once.
static void multiply_several(
    tr_code code, const uint8_t *tiles, size_t columns, const tr_activation *activations, size_t vectors, row_totals *totals) {
    const halves mask = window_mask(code);
    for (size_t k = 0; k < vectors; k++) totals[k] = (row_totals){{{0}}};
    for (size_t start = 0, block = 0; start < columns; start += TR_BLOCK, block++) {
        const size_t end = columns - start < TR_BLOCK ? columns : start + TR_BLOCK;
        row_sums sums[TR_VECTORS] = {{{{0}}}};
        for (size_t column = start; column < end; column += TR_COLUMNS, tiles += tr_tile_bytes(code.rate)) {
            tile_sums tile;
            sum_tile(code.rate, tiles, mask, &tile);
            for (size_t k = 0; k < vectors; k++) add_tile(&sums[k], &tile, activations[k].values + column);
        }
        for (size_t k = 0; k < vectors; k++) add_totals(&totals[k], &sums[k], &activations[k], block);
    }
}

static void multiply(
    tr_code code, const uint8_t *tiles, size_t columns, const float *factors, size_t rows, const tr_activation *activations, size_t vectors,
    float *out, size_t stride) {
    const size_t bytes = tr_tiles(columns) * tr_tile_bytes(code.rate);
    for (size_t row = 0; row < rows; row += TR_ROWS, tiles += bytes)
        for (size_t k = 0; k < vectors; k += TR_VECTORS) {
            row_totals totals[TR_VECTORS];
            const size_t count = vectors - k < TR_VECTORS ? vectors - k : TR_VECTORS;
            if (count == 1) totals[0] = one_product_of(code)(code, tiles, columns, activations + k);
            else multiply_several(code, tiles, columns, activations + k, count, totals);
            for (size_t v = 0; v < count; v++)
                for (size_t i = 0; i < TR_ROWS && row + i < rows; i++)
                    out[(k + v) * stride + row + i] = factors[row + i] * totals[v].at[i / 8][i % 8];
        }
}
