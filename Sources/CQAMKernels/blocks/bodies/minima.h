// Types with scales and minima: levels from 0, an offset for each sub-block.

typedef struct {
    floats scale, offset;
} line;

// The line that fits the levels of `s` best, and how much it lowers the error; `negative` keeps its offset from being
// positive.
INLINE line fitted_line(const lanes *l, sums s, bool negative, floats *gain) {
    floats determinant = l->w_sum * s.qq - s.q * s.q, by = inverse(determinant);
    line both = {(l->w_sum * s.xq - s.q * l->wx_sum) * by, (s.qq * l->wx_sum - s.q * s.xq) * by};
    // Where all levels are equal, they cannot tell a scale from an offset.
    words alone = (words)(determinant <= 1e-6f * l->w_sum * s.qq);
    if (negative) alone |= (words)(both.offset > 0);
    line out = {select16(alone, s.xq * inverse(s.qq), both.scale), select16(alone, all(0), both.offset)};
    *gain = out.scale * s.xq + out.offset * l->wx_sum;
    return out;
}

INLINE void keep_better_line(line *best, floats *most_gain, line other, floats gain) {
    words better = (words)(gain > *most_gain);
    *most_gain = select16(better, gain, *most_gain);
    best->scale = select16(better, other.scale, best->scale);
    best->offset = select16(better, other.offset, best->offset);
}

// For each lane the line with the least error that is found: candidates move both ends of the range by parts of it; the
// best is then improved in turns.
INLINE line best_line(const lanes *l, int n, grid g, bool negative, reach inwards) {
    floats low = l->x[0], high = l->x[0], gain;
    for (int i = 1; i < n; i++) {
        low = least(low, l->x[i]);
        high = most(high, l->x[i]);
    }
    if (negative) low = least(low, all(0));
    // A constant, to begin with.
    line best = {all(0), l->wx_sum * inverse(l->w_sum)};
    if (negative) best.offset = least(best.offset, all(0));
    floats most_gain = best.offset * l->wx_sum, range = high - low;
    for (int a = 0; a < inwards.count; a++)
        for (int b = 0; b < inwards.count; b++) {
            float below = candidate(inwards, a), above = candidate(inwards, b);
            floats scale = (1 - below - above) / (float)g.high * range;
            line next = fitted_line(l, sums_of(l, n, g, inverse(scale), low + below * range), negative, &gain);
            keep_better_line(&best, &most_gain, next, gain);
        }
    // Around the best: either end moved by half a level and by a whole one.
    line center = best;
    for (int a = -2; a <= 2; a++)
        for (int b = -2; b <= 2; b++) {
            floats first = center.offset + center.scale * ((float)a / 2);
            floats last = center.offset + center.scale * ((float)g.high + (float)b / 2);
            if (negative) first = least(first, all(0));
            floats scale = (last - first) * (1 / (float)g.high);
            line next = fitted_line(l, sums_of(l, n, g, inverse(scale), first), negative, &gain);
            keep_better_line(&best, &most_gain, next, gain);
        }
    for (int turn = 0; turn < 3; turn++) {
        line next = fitted_line(l, sums_of(l, n, g, inverse(best.scale), best.offset), negative, &gain);
        keep_better_line(&best, &most_gain, next, gain);
    }
    return best;
}

// Two halves per sub-block.
INLINE line half_line(const lanes *l, int n, grid g, line start) {
    line best = {as_halves(start.scale), as_halves(start.offset)};
    floats error = error_of(l, n, g, best.scale, best.offset), gain;
    for (int turn = 0; turn < 2; turn++) {
        line next = fitted_line(l, sums_of(l, n, g, inverse(best.scale), best.offset), false, &gain);
        next = (line){as_halves(next.scale), as_halves(next.offset)};
        floats e = error_of(l, n, g, next.scale, next.offset);
        words better = (words)(e < error);
        error = select16(better, e, error);
        best.scale = select16(better, next.scale, best.scale);
        best.offset = select16(better, next.offset, best.offset);
    }
    return best;
}

// Scales and minima: two halves for `span` lanes, times integers of 0 ... limit for each.
typedef struct {
    floats d, dmin, scale, minimum, error;
} stepped_line;

INLINE floats limited(floats v, float limit) { return least(most(v, all(0)), all(limit)); }

// The best integers near the given ones.
INLINE stepped_line near_line(const lanes *l, int n, grid g, stepped_line start, float limit) {
    stepped_line best = start;
    best.scale = limited(best.scale, limit);
    best.minimum = limited(best.minimum, limit);
    best.error = error_of(l, n, g, best.d * best.scale, -(best.dmin * best.minimum));
    floats center = best.scale, from = best.minimum;
    for (int step = -1; step <= 1; step++) {
        floats scale = limited(center + (float)step, limit), t = best.d * scale;
        // The minimum that is best for the levels that this scale gives.
        floats q = sums_of(l, n, g, inverse(t), -(best.dmin * from)).q;
        floats minimum = limited(nearest_integer((t * q - l->wx_sum) * inverse(l->w_sum) * inverse(best.dmin)), limit);
        floats e = error_of(l, n, g, t, -(best.dmin * minimum));
        words better = (words)(e < best.error);
        best.scale = select16(better, scale, best.scale);
        best.minimum = select16(better, minimum, best.minimum);
        best.error = select16(better, e, best.error);
    }
    return best;
}

INLINE floats group_most(floats v, int span) {
    floats out;
    for (int k = 0; k < LANES; k += span) {
        float largest = 0;
        for (int j = 0; j < span; j++) largest = v[k + j] > largest ? v[k + j] : largest;
        for (int j = 0; j < span; j++) out[k + j] = largest;
    }
    return out;
}

INLINE void keep_better_lines(stepped_line *best, floats *total, stepped_line other, int span) {
    floats sum = group_sums(other.error, span);
    words better = (words)(sum < *total);
    *total = select16(better, sum, *total);
    best->d = select16(better, other.d, best->d);
    best->dmin = select16(better, other.dmin, best->dmin);
    best->scale = select16(better, other.scale, best->scale);
    best->minimum = select16(better, other.minimum, best->minimum);
}

// Stored scales and minima near those of `start`: candidates for each half give the largest of the group a part of
// `limit`; the best is then improved in turns.
INLINE stepped_line step_lines(const lanes *l, int n, grid g, line start, float limit, int span, reach parts) {
    floats scales = group_most(start.scale, span), minima = group_most(-start.offset, span);
    floats total = all(__builtin_inff());
    stepped_line best = {all(0), all(0), all(0), all(0), all(0)};
    for (int a = 0; a < parts.count; a++)
        for (int b = 0; b < parts.count; b++) {
            floats d = as_halves(scales * (1 / (limit * candidate(parts, a))));
            floats dmin = as_halves(minima * (1 / (limit * candidate(parts, b))));
            floats scale = nearest_integer(start.scale * inverse(d));
            floats minimum = nearest_integer(-start.offset * inverse(dmin));
            stepped_line next = {d, dmin, scale, minimum, all(0)};
            keep_better_lines(&best, &total, near_line(l, n, g, next, limit), span);
        }
    for (int turn = 0; turn < 3; turn++) {
        sums s = sums_of(l, n, g, inverse(best.d * best.scale), -(best.dmin * best.minimum));
        // Least squares of both halves.
        floats a = group_sums(best.scale * best.scale * s.qq, span);
        floats b = group_sums(best.scale * best.minimum * s.q, span);
        floats c = group_sums(best.minimum * best.minimum * l->w_sum, span);
        floats scale = group_sums(best.scale * s.xq, span), minimum = -group_sums(best.minimum * l->wx_sum, span);
        floats determinant = a * c - b * b, by = inverse(determinant);
        words alone = (words)(determinant <= 1e-6f * a * c);
        stepped_line next = best;
        next.d = as_halves(select16(alone, scale * inverse(a), (scale * c + minimum * b) * by));
        next.dmin = as_halves(select16(alone, best.dmin, (a * minimum + b * scale) * by));
        keep_better_lines(&best, &total, near_line(l, n, g, next, limit), span);
    }
    return best;
}
