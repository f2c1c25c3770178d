// Codes whose pairs are independent.

INLINE void unfold(qam_fold f, const float *point, float *codeword) {
    // Without branches, to avoid mispredictions.
    uint32_t bits[2];
    memcpy(&bits[0], point + f.swap, sizeof *bits);
    memcpy(&bits[1], point + !f.swap, sizeof *bits);
    bits[0] ^= (uint32_t)f.first_sign << 31;
    bits[1] ^= (uint32_t)f.second_sign << 31;
    memcpy(codeword, bits, sizeof bits);
}

static void code_plain(const fb_group *g, const qam_plane *p, qam_family family, uint32_t rate) {
    const qam_group_layout layout = qam_layout((g->columns + 15) / 16 * 8, rate);
    memset(g->symbols, 0, qam_row_bytes(family, rate, g->columns));
    for (size_t i = 0; i < g->columns / 2; i++) {
        float x = g->targets[2 * i], y = g->targets[2 * i + 1];
        float *codeword = g->codewords + 2 * i;
        if (family == QAM_OCTANT) {
            qam_fold f = qam_fold_of(x, y);
            uint32_t k = qam_nearest_codeword(p, qam_larger(f, x, y), qam_smaller(f, x, y));
            unfold(f, p->points + 2 * k, codeword);
            qam_put_fold(f, i, layout.plane, g->symbols);
            qam_put_index(k, i, layout, rate, g->symbols);
        } else {
            uint32_t k = qam_nearest_codeword(p, x, y);
            memcpy(codeword, p->points + 2 * k, 2 * sizeof *codeword);
            qam_put_symbol(k, i, rate, g->symbols);
        }
        leave_pair(g, i, x, y);
    }
}
