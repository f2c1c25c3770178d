// The trellis search, except for its steps, which depend on the instruction set; see scalar/trellis.h.

#include "scalar/trellis.h"

// By bits per step, how many pairs the first path through a whole group continues beyond its last one: multiples of 4
// for which most paths become tail-biting, and the others come within 0.02 dB of the best ones.
static const uint8_t further[8] = {0, 64, 40, 28, 20, 16, 12, 8};

enum {
    // Short rings, of which a row has at most one, are harder: several states are tried, the more the shorter the ring.
    SHORT_LEAD = 64,
    SHORT_STEPS = 768
};

// The lowest `width` bits in reverse order.
static uint32_t reversed(uint32_t bits, uint32_t width) {
    uint32_t out = 0;
    for (uint32_t i = 0; i < width; i++) out |= (bits >> i & 1) << (width - 1 - i);
    return out;
}

void qam_trellis_tables(const uint8_t *magnitudes, uint32_t step_bits, int32_t *tables) {
    const uint32_t states = 256u >> step_bits;
    for (uint32_t window = 0; window < QAM_WINDOWS; window++) {
        int32_t a = magnitudes[window], b = magnitudes[QAM_WINDOWS + window];
        // Two adjacent int16, for multiply-add instructions on pairs.
        int16_t point[2] = {(int16_t)-(a << step_bits), (int16_t)-(b << step_bits)};
        for (uint32_t back = 0; back < 2; back++) {
            uint32_t k = back ? reversed(window, 8) : window;
            uint32_t choice = k & ((1u << step_bits) - 1), slot = 2 * back * QAM_WINDOWS + choice * states + (k >> step_bits);
            memcpy(&tables[slot], point, sizeof point);
            tables[QAM_WINDOWS + slot] = (QAM_TRELLIS_SCALE / 2 * (a * a + b * b)) << step_bits | (int32_t)choice;
        }
    }
}

void qam_trellis_begin(
    qam_trellis *s, const int32_t *tables, uint32_t step_bits, qam_trellis_run *run, uint32_t choice_bits) {
    for (size_t way = 0; way < 2; way++, tables += 2 * QAM_WINDOWS) {
        qam_trellis_windows *w = way ? &s->backward : &s->forward;
        memcpy(w->points, tables, sizeof w->points);
        memcpy(w->halves, tables + QAM_WINDOWS, sizeof w->halves);
        for (size_t i = 0; i < QAM_WINDOWS; i++) {
            w->choices[i] = w->halves[i] & ((1 << step_bits) - 1);
            // Steps that compare costs require costs without choices.
            if (choice_bits == 1) w->halves[i] -= w->choices[i], w->choices[i] = 0;
        }
    }
    s->run = run;
    s->step_bits = step_bits;
    s->choice_bits = choice_bits;
    s->row_bytes = qam_trellis_row_bytes(step_bits, choice_bits);
}

// The pairs to traverse, of one or several rings: those from `used` to `end` are unused.
typedef struct {
    const int16_t *pairs;
    size_t rings, length, used, end;
} route;

// Steps over the pairs first ..< first + count, modulo the ring's length.
static void travel(
    const qam_trellis *s, const qam_trellis_windows *windows, const route *way, size_t first, size_t count,
    qam_trellis_costs *costs, uint8_t *choices) {
    for (size_t done = 0, t = first; done < count;) {
        // Until `used` changes or the ring ends.
        bool used = t < way->used || t >= way->end;
        size_t end = t < way->used ? way->used : used ? way->length : way->end;
        size_t part = end - t < count - done ? end - t : count - done;
        s->run(s, windows, way->pairs + 2 * t, way->rings, used, part, costs, choices + done * s->row_bytes);
        done += part;
        t = t + part < way->length ? t + part : 0;
    }
}

// Traces back the path of each ring that ends in its state: stores its windows and returns its first state in `states`.
// Several rings at a time, since the loop is latency-bound.
static inline __attribute__((always_inline)) void walk_back(
    uint32_t step_bits, uint32_t width, size_t rings, uint32_t *states, size_t count, const uint8_t *choices,
    uint8_t *windows) {
    const uint32_t last = (256u >> step_bits) - 1, mask = (1u << step_bits) - 1;
    const size_t row = qam_trellis_row_bytes(step_bits, width);
    choices += count * row;
    for (size_t i = count; i-- > 0;) {
        choices -= row;
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rings; r++) {
            // Choices of up to 7 bits fit in their first byte.
            uint32_t state = states[r], bit = state * width;
            uint32_t window = state << step_bits | (choices[r * QAM_TRELLIS_CHOICES + bit / 8] >> bit % 8 & mask);
            windows[r * QAM_TRELLIS_STEPS + i] = (uint8_t)window;
            state = window & last;
            // Keeps the compiler from collecting the states in a vector register, which makes lookups slower.
            __asm__("" : "+r"(state));
            states[r] = state;
        }
    }
}

static void trace_back(
    const qam_trellis *s, size_t rings, uint32_t *states, size_t count, const uint8_t *choices, uint8_t *windows) {
#define WALK(step_bits, width)                                                                                            \
    do {                                                                                                               \
        if (rings == 1) walk_back(step_bits, width, 1, states, count, choices, windows);                                  \
        else walk_back(step_bits, width, QAM_TRELLIS_RINGS, states, count, choices, windows);                             \
    } while (0)
#define CASE(step_bits)                                                                                                   \
    case step_bits:                                                                                                       \
        if (s->choice_bits == 32) WALK(step_bits, 32);                                                                    \
        else if (s->choice_bits == 8) WALK(step_bits, 8);                                                                 \
        else WALK(step_bits, 1);                                                                                          \
        break;
    switch (s->step_bits) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) }
#undef CASE
#undef WALK
}

static uint32_t cheapest(const int32_t *costs, uint32_t states) {
    int32_t least = costs[0];
    for (uint32_t n = 1; n < states; n++) least = costs[n] < least ? costs[n] : least;
    uint32_t state = 0;
    while (costs[state] != least) state++;
    return state;
}

// Costs of rings that each begin in a given state.
static void begin_in(const uint32_t *state, size_t rings, uint32_t states, qam_trellis_costs *costs) {
    for (size_t r = 0; r < rings; r++)
        for (uint32_t n = 0; n < QAM_TRELLIS_STATES; n++)
            costs[r].of[n] = n % states == state[r] ? 0 : QAM_TRELLIS_CLOSED;
}

static size_t before_seam(size_t lead, size_t length) { return (QAM_GROUP_PAIRS * length - lead) % length; }

// The cheapest tail-biting path with `state` before pair `first`.
static void search_through(const qam_trellis *s, const route *way, uint32_t state, size_t first, uint8_t *windows) {
    const size_t length = way->length;
    uint8_t choices[QAM_TRELLIS_CHOICES], path[QAM_GROUP_PAIRS];
    qam_trellis_costs costs;
    begin_in(&state, 1, 256u >> s->step_bits, &costs);
    travel(s, &s->forward, way, first, length, &costs, choices);
    trace_back(s, 1, &state, length, choices, path);
    memcpy(windows + first, path, length - first);
    memcpy(windows, path + length - first, first);
}

// One path around the ring and `further` pairs on, with free ends. If it has the same state at two places a whole ring
// apart, the part between them is tail-biting, and as part of a cheapest path it is the cheapest with that state there.
static void search_whole(const qam_trellis *s, const route *way, uint8_t *windows) {
    const uint32_t states = 256u >> s->step_bits;
    const size_t length = way->length, overlap = further[s->step_bits], steps = length + overlap;
    uint8_t choices[QAM_TRELLIS_RINGS * QAM_TRELLIS_CHOICES], paths[QAM_TRELLIS_RINGS * QAM_TRELLIS_STEPS];
    uint32_t state[QAM_TRELLIS_RINGS];
    qam_trellis_costs costs[QAM_TRELLIS_RINGS];
    memset(costs, 0, sizeof costs);
    travel(s, &s->forward, way, 0, steps, costs, choices);
    for (size_t r = 0; r < way->rings; r++) state[r] = cheapest(costs[r].of, states);
    trace_back(s, way->rings, state, steps, choices, paths);

    for (size_t r = 0; r < way->rings; r++, windows += QAM_GROUP_PAIRS) {
        const uint8_t *path = paths + r * QAM_TRELLIS_STEPS;
        size_t t = 0;
        while (t < overlap && ((path[t] ^ path[t + length]) & (states - 1)) != 0) t++;
        if (t < overlap) {
            memcpy(windows, path + length, t);
            memcpy(windows + t, path + t, length - t);
        } else {
            const route ring = {way->pairs + r * 2 * QAM_GROUP_PAIRS, 1, length, way->used, way->end};
            search_through(s, &ring, path[overlap] & (states - 1), overlap % length, windows);
        }
    }
}

// Ranks each state at the seam of a ring by the cost of the best path through the pairs around it that passes through
// the state. The part after the seam is searched against the ring's direction, with the bits of windows and states
// reversed.
static void weigh_states(const qam_trellis *s, const route *way, int32_t *promise, uint8_t *choices) {
    const size_t length = way->length, first = before_seam(SHORT_LEAD, length);
    int16_t pairs[2 * QAM_GROUP_PAIRS];
    for (size_t t = 0; t < length; t++) memcpy(pairs + 2 * t, way->pairs + 2 * (length - 1 - t), 2 * sizeof *pairs);
    const route back = {pairs, 1, length, 0, length - way->used};
    qam_trellis_costs arriving = {{0}}, leaving = {{0}};
    travel(s, &s->forward, way, first, SHORT_LEAD, &arriving, choices);
    travel(s, &s->backward, &back, first, SHORT_LEAD, &leaving, choices);
    for (uint32_t n = 0; n < 256u >> s->step_bits; n++)
        promise[n] = arriving.of[n] - arriving.of[0] + leaving.of[reversed(n, 8 - s->step_bits)] - leaving.of[0];
}

static int32_t ring_cost(const qam_trellis *s, const route *way, const uint8_t *windows) {
    int32_t sum = 0;
    for (size_t t = 0; t < way->used; t++) {
        uint32_t choice = windows[t] & ((1u << s->step_bits) - 1);
        uint32_t slot = choice * (256u >> s->step_bits) + (windows[t] >> s->step_bits);
        int16_t point[2];
        memcpy(point, &s->forward.points[slot], sizeof point);
        sum += (s->forward.halves[slot] + way->pairs[2 * t] * point[0] + way->pairs[2 * t + 1] * point[1]) >> s->step_bits;
    }
    return sum;
}

// A ring shorter than a whole group: the best path through each of the highest-ranked states.
static void search_short(const qam_trellis *s, const route *way, uint8_t *windows) {
    const uint32_t states = 256u >> s->step_bits;
    const size_t length = way->length;
    uint8_t choices[QAM_TRELLIS_RINGS * QAM_TRELLIS_CHOICES], rings[QAM_TRELLIS_RINGS * QAM_TRELLIS_STEPS];
    int16_t pairs[QAM_TRELLIS_RINGS * 2 * QAM_GROUP_PAIRS];
    for (size_t r = 0; r < QAM_TRELLIS_RINGS; r++)
        memcpy(pairs + r * 2 * QAM_GROUP_PAIRS, way->pairs, 2 * length * sizeof *pairs);
    const route many = {pairs, QAM_TRELLIS_RINGS, length, way->used, way->end};
    int32_t promise[QAM_TRELLIS_STATES], best = INT32_MAX;
    weigh_states(s, way, promise, choices);
    for (size_t tried = 0; tried * length < SHORT_STEPS && tried < states; tried += QAM_TRELLIS_RINGS) {
        uint32_t state[QAM_TRELLIS_RINGS];
        for (size_t r = 0; r < QAM_TRELLIS_RINGS; r++) {
            state[r] = cheapest(promise, states);
            promise[state[r]] = INT32_MAX;
        }
        qam_trellis_costs costs[QAM_TRELLIS_RINGS];
        begin_in(state, QAM_TRELLIS_RINGS, states, costs);
        travel(s, &s->forward, &many, 0, length, costs, choices);
        trace_back(s, QAM_TRELLIS_RINGS, state, length, choices, rings);
        for (size_t r = 0; r < QAM_TRELLIS_RINGS; r++) {
            int32_t cost = ring_cost(s, way, rings + r * QAM_TRELLIS_STEPS);
            if (cost >= best) continue;
            best = cost;
            memcpy(windows, rings + r * QAM_TRELLIS_STEPS, length);
        }
    }
}

void qam_trellis_search_rings(
    const qam_trellis *s, const int16_t *pairs, size_t rings, size_t used, size_t length, uint8_t *windows) {
    const route way = {pairs, rings, length, used, length};
    if (length == QAM_GROUP_PAIRS) search_whole(s, &way, windows);
    else search_short(s, &way, windows);
}

// Moves every second field, of the lowest `width` bits of `space`, next to the field before it.
static inline uint64_t close_up(uint64_t v, uint32_t space, uint32_t width) {
    // One field in each 2 * space bits.
    const uint64_t ones = space == 8 ? 0x0001000100010001 : space == 16 ? 0x0000000100000001 : 1;
    uint64_t first = ((UINT64_C(1) << width) - 1) * ones;
    return (v & first) | (v >> (space - width) & first << width);
}

void qam_trellis_store(const uint8_t *windows, size_t pairs, uint32_t step_bits, uint8_t *ring) {
    uint8_t bytes[QAM_GROUP_PAIRS + 8];
    for (size_t i = 0; i < pairs; i += 8) {
        uint64_t v;
        memcpy(&v, windows + i, sizeof v);
        v = close_up(v, 8, step_bits);
        v = close_up(v, 16, 2 * step_bits);
        v = close_up(v, 32, 4 * step_bits);
        memcpy(bytes + i / 8 * step_bits, &v, sizeof v);
    }
    memcpy(ring, bytes, pairs / 8 * step_bits);
}
