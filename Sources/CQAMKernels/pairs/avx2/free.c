// Decoding of free codes, also used with AVX-512: gathers are slower than an eight-byte load per point.

#if defined(__x86_64__)

#include "../../targets.h"
#include "../internal.h"

QAM_TARGET_AVX2

// Four points, given indices of `bits` bits.
static inline __attribute__((always_inline)) void put_points(
    uint64_t symbols, const float *points, uint32_t bits, float *y) {
    uint64_t mask = (UINT64_C(1) << bits) - 1, at[4];
    for (uint32_t j = 0; j < 4; j++) at[j] = symbols >> (j * bits) & mask;
    for (size_t j = 0; j < 4; j += 2) {
        __m128d one = _mm_load_sd((const double *)(points + 2 * at[j]));
        _mm_storeu_pd((double *)(y + 2 * j), _mm_loadh_pd(one, (const double *)(points + 2 * at[j + 1])));
    }
}

static inline __attribute__((always_inline)) void decode(
    const uint8_t *symbols, size_t columns, const float *points, uint32_t bits, float *y) {
    size_t pairs = columns / 2, bytes = (pairs + 7) / 8 * bits, i = 0;
    // The eight bytes from the fifth symbol's first byte on must be inside the row.
    for (; bytes >= bits / 2 + 8 && i + 8 <= pairs; i += 8, symbols += bits, bytes -= bits) {
        uint64_t low, high;
        memcpy(&low, symbols, sizeof low);
        memcpy(&high, symbols + bits / 2, sizeof high);
        put_points(low, points, bits, y + 2 * i);
        put_points(high >> (4 * bits % 8), points, bits, y + 2 * i + 8);
    }
    for (; i < pairs; i += 8, symbols += bits) {
        uint64_t low = qam_load_bytes(symbols, (4 * bits + 7) / 8);
        uint64_t high = qam_load_bytes(symbols + bits / 2, bits - bits / 2) >> (4 * bits % 8);
        float group[16];
        put_points(low, points, bits, group);
        put_points(high, points, bits, group + 8);
        memcpy(y + 2 * i, group, (pairs - i < 8 ? pairs - i : 8) * 2 * sizeof *y);
    }
}

void qam_free_decode_avx2(const uint8_t *symbols, size_t columns, const float *points, uint32_t bits, float *y) {
    decode(symbols, columns, points, bits, y);
}

QAM_TARGET_POP

#endif
