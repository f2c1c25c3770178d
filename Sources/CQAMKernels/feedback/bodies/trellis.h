// Trellis codes: a Viterbi search in which each survivor has its own targets, since each has made different errors.
//
// The state before a pair is the low 8 - step_bits bits of its window, the state after it the high ones (spec section
// 8.6). Windows are in numeric order, in which the states before them repeat cyclically and windows that lead to the
// same state are adjacent.

// A search over the pairs of a group.
typedef struct {
    const fb_group *group;
    const float *points;
    uint32_t step_bits, states;
    float x[QAM_WINDOWS], y[QAM_WINDOWS]; // coordinates of the points
    float *now, *next;                  // targets of the survivors, FB_WIDTH for each state
    uint8_t *windows;                   // by pair and state after it
    uint8_t *folds;                     // by pair and state before it
} search;

// The inputs of a pair's metric for the survivor of each state, repeated to fill a vector: larger and smaller
// coordinate, and the weights of dx^2, 2 dx dy and dy^2.
typedef struct {
    float larger[FB_STATES], smaller[FB_STATES], xx[FB_STATES], xy[FB_STATES], yy[FB_STATES];
} survivors;

#define UNROLL _Pragma("clang loop unroll(full)")

// States are repeated if there are fewer than lanes.
INLINE size_t vectors_of(uint32_t step_bits) { return step_bits > 4 ? 1 : (QAM_WINDOWS / LANES) >> step_bits; }

// Folds targets (x, y) of the states of vector r; `d` is the metric of the pair.
INLINE void fold_targets(survivors *s, size_t r, floats x, floats y, const float *d, uint8_t *folds) {
    const floats zero = {0};
    const floats xx = zero + (d[0] * d[0] + d[1] * d[1]), xy = zero + 2 * (d[1] * d[2]), yy = zero + d[2] * d[2];
    words first = (words)(x < zero), second = (words)(y < zero);
    floats a = (floats)((words)x & 0x7FFFFFFF), b = (floats)((words)y & 0x7FFFFFFF);
    words swap = (words)(a < b);
    store(s->larger + LANES * r, select16(swap, b, a));
    store(s->smaller + LANES * r, select16(swap, a, b));
    store(s->xx + LANES * r, select16(swap, yy, xx));
    store(s->yy + LANES * r, select16(swap, xx, yy));
    store(s->xy + LANES * r, (floats)((words)xy ^ ((first ^ second) & 0x80000000)));
    bytes bits = __builtin_convertvector((first & 1) | (second & 2) | (swap & 4), bytes);
    memcpy(folds + LANES * r, &bits, sizeof bits);
}

INLINE qam_fold fold_from(uint8_t bits) { return (qam_fold){bits & 1, bits >> 1 & 1, bits >> 2 & 1}; }

// The costs of windows 16 r ... 16 r + 15 for their preceding survivors.
INLINE floats metric(const search *s, const survivors *v, const uint32_t step_bits, size_t r) {
    const size_t from = LANES * (r % vectors_of(step_bits));
    floats dx = load(v->larger + from) - load(s->x + LANES * r), dy = load(v->smaller + from) - load(s->y + LANES * r);
    floats both = fma16(load(v->xx + from), dx, load(v->xy + from) * dy);
    return fma16(dx, both, load(v->yy + from) * dy * dy);
}

// The lesser of each two neighbours, and its window; the first on ties.
INLINE void halve(floats *costs, words *windows, const size_t vectors) {
    UNROLL
    for (size_t r = 0; r < vectors; r += 2) {
        size_t other = r + 1 < vectors ? r + 1 : r;
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
        floats even = __builtin_shufflevector(costs[r], costs[other], EVEN), odd = __builtin_shufflevector(costs[r], costs[other], ODD);
        words first = __builtin_shufflevector(windows[r], windows[other], EVEN), second = __builtin_shufflevector(windows[r], windows[other], ODD);
#undef EVEN
#undef ODD
        words less = (words)(odd < even);
        costs[r / 2] = select16(less, odd, even);
        windows[r / 2] = (second & less) | (first & ~less);
    }
}

// One pair: the cheapest path to each state. x and y are the coordinates of the survivors' targets, on entry and exit.
INLINE void step(search *s, const uint32_t step_bits, size_t t, bool used, float *costs, float *x, float *y) {
    const uint32_t states = QAM_WINDOWS >> step_bits;
    const fb_group *g = s->group;
    floats sums[QAM_WINDOWS / LANES];
    words windows[QAM_WINDOWS / LANES];
    uint8_t *folds = s->folds + t * FB_STATES, *chosen = s->windows + t * FB_STATES;
    survivors v;
    if (states < LANES)
        for (size_t n = states; n < LANES; n++) costs[n] = costs[n - states], x[n] = x[n - states], y[n] = y[n - states];
    if (used) {
        UNROLL
        for (size_t r = 0; r < vectors_of(step_bits); r++) fold_targets(&v, r, load(x + LANES * r), load(y + LANES * r), g->metric + 3 * t, folds);
    }
    const words lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    UNROLL
    for (size_t r = 0; r < QAM_WINDOWS / LANES; r++) {
        sums[r] = load(costs + LANES * (r % vectors_of(step_bits)));
        if (used) sums[r] += metric(s, &v, step_bits, r);
        windows[r] = lanes + (uint32_t)(LANES * r);
    }
    UNROLL
    for (uint32_t level = 0; level < step_bits; level++) halve(sums, windows, level > 4 ? 1 : (QAM_WINDOWS / LANES) >> level);
    uint32_t best[FB_STATES];
    UNROLL
    for (size_t r = 0; r < vectors_of(step_bits); r++) {
        store(costs + LANES * r, sums[r]);
        memcpy(best + LANES * r, &windows[r], sizeof windows[r]);
    }
    const size_t next = t + 1 < QAM_GROUP_PAIRS ? 2 * t + 2 : 0;
    for (size_t n = 0; n < states; n++) {
        size_t from = best[n] % states;
        chosen[n] = (uint8_t)best[n];
        float *to = s->next + n * FB_WIDTH;
        const float *old = s->now + from * FB_WIDTH;
        if (used) {
            float codeword[2];
            unfold(fold_from(folds[from]), s->points + 2 * best[n], codeword);
            feed_pair(g->panel, t, g->z[2 * t] - codeword[0], g->z[2 * t + 1] - codeword[1], old, to);
        } else {
            memcpy(to, old, FB_WIDTH * sizeof *to);
        }
        x[n] = to[next], y[n] = to[next + 1];
    }
    float *swap = s->now;
    s->now = s->next;
    s->next = swap;
}

// Processes all pairs; `costs` are those of the states before and after.
INLINE void run_steps(search *s, const uint32_t step_bits, size_t pairs, float *costs) {
    float x[FB_STATES], y[FB_STATES];
    for (size_t n = 0; n < FB_STATES; n++) x[n] = s->group->targets[0], y[n] = s->group->targets[1];
    for (size_t n = 0; n < s->states; n++) memcpy(s->now + n * FB_WIDTH, s->group->targets, FB_WIDTH * sizeof *s->now);
    for (size_t t = 0; t < pairs; t++) step(s, step_bits, t, 2 * t < s->group->columns, costs, x, y);
}

// The cost of the cheapest path through the first `pairs` pairs from each state, using the targets at the start of the
// group, which few of its own errors affect.
INLINE void leave_steps(const search *s, const uint32_t step_bits, size_t pairs, float *costs) {
    const uint32_t states = QAM_WINDOWS >> step_bits;
    for (size_t n = 0; n < FB_STATES; n++) costs[n] = 0;
    for (size_t t = pairs; t-- > 0;) {
        if (2 * t >= s->group->columns) continue;
        float after[QAM_WINDOWS];
        uint8_t folds[FB_STATES];
        survivors v;
        const floats zero = {0};
        for (size_t r = 0; r < vectors_of(step_bits); r++)
            fold_targets(&v, r, zero + s->group->targets[2 * t], zero + s->group->targets[2 * t + 1], s->group->metric + 3 * t, folds);
        for (size_t n = 0; n < states; n++)
            for (size_t k = n << step_bits; k < (n + 1) << step_bits; k++) after[k] = costs[n];
        floats least[FB_STATES / LANES];
        for (size_t r = 0; r < QAM_WINDOWS / LANES; r++) {
            size_t place = r % vectors_of(step_bits);
            floats sum = load(after + LANES * r) + metric(s, &v, step_bits, r);
            least[place] = r == place ? sum : select16((words)(sum < least[place]), sum, least[place]);
        }
        for (size_t r = 0; r < vectors_of(step_bits); r++) store(costs + LANES * r, least[r]);
        for (size_t n = states; n < LANES; n++) costs[n % states] = costs[n] < costs[n % states] ? costs[n] : costs[n % states];
    }
}

static void run(search *s, size_t pairs, float *costs) {
    switch (s->step_bits) {
    case 1: run_steps(s, 1, pairs, costs); break;
    case 2: run_steps(s, 2, pairs, costs); break;
    case 3: run_steps(s, 3, pairs, costs); break;
    case 4: run_steps(s, 4, pairs, costs); break;
    case 5: run_steps(s, 5, pairs, costs); break;
    case 6: run_steps(s, 6, pairs, costs); break;
    default: run_steps(s, 7, pairs, costs); break;
    }
}

static void leave(const search *s, size_t pairs, float *costs) {
    switch (s->step_bits) {
    case 1: leave_steps(s, 1, pairs, costs); break;
    case 2: leave_steps(s, 2, pairs, costs); break;
    case 3: leave_steps(s, 3, pairs, costs); break;
    case 4: leave_steps(s, 4, pairs, costs); break;
    case 5: leave_steps(s, 5, pairs, costs); break;
    case 6: leave_steps(s, 6, pairs, costs); break;
    default: leave_steps(s, 7, pairs, costs); break;
    }
}

static uint32_t cheapest(const float *costs, uint32_t states) {
    uint32_t best = 0;
    for (uint32_t n = 1; n < states; n++) best = costs[n] < costs[best] ? n : best;
    return best;
}

// The path that ends in `state`: its windows and folds. Returns its first state.
static uint32_t trace_back(const search *s, size_t pairs, uint32_t state, uint8_t *path, uint8_t *folds) {
    for (size_t t = pairs; t-- > 0;) {
        path[t] = s->windows[t * FB_STATES + state];
        state = path[t] % s->states;
        folds[t] = s->folds[t * FB_STATES + state];
    }
    return state;
}

// Stores a tail-biting path, and the remaining errors of the targets.
static void settle(const search *s, size_t pairs, const uint8_t *path, const uint8_t *folds) {
    const fb_group *g = s->group;
    const qam_group_layout layout = qam_layout(pairs, s->step_bits);
    memset(g->symbols, 0, layout.total);
    qam_trellis_store(path, pairs, s->step_bits, g->symbols + layout.base);
    for (size_t t = 0; t < g->columns / 2; t++) {
        float *codeword = g->codewords + 2 * t, x = g->targets[2 * t], y = g->targets[2 * t + 1];
        qam_fold f = fold_from(folds[t]);
        qam_put_fold(f, t, layout.plane, g->symbols);
        unfold(f, s->points + 2 * path[t], codeword);
        feed_pair(g->panel, t, g->z[2 * t] - codeword[0], g->z[2 * t + 1] - codeword[1], g->targets, g->targets);
        g->targets[2 * t] = x - codeword[0];
        g->targets[2 * t + 1] = y - codeword[1];
    }
}

// By bits per step, the number of states for which the best tail-biting path through the state is searched: all states
// if they are few, otherwise the most promising. Short groups, whose ends are close, get more within the time of a
// whole group.
static const uint8_t tries[8] = {0, 1, 1, 1, 2, 4, 4, 2};

// A state is ranked by the cost of the cheapest paths to and from it: a first search, with free ends, finds the paths
// to it. If such a path begins in the same state it is tail-biting already, and its state is the best to begin in.
static void code_trellis(const fb_group *group, const float *points, uint32_t step_bits, float *work) {
    const size_t pairs = (group->columns + 15) / 16 * 8, ahead = 4 + 32 / step_bits;
    uint8_t *choices = (uint8_t *)(work + 2 * FB_STATES * FB_WIDTH);
    search s = {
        .group = group, .points = points, .step_bits = step_bits, .states = QAM_WINDOWS >> step_bits, .now = work,
        .next = work + FB_STATES * FB_WIDTH, .windows = choices, .folds = choices + QAM_GROUP_PAIRS * FB_STATES};
    for (size_t k = 0; k < QAM_WINDOWS; k++) s.x[k] = points[2 * k], s.y[k] = points[2 * k + 1];

    uint8_t best[QAM_GROUP_PAIRS] = {0}, best_folds[QAM_GROUP_PAIRS] = {0}, path[QAM_GROUP_PAIRS], folds[QAM_GROUP_PAIRS];
    float costs[FB_STATES] = {0}, promise[FB_STATES] = {0}, least = INFINITY;
    const uint32_t count = tries[step_bits] * (uint32_t)(QAM_GROUP_PAIRS / pairs);
    if (count < s.states) {
        run(&s, pairs, costs);
        leave(&s, pairs < ahead ? pairs : ahead, promise);
        for (size_t n = 0; n < s.states; n++) promise[n] += costs[n];
        uint32_t state = trace_back(&s, pairs, cheapest(costs, s.states), path, folds);
        if (trace_back(&s, pairs, state, best, best_folds) == state) least = costs[state], promise[state] = INFINITY;
    }
    for (uint32_t i = 0; i < count && i < s.states; i++) {
        uint32_t state = cheapest(promise, s.states);
        promise[state] = INFINITY;
        for (uint32_t n = 0; n < FB_STATES; n++) costs[n] = n % s.states == state ? 0 : 0x1p100f;
        run(&s, pairs, costs);
        if (!(costs[state] < least)) continue;
        least = costs[state];
        trace_back(&s, pairs, state, best, best_folds);
    }
    settle(&s, pairs, best, best_folds);
}
