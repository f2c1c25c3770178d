// Sixteen sub-blocks at a time, one in each lane: searches over scales need no sums across lanes, so that all
// instruction sets give equal bits, and a sub-block's result does not depend on its neighbours.

#include "../../vectors.h"

enum { MOST = 32 };  // elements of a sub-block

// Element i of all sub-blocks: values, weights of squared errors, and their products.
typedef struct {
    floats x[MOST], w[MOST], wx[MOST];
    floats w_sum, wx_sum;
} lanes;

// Evenly spaced candidates.
typedef struct {
    float from, to;
    int count;
} reach;

INLINE float candidate(reach r, int i) {
    return r.count > 1 ? r.from + (r.to - r.from) * (float)i / (float)(r.count - 1) : r.from;
}

// Sums for least squares over the elements of each lane, q being the levels.
typedef struct {
    floats xq, qq, q;
} sums;

INLINE floats all(float v) { return (floats){0} + v; }
INLINE floats least(floats a, floats b) { return select16((words)(a < b), a, b); }
INLINE floats most(floats a, floats b) { return select16((words)(a > b), a, b); }
INLINE floats magnitude(floats v) { return (floats)((words)v & 0x7FFFFFFF); }

// To the nearest integer, halves to even; |v| < 2^22.
INLINE floats nearest_integer(floats v) { return (v + 0x1.8p23f) - 0x1.8p23f; }

// 1 / v, and 0 where v is 0 or so small that its inverse is not finite.
INLINE floats inverse(floats v) { return select16((words)(magnitude(v) > 0x1p-126f), 1.0f / v, all(0)); }

// What an encoder is given (gb_encoder).
typedef struct {
    const float *x;
    size_t count;
    const float *weights;
    size_t row, column;
} task;

// Sub-blocks `from` ..< `from` + 16 of n elements; those that are not there are zeros with weights of 1.
INLINE void gather(lanes *l, task t, size_t from, size_t n, size_t per_block) {
    for (size_t k = 0; k < LANES; k++) {
        bool there = from + k < t.count * per_block;
        const float *values = t.x + (from + k) * n;
        const float *w = t.weights ? t.weights + (t.column + (from + k) * n) % t.row : NULL;
        for (size_t i = 0; i < n; i++) {
            l->x[i][k] = there ? values[i] : 0;
            l->w[i][k] = there && w ? w[i] : 1;
        }
    }
    l->w_sum = l->wx_sum = all(0);
    for (size_t i = 0; i < n; i++) {
        l->wx[i] = l->w[i] * l->x[i];
        l->w_sum += l->w[i];
        l->wx_sum += l->wx[i];
    }
}

// The levels of a type: `low` ... `high`, or the values of IQ4.
typedef struct {
    int low, high;
    bool nonlinear;
} grid;

// The level nearest to v.
INLINE floats nearest(grid g, floats v) {
    if (!g.nonlinear) return nearest_integer(least(most(v, all((float)g.low)), all((float)g.high)));
    floats level = all(nonlinear_values[0]);
#pragma clang loop unroll(full)
    for (int j = 1; j < 16; j++) {
        float middle = (float)(nonlinear_values[j - 1] + nonlinear_values[j]) / 2;
        float step = (float)(nonlinear_values[j] - nonlinear_values[j - 1]);
        level += (floats)((words)(v > middle) & (words)all(step));
    }
    return level;
}

// The sums with the levels nearest to (x - offset) * factor.
INLINE sums sums_of(const lanes *l, int n, grid g, floats factor, floats offset) {
    sums s = {all(0), all(0), all(0)};
    for (int i = 0; i < n; i++) {
        floats q = nearest(g, (l->x[i] - offset) * factor), wq = l->w[i] * q;
        s.xq += l->wx[i] * q;
        s.qq += wq * q;
        s.q += wq;
    }
    return s;
}

// The weighted squared error of the levels nearest to (x - offset) / scale.
INLINE floats error_of(const lanes *l, int n, grid g, floats scale, floats offset) {
    floats error = all(0), factor = inverse(scale);
    for (int i = 0; i < n; i++) {
        floats v = l->x[i] - offset, e = v - scale * nearest(g, v * factor);
        error += l->w[i] * e * e;
    }
    return error;
}

// The levels nearest to (x - offset) / scale, of each lane in order.
INLINE void levels_of(const lanes *l, int n, grid g, floats scale, floats offset, int8_t q[LANES][MOST]) {
    floats factor = inverse(scale);
    for (int i = 0; i < n; i++) {
        floats level = nearest(g, (l->x[i] - offset) * factor);
        for (int k = 0; k < LANES; k++) q[k][i] = (int8_t)level[k];
    }
}

// Sums over each of the 16 / `span` groups of lanes, in order, spread to all lanes of the group.
INLINE floats group_sums(floats v, int span) {
    floats out;
    for (int k = 0; k < LANES; k += span) {
        float sum = 0;
        for (int j = 0; j < span; j++) sum += v[k + j];
        for (int j = 0; j < span; j++) out[k + j] = sum;
    }
    return out;
}

INLINE floats as_halves(floats v) {
    floats out;
    for (int k = 0; k < LANES; k++) out[k] = as_half(v[k]);
    return out;
}
