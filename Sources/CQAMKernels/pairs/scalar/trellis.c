// The reference implementation of the trellis search's steps; see trellis.h.

#include "trellis.h"

// The cost of each window for the pair; only its choice if the pair is unused.
static void measure(const qam_trellis_windows *s, const int16_t *pair, bool used, int32_t *restrict d) {
    if (!used) {
        memcpy(d, s->choices, sizeof s->choices);
        return;
    }
    int32_t px = pair[0], py = pair[1];
    for (size_t i = 0; i < QAM_WINDOWS; i++) {
        int16_t point[2];
        memcpy(point, &s->points[i], sizeof point);
        d[i] = s->halves[i] + (px * point[0] + py * point[1]);
    }
}

// One step: the least cost of each state after a pair, and the choices that attain it. Choice j of state n follows
// state (n << step_bits | j) % states. `step_bits` is constant in each call, for the compiler.
static inline __attribute__((always_inline)) void step(
    uint32_t step_bits, const int32_t *restrict d, int32_t *restrict costs, uint8_t *restrict choices) {
    const uint32_t states = 256u >> step_bits, mask = (1u << step_bits) - 1;
    int32_t least[QAM_TRELLIS_STATES], from[QAM_TRELLIS_STATES];
    for (uint32_t n = 0; n < states; n++) least[n] = INT32_MAX;
    for (uint32_t j = 0; j <= mask; j++) {
        for (uint32_t n = 0; n < states; n++) from[n] = costs[(n << step_bits | j) % states];
        for (uint32_t n = 0; n < states; n++) {
            int32_t c = from[n] + d[j * states + n];
            least[n] = c < least[n] ? c : least[n];
        }
    }
    for (uint32_t n = 0; n < states; n++) {
        choices[n] = (uint8_t)((uint32_t)least[n] & mask);
        costs[n] = least[n] & ~(int32_t)mask;
    }
}

static void run_ring(
    const qam_trellis *s, const qam_trellis_windows *windows, const int16_t *pairs, bool used, size_t count,
    int32_t *costs, uint8_t *choices) {
    int32_t d[QAM_WINDOWS];
    for (size_t i = 0; i < count; i++, choices += s->row_bytes) {
        measure(windows, pairs + 2 * i, used, d);
        switch (s->step_bits) {
        case 7: step(7, d, costs, choices); break;
        case 6: step(6, d, costs, choices); break;
        case 5: step(5, d, costs, choices); break;
        case 4: step(4, d, costs, choices); break;
        case 3: step(3, d, costs, choices); break;
        case 2: step(2, d, costs, choices); break;
        default: step(1, d, costs, choices); break;
        }
        if ((i + 1) % (QAM_TRELLIS_BLOCK >> s->step_bits) == 0) {
            int32_t common = costs[0];
            for (uint32_t n = 0; n < 256u >> s->step_bits; n++) costs[n] -= common;
        }
    }
}

static void run(
    const qam_trellis *s, const qam_trellis_windows *windows, const int16_t *pairs, size_t rings, bool used,
    size_t count, qam_trellis_costs *costs, uint8_t *choices) {
    for (size_t r = 0; r < rings; r++)
        run_ring(
            s, windows, pairs + r * 2 * QAM_GROUP_PAIRS, used, count, costs[r].of, choices + r * QAM_TRELLIS_CHOICES);
}

void qam_trellis_begin_scalar(qam_trellis *search, const int32_t *tables, uint32_t step_bits) {
    qam_trellis_begin(search, tables, step_bits, run, 8);
}
