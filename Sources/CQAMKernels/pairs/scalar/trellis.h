// The search for tail-biting trellis codes, shared by its versions.
//
// A window k has 8 bits; its low 8 - step_bits bits are the state before it, its high 8 - step_bits bits the state after it.
// The low `step_bits` bits are its choice, which differs among the windows that lead to the same state. The windows of one
// choice are adjacent, by the state that they lead to: window k is in slot choice * states + state.
//
// Costs are integers. A window costs (|c|^2 - 2 c * p) / 2 for its base point c and the pair p, which is half the
// squared distance minus a term common to all windows. Costs are shifted left by `step_bits` bits, with the choice in the
// bits below: so the least of several costs contains the choice that attains it, the lowest on ties.

#ifndef QAM_TRELLIS_H
#define QAM_TRELLIS_H

#include "../internal.h"
#include "../pack.h"

enum {
    QAM_TRELLIS_STATES = 128, // at most: 2^(8 - step_bits)
    QAM_TRELLIS_RINGS = 4,    // maximum number searched at the same time
    // Coordinates of pairs are in eighths of a magnitude's unit, at most 511 units: far beyond every base point, and
    // small enough for QAM_TRELLIS_BLOCK.
    QAM_TRELLIS_SCALE = 8,
    QAM_TRELLIS_LIMIT = 511 * QAM_TRELLIS_SCALE,
    // Steps between subtractions of a common cost, shifted right by `step_bits` bits. A step adds from -1,564,680 to
    // 520,200, shifted left by the same number, so costs do not overflow even in twice as many steps, if a part of the
    // ring ends just before a subtraction.
    QAM_TRELLIS_BLOCK = 512,
    // The cost of states in which no path begins: more than the steps add until all states are reached.
    QAM_TRELLIS_CLOSED = 1 << 30,
    // The maximum number of steps of a path, and bytes for their choices in the widest layout.
    QAM_TRELLIS_STEPS = 2 * QAM_GROUP_PAIRS,
    QAM_TRELLIS_CHOICES = QAM_TRELLIS_STEPS * 64 * 4
};

// The costs of a ring's states, with zeros in their low `step_bits` bits. If there are fewer than 16 states, they are
// repeated to fill 16.
typedef struct {
    int32_t of[QAM_TRELLIS_STATES];
} qam_trellis_costs;

// By slot: a pair of int16, the coordinates to multiply by; the constant part; and its replacement for pairs without
// cost.
typedef struct {
    _Alignas(64) int32_t points[QAM_WINDOWS];
    _Alignas(64) int32_t halves[QAM_WINDOWS];
    _Alignas(64) int32_t choices[QAM_WINDOWS];
} qam_trellis_windows;

typedef struct qam_trellis qam_trellis;

// The part of the search that depends on the instruction set: steps of 1 or QAM_TRELLIS_RINGS rings over `count` pairs,
// which are all used or all unused (zeros). Stores each ring's choice for each state at each step. The stride between
// rings is 2 * QAM_GROUP_PAIRS coordinates for pairs, and QAM_TRELLIS_CHOICES bytes for choices.
typedef void qam_trellis_run(
    const qam_trellis *search, const qam_trellis_windows *windows, const int16_t *pairs, size_t rings, bool used,
    size_t count, qam_trellis_costs *costs, uint8_t *choices);

struct qam_trellis {
    // Windows as they are, and with their bits reversed, for searching against the ring's direction.
    qam_trellis_windows forward, backward;
    qam_trellis_run *run;
    uint32_t step_bits;
    // A state's choice has choice_bits bits (1, 8 or 32), those of a step row_bytes bytes.
    uint32_t choice_bits;
    size_t row_bytes;
};

static inline size_t qam_trellis_row_bytes(uint32_t step_bits, uint32_t choice_bits) {
    return (step_bits > 4 ? 16 : 256u >> step_bits) * choice_bits / 8;
}

// Begins the searches of a row: common part, and for each instruction set.
void qam_trellis_begin(
    qam_trellis *search, const int32_t *tables, uint32_t step_bits, qam_trellis_run *run, uint32_t choice_bits);

void qam_trellis_begin_scalar(qam_trellis *search, const int32_t *tables, uint32_t step_bits);
void qam_trellis_begin_avx2(qam_trellis *search, const int32_t *tables, uint32_t step_bits);
void qam_trellis_begin_avx512(qam_trellis *search, const int32_t *tables, uint32_t step_bits);

// Searches 1 or QAM_TRELLIS_RINGS rings of `length` pairs, each as defined in qam_kernels.h; pairs and windows of rings
// are QAM_GROUP_PAIRS pairs and bytes apart. Unused pairs are zeros.
void qam_trellis_search_rings(
    const qam_trellis *search, const int16_t *pairs, size_t rings, size_t used, size_t length, uint8_t *windows);

// One coordinate of a folded pair, for the search. `scale` is QAM_TRELLIS_SCALE / step.
static inline int16_t qam_trellis_coordinate(float z, float scale) {
    float v = z * scale;
    return (int16_t)((v < QAM_TRELLIS_LIMIT ? v : QAM_TRELLIS_LIMIT) + 0.5f);
}

#endif
