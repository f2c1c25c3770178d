// Free codes: decoding of symbols to codewords, and products with codewords.

#if defined(__aarch64__)

#include "product.h"

#pragma STDC FP_CONTRACT OFF

// Eight symbols: the bytes of the first four, and of the second four, which begin at bit 4 * bits.
typedef struct {
    uint64_t halves[2];
} eight_symbols;

QAM_INLINE eight_symbols load_eight(const uint8_t *symbols, const uint8_t *end, uint32_t bits) {
    const uint8_t *second = symbols + bits / 2;
    eight_symbols out;
    // Eight-byte loads extend past the eight symbols, but rarely past all symbols.
    if (end - second >= 8) {
        memcpy(&out.halves[0], symbols, 8);
        memcpy(&out.halves[1], second, 8);
    } else {
        out.halves[0] = qam_load_bytes(symbols, (4 * bits + 7) / 8);
        out.halves[1] = qam_load_bytes(second, bits - bits / 2);
    }
    out.halves[1] >>= 4 * bits % 8;
    return out;
}

QAM_INLINE size_t symbol(eight_symbols eight, uint32_t i, uint32_t bits) {
    return eight.halves[i / 4] >> (i % 4 * bits) & ((UINT64_C(1) << bits) - 1);
}

// A constant number of bits makes every field an immediate.
#define FOR_BITS(bits, call)                                                                                           \
    switch (bits) {                                                                                                    \
    case 4: call(4); break;                                                                                            \
    case 5: call(5); break;                                                                                            \
    case 6: call(6); break;                                                                                            \
    case 7: call(7); break;                                                                                            \
    case 8: call(8); break;                                                                                            \
    case 9: call(9); break;                                                                                            \
    case 10: call(10); break;                                                                                          \
    case 11: call(11); break;                                                                                          \
    case 12: call(12); break;                                                                                          \
    default: call(13); break;                                                                                          \
    }

// ---- To floats --------------------------------------------------------------------------------------------------

QAM_INLINE void decode(const uint8_t *symbols, const uint8_t *end, size_t pairs, const float *points, uint32_t bits, float *y) {
    size_t i = 0;
    for (; i + 8 <= pairs; i += 8, symbols += bits) {
        eight_symbols eight = load_eight(symbols, end, bits);
#pragma clang loop unroll(full)
        for (uint32_t k = 0; k < 8; k++) vst1_f32(y + 2 * (i + k), vld1_f32(points + 2 * symbol(eight, k, bits)));
    }
    if (i == pairs) return;
    eight_symbols eight = load_eight(symbols, end, bits);
    for (uint32_t k = 0; i + k < pairs; k++) vst1_f32(y + 2 * (i + k), vld1_f32(points + 2 * symbol(eight, k, bits)));
}

void qam_free_decode_neon(const uint8_t *symbols, size_t columns, const float *points, uint32_t bits, float *y) {
    const uint8_t *end = symbols + qam_row_bytes(QAM_FREE, bits, columns);
#define DECODE(b) decode(symbols, end, columns / 2, points, b, y)
    FOR_BITS(bits, DECODE)
#undef DECODE
}

// ---- To integers ------------------------------------------------------------------------------------------------

QAM_INLINE void gather(
    const uint8_t *symbols, const uint8_t *end, size_t pairs, const int16_t *points, uint32_t bits, int16_t *out) {
    for (size_t i = 0; i < pairs; i += 8, symbols += bits) {
        eight_symbols eight = load_eight(symbols, end, bits);
#pragma clang loop unroll(full)
        for (uint32_t k = 0; k < 8; k++) memcpy(out + 2 * (i + k), points + 2 * symbol(eight, k, bits), 4);
    }
}

void qam_free_codewords_neon(
    const uint8_t *symbols, const uint8_t *end, size_t pairs, const int16_t *points, uint32_t bits, int16_t *out) {
#define GATHER(b) gather(symbols, end, pairs, points, b, out)
    FOR_BITS(bits, GATHER)
#undef GATHER
}

// ---- Products ---------------------------------------------------------------------------------------------------

void qam_free_step_neon(
    const int16_t *codewords, size_t columns, const int8_t *values, const float *scales, qam_lanes *lanes) {
    qam_lanes total = *lanes;
    for (size_t first = 0; first < columns; first += QAM_ACTIVATION_BLOCK, scales++) {
        size_t end = columns - first < QAM_ACTIVATION_BLOCK ? columns : first + QAM_ACTIVATION_BLOCK;
        // Products of the coordinates of pairs 2i and 2i + 1; the coordinates of a pair are added at the end.
        int32x4_t sums[8] = {0};
        for (size_t j = first; j < end; j += 32)
#pragma clang loop unroll(full)
            for (size_t v = 0; v < 4; v += 2) {
                int8x16_t x = vld1q_s8(values + j + 8 * v);
                int16x8_t x0 = vmovl_s8(vget_low_s8(x)), x1 = vmovl_high_s8(x);
                int16x8_t y0 = vld1q_s16(codewords + j + 8 * v), y1 = vld1q_s16(codewords + j + 8 * v + 8);
                sums[2 * v] = vmlal_s16(sums[2 * v], vget_low_s16(x0), vget_low_s16(y0));
                sums[2 * v + 1] = vmlal_high_s16(sums[2 * v + 1], x0, y0);
                sums[2 * v + 2] = vmlal_s16(sums[2 * v + 2], vget_low_s16(x1), vget_low_s16(y1));
                sums[2 * v + 3] = vmlal_high_s16(sums[2 * v + 3], x1, y1);
            }
        int32x4_t pairs[4];
        for (int v = 0; v < 4; v++) pairs[v] = vpaddq_s32(sums[2 * v], sums[2 * v + 1]);
        qam_add_block(&total, pairs, *scales);
    }
    *lanes = total;
}

#endif
