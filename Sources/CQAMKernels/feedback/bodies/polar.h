// Polar codes.

static void code_polar(const fb_group *g, const pk_search *search) {
    const pk_codebook *c = &search->codebook;
    memset(g->symbols, 0, qam_row_bytes(QAM_FREE, c->rate, g->columns));
    for (size_t i = 0; i < g->columns / 2; i++) {
        float x = g->targets[2 * i], y = g->targets[2 * i + 1];
        float *codeword = g->codewords + 2 * i;
        uint32_t symbol = pk_nearest_symbol(search, x, y);
        pk_codeword(c, symbol / c->phase_count, symbol % c->phase_count, codeword);
        qam_put_symbol(symbol, i, c->rate, g->symbols);
        leave_pair(g, i, x, y);
    }
}
