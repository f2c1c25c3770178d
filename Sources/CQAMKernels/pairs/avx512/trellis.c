// The trellis search with 16 windows at a time; see scalar/trellis.h for the definition.
//
// Each step takes three instructions for 16 windows: VNNI adds the products with the pair's coordinates to the constant
// part, the cost of the previous state is added, and the minimum joins the windows of the same new state.

#if defined(__x86_64__)

#include "../../targets.h"
#include "../internal.h"

#include "../scalar/trellis.h"
#include "pairs.h"

#pragma STDC FP_CONTRACT OFF

QAM_TARGET_AVX512_VNNI

enum { REGISTERS = QAM_WINDOWS / 16 };

// Costs by state. If there are fewer than 16 states, they are repeated to fill the register.
typedef struct {
    __m512i r[QAM_TRELLIS_STATES / 16];
} registers;

// All functions below are for one number of bits per step, constant in each call.
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE size_t cost_registers(uint32_t step_bits) { return step_bits > 3 ? 1 : 16 >> step_bits; }

// The costs of 16 windows for the pair. Inline assembly, since the compiler would split the instruction to shorten
// dependency chains.
INLINE __m512i window(const __m512i *points, const __m512i *halves, size_t r, __m512i pair) {
    __m512i sum = halves[r];
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(points[r]), "v"(pair));
    return sum;
}

// The same plus the cost of the previous states. It is added first if other work hides the latency of the products, so
// that the constant parts need no registers.
INLINE __m512i path(
    const __m512i *points, const __m512i *halves, size_t r, __m512i pair, __m512i from, bool from_first) {
    if (!from_first) return _mm512_add_epi32(from, window(points, halves, r, pair));
    __m512i sum = _mm512_add_epi32(from, halves[r]);
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(points[r]), "v"(pair));
    return sum;
}

// Stores the choices in the low bits of new costs and clears them.
INLINE void settle(uint32_t step_bits, registers *c, uint8_t *choices) {
    __m512i mask = _mm512_set1_epi32((1 << step_bits) - 1);
    UNROLL
    for (size_t r = 0; r < cost_registers(step_bits); r++) {
        _mm_storeu_si128((__m128i *)(choices + 16 * r), _mm512_cvtepi32_epi8(c->r[r]));
        c->r[r] = _mm512_andnot_si512(mask, c->r[r]);
    }
}

// Indices start, start + by, ... for a two-register permutation.
INLINE __m512i every(int start, int by) {
    __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return _mm512_add_epi32(_mm512_mullo_epi32(lanes, _mm512_set1_epi32(by)), _mm512_set1_epi32(start));
}

// 1 to 4 bits per step: costs ordered by their state's low bits first, so that choice j reads registers from j * part
// on.
INLINE void spread(uint32_t step_bits, const registers *c, __m512i *from) {
    if (step_bits == 1) {
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            from[i] = _mm512_permutex2var_epi32(c->r[2 * i], every(0, 2), c->r[2 * i + 1]);
            from[4 + i] = _mm512_permutex2var_epi32(c->r[2 * i], every(1, 2), c->r[2 * i + 1]);
        }
    } else if (step_bits == 2) {
        // Half registers with the lanes of two choices each, then whole registers.
        UNROLL
        for (int pair = 0; pair < 2; pair++) {
            __m512i lanes = _mm512_set_epi32(29, 25, 21, 17, 13, 9, 5, 1, 28, 24, 20, 16, 12, 8, 4, 0);
            lanes = _mm512_add_epi32(lanes, _mm512_set1_epi32(2 * pair));
            __m512i low = _mm512_permutex2var_epi32(c->r[0], lanes, c->r[1]);
            __m512i high = _mm512_permutex2var_epi32(c->r[2], lanes, c->r[3]);
            from[2 * pair] = _mm512_shuffle_i64x2(low, high, 0x44);
            from[2 * pair + 1] = _mm512_shuffle_i64x2(low, high, 0xEE);
        }
    } else if (step_bits == 3) {
        // State n follows state (n << 3 | j) % 32: four of them, cyclically.
        UNROLL
        for (int j = 0; j < 8; j++) {
            __m512i lanes = _mm512_and_si512(every(j, 8), _mm512_set1_epi32(31));
            from[j] = _mm512_permutex2var_epi32(c->r[0], lanes, c->r[1]);
        }
    } else {
        UNROLL
        for (int j = 0; j < 16; j++) from[j] = _mm512_permutexvar_epi32(_mm512_set1_epi32(j), c->r[0]);
    }
}

INLINE void step_narrow(
    uint32_t step_bits, const __m512i *points, const __m512i *halves, __m512i pair, registers *c, uint8_t *choices,
    bool from_first) {
    const size_t count = 16u >> step_bits; // registers of the new states
    const size_t period = step_bits == 1 ? 4 : 1; // registers until the previous states repeat
    __m512i from[16], next[8];
    spread(step_bits, c, from);
    UNROLL
    for (size_t r = 0; r < count; r++) {
        __m512i least = path(points, halves, r, pair, from[r % period], from_first);
        if (step_bits == 1) {
            // With only two choices a comparison is cheaper than choice bits in the costs.
            __m512i other = path(points, halves, 8 + r, pair, from[4 + r % 4], from_first);
            __mmask16 chosen = _mm512_cmpgt_epi32_mask(least, other);
            memcpy(choices + 2 * r, &chosen, sizeof chosen);
            next[r] = _mm512_min_epi32(least, other);
            continue;
        }
        UNROLL
        for (size_t j = 1; j < 1u << step_bits; j++)
            least = _mm512_min_epi32(
                least, path(points, halves, j * count + r, pair, from[j * period + r % period], from_first));
        next[r] = least;
    }
    UNROLL
    for (size_t r = 0; r < count; r++) c->r[r] = next[r];
    if (step_bits > 1) settle(step_bits, c, choices);
}

// 5 to 7 bits per step: the windows that join the same two states come first, while the previous costs are still being
// computed.
INLINE void step_wide(
    uint32_t step_bits, const __m512i *points, const __m512i *halves, __m512i pair, registers *c, uint8_t *choices) {
    const size_t joined = step_bits == 5 ? 4 : 1; // registers for all pairs of states
    __m512i least[4];
    UNROLL
    for (size_t q = 0; q < joined; q++) {
        least[q] = window(points, halves, q, pair);
        UNROLL
        for (size_t r = q + joined; r < REGISTERS; r += joined)
            least[q] = _mm512_min_epi32(least[q], window(points, halves, r, pair));
    }
    if (step_bits == 7) {
        // Lanes 2 * old + new, for four windows each.
        __m512i all = least[0];
        all = _mm512_min_epi32(all, _mm512_shuffle_i64x2(all, all, 0x4E));
        all = _mm512_min_epi32(all, _mm512_shuffle_i64x2(all, all, 0xB1));
        all = _mm512_add_epi32(all, _mm512_shuffle_epi32(c->r[0], 0x50));
        c->r[0] = _mm512_min_epi32(all, _mm512_shuffle_epi32(all, 0x4E));
    } else if (step_bits == 6) {
        // Lanes 4 * old + new.
        __m512i each = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
        __m512i before = _mm512_castps_si512(_mm512_permutevar_ps(_mm512_castsi512_ps(c->r[0]), each));
        __m512i all = _mm512_add_epi32(least[0], before);
        all = _mm512_min_epi32(all, _mm512_shuffle_i64x2(all, all, 0x4E));
        c->r[0] = _mm512_min_epi32(all, _mm512_shuffle_i64x2(all, all, 0xB1));
    } else {
        // Lanes 8 * old + new, two old states per register.
        UNROLL
        for (int q = 0; q < 4; q++) {
            __m512i lanes = _mm512_inserti64x4(_mm512_set1_epi32(2 * q), _mm256_set1_epi32(2 * q + 1), 1);
            least[q] = _mm512_add_epi32(least[q], _mm512_permutexvar_epi32(lanes, c->r[0]));
        }
        __m512i all = _mm512_min_epi32(_mm512_min_epi32(least[0], least[1]), _mm512_min_epi32(least[2], least[3]));
        c->r[0] = _mm512_min_epi32(all, _mm512_shuffle_i64x2(all, all, 0x4E));
    }
    settle(step_bits, c, choices);
}

// Keeps the compiler from hoisting loads that do not fit the registers out of the loop, only to spill them.
#define IN_MEMORY(pointer) __asm__("" : "+r"(pointer))

// Steps of `ways` rings: the search is latency-bound, and interleaving hides the latency.
INLINE void run_ways(
    uint32_t step_bits, size_t ways, const qam_trellis_windows *s, const int16_t *pairs, bool used, size_t count,
    qam_trellis_costs *costs, uint8_t *choices) {
    const size_t row = step_bits == 1 ? 16 : 16 * cost_registers(step_bits);
    const __m512i *halves = (const __m512i *)(used ? s->halves : s->choices);
    __m512i points[REGISTERS];
    registers c[2];
    UNROLL
    for (size_t r = 0; r < REGISTERS; r++) points[r] = _mm512_load_si512(s->points + 16 * r);
    UNROLL
    for (size_t w = 0; w < ways; w++) {
        UNROLL
        for (size_t r = 0; r < cost_registers(step_bits); r++) c[w].r[r] = _mm512_loadu_si512(costs[w].of + 16 * r);
    }
    for (size_t i = 0; i < count; i++) {
        IN_MEMORY(halves);
        UNROLL
        for (size_t w = 0; w < ways; w++) {
            int32_t packed;
            memcpy(&packed, pairs + 2 * (w * QAM_GROUP_PAIRS + i), sizeof packed);
            __m512i pair = _mm512_set1_epi32(packed);
            uint8_t *to = choices + w * QAM_TRELLIS_CHOICES + i * row;
            if (step_bits <= 4) step_narrow(step_bits, points, halves, pair, &c[w], to, ways > 1 || step_bits == 1);
            else step_wide(step_bits, points, halves, pair, &c[w], to);
        }
        if ((i + 1) % (QAM_TRELLIS_BLOCK >> step_bits) == 0) {
            UNROLL
            for (size_t w = 0; w < ways; w++) {
                __m512i common = _mm512_broadcastd_epi32(_mm512_castsi512_si128(c[w].r[0]));
                UNROLL
                for (size_t r = 0; r < cost_registers(step_bits); r++) c[w].r[r] = _mm512_sub_epi32(c[w].r[r], common);
            }
        }
    }
    UNROLL
    for (size_t w = 0; w < ways; w++) {
        UNROLL
        for (size_t r = 0; r < cost_registers(step_bits); r++) _mm512_storeu_si512(costs[w].of + 16 * r, c[w].r[r]);
    }
}

INLINE void run_rings(
    uint32_t step_bits, const qam_trellis_windows *s, const int16_t *pairs, size_t rings, bool used, size_t count,
    qam_trellis_costs *costs, uint8_t *choices) {
    if (rings == 1) {
        run_ways(step_bits, 1, s, pairs, used, count, costs, choices);
        return;
    }
    // With 128 states one ring saturates the processor and uses all registers.
    const size_t ways = step_bits == 1 ? 1 : 2;
    for (size_t r = 0; r < rings; r += ways)
        run_ways(
            step_bits, ways, s, pairs + r * 2 * QAM_GROUP_PAIRS, used, count, costs + r, choices + r * QAM_TRELLIS_CHOICES);
}

static void run(
    const qam_trellis *s, const qam_trellis_windows *windows, const int16_t *pairs, size_t rings, bool used,
    size_t count, qam_trellis_costs *costs, uint8_t *choices) {
    switch (s->step_bits) {
    case 7: run_rings(7, windows, pairs, rings, used, count, costs, choices); break;
    case 6: run_rings(6, windows, pairs, rings, used, count, costs, choices); break;
    case 5: run_rings(5, windows, pairs, rings, used, count, costs, choices); break;
    case 4: run_rings(4, windows, pairs, rings, used, count, costs, choices); break;
    case 3: run_rings(3, windows, pairs, rings, used, count, costs, choices); break;
    case 2: run_rings(2, windows, pairs, rings, used, count, costs, choices); break;
    default: run_rings(1, windows, pairs, rings, used, count, costs, choices); break;
    }
}

void qam_trellis_begin_avx512(qam_trellis *search, const int32_t *tables, uint32_t step_bits) {
    qam_trellis_begin(search, tables, step_bits, run, step_bits == 1 ? 1 : 8);
}

void qam_octant_encode_trellis_avx512(
    const float *z, size_t columns, const int32_t *tables, float step, uint32_t step_bits, uint8_t *symbols) {
    int16_t coordinates[QAM_TRELLIS_RINGS][2 * QAM_GROUP_PAIRS];
    uint8_t windows[QAM_TRELLIS_RINGS][QAM_GROUP_PAIRS];
    qam_trellis search;
    qam_trellis_begin_avx512(&search, tables, step_bits);
    const __m512 limit = _mm512_set1_ps(QAM_TRELLIS_LIMIT), half = _mm512_set1_ps(0.5f);
    const __m512 unit = _mm512_set1_ps(QAM_TRELLIS_SCALE / step);
    for (size_t first = 0; first < columns / 2;) {
        // As many whole groups as are searched at once, or one.
        size_t left = columns / 2 - first, rings = left >= QAM_TRELLIS_RINGS * QAM_GROUP_PAIRS ? QAM_TRELLIS_RINGS : 1;
        size_t pairs = qam_group_pairs(columns, first), all = left < pairs ? left : pairs;
        qam_group_layout layout = qam_layout(pairs, step_bits);
        for (size_t r = 0; r < rings; r++)
            for (size_t i = 0; i < pairs; i += 16) {
                size_t used = left - i < 16 ? left - i : 16;
                qam_folded16 f = qam_fold16(z + 2 * (first + r * QAM_GROUP_PAIRS + i), used);
                qam_store_folds16(&f, i, pairs, symbols + r * layout.total);
                // See qam_trellis_coordinate.
                __m512i x = _mm512_cvttps_epi32(_mm512_add_ps(_mm512_min_ps(_mm512_mul_ps(f.x, unit), limit), half));
                __m512i y = _mm512_cvttps_epi32(_mm512_add_ps(_mm512_min_ps(_mm512_mul_ps(f.y, unit), limit), half));
                _mm512_storeu_si512(coordinates[r] + 2 * i, _mm512_or_si512(x, _mm512_slli_epi32(y, 16)));
            }
        qam_trellis_search_rings(&search, coordinates[0], rings, all, pairs, windows[0]);
        for (size_t r = 0; r < rings; r++, symbols += layout.total)
            qam_trellis_store(windows[r], pairs, step_bits, symbols + layout.base);
        first += rings * QAM_GROUP_PAIRS;
    }
}

QAM_TARGET_POP

#endif
