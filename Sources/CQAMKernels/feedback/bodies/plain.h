// Codes whose pairs stand by themselves.

INLINE uint32_t nearest(const fb_plane *plane, float x, float y) {
    float column = (x - plane->origin) * plane->cells_per_unit, row = (y - plane->origin) * plane->cells_per_unit;
    float side = (float)plane->side, least = INFINITY;
    uint32_t best = 0;
    bool inside = column >= 0 && column < side && row >= 0 && row < side;
    size_t cell = inside ? (size_t)row * plane->side + (size_t)column : 0;
    size_t first = inside ? plane->starts[cell] : 0, end = inside ? plane->starts[cell + 1] : plane->count;
    for (size_t i = first; i < end; i++) {
        uint32_t k = inside ? plane->candidates[i] : (uint32_t)i;
        float dx = x - plane->points[2 * k], dy = y - plane->points[2 * k + 1], d = dx * dx + dy * dy;
        if (d < least) least = d, best = k;
    }
    return best;
}

// What turns a pair into the octant x >= y >= 0, and a codeword back.
typedef struct {
    bool first_sign, second_sign, swap;
} fold;

INLINE fold fold_of(float x, float y) { return (fold){x < 0, y < 0, fabsf(x) < fabsf(y)}; }

INLINE void unfold(fold f, const float *point, float *codeword) {
    // Without branches, which would be foretold badly.
    uint32_t bits[2];
    memcpy(&bits[0], point + f.swap, sizeof *bits);
    memcpy(&bits[1], point + !f.swap, sizeof *bits);
    bits[0] ^= (uint32_t)f.first_sign << 31;
    bits[1] ^= (uint32_t)f.second_sign << 31;
    memcpy(codeword, bits, sizeof bits);
}

// Signs and swap of pair i of a group of `plane` bytes of each.
INLINE void store_fold(fold f, size_t i, size_t plane, uint8_t *symbols) {
    symbols[i / 8] |= (uint8_t)(f.first_sign << i % 8);
    symbols[plane + i / 8] |= (uint8_t)(f.second_sign << i % 8);
    symbols[2 * plane + i / 8] |= (uint8_t)(f.swap << i % 8);
}

static void code_plain(const fb_group *g, const fb_plane *p) {
    const size_t eighths = (g->columns + 15) / 16;
    memset(g->symbols, 0, eighths * (p->octant ? 3 + p->rate : p->rate));
    for (size_t i = 0; i < g->columns / 2; i++) {
        float x = g->targets[2 * i], y = g->targets[2 * i + 1];
        float *codeword = g->codewords + 2 * i;
        if (p->octant) {
            fold f = fold_of(x, y);
            float larger = f.swap ? fabsf(y) : fabsf(x), smaller = f.swap ? fabsf(x) : fabsf(y);
            uint32_t k = nearest(p, larger, smaller);
            unfold(f, p->points + 2 * k, codeword);
            store_fold(f, i, eighths, g->symbols);
            g->symbols[(p->rate - 5) * eighths + i] = (uint8_t)k;
            for (uint32_t bit = 8; bit < p->rate; bit++) g->symbols[(bit - 5) * eighths + i / 8] |= (uint8_t)((k >> bit & 1) << i % 8);
        } else {
            uint32_t k = nearest(p, x, y);
            memcpy(codeword, p->points + 2 * k, 2 * sizeof *codeword);
            for (uint32_t bit = 0; bit < p->rate; bit++) {
                size_t place = i * p->rate + bit;
                g->symbols[place / 8] |= (uint8_t)((k >> bit & 1) << place % 8);
            }
        }
        feed_pair(g->panel, i, g->z[2 * i] - codeword[0], g->z[2 * i + 1] - codeword[1], g->targets, g->targets);
        g->targets[2 * i] = x - codeword[0];
        g->targets[2 * i + 1] = y - codeword[1];
    }
}
