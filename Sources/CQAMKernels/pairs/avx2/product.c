#if defined(__x86_64__)
// Activations, and the dispatch of products.

#include "product.h"

QAM_TARGET_AVX2

enum { SPAN = 128, FLOATS = 8 }; // columns that are quantized at once, floats per register

static inline uint32_t largest_magnitude(const float *x, size_t count) {
    const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
    __m256i largest = _mm256_setzero_si256();
    size_t j = 0;
    for (; j + FLOATS <= count; j += FLOATS) {
        __m256i bits = _mm256_loadu_si256((const void *)(x + j));
        largest = _mm256_max_epi32(largest, _mm256_and_si256(bits, magnitude));
    }
    uint32_t lanes[FLOATS], most = 0;
    _mm256_storeu_si256((void *)lanes, largest);
    for (size_t l = 0; l < FLOATS; l++) most = lanes[l] > most ? lanes[l] : most;
    for (; j < count; j++) {
        uint32_t bits;
        memcpy(&bits, x + j, sizeof bits);
        bits &= 0x7FFFFFFF;
        most = bits > most ? bits : most;
    }
    return most;
}

// 32 columns as bytes.
static inline __attribute__((always_inline)) __m256i quantize_32(const float *x, __m256 inverse) {
    __m256i q[4];
    for (size_t i = 0; i < 4; i++)
        q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + FLOATS * i), inverse));
    // Packing takes four columns from each 128-bit half in turn.
    __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

// Even bytes to the lower 16 bytes, odd ones to the upper ones.
static inline __attribute__((always_inline)) __m256i part(__m256i v) {
    const __m256i parted = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
    return _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, parted), 0xD8);
}

static inline __attribute__((always_inline)) void quantize_span(
    const float *x, size_t count, float inverse, bool split, int8_t *values) {
    float padded[SPAN] = {0};
    if (count < SPAN) x = memcpy(padded, x, count * sizeof *x);
    __m256 factor = _mm256_set1_ps(inverse);
    for (size_t i = 0; i < SPAN / 32; i++) {
        __m256i v = quantize_32(x + 32 * i, factor);
        if (split) {
            v = part(v);
            _mm_storeu_si128((void *)(values + 16 * i), _mm256_castsi256_si128(v));
            _mm_storeu_si128((void *)(values + SPAN / 2 + 16 * i), _mm256_extracti128_si256(v, 1));
        } else {
            _mm256_storeu_si256((void *)(values + 32 * i), v);
        }
    }
}

#include "../quantize.h"

void qam_prepare_avx2(const qam_kernels *kernels, const qam_code *code, float *x, qam_activation activation) {
    prepare(kernels, code, x, activation);
}

void qam_multiply_avx2(
    const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    if (code->family == QAM_FREE)
        qam_free_product_avx2(code, fixed_points, symbols, factors, rows, activations, batch, out, output_stride);
    else
        qam_octant_product_avx2(code, symbols, factors, rows, activations, batch, out, output_stride);
}

QAM_TARGET_POP
#endif
