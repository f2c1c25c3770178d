#if defined(__x86_64__)
// Activations, and the dispatch of products. First come the functions that quantize.h requires.

#include "product.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512

enum { SPAN = 128 }; // columns that are quantized at once

static inline __attribute__((always_inline)) __m512i load_span(const float *x, size_t left, size_t i) {
    // Lanes from `left` on are zero.
    size_t first = 16 * i;
    if (left >= first + 16) return _mm512_castps_si512(_mm512_loadu_ps(x + first));
    if (left <= first) return _mm512_setzero_si512();
    return _mm512_maskz_loadu_epi32((__mmask16)((1u << (left - first)) - 1), x + first);
}

static inline uint32_t largest_magnitude(const float *x, size_t count) {
    __m512i largest = _mm512_setzero_si512();
    const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
    for (size_t i = 0; 16 * i < count; i++)
        largest = _mm512_max_epi32(largest, _mm512_and_si512(load_span(x, count, i), magnitude));
    return (uint32_t)_mm512_reduce_max_epi32(largest);
}

static inline __attribute__((always_inline)) void quantize_span(
    const float *x, size_t count, float inverse, bool split, int8_t *values) {
    __m512 factor = _mm512_set1_ps(inverse);
    __m512i q[8];
    for (size_t i = 0; i < 8; i++)
        q[i] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_castsi512_ps(load_span(x, count, i)), factor));
    // Packing takes four columns from each of four registers for each 128 bits; `order` holds the resulting positions.
    __m512i low = _mm512_packs_epi16(_mm512_packs_epi32(q[0], q[1]), _mm512_packs_epi32(q[2], q[3]));
    __m512i high = _mm512_packs_epi16(_mm512_packs_epi32(q[4], q[5]), _mm512_packs_epi32(q[6], q[7]));
    uint8_t order[SPAN];
    for (size_t k = 0; k < SPAN; k++) {
        size_t j = split ? k % 64 * 2 + k / 64 : k;
        order[k] = (uint8_t)(j / 64 * 64 + j % 16 / 4 * 16 + j % 64 / 16 * 4 + j % 4);
    }
    _mm512_storeu_si512(values, _mm512_permutex2var_epi8(low, _mm512_loadu_si512(order), high));
    _mm512_storeu_si512(values + 64, _mm512_permutex2var_epi8(low, _mm512_loadu_si512(order + 64), high));
}

#include "../quantize.h"

void qam_prepare_avx512(const qam_kernels *kernels, const qam_code *code, float *x, qam_activation activation) {
    prepare(kernels, code, x, activation);
}

void qam_multiply_avx512(
    const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride) {
    if (code->family == QAM_FREE)
        qam_free_product_avx512(code, fixed_points, symbols, factors, rows, activations, batch, out, output_stride);
    else if (batch > FEW)
        qam_octant_many_avx512(code, symbols, factors, rows, activations, batch, out, output_stride);
    else if (batch > 0)
        qam_octant_few_avx512(code, symbols, factors, rows, activations, batch, out, output_stride);
}

QAM_TARGET_POP
#endif
