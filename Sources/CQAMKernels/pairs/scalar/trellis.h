// The search for tail-biting trellis codes: what its versions share.
//
// A window k has 8 bits; its low 8 - stride bits are the state that it needs, its high 8 - stride bits the state that
// it leads to. The low `stride` bits are its choice: of the windows that lead to one state, each has another. The
// windows of one choice lie side by side, by the state that they lead to: window k in slot choice * states + state.
//
// Costs are integers. What a window costs is (|c|^2 - 2 c * p) / 2 for its base point c and the pair p, which is half
// the squared distance less what all windows have in common. Costs are shifted left by `stride` bits, and the bits
// below are the choice: so the least of several costs tells the choice that attains it, the lowest of equals.

#ifndef QAM_TRELLIS_H
#define QAM_TRELLIS_H

#include "../internal.h"
#include "../pack.h"

enum {
    QAM_TRELLIS_STATES = 128, // at most: 2^(8 - stride)
    QAM_TRELLIS_RINGS = 4,    // searched at the same time, at most
    // Coordinates of pairs are in eighths of a magnitude's unit, 511 units at most: far beyond every base point, and
    // small enough for QAM_TRELLIS_BLOCK.
    QAM_TRELLIS_SCALE = 8,
    QAM_TRELLIS_LIMIT = 511 * QAM_TRELLIS_SCALE,
    // Steps between subtractions of a common cost, shifted right by `stride` bits. A step adds from -1,564,680 to 520,200,
    // shifted left by as many, so that costs overflow not even in twice as many steps, should a part of the ring end
    // just before a subtraction.
    QAM_TRELLIS_BLOCK = 512,
    // The cost of states in which no path begins: above what the steps add until all states are reached.
    QAM_TRELLIS_CLOSED = 1 << 30,
    // The steps of a path at most, and bytes for their choices in the widest layout.
    QAM_TRELLIS_STEPS = 2 * QAM_GROUP_PAIRS,
    QAM_TRELLIS_CHOICES = QAM_TRELLIS_STEPS * 64 * 4
};

// The costs of a ring's states, their low `stride` bits zero. With fewer than 16 states, they are repeated to fill 16.
typedef struct {
    int32_t of[QAM_TRELLIS_STATES];
} qam_trellis_costs;

// By slot: a pair of int16, the coordinates to multiply by; the constant part; and what takes its place where a pair
// costs nothing.
typedef struct {
    _Alignas(64) int32_t points[QAM_WINDOWS];
    _Alignas(64) int32_t halves[QAM_WINDOWS];
    _Alignas(64) int32_t choices[QAM_WINDOWS];
} qam_trellis_windows;

typedef struct qam_trellis qam_trellis;

// One instruction set's part of the search: steps of 1 or QAM_TRELLIS_RINGS rings over `count` pairs, of which all are
// used or none (then they are zeros), and what each ring chooses for each state at each step. Pairs of a ring begin
// 2 * QAM_GROUP_PAIRS coordinates behind those of the one before, choices QAM_TRELLIS_CHOICES bytes.
typedef void qam_trellis_run(
    const qam_trellis *search, const qam_trellis_windows *windows, const int16_t *pairs, size_t rings, bool used,
    size_t count, qam_trellis_costs *costs, uint8_t *choices);

struct qam_trellis {
    // Windows as they are, and with their bits in the opposite order, to go against the ring's direction.
    qam_trellis_windows forward, backward;
    qam_trellis_run *run;
    uint32_t stride;
    // A state's choice takes choice_bits bits (1, 8 or 32), those of a step row_bytes bytes.
    uint32_t choice_bits;
    size_t row_bytes;
};

static inline size_t qam_trellis_row_bytes(uint32_t stride, uint32_t choice_bits) {
    return (stride > 4 ? 16 : 256u >> stride) * choice_bits / 8;
}

// Begins the searches of a row: for all instruction sets, and for each.
void qam_trellis_begin(
    qam_trellis *search, const int32_t *tables, uint32_t stride, qam_trellis_run *run, uint32_t choice_bits);

void qam_trellis_begin_scalar(qam_trellis *search, const int32_t *tables, uint32_t stride);
void qam_trellis_begin_avx2(qam_trellis *search, const int32_t *tables, uint32_t stride);
void qam_trellis_begin_avx512(qam_trellis *search, const int32_t *tables, uint32_t stride);

// Searches 1 or QAM_TRELLIS_RINGS rings of `length` pairs, each as qam_kernels.h says, with pairs and windows of rings
// QAM_GROUP_PAIRS pairs and bytes apart. Unused pairs are zeros.
void qam_trellis_search_rings(
    const qam_trellis *search, const int16_t *pairs, size_t rings, size_t used, size_t length, uint8_t *windows);

// One coordinate of a folded pair, for the search. `scale` is QAM_TRELLIS_SCALE / step.
static inline int16_t qam_trellis_coordinate(float z, float scale) {
    float v = z * scale;
    return (int16_t)((v < QAM_TRELLIS_LIMIT ? v : QAM_TRELLIS_LIMIT) + 0.5f);
}

#endif
