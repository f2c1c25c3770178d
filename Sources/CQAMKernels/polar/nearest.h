// The nearest codeword of a polar code to one point, shared by all families and compiled wherever it is included.

#ifndef PK_NEAREST_H
#define PK_NEAREST_H

#include "polar_kernels.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// The codeword of an amplitude and a phase.
static inline void pk_codeword(const pk_codebook *c, uint32_t amplitude, uint32_t phase, float *codeword) {
    codeword[0] = c->amplitudes[amplitude] * c->directions[2 * phase];
    codeword[1] = c->amplitudes[amplitude] * c->directions[2 * phase + 1];
}

// A codeword's position: its amplitude in the high bits, its phase in the low ones. Positions are in the order of
// symbols.
typedef uint32_t pk_place;

static inline pk_place pk_place_of(uint32_t amplitude, uint32_t phase) { return amplitude << 16 | phase; }
static inline uint32_t pk_amplitude(pk_place place) { return place >> 16; }
static inline uint32_t pk_phase(pk_place place) { return place & 0xFFFF; }
static inline uint32_t pk_symbol(const pk_codebook *c, pk_place place) { return pk_amplitude(place) * c->phase_count + pk_phase(place); }

// A codeword's distance, whose bits are ordered like distances, in the high bits and its position in the low ones: the
// least key is that of the nearest codeword, the lowest one on ties.
static inline uint64_t pk_key(const pk_codebook *c, uint32_t amplitude, uint32_t phase, float x, float y) {
    float codeword[2];
    pk_codeword(c, amplitude, phase, codeword);
    float dx = x - codeword[0], dy = y - codeword[1], distance = dx * dx + dy * dy;
    uint32_t bits;
    memcpy(&bits, &distance, sizeof bits);
    return (uint64_t)bits << 32 | pk_place_of(amplitude, phase);
}

static inline uint64_t pk_least(uint64_t a, uint64_t b) { return a < b ? a : b; }

// Compares all codewords; the first one if no distance is finite.
static inline pk_place pk_nearest_of_all(const pk_codebook *c, float x, float y) {
    uint64_t least = UINT64_C(0x7F800000) << 32;
    for (uint32_t i = 0; i < c->amplitude_count; i++)
        for (uint32_t k = 0; k < c->phase_count; k++) least = pk_least(least, pk_key(c, i, k, x, y));
    return (pk_place)least;
}

// The position of a direction counter-clockwise from (0, -1): 0 to 4, along the square |x| + |y| = 1.
static inline float pk_turn(float x, float y) { return 2 - copysignf(1 - y / (fabsf(x) + fabsf(y)), x); }

static inline uint32_t pk_cell(float place, uint32_t cells) {
    uint32_t cell = (uint32_t)(int32_t)place;
    return cell < cells ? cell : cells - 1;
}

static inline pk_place pk_nearest(const pk_search *s, float x, float y) {
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
    uint64_t lower_least = pk_least(pk_key(c, amplitude, phase, x, y), pk_key(c, amplitude, other, x, y));
    return (pk_place)pk_least(lower_least, pk_least(pk_key(c, above, phase, x, y), pk_key(c, above, other, x, y)));
}

#endif
