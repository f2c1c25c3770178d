// Shared by the products of this instruction set.

#ifndef QAM_AVX512_PRODUCT_H
#define QAM_AVX512_PRODUCT_H

#include "../../targets.h"
#include "../internal.h"

enum {
    FEW = 2,      // maximum activations for which rows are decoded in registers
    TILE_ROWS = 4, // rows and activations that are multiplied at once
    TILE_BATCH = 4,
};

// Octant codes, with up to FEW activations and with any number.
void qam_octant_few_avx512(
    const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, const qam_activation *activations,
    size_t batch, float *out, size_t output_stride);
void qam_octant_many_avx512(
    const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, const qam_activation *activations,
    size_t batch, float *out, size_t output_stride);

// Free codes.
void qam_free_product_avx512(
    const qam_code *code, const int16_t *fixed_points, const uint8_t *symbols, const float *factors, size_t rows,
    const qam_activation *activations, size_t batch, float *out, size_t output_stride);

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512

// lanes + (float)sums * scale, with two roundings: a fused operation would not be bit-identical.
static inline __attribute__((always_inline)) __m512 add_scaled(__m512 lanes, __m512i sums, float scale) {
    return _mm512_add_ps(lanes, _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(scale)));
}

// The sum of 16 lanes, adding halves.
static inline __attribute__((always_inline)) float add_lanes(__m512 lanes) {
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

QAM_TARGET_POP

#endif
