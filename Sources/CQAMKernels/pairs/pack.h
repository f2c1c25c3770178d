#ifndef QAM_PACK_H
#define QAM_PACK_H

#include <stddef.h>
#include <stdint.h>

// Packs the lowest `step_bits` bits of each window of a trellis code: eight windows take `step_bits` bytes. `pairs` is a
// multiple of 8, at most 64.
void qam_trellis_store(const uint8_t *windows, size_t pairs, uint32_t step_bits, uint8_t *ring);

#endif
