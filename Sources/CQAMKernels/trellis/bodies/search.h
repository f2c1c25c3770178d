// The Viterbi search. With k the bits by which the windows of weights t and t + 1 differ: the state after weight t is the
// upper window - k bits of its window, and the lower bits of the next one.
//
// Costs of states are kept for all weights, so that no choice needs to be stored: going back, the best window of 2^k is
// found anew. For a step, costs are arranged by the lower k bits of the state, in reversed order of these bits, so that
// windows that lead to one state are in the same lane of different vectors.

// Bits by which window t + 1 begins later than window t.
INLINE uint32_t step_bits(uint32_t rate, uint32_t t) { return t % 2 ? (rate + 1) / 2 : rate / 2; }

INLINE uint32_t reversed(uint32_t j, uint32_t bits) {
    uint32_t r = 0;
    for (uint32_t b = 0; b < bits; b++) r |= (j >> b & 1) << (bits - 1 - b);
    return r;
}

// The table for steps of k bits.
INLINE size_t table_start(tr_code code, uint32_t k) { return k == code.rate / 2 ? 0 : (size_t)1 << code.window; }

static void make_tables(tr_code code, int16_t *tables) {
    for (uint32_t k = code.rate / 2; k <= (code.rate + 1) / 2; k++) {
        int16_t *table = tables + table_start(code, k);
        const uint32_t states = 1u << (code.window - k);
        for (uint32_t j = 0; j < 1u << k; j++)
            for (uint32_t s = 0; s < states; s++)
                table[((s / LANES) << k | reversed(j, k)) * LANES + s % LANES] = (int16_t)(tr_value(s << k | j) * TR_TARGET_UNITS);
    }
}

INLINE uint32_t doublings(uint32_t rate) { return rate >= 11 ? 2 : rate >= 9 ? 1 : 0; }

// (a * b + 2^14) / 2^15, modulo 2^16.
INLINE shorts scaled(shorts a, shorts b) {
#if defined(TR_SCALED)
    return TR_SCALED(a, b);
#else
    ints p = __builtin_convertvector(a, ints) * __builtin_convertvector(b, ints);
    return __builtin_convertvector((p + (1 << 14)) >> 15, shorts);
#endif
}

INLINE halves costs_of(shorts target, shorts values, shorts weight, const bool weighted, const uint32_t twice) {
    shorts d = __builtin_elementwise_sub_sat(target, values);
    if (twice > 0) d = __builtin_elementwise_add_sat(d, d);
    if (twice > 1) d = __builtin_elementwise_add_sat(d, d);
    return (halves)scaled(d, weighted ? scaled(d, weight) : d);
}

// The same for one window.
INLINE uint32_t cost_of(int32_t target, int32_t value, int32_t weight, bool weighted, uint32_t twice) {
    int32_t d = target - value;
    for (uint32_t i = 0;; i++) {
        d = d > INT16_MAX ? INT16_MAX : d < INT16_MIN ? INT16_MIN : d;
        if (i == twice) break;
        d *= 2;
    }
    int32_t e = weighted ? (d * weight + (1 << 14)) >> 15 : d;
    return (uint32_t)((d * e + (1 << 14)) >> 15);
}

// One search: the path through `count` weights from weight `first` on.
typedef struct {
    tr_code code;
    const int16_t *tables, *targets, *weights;
    uint32_t first, count;
    uint16_t *costs, *arranged, *spare, *least; // of all states before each weight; least: the least of them
} path_search;

INLINE size_t states_most(tr_code code) { return (size_t)1 << (code.window - code.rate / 2); }
INLINE uint16_t *costs_before(const path_search *s, uint32_t i) { return s->costs + i * states_most(s->code); }
// The bits of the states before the i-th weight.
INLINE uint32_t state_bits(const path_search *s, uint32_t i) { return s->code.window - step_bits(s->code.rate, s->first + i + 1); }

// Even and odd elements of `count` costs, a multiple of 32, less `least`.
INLINE void part(const uint16_t *from, size_t count, uint16_t least, uint16_t *to) {
    for (size_t i = 0; i < count / 2; i += LANES) {
        halves a = load_halves(from + 2 * i) - least, b = load_halves(from + 2 * i + LANES) - least;
        halves even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        halves odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        memcpy(to + i, &even, sizeof even);
        memcpy(to + count / 2 + i, &odd, sizeof odd);
    }
}

// Arranges 2^bits costs by the lower k bits of their state: for each at least LANES, repeated if there are fewer. Returns
// where they are.
INLINE const uint16_t *arrange(const path_search *s, const uint16_t *costs, uint32_t bits, uint32_t k, uint16_t least) {
    const size_t count = (size_t)1 << bits;
    if (bits < k + 4) {
        const size_t each = bits > k ? (size_t)1 << (bits - k) : 1;
        for (uint32_t j = 0; j < 1u << k; j++)
            for (size_t i = 0; i < LANES; i++)
                s->arranged[reversed(j, k) * LANES + i] = (uint16_t)(costs[((i % each) << k | j) % count] - least);
        return s->arranged;
    }
    uint16_t *to = s->arranged, *other = s->spare;
    part(costs, count, least, to);
    for (uint32_t level = 1; level < k; level++) {
        for (size_t start = 0; start < count; start += count >> level) part(to + start, count >> level, 0, other + start);
        uint16_t *swap = to;
        to = other;
        other = swap;
    }
    return to;
}

// The costs of the states after a weight; returns the least.
INLINE uint16_t step(
    const path_search *s, const uint16_t *arranged, uint32_t bits, uint32_t t, uint16_t *after, uint32_t k, const bool weighted,
    const uint32_t twice) {
    const size_t states = (size_t)1 << (s->code.window - k), each = bits > k + 4 ? (size_t)1 << (bits - k) : LANES;
    const int16_t *table = s->tables + table_start(s->code, k);
    const shorts target = (shorts){0} + s->targets[t], weight = (shorts){0} + (int16_t)(weighted ? s->weights[t % TR_SIDE] : 0);
    halves least = (halves){0} + 65535;
    for (size_t n = 0; n < states; n += LANES) {
        halves best = (halves){0} + 65535;
        const uint16_t *before = arranged + n % each;
        // Two sums at a time, as 2^k is even.
        for (uint32_t j = 0; j < 1u << k; j += 2) {
            halves first = costs_of(target, (shorts)load_halves(table + (n << k) + j * LANES), weight, weighted, twice);
            halves second = costs_of(target, (shorts)load_halves(table + (n << k) + (j + 1) * LANES), weight, weighted, twice);
            best = __builtin_elementwise_min(best, __builtin_elementwise_add_sat(first, load_halves(before + j * each)));
            best = __builtin_elementwise_min(best, __builtin_elementwise_add_sat(second, load_halves(before + (j + 1) * each)));
        }
        memcpy(after + n, &best, sizeof best);
        least = __builtin_elementwise_min(least, best);
    }
    return __builtin_reduce_min(least);
}

INLINE void run_twice(const path_search *s, const bool weighted, const uint32_t twice) {
    s->least[0] = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const uint32_t t = (s->first + i) % TR_RING, bits = state_bits(s, i), k = step_bits(s->code.rate, t);
        const uint16_t *arranged = arrange(s, costs_before(s, i), bits, k, s->least[i]);
        s->least[i + 1] = step(s, arranged, bits, t, costs_before(s, i + 1), k, weighted, twice);
    }
}

static void run(const path_search *s) {
    const uint32_t twice = doublings(s->code.rate);
    if (s->weights) {
        if (twice == 0) run_twice(s, true, 0);
        else if (twice == 1) run_twice(s, true, 1);
        else run_twice(s, true, 2);
    } else {
        if (twice == 0) run_twice(s, false, 0);
        else if (twice == 1) run_twice(s, false, 1);
        else run_twice(s, false, 2);
    }
}

// Stores the windows of weights first ..< count of the path that ends in `state`; returns the state before them.
static uint32_t go_back(const path_search *s, uint32_t first, uint32_t state, uint16_t *path) {
    for (uint32_t i = s->count; i-- > first;) {
        const uint32_t t = (s->first + i) % TR_RING, k = step_bits(s->code.rate, t), mask = (1u << state_bits(s, i)) - 1;
        uint32_t least = UINT32_MAX, best = 0;
        for (uint32_t j = 0; j < 1u << k; j++) {
            const uint32_t window = state << k | j;
            const uint32_t before = (uint16_t)(costs_before(s, i)[window & mask] - s->least[i]);
            uint32_t cost = before + cost_of(
                s->targets[t], tr_value(window) * TR_TARGET_UNITS, s->weights ? s->weights[t % TR_SIDE] : 0, s->weights != NULL,
                doublings(s->code.rate));
            cost = cost < 65535 ? cost : 65535;
            if (cost < least) least = cost, best = window;
        }
        if (path) path[i] = (uint16_t)best;
        state = best & mask;
    }
    return state;
}

enum { AHEAD = 64 }; // weights on either side of the seam

static void search(
    tr_code code, const int16_t *tables, const int16_t *targets, const int16_t *weights, uint16_t *work, uint16_t *path) {
    const size_t room = (size_t)64 << TR_MAX_RATE / 2, states = states_most(code);
    const size_t arranged = room > states ? room : states;
    path_search s = {
        .code = code, .tables = tables, .targets = targets, .weights = weights, .first = TR_RING - AHEAD, .count = 2 * AHEAD,
        .costs = work, .arranged = work + (TR_RING + 1) * states};
    s.spare = s.arranged + arranged;
    s.least = s.spare + states;
    const size_t first_states = (size_t)1 << state_bits(&s, 0);
    memset(s.costs, 0, first_states * sizeof *s.costs);
    run(&s);
    uint32_t seam = 0;
    const uint16_t *last = costs_before(&s, s.count);
    for (uint32_t n = 1; n < first_states; n++) seam = last[n] < last[seam] ? n : seam;
    seam = go_back(&s, AHEAD, seam, NULL);

    s.first = 0, s.count = TR_RING;
    for (size_t n = 0; n < first_states; n++) s.costs[n] = 65535;
    s.costs[seam] = 0;
    run(&s);
    go_back(&s, 0, seam, path);
}
