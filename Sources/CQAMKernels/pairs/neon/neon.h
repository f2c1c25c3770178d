// Shared by the NEON files. Everything is ARMv8.0, except for products of bytes.

#ifndef QAM_NEON_H
#define QAM_NEON_H

#include "../../targets.h"
#include "../internal.h"

#define QAM_INLINE static inline __attribute__((always_inline))

// Bytes of all ones where the corresponding bit of bytes `first` and `first` + 1 is set.
QAM_INLINE uint8x16_t qam_spread(uint8x16_t bytes, int first) {
    const uint8x16_t byte = vcombine_u8(vdup_n_u8((uint8_t)first), vdup_n_u8((uint8_t)(first + 1)));
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201)));
    return vtstq_u8(vqtbl1q_u8(bytes, byte), bit);
}

// 32 sign bits, for `qam_flips_of`: those of floats 0, 4, ... in the first lane, of 1, 5, ... in the second.
QAM_INLINE uint32x4_t qam_flips(uint32_t bits) {
    static const int32_t shifts[4] = {3, 2, 1, 0};
    return vshlq_u32(vdupq_n_u32(bits), vld1q_s32(shifts));
}

// Masks whose top bits are the signs of floats 4 * i to 4 * i + 3 of 32.
QAM_INLINE uint32x4_t qam_flips_of(uint32x4_t flips, int i) { return flips << vdupq_n_u32((uint32_t)(28 - 4 * i)); }

#endif
