// Reading by 32 bytes at a time.

#if defined(__x86_64__)

#include "../../targets.h"
#include "../internal.h"

QAM_TARGET_AVX2

uint64_t qam_read_avx2(const uint8_t *bytes, size_t count) {
    // Eight sums: as many loads are under way as the core allows.
    __m256i sums[8];
    for (int k = 0; k < 8; k++) sums[k] = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 256 <= count; i += 256)
        for (int k = 0; k < 8; k++)
            sums[k] = _mm256_xor_si256(sums[k], _mm256_loadu_si256((const __m256i *)(bytes + i + 32 * k)));
    for (int k = 1; k < 8; k++) sums[0] = _mm256_xor_si256(sums[0], sums[k]);
    uint64_t words[4];
    _mm256_storeu_si256((__m256i *)words, sums[0]);
    return words[0] ^ words[1] ^ words[2] ^ words[3] ^ qam_read_scalar(bytes + i, count - i);
}

QAM_TARGET_POP

#endif
