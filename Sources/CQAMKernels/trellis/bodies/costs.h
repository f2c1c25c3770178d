// What the two forms of the Viterbi search share. With k the bits by which the windows of weights t and t + 1 differ: the
// state after weight t is the upper window - k bits of its window, and the lower bits of the next one.
//
// Costs of states are kept for all weights, so that no choice needs to be stored: going back, the best window of 2^k is
// found anew.


enum {
    ROWS_FROM = TR_PRUNED_FROM,
    SAMPLE = 128,
    DEAD = 65535,  // the cost of states that no path reaches
};

// Bits by which window t + 1 begins later than window t.
INLINE uint32_t step_bits(uint32_t rate, uint32_t t) { return t % 2 ? (rate + 1) / 2 : rate / 2; }

// The table for steps of k bits.
INLINE size_t table_start(tr_code code, uint32_t k) {
    return k == code.rate / 2 ? 0 : (size_t)1 << (code.window - (code.rate < ROWS_FROM));
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

// The value of a window as the search has it: at low rates, rounded to a multiple of 4.
INLINE int32_t value_of(tr_code code, uint32_t window) {
    const int32_t value = tr_value(window);
    return (code.rate >= ROWS_FROM ? value : value < 4 * 127 ? ((value + 2) >> 2) * 4 : 4 * 127) * TR_TARGET_UNITS;
}

// The cost of one window.
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
    uint32_t keep;    // of SAMPLE states, those that are expanded before a target of 0
    uint16_t *costs;  // of all states before each weight and after the last
    uint16_t *limits; // by weight, the largest cost of a state that is expanded
    uint16_t *list;   // of states
} path_search;

INLINE size_t states_most(tr_code code) { return (size_t)1 << (code.window - code.rate / 2); }
INLINE uint16_t *costs_before(const path_search *s, uint32_t i) { return s->costs + i * states_most(s->code); }
// The bits of the states before the i-th weight.
INLINE uint32_t state_bits(const path_search *s, uint32_t i) { return s->code.window - step_bits(s->code.rate, s->first + i + 1); }

// Where the cost of a state of `bits` bits is: its lower `split` bits become the upper ones. In rows, the lower bits are
// those that it does not have from the last window; else, those that the next step drops.
INLINE uint32_t split_of(tr_code code, uint32_t bits) {
    return code.rate < ROWS_FROM ? code.rate + bits - code.window : code.window - code.rate;
}
INLINE uint32_t rotated(uint32_t x, uint32_t bits, uint32_t split) { return (x & ((1u << split) - 1)) << (bits - split) | x >> split; }
INLINE uint32_t place_of(tr_code code, uint32_t bits, uint32_t state) { return rotated(state, bits, split_of(code, bits)); }
INLINE uint32_t state_at(tr_code code, uint32_t bits, uint32_t place) { return rotated(place, bits, bits - split_of(code, bits)); }

// Subtracts the least cost from all but those of states that no path reaches.
static void normalize(uint16_t *costs, size_t states) {
    halves lowest = (halves){0} + DEAD;
    for (size_t i = 0; i < states; i += LANES) lowest = __builtin_elementwise_min(lowest, load_halves(costs + i));
    const halves least = (halves){0} + __builtin_reduce_min(lowest);
    for (size_t i = 0; i < states; i += LANES) {
        const halves v = load_halves(costs + i), to = v - (least & (halves)(v != DEAD));
        memcpy(costs + i, &to, sizeof to);
    }
}
