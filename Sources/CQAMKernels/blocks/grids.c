// The words of the IQ types, which are part of the format, extracted from the package `gguf` by
// scripts/make-ggml-grids. A word is 16 bits, least significant byte first: eight fields of two bits, or four of four
// (IQ3), the first element's lowest.

#include "internal.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

const uint8_t gb_grid_iq1[2 * 2048] = {
#embed "data/iq1.bin"
};
const uint8_t gb_grid_iq2_xxs[2 * 256] = {
#embed "data/iq2_xxs.bin"
};
const uint8_t gb_grid_iq2_xs[2 * 512] = {
#embed "data/iq2_xs.bin"
};
const uint8_t gb_grid_iq2_s[2 * 1024] = {
#embed "data/iq2_s.bin"
};
const uint8_t gb_grid_iq3_xxs[2 * 256] = {
#embed "data/iq3_xxs.bin"
};
const uint8_t gb_grid_iq3_s[2 * 512] = {
#embed "data/iq3_s.bin"
};
