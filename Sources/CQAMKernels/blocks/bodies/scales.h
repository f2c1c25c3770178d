// Types with scales and no minima: levels are symmetric, or nearly. The best scale of each sub-block for its weighted
// squared error, then the scales that can be stored.

// For each lane the scale with the least error that is found: candidates map the largest value to `parts` of either end
// of the grid, and each is given the scale that fits its levels best; the best is then improved in turns.
INLINE floats best_scale(const lanes *l, int n, grid g, reach parts) {
    floats extreme = l->x[0];
    for (int i = 1; i < n; i++) extreme = select16((words)(magnitude(l->x[i]) > magnitude(extreme)), l->x[i], extreme);
    floats unit = inverse(extreme), best = all(0), scale = all(0);
    for (int side = 0; side < 2; side++)
        for (int c = 0; c < parts.count; c++) {
            float end = (float)(side ? g.high : g.low);
            sums s = sums_of(l, n, g, unit * (end * candidate(parts, c)), all(0));
            floats fitted = s.xq * inverse(s.qq), gain = fitted * s.xq;
            words better = (words)(gain > best);
            best = select16(better, gain, best);
            scale = select16(better, fitted, scale);
        }
    for (int turn = 0; turn < 3; turn++) {
        sums s = sums_of(l, n, g, inverse(scale), all(0));
        floats fitted = s.xq * inverse(s.qq), gain = fitted * s.xq;
        words better = (words)(gain > best);
        best = select16(better, gain, best);
        scale = select16(better, fitted, scale);
    }
    return scale;
}

// One half per sub-block.
INLINE floats half_scale(const lanes *l, int n, grid g, floats scale) {
    floats best = as_halves(scale), error = error_of(l, n, g, best, all(0));
    for (int turn = 0; turn < 2; turn++) {
        sums s = sums_of(l, n, g, inverse(best), all(0));
        floats next = as_halves(s.xq * inverse(s.qq)), e = error_of(l, n, g, next, all(0));
        words better = (words)(e < error);
        error = select16(better, e, error);
        best = select16(better, next, best);
    }
    return best;
}

// Scales: a half for `span` lanes times an integer of -limit ..< limit for each.
typedef struct {
    floats d, part, error;
} stepped;

// The best integers near `part` for given halves.
INLINE stepped near(const lanes *l, int n, grid g, floats d, floats part, float limit) {
    part = least(most(part, all(-limit)), all(limit - 1));
    stepped best = {d, part, error_of(l, n, g, d * part, all(0))};
    for (int step = -1; step <= 1; step += 2) {
        floats other = least(most(part + (float)step, all(-limit)), all(limit - 1));
        floats e = error_of(l, n, g, d * other, all(0));
        words better = (words)(e < best.error);
        best.part = select16(better, other, best.part);
        best.error = select16(better, e, best.error);
    }
    return best;
}

INLINE void keep_better(stepped *best, floats *total, stepped other, int span) {
    floats sum = group_sums(other.error, span);
    words better = (words)(sum < *total);
    *total = select16(better, sum, *total);
    best->d = select16(better, other.d, best->d);
    best->part = select16(better, other.part, best->part);
    best->error = select16(better, other.error, best->error);
}

// Stored scales near the given ones: candidates for the half give the largest of the group a part of -`limit`; the best
// is then improved in turns.
INLINE stepped step_scales(const lanes *l, int n, grid g, floats scale, float limit, int span, reach parts) {
    floats sizes = magnitude(scale), extreme;
    for (int k = 0; k < LANES; k += span) {
        int largest = k;
        for (int j = k + 1; j < k + span; j++)
            if (sizes[j] > sizes[largest]) largest = j;
        for (int j = k; j < k + span; j++) extreme[j] = scale[largest];
    }
    stepped best = {all(0), all(0), all(0)};
    floats total = all(__builtin_inff());
    for (int c = 0; c < parts.count; c++) {
        floats d = as_halves(extreme / (-limit * candidate(parts, c)));
        keep_better(&best, &total, near(l, n, g, d, nearest_integer(scale * inverse(d)), limit), span);
    }
    for (int turn = 0; turn < 3; turn++) {
        sums s = sums_of(l, n, g, inverse(best.d * best.part), all(0));
        floats xq = group_sums(best.part * s.xq, span), qq = group_sums(best.part * best.part * s.qq, span);
        floats d = as_halves(xq * inverse(qq));
        keep_better(&best, &total, near(l, n, g, d, best.part, limit), span);
    }
    return best;
}
