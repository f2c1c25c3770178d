// The nearest codewords of 16 points at a time; see scalar/nearest.c for the definition.

#ifndef QAM_AVX512_NEAREST_H
#define QAM_AVX512_NEAREST_H

#include "../../targets.h"
#include "../internal.h"

#include "../scalar/nearest.h"

QAM_TARGET_AVX512_BASE

// Gathers 16 pairs of dwords from a table of pairs.
static inline void qam_gather_pairs(__m512i at, const void *table, __m512i *first, __m512i *second) {
    __m512i low = _mm512_i32gather_epi64(_mm512_castsi512_si256(at), table, 8);
    __m512i high = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(at, 1), table, 8);
    __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    __m512i odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    *first = _mm512_permutex2var_epi32(low, even, high);
    *second = _mm512_permutex2var_epi32(low, odd, high);
}

static inline __m512 qam_squared_distance(const qam_plane *plane, __m512i k, __m512 x, __m512 y) {
    __m512i px, py;
    qam_gather_pairs(k, plane->points, &px, &py);
    __m512 dx = _mm512_sub_ps(x, _mm512_castsi512_ps(px)), dy = _mm512_sub_ps(y, _mm512_castsi512_ps(py));
    return _mm512_add_ps(_mm512_mul_ps(dx, dx), _mm512_mul_ps(dy, dy));
}

// Stores the codewords nearest to the points of `lanes` in `best`.
static __attribute__((noinline)) __m512i qam_nearest_rest(
    const qam_plane *plane, uint32_t lanes, __m512 x, __m512 y, __m512i best) {
    float px[16], py[16];
    uint32_t k[16];
    _mm512_storeu_ps(px, x);
    _mm512_storeu_ps(py, y);
    _mm512_storeu_si512(k, best);
    for (; lanes; lanes &= lanes - 1) {
        uint32_t lane = (uint32_t)__builtin_ctz(lanes);
        k[lane] = qam_nearest(plane, px[lane], py[lane]);
    }
    return _mm512_loadu_si512(k);
}

// The cells of 16 points, and which of the points are in the grid.
static inline __m512i qam_cells16(const qam_plane *plane, __mmask16 used, __m512 x, __m512 y, __mmask16 *inside) {
    __m512 origin = _mm512_set1_ps(plane->origin), scale = _mm512_set1_ps(plane->cells_per_unit);
    __m512 side = _mm512_set1_ps((float)plane->side), zero = _mm512_setzero_ps();
    __m512 column = _mm512_mul_ps(_mm512_sub_ps(x, origin), scale);
    __m512 row = _mm512_mul_ps(_mm512_sub_ps(y, origin), scale);
    __mmask16 in = _mm512_mask_cmp_ps_mask(used, column, zero, _CMP_GE_OQ);
    in = _mm512_mask_cmp_ps_mask(in, column, side, _CMP_LT_OQ);
    in = _mm512_mask_cmp_ps_mask(in, row, zero, _CMP_GE_OQ);
    in = _mm512_mask_cmp_ps_mask(in, row, side, _CMP_LT_OQ);
    *inside = in;
    __m512i cell = _mm512_mullo_epi32(_mm512_cvttps_epi32(row), _mm512_set1_epi32((int)plane->side));
    return _mm512_maskz_add_epi32(in, cell, _mm512_cvttps_epi32(column));
}

// The four candidates of 16 cells, in ascending order: the first and second in the halves of `near`, the others in
// those of `far`. Returns the points with short lists; zeros for the others.
static inline __mmask16 qam_candidates16(
    const qam_plane *plane, __mmask16 used, __m512 x, __m512 y, __m512i *near, __m512i *far) {
    __mmask16 inside;
    __m512i cell = qam_cells16(plane, used, x, y, &inside), first, second;
    qam_gather_pairs(cell, plane->cells, &first, &second);
    __mmask16 found = _mm512_mask_cmpneq_epi32_mask(inside, first, _mm512_set1_epi32(-1));
    *near = _mm512_maskz_mov_epi32(found, first);
    *far = _mm512_maskz_mov_epi32(found, second);
    return found;
}

typedef struct {
    __m512 least;
    __m512i best;
} qam_contest16;

// The earlier candidate wins ties.
static inline qam_contest16 qam_contend(qam_contest16 c, __m512i candidate, __m512 distance) {
    __mmask16 nearer = _mm512_cmp_ps_mask(distance, c.least, _CMP_LT_OQ);
    c.least = _mm512_mask_mov_ps(c.least, nearer, distance);
    c.best = _mm512_mask_mov_epi32(c.best, nearer, candidate);
    return c;
}

// The codewords nearest to those of 16 points that are `used`; 0 for the others.
static inline __m512i qam_nearest16(const qam_plane *plane, __mmask16 used, __m512 x, __m512 y) {
    __m512i near, far, low16 = _mm512_set1_epi32(0xFFFF), candidate = _mm512_setzero_si512();
    __mmask16 found = qam_candidates16(plane, used, x, y, &near, &far);
    qam_contest16 c = {_mm512_set1_ps(INFINITY), candidate};
    candidate = _mm512_and_si512(near, low16);
    c = qam_contend(c, candidate, qam_squared_distance(plane, candidate, x, y));
    candidate = _mm512_srli_epi32(near, 16);
    c = qam_contend(c, candidate, qam_squared_distance(plane, candidate, x, y));
    // In most cells the others repeat the second one.
    if (_mm512_cmpneq_epi32_mask(candidate, _mm512_srli_epi32(far, 16))) {
        candidate = _mm512_and_si512(far, low16);
        c = qam_contend(c, candidate, qam_squared_distance(plane, candidate, x, y));
        candidate = _mm512_srli_epi32(far, 16);
        c = qam_contend(c, candidate, qam_squared_distance(plane, candidate, x, y));
    }
    __m512i best = _mm512_maskz_mov_epi32(used, c.best);
    uint32_t rest = used & ~(uint32_t)found;
    return rest ? qam_nearest_rest(plane, rest, x, y, best) : best;
}

QAM_TARGET_POP

#endif
