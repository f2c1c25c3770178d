// What needs no vectors: values of windows, and the place of a ring's bits in its tile.

#include "trellis_kernels.h"

#include <string.h>

int32_t tr_value(uint32_t window) {
    uint32_t h = window * TR_MULTIPLIER;
    return (int32_t)((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24)) - TR_CENTRE;
}

void tr_store(tr_code code, const uint16_t *path, uint32_t ring, uint8_t *tile) {
    const uint32_t rate = code.rate;
    uint16_t words[8 * TR_MAX_RATE + 1] = {0};
    for (uint32_t t = 0; t < TR_RING; t++) {
        // The first bits of the window, up to the next one's: the others are the next windows' own.
        uint32_t start = tr_start(rate, t), count = tr_start(rate, t + 1) - start;
        uint32_t bits = (path[t] & ((1u << count) - 1)) << start % 16;
        words[start / 16] |= (uint16_t)bits;
        words[start / 16 + 1] |= (uint16_t)(bits >> 16);
    }
    for (uint32_t g = 0; g < 8 * rate; g++) {
        uint8_t *to = tile + 32 * (g % rate) + 4 * (g / rate) + 2 * ring;
        to[0] = (uint8_t)words[g];
        to[1] = (uint8_t)(words[g] >> 8);
    }
}

// The costs of all states before each weight and after the last, limits, a list of states, and what alignment takes.
size_t tr_work_words(tr_code code) {
    size_t states = (size_t)1 << (code.window - code.rate / 2);
    return (TR_RING + 2) * states + TR_RING + 32;
}
