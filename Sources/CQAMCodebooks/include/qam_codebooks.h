// The built-in codebooks, byte for byte as stored in files (spec sections 8.3 and 15.2).

#ifndef QAM_CODEBOOKS_H
#define QAM_CODEBOOKS_H

#include <stddef.h>
#include <stdint.h>

// The codebook record of codec 1 for a family (1 free, 2 octant) and its rate (bits per symbol or per step), and its length;
// null and 0 where there is none.
const uint8_t *qam_codebook_record(uint32_t family, uint32_t rate, size_t *length);

// The codebook record of codec 2, polar pairs, for a rate in bits per symbol, and its length; null and 0 if there is none.
const uint8_t *qam_polar_codebook_record(uint32_t rate, size_t *length);

#endif
