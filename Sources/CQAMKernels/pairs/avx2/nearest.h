// The nearest codewords of 8 points at a time; see scalar/nearest.c for the definition.

#ifndef QAM_AVX2_NEAREST_H
#define QAM_AVX2_NEAREST_H

#include "../../targets.h"
#include "../internal.h"

#include "../scalar/nearest.h"
#include "pairs.h"

QAM_TARGET_AVX2

// Gathers 8 pairs of dwords from a table of pairs.
static inline void qam_gather_pairs_avx2(__m256i at, const void *table, __m256i *first, __m256i *second) {
    __m256i low = _mm256_i32gather_epi64(table, _mm256_castsi256_si128(at), 8);
    __m256i high = _mm256_i32gather_epi64(table, _mm256_extracti128_si256(at, 1), 8);
    __m256 x, y;
    qam_split_pairs(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), &x, &y);
    *first = _mm256_castps_si256(x);
    *second = _mm256_castps_si256(y);
}

typedef struct {
    __m256 x, y, least;
    __m256i best;
} qam_contest;

// Compares the points with their next candidates: the earlier one wins ties.
static inline qam_contest qam_compare(const qam_plane *plane, __m256i candidate, qam_contest c) {
    __m256i px, py;
    qam_gather_pairs_avx2(candidate, plane->points, &px, &py);
    __m256 dx = _mm256_sub_ps(c.x, _mm256_castsi256_ps(px)), dy = _mm256_sub_ps(c.y, _mm256_castsi256_ps(py));
    __m256 distance = _mm256_add_ps(_mm256_mul_ps(dx, dx), _mm256_mul_ps(dy, dy));
    __m256 nearer = _mm256_cmp_ps(distance, c.least, _CMP_LT_OQ);
    c.least = _mm256_blendv_ps(c.least, distance, nearer);
    c.best = _mm256_blendv_epi8(c.best, candidate, _mm256_castps_si256(nearer));
    return c;
}

// The codewords nearest to the first `count` of 8 points; 0 for the others.
static inline __m256i qam_nearest8(const qam_plane *plane, size_t count, __m256 x, __m256 y) {
    __m256 origin = _mm256_set1_ps(plane->origin), scale = _mm256_set1_ps(plane->cells_per_unit);
    __m256 side = _mm256_set1_ps((float)plane->side), zero = _mm256_setzero_ps();
    __m256 column = _mm256_mul_ps(_mm256_sub_ps(x, origin), scale);
    __m256 row = _mm256_mul_ps(_mm256_sub_ps(y, origin), scale);
    __m256 inside = _mm256_and_ps(
        _mm256_and_ps(_mm256_cmp_ps(column, zero, _CMP_GE_OQ), _mm256_cmp_ps(column, side, _CMP_LT_OQ)),
        _mm256_and_ps(_mm256_cmp_ps(row, zero, _CMP_GE_OQ), _mm256_cmp_ps(row, side, _CMP_LT_OQ)));
    __m256i used = qam_first_of_8(count), found = _mm256_and_si256(_mm256_castps_si256(inside), used);
    __m256i cell = _mm256_mullo_epi32(_mm256_cvttps_epi32(row), _mm256_set1_epi32((int)plane->side));
    cell = _mm256_and_si256(_mm256_add_epi32(cell, _mm256_cvttps_epi32(column)), found);

    __m256i near, far, low16 = _mm256_set1_epi32(0xFFFF);
    qam_gather_pairs_avx2(cell, plane->cells, &near, &far);
    found = _mm256_andnot_si256(_mm256_cmpeq_epi32(near, _mm256_set1_epi32(-1)), found);
    near = _mm256_and_si256(near, found);
    far = _mm256_and_si256(far, found);
    qam_contest c = {x, y, _mm256_set1_ps(INFINITY), _mm256_setzero_si256()};
    c = qam_compare(plane, _mm256_and_si256(near, low16), c);
    c = qam_compare(plane, _mm256_srli_epi32(near, 16), c);
    // In most cells the others repeat the second one.
    __m256i more = _mm256_xor_si256(_mm256_srli_epi32(near, 16), _mm256_srli_epi32(far, 16));
    if (!_mm256_testz_si256(more, more)) {
        c = qam_compare(plane, _mm256_and_si256(far, low16), c);
        c = qam_compare(plane, _mm256_srli_epi32(far, 16), c);
    }
    __m256i best = _mm256_and_si256(c.best, used);

    // Long lists, and points outside the grid.
    int rest = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_andnot_si256(found, used)));
    if (rest) {
        float px[8], py[8];
        uint32_t k[8];
        _mm256_storeu_ps(px, x);
        _mm256_storeu_ps(py, y);
        _mm256_storeu_si256((__m256i *)k, best);
        for (; rest; rest &= rest - 1) {
            int lane = __builtin_ctz((unsigned)rest);
            k[lane] = qam_nearest(plane, px[lane], py[lane]);
        }
        best = _mm256_loadu_si256((const __m256i *)k);
    }
    return best;
}

QAM_TARGET_POP

#endif
