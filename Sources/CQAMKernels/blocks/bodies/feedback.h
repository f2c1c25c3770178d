// Coding with error feedback. The halves of a super-block are found on the targets at its start, by the encoder that
// works without feedback. Then, sub-block by sub-block, sixteen candidates for the sub-block's numbers, one in each
// lane, code its columns with feedback among them; the one with the least cost stays, and its errors move the targets
// of the group's later columns.

// How a type is coded.
typedef struct {
    int elements, bytes, part;  // of a block, its bytes, elements of a sub-block
    grid g;
    // The range of a sub-block's numbers, where they are integers.
    float least, most;
    // Places of the halves that they are multiplied by; -1 if there are none.
    int d, dmin;
    gb_encoder *encode;
    numbers (*get)(const uint8_t *b, int p);
    void (*set)(uint8_t *b, int p, numbers v);
    void (*put)(uint8_t *b, int e, int level);
} format;

// Candidates for the numbers of a sub-block.
typedef struct {
    floats scale, minimum;
} tries;

// The changes that are tried of a scale alone, and of a scale and a minimum.
static const floats steps_alone = {0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, -6, 6, -7, 7, -8};
static const floats steps_scale = {0, -1, 1, -2, 2, 0, -1, 1, -2, 2, 0, -1, 1, -2, 2, 0};
static const floats steps_minimum = {0, 0, 0, 0, 0, -1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 2};

INLINE tries tries_near(format f, bool line, numbers v) {
    tries t = {all(v.scale), all(v.minimum)};
    floats by = line ? steps_scale : steps_alone;
    if (f.d < 0) {
        // Halves: by parts of the scale.
        t.scale = as_halves(v.scale + by * (v.scale / (line ? 32 : 48)));
        if (line) t.minimum = as_halves(v.minimum + steps_minimum * (v.scale / 4));
    } else {
        t.scale = least(most(t.scale + by, all(f.least)), all(f.most));
        if (line) t.minimum = least(most(t.minimum + steps_minimum, all(f.least)), all(f.most));
    }
    return t;
}

// What levels are multiplied by, and what is added.
INLINE line line_of(format f, bool has_minimum, const uint8_t *b, tries t) {
    line l = {t.scale, t.minimum};
    if (f.d >= 0) {
        l.scale = half_at(b + f.d) * t.scale;
        if (has_minimum) l.offset = -(half_at(b + f.dmin) * t.minimum);
    }
    return l;
}

// Adds the feedback of `count` errors to the targets of `width` vectors of columns; `width` is constant when inlined, so
// that all sums stay in registers.
INLINE void feed_vectors(const float *errors, size_t count, const float *panel, float *targets, const int width) {
    floats sums[4];
    for (int v = 0; v < width; v++) sums[v] = load(targets + LANES * v);
    for (size_t k = 0; k < count; k++) {
        floats error = all(errors[k]);
        for (int v = 0; v < width; v++) sums[v] = fma16(error, load(panel + k * FB_WIDTH + LANES * v), sums[v]);
    }
    for (int v = 0; v < width; v++) store(targets + LANES * v, sums[v]);
}

// The same to the group's columns from `from` on.
INLINE void feed_columns(const float *errors, size_t count, const float *panel, float *targets, size_t from) {
    for (; from + 4 * LANES <= FB_WIDTH; from += 4 * LANES) feed_vectors(errors, count, panel + from, targets + from, 4);
    for (; from < FB_WIDTH; from += LANES) feed_vectors(errors, count, panel + from, targets + from, 1);
}

// Codes sub-block p of a block, whose columns begin at `column` of the group.
INLINE void code_part(format f, bool has_minimum, const fb_group *group, size_t column, uint8_t *b, int p) {
    const size_t n = (size_t)f.part;
    const float *panel = group->panel + column * FB_WIDTH, *z = group->z + column, *metric = group->metric + column;
    float *targets = group->targets + column, *codewords = group->codewords + column;
    tries t = tries_near(f, has_minimum, f.get(b, p));
    line l = line_of(f, has_minimum, b, t);
    floats by = inverse(l.scale), cost = all(0), level[MOST], target[MOST], value[MOST];
    for (size_t i = 0; i < n; i++) target[i] = all(targets[i]);
    for (size_t i = 0; i < n; i++) {
        level[i] = nearest(f.g, has_minimum ? (target[i] - l.offset) * by : target[i] * by);
        value[i] = l.scale * level[i];
        if (has_minimum) value[i] += l.offset;
        floats left = target[i] - value[i], error = z[i] - value[i], weighted = metric[i] * left;
        cost += weighted * weighted;
        const float *f_row = panel + i * FB_WIDTH + column;
        for (size_t k = i + 1; k < n; k++) target[k] = fma16(error, all(f_row[k]), target[k]);
    }
    size_t best = 0;
    for (size_t k = 1; k < LANES; k++)
        if (cost[k] < cost[best]) best = k;
    f.set(b, p, (numbers){t.scale[best], t.minimum[best]});
    float errors[MOST];
    for (size_t i = 0; i < n; i++) {
        f.put(b, (int)((size_t)p * n + i), (int)level[i][best]);
        codewords[i] = value[i][best];
        targets[i] = target[i][best] - codewords[i];
        errors[i] = z[i] - codewords[i];
    }
    feed_columns(errors, n, panel, group->targets, column + n);
}

// Finds the halves of blocks, and numbers to begin with.
INLINE void prepare(format f, const fb_group *groups, size_t columns, uint8_t *blocks) {
    float x[GB_SUPER], w[GB_SUPER];
    for (size_t j = 0; j < columns; j++) {
        const fb_group *g = groups + j / FB_WIDTH;
        float v = g->targets[j % FB_WIDTH], m = g->metric[j % FB_WIDTH], most = 65503;
        v = v < most ? v : most;
        x[j] = v > -most ? v : -most;
        w[j] = m * m;
    }
    f.encode(x, columns / (size_t)f.elements, w, columns, 0, blocks);
}

INLINE void code_blocks(format f, bool has_minimum, const fb_group *groups) {
    uint8_t *b = groups->symbols;
    if (f.elements == GB_SUPER) {
        prepare(f, groups, GB_SUPER, b);
        for (size_t half = 0; half < 2; half++) {
            const fb_group *g = groups + half;
            if (half) {
                float errors[FB_WIDTH];
                for (size_t j = 0; j < FB_WIDTH; j++) errors[j] = groups->z[j] - groups->codewords[j];
                feed_columns(errors, FB_WIDTH, g->panel - FB_WIDTH * FB_WIDTH, g->targets, 0);
            }
            for (size_t column = 0; column < FB_WIDTH; column += (size_t)f.part)
                code_part(f, has_minimum, g, column, b, (int)((half * FB_WIDTH + column) / (size_t)f.part));
        }
    } else {
        prepare(f, groups, groups->columns, b);
        for (size_t column = 0; column < groups->columns; column += (size_t)f.elements, b += f.bytes)
            code_part(f, has_minimum, groups, column, b, 0);
    }
}

// Q8_0's scale without feedback is ggml's own, whatever the weights.
static void q8_0_scales(
    const float *restrict x, size_t count, const float *restrict weights, size_t row, size_t column, uint8_t *restrict b) {
    (void)weights, (void)row, (void)column;
    q8_0_from_floats(x, count, b);
}

#define CODER(name, has_minimum, ...)                                                                                  \
    static void name##_code(const fb_group *groups) { code_blocks((format){__VA_ARGS__}, has_minimum, groups); }

CODER(q4_0, false, 32, 18, 32, {-8, 7, false}, 0, 0, -1, -1, q4_0_from_floats, half_get, half_set, q4_0_put)
CODER(q4_1, true, 32, 20, 32, {0, 15, false}, 0, 0, -1, -1, q4_1_from_floats, halves_get, halves_set, q4_1_put)
CODER(q5_0, false, 32, 22, 32, {-16, 15, false}, 0, 0, -1, -1, q5_0_from_floats, half_get, half_set, q5_0_put)
CODER(q5_1, true, 32, 24, 32, {0, 31, false}, 0, 0, -1, -1, q5_1_from_floats, halves_get, halves_set, q5_1_put)
CODER(q8_0, false, 32, 34, 32, {-127, 127, false}, 0, 0, -1, -1, q8_0_scales, half_get, half_set, q8_0_put)
CODER(iq4_nl, false, 32, 18, 32, {-127, 113, true}, 0, 0, -1, -1, iq4_nl_from_floats, half_get, half_set, iq4_nl_put)
CODER(q2_k, true, 256, 84, 16, {0, 3, false}, 0, 15, 80, 82, q2_k_from_floats, q2_k_get, q2_k_set, q2_k_put)
CODER(q3_k, false, 256, 110, 16, {-4, 3, false}, -32, 31, 108, -1, q3_k_from_floats, q3_k_get, q3_k_set, q3_k_put)
CODER(q4_k, true, 256, 144, 32, {0, 15, false}, 0, 63, 0, 2, q4_k_from_floats, k_line_get, k_line_set, q4_k_put)
CODER(q5_k, true, 256, 176, 32, {0, 31, false}, 0, 63, 0, 2, q5_k_from_floats, k_line_get, k_line_set, q5_k_put)
CODER(q6_k, false, 256, 210, 16, {-32, 31, false}, -128, 127, 208, -1, q6_k_from_floats, q6_k_get, q6_k_set, q6_k_put)
CODER(iq4_xs, false, 256, 136, 32, {-127, 113, true}, -32, 31, 0, -1, iq4_xs_from_floats, iq4_xs_get, iq4_xs_set, iq4_xs_put)
