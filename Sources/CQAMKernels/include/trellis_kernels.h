// The trellis code (spec section 17): the search for symbols, their decoder, and products with activations.
//
// One source text, compiled for each instruction set; results are bit-identical. Nothing outside the given sizes is
// read or written, and pointers need only their type's alignment.
//
// A tile has 16 rows of 32 columns: two rings of 16 by 16 weights. Ring r has columns 16 r ... 16 r + 15, and weight t of
// it is row t / 32 + (t % 32 < 16 ? 0 : 8), column 16 r + t % 16. Ring r is a ring of 128 * rate bits, of which bits
// 16 g ... 16 g + 15 are the 16-bit word at 32 * (g % rate) + 4 * (g / rate) + 2 * r of the tile's 32 * rate bytes.
//
// The window of weight t is the `window` bits of the ring from bit tr_start(rate, t) on. The weight is the sum of the
// four bytes of window * TR_MULTIPLIER mod 2^32, less TR_CENTRE.

#ifndef TRELLIS_KERNELS_H
#define TRELLIS_KERNELS_H

#include <processor.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TR_ROWS = 16,     // of a tile
    TR_COLUMNS = 32,  // of a tile
    TR_RING = 256,    // weights of a ring
    TR_SIDE = 16,     // rows and columns of a ring
    TR_MIN_RATE = 3,  // bits of two weights
    TR_MAX_RATE = 13,
    TR_CENTRE = 510,
    TR_BLOCK = 256,   // activations that share a scale; a multiple of TR_COLUMNS
    TR_TARGET_UNITS = 64, // of `search`'s targets, in a unit of the weights
    TR_PRUNED_FROM = 7,   // rate from which `search` expands the cheaper states only
};

#define TR_MULTIPLIER UINT32_C(0x83DCD12D)

typedef struct {
    uint32_t window; // bits: 12, 14 or 16
    uint32_t rate;   // bits of two weights: TR_MIN_RATE ... TR_MAX_RATE, and not above `window`
} tr_code;

// The first bit of a weight's window.
static inline uint32_t tr_start(uint32_t rate, uint32_t t) { return t * rate / 2; }
// Columns of tiles that hold this many columns.
static inline size_t tr_tiles(size_t columns) { return (columns + TR_COLUMNS - 1) / TR_COLUMNS; }
static inline size_t tr_tile_bytes(uint32_t rate) { return 32 * (size_t)rate; }

// Activations prepared for `multiply`, in blocks of TR_BLOCK columns of which the last may be shorter: integers from -127
// to 127, padded with zeros to whole tiles, with a scale and 510 times the integers' sum for each block. Value
// 2 * c + r of a tile's 32 is that of column 16 * r + c.
typedef struct {
    int16_t *values;
    int32_t *offsets;
    float *scales;
} tr_activation;

typedef struct {
    // ---- Decoding: `tiles` are those of 16 rows ----

    // out[(i - first_row) * stride + j] = weight of row i, column j, for rows first_row ..< end_row of the 16.
    void (*decode)(
        tr_code code, const uint8_t *tiles, size_t columns, size_t first_row, size_t end_row, float *out, size_t stride);

    // ---- Products ----

    // Quantizes a rotated activation: each block by its largest magnitude m: scale = m / 127, value = round(x * (127 /
    // m)) to nearest even. A block with m below 2^-100 becomes zeros with scale 0, one with a non-finite value zeros
    // with a NaN scale.
    void (*prepare)(const float *x, size_t columns, tr_activation activation);
    // out[v * stride + i] = factors[i] * (sum of float(sum of row i times values, over a block) * scale, over the
    // blocks in ascending order), for `rows` rows. The sums over a block are exact; products and sums of floats are
    // rounded separately. `tiles` are those of ceil(rows / 16) times 16 rows.
    void (*multiply)(
        tr_code code, const uint8_t *tiles, size_t columns, const float *factors, size_t rows, const tr_activation *activations,
        size_t vectors, float *out, size_t stride);

    // ---- The search ----

    // Fills the tables for `search`: tr_table_words(code) words.
    void (*make_tables)(tr_code code, int16_t *tables);
    // Finds the windows of a ring with a small sum of squared errors: by a Viterbi search, the best path around the ring that
    // begins and ends in the state in which the best path through the weights on both sides of weight 0 is before it.
    //
    // Targets are in units of 1 / TR_TARGET_UNITS of the weights' unit. The error d of a weight is target - weight *
    // TR_TARGET_UNITS, doubled once at rates from 9 on and twice from 11 on, each limited to int16. It costs (d * e + 2^14)
    // / 2^15 rounded down, where e is d or, with weights, (d * weights[t % 16] + 2^14) / 2^15 rounded down. Sums of costs
    // are limited to 65535. On a tie the lower window is chosen.
    //
    // At rates below TR_PRUNED_FROM every state is expanded, and weights are rounded to multiples of 4 in costs. At the
    // others, states are expanded whose costs are up to a quantile of the costs of some, which the targets ahead determine:
    // the error is 0.1% to 0.4% above that of the exact search.
    //
    // `weights` (0 to 32767, for the columns of the ring) may be NULL. `work` has tr_work_words(code) words, `path`
    // receives the 256 windows. Faster if `tables` begin at a multiple of 64 bytes.
    void (*search)(
        tr_code code, const int16_t *tables, const int16_t *targets, const int16_t *weights, uint16_t *work, uint16_t *path);
} tr_functions;

static inline size_t tr_table_words(tr_code code) {
    const size_t words = (size_t)(1 + code.rate % 2) << code.window;
    return code.rate < TR_PRUNED_FROM ? words / 2 : words + 1024;
}
size_t tr_work_words(tr_code code);

// Stores the windows of ring `ring` (0 or 1) of a tile.
void tr_store(tr_code code, const uint16_t *path, uint32_t ring, uint8_t *tile);

// The value of a window, in the weights' unit.
int32_t tr_value(uint32_t window);

// The unit of the weights with which coordinates of variance 1 are coded best.
float tr_step(tr_code code);

// The best functions for processors with these features.
const tr_functions *tr_functions_for(qam_features features);

#endif
