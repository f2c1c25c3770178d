// Feeds errors into the columns of later groups.

// `height` rows by `width` vectors: both are constant when inlined, so that all sums stay in registers.
INLINE void feed_tile(
    const float *errors, size_t errors_stride, const float *panel, size_t count, float *targets, size_t targets_stride, const int height,
    const int width) {
    floats sums[FB_TILE_ROWS][FB_TILE_VECTORS];
    for (int i = 0; i < height; i++) {
        for (int v = 0; v < width; v++) sums[i][v] = load(targets + (size_t)i * targets_stride + LANES * v);
    }
    for (size_t k = 0; k < count; k++) {
        floats f[FB_TILE_VECTORS];
        for (int v = 0; v < width; v++) f[v] = load(panel + k * FB_WIDTH + LANES * v);
        for (int i = 0; i < height; i++) {
            floats e = (floats){} + errors[(size_t)i * errors_stride + k];
            for (int v = 0; v < width; v++) sums[i][v] = fma16(e, f[v], sums[i][v]);
        }
    }
    for (int i = 0; i < height; i++) {
        for (int v = 0; v < width; v++) store(targets + (size_t)i * targets_stride + LANES * v, sums[i][v]);
    }
}

// Panel rows that fit in the L1 cache.
enum { FEED_ROWS = 128 };

static void feed(
    const float *errors, size_t errors_stride, const float *panel, size_t count, size_t rows, float *targets, size_t targets_stride) {
    for (size_t k = 0; k < count; k += FEED_ROWS) {
        size_t part = count - k < FEED_ROWS ? count - k : FEED_ROWS;
        for (size_t j = 0; j < FB_WIDTH; j += LANES * FB_TILE_VECTORS) {
            const float *slice = panel + k * FB_WIDTH + j;
            size_t i = 0;
            for (; i + FB_TILE_ROWS <= rows; i += FB_TILE_ROWS)
                feed_tile(
                    errors + i * errors_stride + k, errors_stride, slice, part, targets + i * targets_stride + j, targets_stride,
                    FB_TILE_ROWS, FB_TILE_VECTORS);
            for (; i < rows; i++)
                feed_tile(
                    errors + i * errors_stride + k, errors_stride, slice, part, targets + i * targets_stride + j, targets_stride, 1,
                    FB_TILE_VECTORS);
        }
    }
}

// Feeds the error (e0, e1) of pair t into the group's later columns.
INLINE void feed_pair(const float *panel, size_t t, float e0, float e1, const float *from, float *to) {
    const float *f = panel + 2 * t * FB_WIDTH;
    for (size_t j = (2 * t + 2) / LANES * LANES; j < FB_WIDTH; j += LANES)
        store(to + j, fma16((floats){} + e1, load(f + FB_WIDTH + j), fma16((floats){} + e0, load(f + j), load(from + j))));
}

// After choosing the codeword of pair t for the target (x, y): feeds its error and stores the remaining error.
INLINE void leave_pair(const fb_group *g, size_t t, float x, float y) {
    const float *z = g->z + 2 * t, *codeword = g->codewords + 2 * t;
    feed_pair(g->panel, t, z[0] - codeword[0], z[1] - codeword[1], g->targets, g->targets);
    g->targets[2 * t] = x - codeword[0];
    g->targets[2 * t + 1] = y - codeword[1];
}
