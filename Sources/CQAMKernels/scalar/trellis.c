// The search for tail-biting trellis codes: part of the truth, in a file of its own.
//
// A window k has 8 bits; its low 8 - stride bits are the state that it needs, its high 8 - stride bits the state that
// it leads to. Slot j * states + n holds window n << stride | j: for one j, consecutive slots lead to consecutive states.

#include "qam_kernels.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

enum {
    MAX_STATES = 128,
    // Eight come within 0.005 dB of trying all at stride 1, within 0.001 dB at 2 and more; from 5 on they are all.
    TRIED_STATES = 8,
};

typedef struct {
    uint32_t stride, states;
    size_t length;
    // The squared distance of each pair to each window's base point, by slot.
    float distances[QAM_GROUP_PAIRS][QAM_WINDOWS];
    // Where several windows join the same two states (stride above 4): the least distance of those, by old state
    // and new state. Rounding is monotonic, so the least sum is the sum with the least distance, to the bit.
    float merged[QAM_GROUP_PAIRS][QAM_WINDOWS];
    // The least cost of each state before each step of the turn under way, and after its last.
    float costs[QAM_GROUP_PAIRS + 1][MAX_STATES];
} search;

static void measure(
    search *s, const float *fx, const float *fy, size_t used, const float *restrict x, const float *restrict y) {
    for (size_t t = 0; t < s->length; t++) {
        float *restrict d = s->distances[t];
        if (t >= used) {
            memset(d, 0, sizeof s->distances[t]);
            continue;
        }
        float px = fx[t], py = fy[t];
        for (size_t i = 0; i < QAM_WINDOWS; i++) {
            float dx = px - x[i], dy = py - y[i];
            d[i] = dx * dx + dy * dy;
        }
    }
}

// One step where a window's low `stride` bits hold the whole old state: every state leads to every state.
static inline __attribute__((always_inline)) void step_wide(
    uint32_t states, const float *restrict cost, const float *restrict merged, float *restrict next) {
    float least[16];
    for (uint32_t n = 0; n < states; n++) least[n] = cost[0] + merged[n];
    for (uint32_t p = 1; p < states; p++)
        for (uint32_t n = 0; n < states; n++) {
            float c = cost[p] + merged[p * states + n];
            least[n] = c < least[n] ? c : least[n];
        }
    memcpy(next, least, states * sizeof(float));
}

// One step where each state is reached from 2^stride states: window n << stride | j needs that modulo `states`.
static inline __attribute__((always_inline)) void step_narrow(
    uint32_t stride, const float *restrict cost, const float *restrict distances, float *restrict next) {
    const uint32_t states = 256u >> stride, part = states >> stride;
    float apart[MAX_STATES];
    for (uint32_t i = 0; i < part; i++)
        for (uint32_t j = 0; j < 1u << stride; j++) apart[j * part + i] = cost[i << stride | j];
    for (uint32_t high = 0; high < states; high += part)
        for (uint32_t i = 0; i < part; i++) {
            float least = apart[i] + distances[high + i];
            for (uint32_t j = 1; j < 1u << stride; j++) {
                float c = apart[j * part + i] + distances[j * states + high + i];
                least = c < least ? c : least;
            }
            next[high + i] = least;
        }
}

// The same steps backwards: from the costs to go after a pair to those before it.

static inline __attribute__((always_inline)) void step_back_wide(
    uint32_t states, const float *restrict togo, const float *restrict merged, float *restrict before) {
    for (uint32_t p = 0; p < states; p++) {
        float least = togo[0] + merged[p * states];
        for (uint32_t n = 1; n < states; n++) {
            float c = togo[n] + merged[p * states + n];
            least = c < least ? c : least;
        }
        before[p] = least;
    }
}

static inline __attribute__((always_inline)) void step_back_narrow(
    uint32_t stride, const float *restrict togo, const float *restrict distances, float *restrict before) {
    const uint32_t states = 256u >> stride, part = states >> stride;
    for (uint32_t j = 0; j < 1u << stride; j++)
        for (uint32_t i = 0; i < part; i++) {
            float least = togo[i] + distances[j * states + i];
            for (uint32_t high = part; high < states; high += part) {
                float c = togo[high + i] + distances[j * states + high + i];
                least = c < least ? c : least;
            }
            before[i << stride | j] = least;
        }
}

// Merges the distances of windows that join the same two states.
static inline __attribute__((always_inline)) void merge(search *s, uint32_t states) {
    const uint32_t joined = states * states;
    for (size_t t = 0; t < s->length; t++) {
        float least[QAM_WINDOWS];
        memcpy(least, s->distances[t], joined * sizeof(float));
        for (uint32_t first = joined; first < QAM_WINDOWS; first += joined)
            for (uint32_t i = 0; i < joined; i++) {
                float d = s->distances[t][first + i];
                least[i] = d < least[i] ? d : least[i];
            }
        memcpy(s->merged[t], least, joined * sizeof(float));
    }
}

static void merge_windows(search *s) {
    switch (s->stride) {
    case 7: merge(s, 2); break;
    case 6: merge(s, 4); break;
    case 5: merge(s, 8); break;
    case 4: merge(s, 16); break;
    default: break;
    }
}

// One turn around the ring from costs[0]. The switch gives every loop a constant number of rounds.
static void turn(search *s) {
    for (size_t t = 0; t < s->length; t++) {
        const float *cost = s->costs[t], *distances = s->distances[t], *merged = s->merged[t];
        float *next = s->costs[t + 1];
        switch (s->stride) {
        case 7: step_wide(2, cost, merged, next); break;
        case 6: step_wide(4, cost, merged, next); break;
        case 5: step_wide(8, cost, merged, next); break;
        case 4: step_wide(16, cost, merged, next); break;
        case 3: step_narrow(3, cost, distances, next); break;
        case 2: step_narrow(2, cost, distances, next); break;
        default: step_narrow(1, cost, distances, next); break;
        }
    }
}

// One turn against the ring's direction, from no costs to go at its end to those at its beginning.
static void turn_back(const search *s, float *togo) {
    float before[MAX_STATES];
    memset(togo, 0, MAX_STATES * sizeof(float));
    for (size_t t = s->length; t-- > 0;) {
        const float *distances = s->distances[t], *merged = s->merged[t];
        switch (s->stride) {
        case 7: step_back_wide(2, togo, merged, before); break;
        case 6: step_back_wide(4, togo, merged, before); break;
        case 5: step_back_wide(8, togo, merged, before); break;
        case 4: step_back_wide(16, togo, merged, before); break;
        case 3: step_back_narrow(3, togo, distances, before); break;
        case 2: step_back_narrow(2, togo, distances, before); break;
        default: step_back_narrow(1, togo, distances, before); break;
        }
        memcpy(togo, before, s->states * sizeof(float));
    }
}

// Walks the last turn back from `state` and stores its windows.
static void trace_back(const search *s, uint32_t state, uint8_t *windows) {
    for (size_t t = s->length; t-- > 0;) {
        const float *cost = s->costs[t], *distances = s->distances[t];
        float least = s->costs[t + 1][state];
        uint32_t window = state << s->stride, last = window | ((1u << s->stride) - 1), slot = state;
        // The first window that attains the least cost is the lowest of those that do.
        for (; window < last && cost[window & (s->states - 1)] + distances[slot] != least; slot += s->states) window++;
        windows[t] = (uint8_t)window;
        state = window & (s->states - 1);
    }
}

float qam_trellis_search_scalar(
    const float *fx, const float *fy, size_t used, size_t length, const float *x, const float *y, uint32_t stride,
    uint8_t *windows) {
    search s;
    s.stride = stride;
    s.states = 256u >> stride;
    s.length = length;
    measure(&s, fx, fy, used, x, y);
    merge_windows(&s);

    // The cheapest way around that ends in each state, and the cheapest that begins in it. A ring through a state costs
    // at least either; what both cost together tells which states are promising.
    float arriving[MAX_STATES], leaving[MAX_STATES], promise[MAX_STATES];
    memset(s.costs[0], 0, sizeof s.costs[0]);
    turn(&s);
    memcpy(arriving, s.costs[length], sizeof arriving);
    turn_back(&s, leaving);
    for (uint32_t n = 0; n < s.states; n++) promise[n] = arriving[n] + leaving[n];

    // The best ring through each of the most promising states that can still beat the best so far.
    float best = INFINITY;
    for (int tried = 0; tried < TRIED_STATES; tried++) {
        float least = INFINITY;
        uint32_t state = 0;
        for (uint32_t n = 0; n < s.states; n++)
            if (promise[n] < least && arriving[n] < best && leaving[n] < best) least = promise[n], state = n;
        if (least == INFINITY) break;
        promise[state] = INFINITY;
        for (uint32_t n = 0; n < s.states; n++) s.costs[0][n] = INFINITY;
        s.costs[0][state] = 0;
        turn(&s);
        if (s.costs[length][state] < best) {
            best = s.costs[length][state];
            trace_back(&s, state, windows);
        }
    }
    return best;
}
