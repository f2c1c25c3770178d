// The functions, on vectors of sixteen, which the compiler splits to the instruction set's width.
//
// IK_TABLE: the table to define. IK_TILE_ROWS, IK_TILE_VECTORS: the number of concurrent sums, limited by the
// registers; results do not depend on them.

#include "../vectors.h"

#include <math.h>

typedef int8_t chars __attribute__((vector_size(LANES)));

// ---- Rounding ----

// To nearest even, clamped to -127...127; 127 for a NaN. Adding 1.5 * 2^23 rounds.
INLINE ints round16(floats x) {
    const floats limit = (floats){} + 127, rounder = (floats){} + 12582912.0f;
    x = select16((words)(x < limit), x, limit);
    x = select16((words)(x > -limit), x, -limit);
    return (ints)(x + rounder) - (ints)rounder;
}

INLINE void store_chars(int8_t *p, ints v, size_t count) {
    chars bytes = __builtin_convertvector(v, chars);
    memcpy(p, &bytes, count);
}

INLINE floats load_chars(const int8_t *p, size_t count) {
    chars bytes = {0};
    memcpy(&bytes, p, count);
    return __builtin_convertvector(bytes, floats);
}

// ---- Rows ----

// Bits of magnitudes are ordered like their floats, with infinities and NaNs above all others.
INLINE ints largest16(ints most, floats x) {
    ints magnitude = (ints)x & 0x7FFFFFFF, larger = magnitude > most;
    return (magnitude & larger) | (most & ~larger);
}

static float largest(const float *x, size_t count) {
    ints most = {0};
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) most = largest16(most, load(x + j));
    if (j < count) most = largest16(most, load_part(x + j, count - j));
    int32_t bits = 0;
    for (size_t l = 0; l < LANES; l++) bits = most[l] > bits ? most[l] : bits;
    float found;
    memcpy(&found, &bits, sizeof found);
    return found;
}

static void encode(const float *w, size_t columns, float gain, int8_t *symbols) {
    if (gain == 0) {
        memset(symbols, 0, columns);
        return;
    }
    size_t j = 0;
    for (; j + LANES <= columns; j += LANES) store_chars(symbols + j, round16(load(w + j) / gain), LANES);
    if (j < columns) store_chars(symbols + j, round16(load_part(w + j, columns - j) / gain), columns - j);
}

static void decode(const int8_t *symbols, size_t columns, const float *gains, size_t rows, const float *channel_scales, float *out) {
    for (size_t i = 0; i < rows; i++, symbols += columns, out += columns) {
        size_t j = 0;
        for (; j + LANES <= columns; j += LANES) {
            floats w = load_chars(symbols + j, LANES) * gains[i];
            store(out + j, channel_scales ? w / load(channel_scales + j) : w);
        }
        if (j == columns) continue;
        floats w = load_chars(symbols + j, columns - j) * gains[i];
        store_part(out + j, channel_scales ? w / load_part(channel_scales + j, columns - j) : w, columns - j);
    }
}

// ---- Products ----

static float prepare(float *x, const float *channel_scales, size_t columns, int8_t *values) {
    size_t j = 0;
    if (channel_scales) {
        for (; j + LANES <= columns; j += LANES) store(x + j, load(x + j) / load(channel_scales + j));
        store_part(x + j, load_part(x + j, columns - j) / load_part(channel_scales + j, columns - j), columns - j);
    }
    float most = largest(x, columns);
    if (!(most >= 0x1p-100f) || isinf(most)) {
        memset(values, 0, columns);
        return most < 0x1p-100f ? 0 : NAN;
    }
    const float inverse = 127 / most;
    for (j = 0; j + LANES <= columns; j += LANES) store_chars(values + j, round16(load(x + j) * inverse), LANES);
    if (j < columns) store_chars(values + j, round16(load_part(x + j, columns - j) * inverse), columns - j);
    return most / 127;
}

typedef int16_t shorts __attribute__((vector_size(2 * LANES)));
typedef int32_t ints8 __attribute__((vector_size(2 * LANES)));

INLINE shorts widen_chars(const int8_t *p, size_t count) {
    chars bytes = {0};
    memcpy(&bytes, p, count);
    return __builtin_convertvector(bytes, shorts);
}

// The products of sixteen numbers, with neighbours added: one instruction on x86-64.
INLINE ints8 multiply16(shorts a, shorts b) {
    ints p = __builtin_convertvector(a, ints) * __builtin_convertvector(b, ints);
    return __builtin_shufflevector(p, p, 0, 2, 4, 6, 8, 10, 12, 14) + __builtin_shufflevector(p, p, 1, 3, 5, 7, 9, 11, 13, 15);
}

// The columns whose products an int32 lane can sum: of every sixteen it adds two, each at most 128 * 127.
enum { SPAN = 1 << 19 };

// Sums of a tile: `height` rows by `width` vectors, both constant when inlined, so that all stay in registers.
typedef ints8 tile_sums[IK_TILE_ROWS][IK_TILE_VECTORS];

// Adds the products of up to sixteen columns.
INLINE void add_products(
    tile_sums sums, const int8_t *symbols, const int8_t *values, size_t columns, size_t count, const int height, const int width) {
    shorts w[IK_TILE_ROWS];
    for (int i = 0; i < height; i++) w[i] = widen_chars(symbols + (size_t)i * columns, count);
    for (int t = 0; t < width; t++) {
        shorts v = widen_chars(values + (size_t)t * columns, count);
        for (int i = 0; i < height; i++) sums[i][t] += multiply16(w[i], v);
    }
}

INLINE void tile(
    const int8_t *symbols, size_t columns, const float *gains, const int8_t *values, const float *scales, float *out, size_t out_stride,
    const int height, const int width) {
    int64_t totals[IK_TILE_ROWS][IK_TILE_VECTORS] = {{0}};
    for (size_t j = 0; j < columns;) {
        const size_t end = columns - j < SPAN ? columns : j + SPAN;
        tile_sums sums = {{{0}}};
        for (; j + LANES <= end; j += LANES) add_products(sums, symbols + j, values + j, columns, LANES, height, width);
        if (j < end) add_products(sums, symbols + j, values + j, columns, end - j, height, width);
        j = end;
        for (int i = 0; i < height; i++)
            for (int t = 0; t < width; t++)
                for (int l = 0; l < LANES / 2; l++) totals[i][t] += sums[i][t][l];
    }
    for (int t = 0; t < width; t++)
        for (int i = 0; i < height; i++) out[(size_t)t * out_stride + (size_t)i] = (float)totals[i][t] * (gains[i] * scales[t]);
}

static void multiply(
    const int8_t *symbols, size_t columns, const float *gains, size_t rows, const int8_t *values, const float *scales, size_t vectors,
    float *out, size_t out_stride) {
    size_t i = 0;
    for (; i + IK_TILE_ROWS <= rows; i += IK_TILE_ROWS) {
        size_t t = 0;
        for (; t + IK_TILE_VECTORS <= vectors; t += IK_TILE_VECTORS)
            tile(
                symbols + i * columns, columns, gains + i, values + t * columns, scales + t, out + t * out_stride + i, out_stride,
                IK_TILE_ROWS, IK_TILE_VECTORS);
        for (; t < vectors; t++)
            tile(
                symbols + i * columns, columns, gains + i, values + t * columns, scales + t, out + t * out_stride + i, out_stride,
                IK_TILE_ROWS, 1);
    }
    for (; i < rows; i++)
        for (size_t t = 0; t < vectors; t++)
            tile(symbols + i * columns, columns, gains + i, values + t * columns, scales + t, out + t * out_stride + i, out_stride, 1, 1);
}

const ik_functions IK_TABLE = {
    .largest = largest,
    .encode = encode,
    .decode = decode,
    .prepare = prepare,
    .multiply = multiply,
};
