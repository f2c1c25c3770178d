// Shared by all bodies: reading fields of blocks, and the words of the IQ types.

#ifndef GB_INTERNAL_H
#define GB_INTERNAL_H

#include "ggml_blocks.h"

#include <stdbool.h>
#include <string.h>

// Words of the IQ types (grids.c).
extern const uint8_t gb_grid_iq1[2 * 2048], gb_grid_iq2_xxs[2 * 256], gb_grid_iq2_xs[2 * 512], gb_grid_iq2_s[2 * 1024],
    gb_grid_iq3_xxs[2 * 256], gb_grid_iq3_s[2 * 512];

enum {
    GB_SUPER = 256,  // elements of a super-block: of K, IQ and ternary types
};

typedef int8_t gb_bytes_16 __attribute__((vector_size(16)));
typedef float gb_floats_16 __attribute__((vector_size(64)));

// Little-endian, at any address.
static inline uint16_t gb_load16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static inline uint32_t gb_load32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void gb_store16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline uint32_t gb_bits(float x) {
    uint32_t v;
    memcpy(&v, &x, sizeof v);
    return v;
}

static inline float gb_float(uint32_t v) {
    float x;
    memcpy(&x, &v, sizeof x);
    return x;
}

// Converts IEEE binary16 bits to float, exactly. NaNs become quiet.
static inline float gb_half_bits(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3FF;
    if (exponent == 0) {
        float x = (float)fraction * 0x1p-24f;
        return sign ? -x : x;
    }
    if (exponent == 31) return gb_float(sign | 0x7F800000 | fraction << 13 | (fraction ? 0x400000 : 0));
    return gb_float(sign | (exponent + 112) << 23 | fraction << 13);
}

#endif
