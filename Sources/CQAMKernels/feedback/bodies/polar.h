// Polar codes.

static void code_polar(const fb_group *g, const pk_search *search) {
    const pk_codebook *c = &search->codebook;
    memset(g->symbols, 0, qam_row_bytes(QAM_FREE, c->rate, g->columns));
    for (size_t i = 0; i < g->columns / 2; i++) {
        float x = g->targets[2 * i], y = g->targets[2 * i + 1];
        float *codeword = g->codewords + 2 * i;
        pk_place place = pk_nearest(search, x, y);
        pk_codeword(c, pk_amplitude(place), pk_phase(place), codeword);
        qam_put_symbol(pk_symbol(c, place), i, c->rate, g->symbols);
        leave_pair(g, i, x, y);
    }
}
