// The Viterbi search around a ring.

#include "costs.h"

#include "dense.h"
#include "rows.h"

static void make_tables(tr_code code, int16_t *tables) {
    if (code.rate < ROWS_FROM) make_dense_tables(code, tables);
    else make_row_tables(code, tables);
}

INLINE void run_weighted(const path_search *s, const bool weighted) {
    const uint32_t rate = s->code.rate, twice = doublings(rate);
    if (rate < ROWS_FROM) run_dense(s, weighted);
    else if (twice == 0) run_rows(s, weighted, 0);
    else if (twice == 1) run_rows(s, weighted, 1);
    else run_rows(s, weighted, 2);
}

static void run(const path_search *s) {
    if (s->weights) run_weighted(s, true);
    else run_weighted(s, false);
}

// Stores the windows of weights first ..< count of the path that ends in `state`; returns the state before them.
static uint32_t go_back(const path_search *s, uint32_t first, uint32_t state, uint16_t *path) {
    for (uint32_t i = s->count; i-- > first;) {
        const uint32_t t = (s->first + i) % TR_RING, k = step_bits(s->code.rate, t), bits = state_bits(s, i), mask = (1u << bits) - 1;
        uint32_t least = UINT32_MAX, best = state << k;
        for (uint32_t j = 0; j < 1u << k; j++) {
            const uint32_t window = state << k | j;
            const uint32_t before = costs_before(s, i)[place_of(s->code, bits, window & mask)];
            if (before > s->limits[i]) continue;
            uint32_t cost = before + cost_of(
                s->targets[t], value_of(s->code, window), s->weights ? s->weights[t % TR_SIDE] : 0, s->weights != NULL,
                doublings(s->code.rate));
            cost = cost < DEAD ? cost : DEAD;
            if (cost < least) least = cost, best = window;
        }
        if (path) path[i] = (uint16_t)best;
        state = best & mask;
    }
    return state;
}

// The state in which the cheapest path ends.
static uint32_t cheapest(const path_search *s) {
    const uint32_t bits = state_bits(s, s->count);
    const uint16_t *costs = costs_before(s, s->count);
    uint32_t best = 0;
    for (uint32_t p = 1; p < 1u << bits; p++) best = costs[p] < costs[best] ? p : best;
    return state_at(s->code, bits, best);
}

// Makes the windows what the bits that tr_store takes from them are read as: nothing changes unless costs were so large
// that no path to the seam was found.
static void close_ring(tr_code code, uint16_t *path) {
    uint32_t next = path[0];
    for (uint32_t i = 2 * TR_RING; i-- > 0;) {
        const uint32_t t = i % TR_RING, k = step_bits(code.rate, t);
        next = (next << k | (path[t] & ((1u << k) - 1))) & ((1u << code.window) - 1);
        path[t] = (uint16_t)next;
    }
}

// Weights on either side of the seam, of the search for its state. Each doubling takes off 0.1% to 0.8% of the error.
INLINE uint32_t weights_ahead(tr_code code) { return code.window == 16 ? 128 : 64; }

enum { ALIGNED = 64 }; // bytes

// Of SAMPLE states, those that are expanded before a target of 0: raises the error by less than 0.4%, by 0.2% on average.
INLINE uint32_t least_part(tr_code code) { return code.window == 12 ? 48 : code.window == 14 ? 32 : code.rate < 9 ? 30 : 22; }

static void search(
    tr_code code, const int16_t *tables, const int16_t *targets, const int16_t *weights, uint16_t *work, uint16_t *path) {
    const uint32_t ahead = weights_ahead(code), keep = least_part(code);
    const size_t states = states_most(code), first_states = (size_t)1 << (code.window - (code.rate + 1) / 2);
    // Vectors that cross the processor's lines are slow to store.
    while ((uintptr_t)work % ALIGNED) work++;
    path_search s = {
        .code = code, .tables = tables, .targets = targets, .weights = weights, .first = TR_RING - ahead, .count = 2 * ahead,
        .keep = keep * 2 / 3, .costs = work, .limits = work + (TR_RING + 1) * states};
    s.list = s.limits + TR_RING;
    memset(s.costs, 0, first_states * sizeof *s.costs);
    run(&s);
    const uint32_t seam = go_back(&s, ahead, cheapest(&s), NULL);

    s.first = 0, s.count = TR_RING, s.keep = keep;
    for (size_t n = 0; n < first_states; n++) s.costs[n] = DEAD;
    s.costs[place_of(code, state_bits(&s, 0), seam)] = 0;
    run(&s);
    go_back(&s, 0, seam, path);
    close_ring(code, path);
}
