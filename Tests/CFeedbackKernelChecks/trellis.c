// Trellis codes.

#include "group.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// The cost of a codeword for pair t, given its targets.
static double cost_of_pair(const fb_group *g, size_t t, double dx, double dy) {
    const float *d = g->metric + 3 * t;
    double first = (double)d[0] * dx, second = (double)d[1] * dx + (double)d[2] * dy;
    return first * first + second * second;
}

// The cost of the best path from one state to another, found by a search whose survivors carry their own targets; from any state
// if `first` is negative.
static double search(const fb_group *g, const float *points, uint32_t step_bits, size_t pairs, size_t first, size_t last) {
    static float targets[2][FB_STATES][FB_WIDTH];
    static double costs[2][FB_STATES];
    const size_t states = QAM_WINDOWS >> step_bits;
    for (size_t n = 0; n < states; n++) {
        costs[0][n] = first == n || first == states ? 0 : INFINITY;
        memcpy(targets[0][n], g->targets, sizeof targets[0][n]);
    }
    for (size_t t = 0; t < pairs; t++) {
        const size_t now = t % 2, next = 1 - now;
        const bool used = t < g->columns / 2;
        for (size_t n = 0; n < states; n++) {
            size_t best = 0;
            float chosen[2] = {0, 0};
            costs[next][n] = INFINITY;
            for (size_t k = n << step_bits; k < (n + 1) << step_bits; k++) {
                double cost = costs[now][k % states];
                float codeword[2] = {0, 0}, larger, smaller;
                if (used) {
                    const float *target = targets[now][k % states] + 2 * t;
                    unfold(fold(target, &larger, &smaller), points + 2 * k, codeword);
                    cost += cost_of_pair(g, t, (double)target[0] - (double)codeword[0], (double)target[1] - (double)codeword[1]);
                }
                if (!(cost < costs[next][n])) continue;
                costs[next][n] = cost;
                best = k % states;
                memcpy(chosen, codeword, sizeof chosen);
            }
            memcpy(targets[next][n], targets[now][best], sizeof targets[next][n]);
            if (used) move(g, t, chosen, targets[next][n]);
        }
    }
    return costs[pairs % 2][last];
}

static bool is_close(double cost, double other) { return fabs(cost - other) <= 1e-4 * other; }

// A tail-biting path through `state` has the cost that a search from this state finds, or a search from all states. If there are
// so few states that all are tried, no path is cheaper.
static void check_cost(check *c, const fb_group *g, const float *points, uint32_t step_bits, size_t pairs, size_t state, double cost) {
    const size_t states = QAM_WINDOWS >> step_bits;
    double through = search(g, points, step_bits, pairs, state, state);
    if (!is_close(cost, through) && !is_close(cost, search(g, points, step_bits, pairs, states, state)))
        fail(c, "%zu columns of step_bits %u cost %g instead of %g", g->columns, step_bits, cost, through);
    for (size_t n = 0; step_bits > 5 && n < states; n++) {
        double other = search(g, points, step_bits, pairs, n, n);
        if (cost > other && !is_close(cost, other)) fail(c, "%zu columns of step_bits %u cost %g, but %g is possible", g->columns, step_bits, cost, other);
    }
}

static void check_group(check *c, uint32_t step_bits, size_t columns) {
    const size_t pairs = (columns + 15) / 16 * 8, bytes = qam_row_bytes(QAM_OCTANT, step_bits, columns), ring = pairs * step_bits;
    float *points = place_gaussian(2 * QAM_WINDOWS), *work = place(FB_WORK, sizeof *work), *other_work = place(FB_WORK, sizeof *work);
    for (size_t k = 0; k < QAM_WINDOWS; k++) fold((float[]){points[2 * k], points[2 * k + 1]}, points + 2 * k, points + 2 * k + 1);
    // The result must not depend on the initial content of the work memory.
    memset(work, 0xFF, FB_WORK * sizeof *work);
    memset(other_work, 0x41, FB_WORK * sizeof *work);
    fb_group g = place_group(columns, bytes);
    fb_group expected = place_again(&g, bytes), actual = place_again(&g, bytes);
    c->truth->code_trellis(&expected, points, step_bits, work);
    c->table->code_trellis(&actual, points, step_bits, other_work);
    if (!same_outputs(&expected, &actual, bytes)) fail(c, "%zu columns of step_bits %u differ", columns, step_bits);

    fb_group before = place_again(&g, bytes);
    const uint8_t *base = actual.symbols + 3 * (pairs / 8);
    double cost = 0;
    for (size_t i = 0; i < pairs; i++) {
        size_t window = 0; // spec section 8.4
        for (size_t j = 0; j < 8; j++) {
            size_t place = (i * step_bits + j) % ring;
            window |= (size_t)(base[place / 8] >> place % 8 & 1) << j;
        }
        unsigned folded = 0, stored = stored_fold(actual.symbols, pairs, i);
        if (i < columns / 2) {
            float codeword[2], larger, smaller;
            folded = fold(g.targets + 2 * i, &larger, &smaller);
            unfold(folded, points + 2 * window, codeword);
            if (!same(codeword, actual.codewords + 2 * i, 2)) fail(c, "pair %zu of %zu columns of step_bits %u has other symbols", i, columns, step_bits);
            move(&g, i, codeword, g.targets);
            cost += cost_of_pair(&g, i, (double)g.targets[2 * i], (double)g.targets[2 * i + 1]);
        }
        if (stored != folded) fail(c, "pair %zu of %zu columns of step_bits %u is folded otherwise", i, columns, step_bits);
    }
    if (!same(g.targets, actual.targets, FB_WIDTH)) fail(c, "%zu columns of step_bits %u leave something else", columns, step_bits);
    check_cost(c, &before, points, step_bits, pairs, *base % (QAM_WINDOWS >> step_bits), cost);
}

void check_code_trellis(check *c) {
    for (uint32_t step_bits = 1; step_bits <= 7; step_bits++) {
        for (size_t columns = 2; columns <= FB_WIDTH; columns += columns < 36 ? 2 : 46) {
            check_group(c, step_bits, columns);
            release();
        }
    }
}
