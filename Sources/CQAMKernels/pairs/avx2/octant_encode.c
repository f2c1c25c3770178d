// Encoding of octant codes, 8 pairs at a time.

#if defined(__x86_64__)

#include "nearest.h"

#include "../scalar/trellis.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX2

static inline void store_folds(const qam_folded8 *f, size_t pair, size_t plane, uint8_t *symbols) {
    symbols[QAM_FIRST_SIGNS * plane + pair / 8] = f->first_signs;
    symbols[QAM_SECOND_SIGNS * plane + pair / 8] = f->second_signs;
    symbols[QAM_SWAPS * plane + pair / 8] = f->swaps;
}

void qam_octant_encode_plain_avx2(
    const float *z, size_t columns, const qam_plane *plane, uint32_t step_bits, uint8_t *symbols) {
    for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
        size_t left = columns / 2 - first, pairs = qam_group_pairs(columns, first);
        qam_group_layout layout = qam_layout(pairs, step_bits);
        for (size_t i = 0; i < pairs; i += 8) {
            qam_folded8 f = qam_fold8(z + 2 * (first + i), left - i);
            store_folds(&f, i, layout.plane, symbols);
            __m128i k = qam_narrow8(qam_nearest8(plane, left - i, f.x, f.y));
            __m128i bytes = _mm_packus_epi16(_mm_and_si128(k, _mm_set1_epi16(255)), _mm_setzero_si128());
            _mm_storel_epi64((__m128i *)(symbols + layout.base + i), bytes);
            for (uint32_t upper = 8; upper < step_bits; upper++) {
                // Moves the bit to the sign, which packing preserves.
                __m128i bit = _mm_packs_epi16(_mm_slli_epi16(k, (int)(15 - upper)), _mm_setzero_si128());
                symbols[qam_upper_plane(upper) * layout.plane + i / 8] = (uint8_t)_mm_movemask_epi8(bit);
            }
        }
        symbols += layout.total;
    }
}

// See qam_trellis_coordinate.
static inline __m256i coordinates_of(__m256 z, float scale) {
    __m256 v = _mm256_min_ps(_mm256_mul_ps(z, _mm256_set1_ps(scale)), _mm256_set1_ps(QAM_TRELLIS_LIMIT));
    return _mm256_cvttps_epi32(_mm256_add_ps(v, _mm256_set1_ps(0.5f)));
}

void qam_octant_encode_trellis_avx2(
    const float *z, size_t columns, const int32_t *tables, float step, uint32_t step_bits, uint8_t *symbols) {
    const float scale = QAM_TRELLIS_SCALE / step;
    int16_t coordinates[QAM_TRELLIS_RINGS][2 * QAM_GROUP_PAIRS];
    uint8_t windows[QAM_TRELLIS_RINGS][QAM_GROUP_PAIRS];
    qam_trellis search;
    qam_trellis_begin_avx2(&search, tables, step_bits);
    for (size_t first = 0; first < columns / 2;) {
        // As many whole groups as are searched at once, or one.
        size_t left = columns / 2 - first, pairs = qam_group_pairs(columns, first), used = left < pairs ? left : pairs;
        size_t rings = left >= QAM_TRELLIS_RINGS * QAM_GROUP_PAIRS ? QAM_TRELLIS_RINGS : 1;
        qam_group_layout layout = qam_layout(pairs, step_bits);
        for (size_t r = 0; r < rings; r++)
            for (size_t i = 0; i < pairs; i += 8) {
                qam_folded8 f = qam_fold8(z + 2 * (first + r * QAM_GROUP_PAIRS + i), left - i);
                store_folds(&f, i, layout.plane, symbols + r * layout.total);
                __m256i x = coordinates_of(f.x, scale), y = coordinates_of(f.y, scale);
                _mm256_storeu_si256(
                    (__m256i *)(coordinates[r] + 2 * i), _mm256_or_si256(x, _mm256_slli_epi32(y, 16)));
            }
        qam_trellis_search_rings(&search, coordinates[0], rings, used, pairs, windows[0]);
        for (size_t r = 0; r < rings; r++, symbols += layout.total)
            qam_trellis_store(windows[r], pairs, step_bits, symbols + layout.base);
        first += rings * QAM_GROUP_PAIRS;
    }
}

QAM_TARGET_POP

#endif
