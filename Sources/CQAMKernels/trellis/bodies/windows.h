// Sixteen weights at a time: lane 2 i + r is row i or i + 8 of ring r.

typedef int16_t shorts __attribute__((vector_size(2 * LANES)));
typedef int32_t ints8 __attribute__((vector_size(2 * LANES)));
typedef float floats8 __attribute__((vector_size(2 * LANES)));

INLINE halves load_halves(const void *p) {
    halves v;
    memcpy(&v, p, sizeof v);
    return v;
}

// A tile's words, and the first ones of the next lanes behind them, where the last windows end.
typedef struct {
    halves words[TR_MAX_RATE + 1];
} tile_words;

INLINE void load_words(tile_words *w, const uint8_t *tile, const uint32_t rate) {
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < rate; j++) w->words[j] = load_halves(tile + 32 * j);
    w->words[rate] = __builtin_shufflevector(w->words[0], w->words[0], 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1);
}

// The 16 bits from the beginning of the windows of weights t of the lanes, t < 32.
INLINE halves windows_at(const tile_words *w, const uint32_t rate, const uint32_t t) {
    const uint32_t start = tr_start(rate, t), j = start / 16, shift = start % 16;
    return shift ? w->words[j] >> (uint16_t)shift | w->words[j + 1] << (uint16_t)(16 - shift) : w->words[j];
}

#if !defined(TR_BYTE_SUMS)
// The sums of the two bytes of each lane.
#define TR_BYTE_SUMS(h) (((h) & 255) + ((h) >> 8))
#endif

// The byte sums of window * TR_MULTIPLIER: the lower and upper halves of the product by three of 16 bits.
INLINE halves byte_sums(halves window) {
    const uint16_t low = TR_MULTIPLIER & 0xFFFF, high = TR_MULTIPLIER >> 16;
    halves carried = __builtin_convertvector(__builtin_convertvector(window, words) * low >> 16, halves);
    halves first = window * low, second = carried + window * high;
    return TR_BYTE_SUMS(first) + TR_BYTE_SUMS(second);
}

INLINE halves window_mask(tr_code code) { return (halves){0} + (uint16_t)((1u << code.window) - 1); }

// The byte sums of a tile's weights t of all lanes.
typedef struct {
    uint16_t at[2 * TR_SIDE][LANES];
} tile_sums;

// With a constant rate, so that all shifts are constant.
INLINE void sum_rate(const uint8_t *tile, halves mask, tile_sums *sums, const uint32_t rate) {
    tile_words w;
    load_words(&w, tile, rate);
#pragma clang loop unroll(full)
    for (uint32_t t = 0; t < 2 * TR_SIDE; t++) {
        halves v = byte_sums(windows_at(&w, rate, t) & mask);
        memcpy(sums->at[t], &v, sizeof v);
    }
}

static void sum_tile(uint32_t rate, const uint8_t *tile, halves mask, tile_sums *sums) {
    switch (rate) {
    case 3: sum_rate(tile, mask, sums, 3); break;
    case 4: sum_rate(tile, mask, sums, 4); break;
    case 5: sum_rate(tile, mask, sums, 5); break;
    case 6: sum_rate(tile, mask, sums, 6); break;
    case 7: sum_rate(tile, mask, sums, 7); break;
    case 8: sum_rate(tile, mask, sums, 8); break;
    case 9: sum_rate(tile, mask, sums, 9); break;
    case 10: sum_rate(tile, mask, sums, 10); break;
    case 11: sum_rate(tile, mask, sums, 11); break;
    case 12: sum_rate(tile, mask, sums, 12); break;
    default: sum_rate(tile, mask, sums, 13); break;
    }
}
