// Encoding of octant codes, 16 pairs at a time.

#if defined(__x86_64__)

#include "nearest.h"
#include "pairs.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512

// The magnitudes of 256 base points in registers: a byte lookup takes two instructions and a blend.
typedef struct {
    __m512i larger[4], smaller[4];
    __m512 step;
} magnitudes;

static inline __m512i look_up(const __m512i *table, __m512i bytes) {
    __m512i low = _mm512_permutex2var_epi8(table[0], bytes, table[1]);
    __m512i high = _mm512_permutex2var_epi8(table[2], bytes, table[3]);
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(bytes), high);
}

// Candidate byte `place` of each point: its distance and its index.
static inline qam_contest16 contend_byte(
    qam_contest16 c, const magnitudes *m, __m512i candidates, __m512i a, __m512i b, unsigned place, __m512 x,
    __m512 y) {
    __m512i byte = _mm512_set1_epi32(255);
    a = _mm512_and_si512(_mm512_srli_epi32(a, 8 * place), byte);
    b = _mm512_and_si512(_mm512_srli_epi32(b, 8 * place), byte);
    __m512 dx = _mm512_sub_ps(x, _mm512_mul_ps(_mm512_cvtepi32_ps(a), m->step));
    __m512 dy = _mm512_sub_ps(y, _mm512_mul_ps(_mm512_cvtepi32_ps(b), m->step));
    return qam_contend(
        c, _mm512_srli_epi32(candidates, 8 * place), _mm512_add_ps(_mm512_mul_ps(dx, dx), _mm512_mul_ps(dy, dy)));
}

// As qam_nearest16, for 256 base points; only the lowest byte of each index is valid.
static inline __m512i nearest_of_256(const qam_plane *plane, const magnitudes *m, __mmask16 used, __m512 x, __m512 y) {
    __m512i near, far;
    __mmask16 found = qam_candidates16(plane, used, x, y, &near, &far);
    // All four in the bytes of a dword, in the order first, third, second, fourth.
    __m512i candidates = _mm512_or_si512(near, _mm512_slli_epi32(far, 8));
    __m512i a = look_up(m->larger, candidates), b = look_up(m->smaller, candidates);
    qam_contest16 c = {_mm512_set1_ps(INFINITY), candidates};
    c = contend_byte(c, m, candidates, a, b, 0, x, y);
    c = contend_byte(c, m, candidates, a, b, 2, x, y);
    c = contend_byte(c, m, candidates, a, b, 1, x, y);
    // Few cells have four candidates.
    if (_mm512_test_epi32_mask(_mm512_xor_si512(far, _mm512_srli_epi32(far, 16)), _mm512_set1_epi32(255)))
        c = contend_byte(c, m, candidates, a, b, 3, x, y);
    __m512i best = _mm512_maskz_mov_epi32(used, c.best);
    uint32_t rest = used & ~(uint32_t)found;
    return rest ? qam_nearest_rest(plane, rest, x, y, best) : best;
}

static void encode_256(const float *z, size_t columns, const qam_plane *plane, uint8_t *symbols) {
    magnitudes m = {.step = _mm512_set1_ps(plane->step)};
    for (size_t i = 0; i < 4; i++) {
        m.larger[i] = _mm512_loadu_si512(plane->magnitudes + 64 * i);
        m.smaller[i] = _mm512_loadu_si512(plane->magnitudes + 64 * (4 + i));
    }
    for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
        size_t left = columns / 2 - first, pairs = qam_group_pairs(columns, first);
        qam_group_layout layout = qam_layout(pairs, 8);
        for (size_t i = 0; i < pairs; i += 16) {
            size_t used = left - i < 16 ? left - i : 16;
            qam_folded16 f = qam_fold16(z + 2 * (first + i), used);
            qam_store_folds16(&f, i, pairs, symbols);
            __m512i k = nearest_of_256(plane, &m, qam_first_of_16(used), f.x, f.y);
            _mm512_mask_cvtepi32_storeu_epi8(symbols + layout.base + i, qam_first_of_16(pairs - i), k);
        }
        symbols += layout.total;
    }
}

void qam_octant_encode_plain_avx512(
    const float *z, size_t columns, const qam_plane *plane, uint32_t step_bits, uint8_t *symbols) {
    if (step_bits == 8) {
        encode_256(z, columns, plane, symbols);
        return;
    }
    for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
        size_t left = columns / 2 - first, pairs = qam_group_pairs(columns, first);
        qam_group_layout layout = qam_layout(pairs, step_bits);
        for (size_t i = 0; i < pairs; i += 16) {
            size_t used = left - i < 16 ? left - i : 16;
            qam_folded16 f = qam_fold16(z + 2 * (first + i), used);
            qam_store_folds16(&f, i, pairs, symbols);
            __m512i k = qam_nearest16(plane, qam_first_of_16(used), f.x, f.y);
            _mm512_mask_cvtepi32_storeu_epi8(symbols + layout.base + i, qam_first_of_16(pairs - i), k);
            for (uint32_t upper = 8; upper < step_bits; upper++) {
                __mmask16 bits = _mm512_test_epi32_mask(k, _mm512_set1_epi32(1 << upper));
                qam_store_bits16(symbols + qam_upper_plane(upper) * layout.plane, i, pairs, bits);
            }
        }
        symbols += layout.total;
    }
}

QAM_TARGET_POP

#endif
