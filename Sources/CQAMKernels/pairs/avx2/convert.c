// Conversion, and division by channel scales.

#if defined(__x86_64__)

#include "convert.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX2

enum { LANES = 8 };

static inline __attribute__((always_inline)) void widen(const uint8_t *elements, bool half, size_t count, float *x) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) {
        __m128i v = _mm_loadu_si128((const __m128i *)(elements + 2 * j));
        _mm256_storeu_ps(x + j, half ? qam_from_halves(v) : qam_from_brains(v));
    }
    if (j < count) {
        uint16_t rest[LANES] = {0};
        memcpy(rest, elements + 2 * j, (count - j) * sizeof *rest);
        __m128i v = _mm_loadu_si128((const __m128i *)rest);
        _mm256_maskstore_ps(x + j, qam_first_lanes(count - j), half ? qam_from_halves(v) : qam_from_brains(v));
    }
}

void qam_to_floats_avx2(const void *elements, qam_element type, size_t count, float *x) {
    switch (type) {
    case QAM_F32: memcpy(x, elements, count * sizeof *x); break;
    case QAM_F16: widen(elements, true, count, x); break;
    case QAM_BF16: widen(elements, false, count, x); break;
    }
}

static inline __attribute__((always_inline)) void narrow(
    const float *x, size_t count, qam_element type, uint8_t *elements) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) qam_store_floats(elements + 2 * j, type, _mm256_loadu_ps(x + j));
    if (j < count) {
        uint16_t rest[LANES];
        qam_store_floats(rest, type, _mm256_maskload_ps(x + j, qam_first_lanes(count - j)));
        memcpy(elements + 2 * j, rest, (count - j) * sizeof *rest);
    }
}

void qam_from_floats_avx2(const float *x, size_t count, qam_element type, void *elements) {
    switch (type) {
    case QAM_F32: memcpy(elements, x, count * sizeof *x); break;
    case QAM_F16: narrow(x, count, QAM_F16, elements); break;
    case QAM_BF16: narrow(x, count, QAM_BF16, elements); break;
    }
}

void qam_unscale_avx2(float *x, const float *scales, size_t count) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES)
        _mm256_storeu_ps(x + j, _mm256_div_ps(_mm256_loadu_ps(x + j), _mm256_loadu_ps(scales + j)));
    for (; j < count; j++) x[j] = x[j] / scales[j];
}

QAM_TARGET_POP

#endif
