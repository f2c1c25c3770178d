// Scalar code for pairs, shared by all families and compiled wherever it is included.

#ifndef QAM_CODES_TEXT_H
#define QAM_CODES_TEXT_H

#include "qam_codes.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// The index of the codeword with the least (dx * dx) + (dy * dy); the lowest index on ties.
static inline uint32_t qam_nearest_codeword(const qam_plane *plane, float x, float y) {
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

// The reflections that map a pair to the octant x >= y >= 0, and a codeword back.
typedef struct {
    bool first_sign, second_sign, swap;
} qam_fold;

static inline qam_fold qam_fold_of(float x, float y) { return (qam_fold){x < 0, y < 0, fabsf(x) < fabsf(y)}; }

static inline float qam_larger(qam_fold f, float x, float y) { return f.swap ? fabsf(y) : fabsf(x); }
static inline float qam_smaller(qam_fold f, float x, float y) { return f.swap ? fabsf(x) : fabsf(y); }

// Ors signs and swap of pair i into a group's bit planes.
static inline void qam_put_fold(qam_fold f, size_t i, size_t plane, uint8_t *symbols) {
    symbols[QAM_FIRST_SIGNS * plane + i / 8] |= (uint8_t)(f.first_sign << i % 8);
    symbols[QAM_SECOND_SIGNS * plane + i / 8] |= (uint8_t)(f.second_sign << i % 8);
    symbols[QAM_SWAPS * plane + i / 8] |= (uint8_t)(f.swap << i % 8);
}

// Stores the index of pair i of a plain octant code, with 8 or more bits per step, in a group whose planes are zero.
static inline void qam_put_index(uint32_t index, size_t i, qam_group_layout layout, uint32_t step_bits, uint8_t *symbols) {
    symbols[layout.base + i] = (uint8_t)index;
    for (uint32_t bit = 8; bit < step_bits; bit++)
        symbols[qam_upper_plane(bit) * layout.plane + i / 8] |= (uint8_t)((index >> bit & 1) << i % 8);
}

// Ors symbol i, of up to 13 bits, into bytes.
static inline void qam_put_symbol(uint32_t symbol, size_t i, uint32_t bits, uint8_t *symbols) {
    size_t place = i * bits;
    for (uint32_t v = symbol << place % 8; v != 0; v >>= 8, place += 8) symbols[place / 8] |= (uint8_t)v;
}

#endif
