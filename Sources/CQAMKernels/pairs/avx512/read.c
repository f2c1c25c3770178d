// Reading by 64 bytes at a time.

#if defined(__x86_64__)

#include "../../targets.h"
#include "../internal.h"

QAM_TARGET_AVX512_BASE

uint64_t qam_read_avx512(const uint8_t *bytes, size_t count) {
    // Eight sums: as many loads are under way as the core allows.
    __m512i sums[8];
    for (int k = 0; k < 8; k++) sums[k] = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + 512 <= count; i += 512)
        for (int k = 0; k < 8; k++) sums[k] = _mm512_xor_si512(sums[k], _mm512_loadu_si512(bytes + i + 64 * k));
    for (int k = 1; k < 8; k++) sums[0] = _mm512_xor_si512(sums[0], sums[k]);
    uint64_t words[8], sum = 0;
    _mm512_storeu_si512(words, sums[0]);
    for (int k = 0; k < 8; k++) sum ^= words[k];
    return sum ^ qam_read_scalar(bytes + i, count - i);
}

QAM_TARGET_POP

#endif
