// The steps of the trellis search with 8 windows at a time; see scalar/trellis.h for the definition.
//
// Of four instructions for 8 windows one multiplies and adds, two add the constant part and the cost of the previous
// state, and the minimum joins the windows of the same new state. Sixteen registers cannot hold tables: points and
// constant parts are loaded from memory, two loads per cycle.

#if defined(__x86_64__)

#include "../../targets.h"
#include "../internal.h"

#include "../scalar/trellis.h"

QAM_TARGET_AVX2

// All functions below are for one number of bits per step, constant in each call.
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE __m256i load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE void store(void *p, __m256i v) { _mm256_storeu_si256(p, v); }

// The costs of windows 8 * r ... 8 * r + 7, by slot, for the pair.
INLINE __m256i window(const qam_trellis_windows *s, const int32_t *halves, size_t r, __m256i pair) {
    return _mm256_add_epi32(_mm256_madd_epi16(pair, load(s->points + 8 * r)), load(halves + 8 * r));
}

INLINE __m256i odd_or_even(__m256i a, __m256i b, bool odd) {
    __m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);
    __m256i v = _mm256_castps_si256(odd ? _mm256_shuffle_ps(x, y, 0xDD) : _mm256_shuffle_ps(x, y, 0x88));
    return _mm256_permute4x64_epi64(v, 0xD8);
}

// 1 to 3 bits per step: the previous costs for choice j, in registers j * period ... for the new states in order; they
// repeat after `period` registers.
INLINE void spread(uint32_t step_bits, const int32_t *costs, int32_t *from) {
    if (step_bits == 1) {
        UNROLL
        for (size_t i = 0; i < 8; i++) {
            __m256i a = load(costs + 16 * i), b = load(costs + 16 * i + 8);
            store(from + 8 * i, odd_or_even(a, b, false));
            store(from + 64 + 8 * i, odd_or_even(a, b, true));
        }
    } else if (step_bits == 2) {
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        UNROLL
        for (size_t i = 0; i < 2; i++) {
            __m256i a = load(costs + 32 * i), b = load(costs + 32 * i + 8), c = load(costs + 32 * i + 16);
            __m256i d = load(costs + 32 * i + 24);
            __m256i ab = _mm256_unpacklo_epi32(a, b), cd = _mm256_unpacklo_epi32(c, d);
            store(from + 8 * i, _mm256_permutevar8x32_epi32(_mm256_unpacklo_epi64(ab, cd), order));
            store(from + 16 + 8 * i, _mm256_permutevar8x32_epi32(_mm256_unpackhi_epi64(ab, cd), order));
            ab = _mm256_unpackhi_epi32(a, b), cd = _mm256_unpackhi_epi32(c, d);
            store(from + 32 + 8 * i, _mm256_permutevar8x32_epi32(_mm256_unpacklo_epi64(ab, cd), order));
            store(from + 48 + 8 * i, _mm256_permutevar8x32_epi32(_mm256_unpackhi_epi64(ab, cd), order));
        }
    } else {
        __m256i a = load(costs), b = load(costs + 8), c = load(costs + 16), d = load(costs + 24);
        UNROLL
        for (size_t half = 0; half < 2; half++) {
            __m256i ab = half ? _mm256_unpackhi_epi32(a, b) : _mm256_unpacklo_epi32(a, b);
            __m256i cd = half ? _mm256_unpackhi_epi32(c, d) : _mm256_unpacklo_epi32(c, d);
            // Choice j in the lower half, choice j + 4 in the upper one.
            __m256i even = _mm256_unpacklo_epi64(ab, cd), odd = _mm256_unpackhi_epi64(ab, cd);
            store(from + 16 * half, _mm256_permute4x64_epi64(even, 0x44));
            store(from + 16 * half + 8, _mm256_permute4x64_epi64(odd, 0x44));
            store(from + 32 + 16 * half, _mm256_permute4x64_epi64(even, 0xEE));
            store(from + 32 + 16 * half + 8, _mm256_permute4x64_epi64(odd, 0xEE));
        }
    }
}

// Stores eight new costs, and the choices in their low bits.
INLINE void settle(uint32_t step_bits, __m256i least, int32_t *costs, uint8_t *choices) {
    store(choices, least);
    store(costs, _mm256_andnot_si256(_mm256_set1_epi32((1 << step_bits) - 1), least));
}

INLINE void step_narrow(
    uint32_t step_bits, const qam_trellis_windows *s, const int32_t *halves, __m256i pair, int32_t *costs,
    uint8_t *choices) {
    const size_t count = 32u >> step_bits; // registers of the new states
    const size_t period = step_bits == 1 ? 8 : step_bits == 2 ? 2 : 1;
    int32_t from[QAM_TRELLIS_STATES];
    if (step_bits < 4) spread(step_bits, costs, from);
    __m256i next[2];
    for (size_t r = 0; r < count; r++) {
        if (step_bits == 1) {
            // With only two choices a comparison is cheaper than choice bits in the costs.
            __m256i a = _mm256_add_epi32(window(s, halves, r, pair), load(from + 8 * (r % 8)));
            __m256i b = _mm256_add_epi32(window(s, halves, 16 + r, pair), load(from + 64 + 8 * (r % 8)));
            choices[r] = (uint8_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b)));
            store(costs + 8 * r, _mm256_min_epi32(a, b));
            continue;
        }
        __m256i least = _mm256_set1_epi32(INT32_MAX);
        UNROLL
        for (size_t j = 0; j < 1u << step_bits; j++) {
            __m256i before = step_bits == 4 ? _mm256_set1_epi32(costs[j]) : load(from + 8 * (j * period + r % period));
            least = _mm256_min_epi32(least, _mm256_add_epi32(window(s, halves, j * count + r, pair), before));
        }
        if (step_bits == 4) next[r] = least;
        else settle(step_bits, least, costs + 8 * r, choices + 32 * r);
    }
    if (step_bits == 4) {
        // All states depend on all previous costs.
        settle(step_bits, next[0], costs, choices);
        settle(step_bits, next[1], costs + 8, choices + 32);
    }
}

// 5 to 7 bits per step: the windows that join the same two states are adjacent.
INLINE void step_wide(
    uint32_t step_bits, const qam_trellis_windows *s, const int32_t *halves, __m256i pair, int32_t *costs,
    uint8_t *choices) {
    const size_t joined = step_bits == 5 ? 8 : step_bits == 6 ? 2 : 1; // registers for all pairs of states
    __m256i least = _mm256_set1_epi32(INT32_MAX), old = load(costs);
    for (size_t q = 0; q < joined; q++) {
        __m256i all = window(s, halves, q, pair);
        UNROLL
        for (size_t r = q + joined; r < QAM_WINDOWS / 8; r += joined)
            all = _mm256_min_epi32(all, window(s, halves, r, pair));
        // With 5 bits per step a register has one old state, with 6 two, with 7 two, each twice.
        if (step_bits == 5) all = _mm256_add_epi32(all, _mm256_set1_epi32(costs[q]));
        if (step_bits == 6) all = _mm256_add_epi32(all, _mm256_permutevar8x32_epi32(
            old, _mm256_add_epi32(_mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1), _mm256_set1_epi32(2 * (int)q))));
        if (step_bits == 7) {
            all = _mm256_min_epi32(all, _mm256_permute4x64_epi64(all, 0x4E));
            all = _mm256_add_epi32(all, _mm256_shuffle_epi32(old, 0x50));
        }
        least = _mm256_min_epi32(least, all);
    }
    if (step_bits == 6) least = _mm256_min_epi32(least, _mm256_permute4x64_epi64(least, 0x4E));
    if (step_bits == 7) least = _mm256_min_epi32(least, _mm256_shuffle_epi32(least, 0x4E));
    settle(step_bits, least, costs, choices);
}

INLINE void run_steps(
    uint32_t step_bits, const qam_trellis_windows *s, const int16_t *pairs, bool used, size_t count, int32_t *costs,
    uint8_t *choices) {
    const int32_t *halves = used ? s->halves : s->choices;
    const size_t row = step_bits == 1 ? 16 : 4 * (step_bits > 4 ? 16 : 256u >> step_bits);
    for (size_t i = 0; i < count; i++, choices += row) {
        int32_t packed;
        memcpy(&packed, pairs + 2 * i, sizeof packed);
        __m256i pair = _mm256_set1_epi32(packed);
        if (step_bits <= 4) step_narrow(step_bits, s, halves, pair, costs, choices);
        else step_wide(step_bits, s, halves, pair, costs, choices);
        if ((i + 1) % (QAM_TRELLIS_BLOCK >> step_bits) == 0) {
            __m256i common = _mm256_set1_epi32(costs[0]);
            for (size_t n = 0; n < 256u >> step_bits; n += 8) store(costs + n, _mm256_sub_epi32(load(costs + n), common));
        }
    }
}

static void run(
    const qam_trellis *s, const qam_trellis_windows *windows, const int16_t *pairs, size_t rings, bool used,
    size_t count, qam_trellis_costs *costs, uint8_t *choices) {
    for (size_t r = 0; r < rings; r++, pairs += 2 * QAM_GROUP_PAIRS, costs++, choices += QAM_TRELLIS_CHOICES) {
        switch (s->step_bits) {
        case 7: run_steps(7, windows, pairs, used, count, costs->of, choices); break;
        case 6: run_steps(6, windows, pairs, used, count, costs->of, choices); break;
        case 5: run_steps(5, windows, pairs, used, count, costs->of, choices); break;
        case 4: run_steps(4, windows, pairs, used, count, costs->of, choices); break;
        case 3: run_steps(3, windows, pairs, used, count, costs->of, choices); break;
        case 2: run_steps(2, windows, pairs, used, count, costs->of, choices); break;
        default: run_steps(1, windows, pairs, used, count, costs->of, choices); break;
        }
    }
}

void qam_trellis_begin_avx2(qam_trellis *search, const int32_t *tables, uint32_t step_bits) {
    qam_trellis_begin(search, tables, step_bits, run, step_bits == 1 ? 1 : 32);
}

QAM_TARGET_POP

#endif
