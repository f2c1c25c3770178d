// The search for tail-biting trellis codes: part of the truth, in a file of its own.
//
// A window k has 8 bits; its low 8 - stride bits are the state that it needs, its high 8 - stride bits the state that
// it leads to. Slot j * states + n holds window n << stride | j: for one j, consecutive slots lead to consecutive states.

#include "qam_kernels.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

enum { MAX_STATES = 128 };

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

uint32_t qam_window_slot(uint32_t window, uint32_t stride) {
    return (window << (8 - stride) | window >> stride) & 255;
}

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
    for (uint32_t j = 0; j < 1u << stride; j++)
        for (uint32_t i = 0; i < part; i++) apart[j * part + i] = cost[i << stride | j];
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

static uint32_t cheapest(const float *cost, uint32_t states) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < states; i++)
        if (cost[i] < cost[best]) best = i;
    return best;
}

float qam_trellis_search(
    const float *fx, const float *fy, size_t used, size_t length, const float *x, const float *y, uint32_t stride,
    uint8_t *windows) {
    search s;
    s.stride = stride;
    s.states = 256u >> stride;
    s.length = length;
    measure(&s, fx, fy, used, x, y);
    merge_windows(&s);

    // Two turns from anywhere. A ring through a state costs at least what a turn adds to that state's cost.
    float bound[MAX_STATES] = {0};
    memset(s.costs[0], 0, sizeof s.costs[0]);
    for (int i = 0; i < 2; i++) {
        turn(&s);
        for (uint32_t n = 0; n < s.states; n++) {
            float added = s.costs[length][n] - s.costs[0][n];
            bound[n] = added > bound[n] ? added : bound[n];
        }
        memcpy(s.costs[0], s.costs[length], sizeof s.costs[0]);
    }

    // The best ring through each state, most promising state first, until no bound is below the best ring.
    float best = INFINITY;
    for (;;) {
        uint32_t state = cheapest(bound, s.states);
        if (bound[state] >= best) return best;
        for (uint32_t n = 0; n < s.states; n++) s.costs[0][n] = INFINITY;
        s.costs[0][state] = 0;
        turn(&s);
        if (s.costs[length][state] < best) {
            best = s.costs[length][state];
            trace_back(&s, state, windows);
        }
        bound[state] = INFINITY;
    }
}
