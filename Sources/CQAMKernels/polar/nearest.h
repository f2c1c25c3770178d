// The nearest codeword of a polar code to one point, for all families: one text, compiled where it is included.

#ifndef PK_NEAREST_H
#define PK_NEAREST_H

#include "polar_kernels.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

// The nearest codeword that a search has come to.
typedef struct {
    float distance;
    uint32_t symbol;
} pk_nearest;

// The codeword of an amplitude and a phase.
static inline void pk_codeword(const pk_codebook *c, uint32_t amplitude, uint32_t phase, float *codeword) {
    codeword[0] = c->amplitudes[amplitude] * c->directions[2 * phase];
    codeword[1] = c->amplitudes[amplitude] * c->directions[2 * phase + 1];
}

// Takes a codeword that is nearer, or as near and of a lower symbol.
static inline pk_nearest pk_nearer(pk_nearest found, const pk_codebook *c, uint32_t amplitude, uint32_t phase, float x, float y) {
    float codeword[2];
    pk_codeword(c, amplitude, phase, codeword);
    float dx = x - codeword[0], dy = y - codeword[1], distance = dx * dx + dy * dy;
    uint32_t symbol = amplitude * c->phase_count + phase;
    bool nearer = (distance < found.distance) | ((distance == found.distance) & (symbol < found.symbol));
    return nearer ? (pk_nearest){distance, symbol} : found;
}

// Of all codewords.
static inline uint32_t pk_nearest_of_all(const pk_codebook *c, float x, float y) {
    pk_nearest found = {INFINITY, 0};
    for (uint32_t i = 0; i < c->amplitude_count; i++)
        for (uint32_t k = 0; k < c->phase_count; k++) found = pk_nearer(found, c, i, k, x, y);
    return found.symbol;
}

// How far a direction lies counter-clockwise from (0, -1): 0 to 4, along the square |x| + |y| = 1.
static inline float pk_turn(float x, float y) {
    float t = y / (fabsf(x) + fabsf(y));
    return x < 0 ? 3 - t : 1 + t;
}

static inline uint32_t pk_cell(float place, uint32_t cells) {
    return place > 0 ? (place < (float)cells ? (uint32_t)place : cells - 1) : 0;
}

static inline uint32_t pk_nearest_symbol(const pk_search *s, float x, float y) {
    const pk_codebook *c = &s->codebook;
    float square = x * x + y * y;
    if (!(square > s->least && square < s->most)) return pk_nearest_of_all(c, x, y);
    uint32_t phase = s->phases[pk_cell(pk_turn(x, y) * (PK_PHASE_CELLS / 4), PK_PHASE_CELLS)];
    uint32_t other = phase + 1 < c->phase_count ? phase + 1 : 0;
    float projection = x * c->directions[2 * phase] + y * c->directions[2 * phase + 1];
    float on_other = x * c->directions[2 * other] + y * c->directions[2 * other + 1];
    float larger = projection > on_other ? projection : on_other;
    uint32_t amplitude = s->amplitudes[pk_cell(larger * s->cells_per_unit, PK_AMPLITUDE_CELLS)];
    uint32_t above = amplitude + 1 < c->amplitude_count ? amplitude + 1 : amplitude;
    pk_nearest found = {INFINITY, 0};
    found = pk_nearer(found, c, amplitude, phase, x, y);
    found = pk_nearer(found, c, amplitude, other, x, y);
    found = pk_nearer(found, c, above, phase, x, y);
    return pk_nearer(found, c, above, other, x, y).symbol;
}

#endif
