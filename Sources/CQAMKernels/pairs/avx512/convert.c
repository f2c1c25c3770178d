// Conversion, and division by channel scales.

#if defined(__x86_64__)

#include "convert.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512_BASE

enum { LANES = 16 };

static inline __attribute__((always_inline)) void widen(const uint8_t *elements, bool half, size_t count, float *x) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(elements + 2 * j));
        _mm512_storeu_ps(x + j, half ? qam_from_halves(v) : qam_from_brains(v));
    }
    if (j < count) {
        __mmask16 lanes = qam_first_lanes(count - j);
        __m256i v = _mm256_maskz_loadu_epi16(lanes, elements + 2 * j);
        _mm512_mask_storeu_ps(x + j, lanes, half ? qam_from_halves(v) : qam_from_brains(v));
    }
}

void qam_to_floats_avx512(const void *elements, qam_element type, size_t count, float *x) {
    switch (type) {
    case QAM_F32: memcpy(x, elements, count * sizeof *x); break;
    case QAM_F16: widen(elements, true, count, x); break;
    case QAM_BF16: widen(elements, false, count, x); break;
    }
}

static inline __attribute__((always_inline)) void narrow(
    const float *x, size_t count, qam_element type, void *elements) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) qam_store_floats(elements, type, j, 0xFFFF, _mm512_loadu_ps(x + j));
    if (j < count) {
        __mmask16 lanes = qam_first_lanes(count - j);
        qam_store_floats(elements, type, j, lanes, _mm512_maskz_loadu_ps(lanes, x + j));
    }
}

void qam_from_floats_avx512(const float *x, size_t count, qam_element type, void *elements) {
    switch (type) {
    case QAM_F32: memcpy(elements, x, count * sizeof *x); break;
    case QAM_F16: narrow(x, count, QAM_F16, elements); break;
    case QAM_BF16: narrow(x, count, QAM_BF16, elements); break;
    }
}

void qam_unscale_avx512(float *x, const float *scales, size_t count) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES)
        _mm512_storeu_ps(x + j, _mm512_div_ps(_mm512_loadu_ps(x + j), _mm512_loadu_ps(scales + j)));
    if (j < count) {
        __mmask16 lanes = qam_first_lanes(count - j);
        __m512 quotient = _mm512_maskz_div_ps(
            lanes, _mm512_maskz_loadu_ps(lanes, x + j), _mm512_maskz_loadu_ps(lanes, scales + j));
        _mm512_mask_storeu_ps(x + j, lanes, quotient);
    }
}

QAM_TARGET_POP

#endif
