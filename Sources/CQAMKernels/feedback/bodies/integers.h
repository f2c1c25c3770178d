// Rows of int8: each pair is coded by the integers with the least |DT x|^2 = (a x0)^2 + (b x0 + d x1)^2, where D = [a
// b; 0 d].
//
// Given the first integer, x0 is known, and the best second integer is the one nearest to its target + (b / d) x0.
// First integers are tried outward from the nearest one, until (a x0)^2 alone exceeds the cost of the best pair; the
// result is optimal.

// The nearest integer from -127 to 127; 127 for a NaN.
INLINE float nearest_integer(float x) {
    const float rounder = 12582912.0f; // 1.5 * 2^23: adding and subtracting it rounds
    x = x < 127 ? x : 127;
    x = x > -127 ? x : -127;
    return (x + rounder) - rounder;
}

typedef struct {
    float x, y, cost;
} integer_pair;

INLINE float square(float x) { return x * x; }

// The best pair with this first coordinate, if it is better than `other`.
INLINE integer_pair better_pair(integer_pair other, float first, const float *target, const float *d) {
    float left = target[0] - first, second = nearest_integer(target[1] + d[1] / d[2] * left);
    float cost = square(d[0] * left) + square(d[1] * left + d[2] * (target[1] - second));
    return cost < other.cost ? (integer_pair){first, second, cost} : other;
}

INLINE integer_pair nearest_pair(const float *target, const float *d) {
    const float nearest = nearest_integer(target[0]);
    integer_pair found = better_pair((integer_pair){nearest, nearest_integer(target[1]), INFINITY}, nearest, target, d);
    for (float first = nearest + 1; first <= 127 && square(d[0] * (target[0] - first)) < found.cost; first++)
        found = better_pair(found, first, target, d);
    for (float first = nearest - 1; first >= -127 && square(d[0] * (target[0] - first)) < found.cost; first--)
        found = better_pair(found, first, target, d);
    return found;
}

static void code_integers(const fb_group *g) {
    for (size_t i = 0; i < g->columns / 2; i++) {
        const float *target = g->targets + 2 * i;
        float *codeword = g->codewords + 2 * i;
        integer_pair found = nearest_pair(target, g->metric + 3 * i);
        codeword[0] = found.x;
        codeword[1] = found.y;
        leave_pair(g, i, target[0], target[1]);
    }
    if (g->columns % 2) {
        const size_t last = g->columns - 1;
        g->codewords[last] = nearest_integer(g->targets[last]);
        g->targets[last] -= g->codewords[last];
    }
    for (size_t j = 0; j < g->columns; j++) g->symbols[j] = (uint8_t)(int8_t)g->codewords[j];
}
