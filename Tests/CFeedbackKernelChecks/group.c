#include "group.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

fb_group place_group(size_t columns, size_t symbol_bytes) {
    float *z = place_gaussian(FB_WIDTH), *targets = place_copy(z, FB_WIDTH, sizeof *z), *panel = place_gaussian(columns * FB_WIDTH);
    for (size_t j = 0; j < FB_WIDTH; j++) targets[j] += 0.25f * gaussian();
    for (size_t k = 0; k < columns; k++)
        for (size_t j = 0; j < FB_WIDTH; j++) panel[k * FB_WIDTH + j] *= j < (k | 1) + 1 ? 0 : 0.15f;
    float *metric = place_gaussian(columns / 2 * 3);
    for (size_t i = 0; i < columns / 2 * 3; i++) metric[i] = i % 3 == 1 ? 0.3f * metric[i] : 0.5f + fabsf(metric[i]);
    fb_group g = {.columns = columns, .panel = panel, .metric = metric, .z = z, .targets = targets};
    return place_again(&g, symbol_bytes);
}

fb_group place_again(const fb_group *g, size_t symbol_bytes) {
    fb_group again = *g;
    again.targets = place_copy(g->targets, FB_WIDTH, sizeof *g->targets);
    again.codewords = place(FB_WIDTH, sizeof *g->codewords);
    again.symbols = place(symbol_bytes, 1);
    memset(again.codewords, 0xA5, FB_WIDTH * sizeof *again.codewords);
    memset(again.symbols, 0xA5, symbol_bytes);
    return again;
}

bool same_outputs(const fb_group *a, const fb_group *b, size_t symbol_bytes) {
    return same(a->targets, b->targets, FB_WIDTH) && same(a->codewords, b->codewords, FB_WIDTH)
        && memcmp(a->symbols, b->symbols, symbol_bytes) == 0;
}

void move(const fb_group *g, size_t t, const float *codeword, float *targets) {
    const float *f = g->panel + 2 * t * FB_WIDTH, e0 = g->z[2 * t] - codeword[0], e1 = g->z[2 * t + 1] - codeword[1];
    for (size_t j = 2 * t + 2; j < FB_WIDTH; j++) targets[j] = fmaf(e1, f[FB_WIDTH + j], fmaf(e0, f[j], targets[j]));
    for (size_t k = 0; k < 2; k++) targets[2 * t + k] -= codeword[k];
}

unsigned fold(const float *target, float *larger, float *smaller) {
    float a = fabsf(target[0]), b = fabsf(target[1]);
    bool swap = a < b;
    *larger = swap ? b : a;
    *smaller = swap ? a : b;
    return (target[0] < 0) | (unsigned)(target[1] < 0) << 1 | (unsigned)swap << 2;
}

void unfold(unsigned folded, const float *point, float *codeword) {
    bool swap = folded >> 2 & 1;
    codeword[0] = folded & 1 ? -point[swap] : point[swap];
    codeword[1] = folded >> 1 & 1 ? -point[!swap] : point[!swap];
}

unsigned stored_fold(const uint8_t *symbols, size_t pairs, size_t i) {
    unsigned folded = 0;
    for (size_t field = 0; field < 3; field++) folded |= (unsigned)(symbols[field * (pairs / 8) + i / 8] >> i % 8 & 1) << field;
    return folded;
}
