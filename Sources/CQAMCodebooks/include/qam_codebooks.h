// The built-in codebooks, byte for byte as stored in files (spec section 8.3).

#ifndef QAM_CODEBOOKS_H
#define QAM_CODEBOOKS_H

#include <stddef.h>
#include <stdint.h>

// The codebook record of a family (1 free, 2 octant) and rate (bits per symbol or per step), and its length;
// null and 0 if there is none.
const uint8_t *qam_codebook_record(uint32_t family, uint32_t rate, size_t *length);

#endif
