// Encoders of the block types: searches, then the bits that the decoders read.

#define ENCODER(name)                                                                                                  \
    static void name##_from_floats(                                                                                    \
        const float *restrict x, size_t count, const float *restrict weights, size_t row, size_t column,               \
        uint8_t *restrict b)
#define TASK ((task){x, count, weights, row, column})

// Blocks of 32 with one half.
INLINE void one_scale_from_floats(
    task t, uint8_t *b, size_t bytes, grid g, reach parts, void (*put)(uint8_t *b, int e, int level)) {
    lanes l;
    int8_t q[LANES][MOST];
    for (size_t k = 0; k < t.count; k += LANES) {
        gather(&l, t, k, 32, 1);
        floats d = half_scale(&l, 32, g, best_scale(&l, 32, g, parts));
        levels_of(&l, 32, g, d, all(0), q);
        for (size_t j = 0; j < LANES && k + j < t.count; j++, b += bytes) {
            half_set(b, 0, (numbers){d[j], 0});
            for (int e = 0; e < 32; e++) put(b, e, q[j][e]);
        }
    }
}

ENCODER(q4_0) { one_scale_from_floats(TASK, b, 18, (grid){-8, 7, false}, (reach){0.6f, 1.3f, 14}, q4_0_put); }
ENCODER(q5_0) { one_scale_from_floats(TASK, b, 22, (grid){-16, 15, false}, (reach){0.75f, 1.2f, 16}, q5_0_put); }
ENCODER(iq4_nl) { one_scale_from_floats(TASK, b, 18, (grid){-127, 113, true}, (reach){0.6f, 1.3f, 10}, iq4_nl_put); }

// Blocks of 32 with two halves.
INLINE void one_line_from_floats(
    task t, uint8_t *b, size_t bytes, int top, reach inwards, void (*put)(uint8_t *b, int e, int level)) {
    lanes l;
    int8_t q[LANES][MOST];
    grid g = {0, top, false};
    for (size_t k = 0; k < t.count; k += LANES) {
        gather(&l, t, k, 32, 1);
        line best = half_line(&l, 32, g, best_line(&l, 32, g, false, inwards));
        levels_of(&l, 32, g, best.scale, best.offset, q);
        for (size_t j = 0; j < LANES && k + j < t.count; j++, b += bytes) {
            halves_set(b, 0, (numbers){best.scale[j], best.offset[j]});
            for (int e = 0; e < 32; e++) put(b, e, q[j][e]);
        }
    }
}

#define INWARDS_15 ((reach){-0.05f, 0.25f, 5})
#define INWARDS_31 ((reach){-0.03f, 0.15f, 5})

ENCODER(q4_1) { one_line_from_floats(TASK, b, 20, 15, INWARDS_15, q4_1_put); }
ENCODER(q5_1) { one_line_from_floats(TASK, b, 24, 31, INWARDS_31, q5_1_put); }

ENCODER(q3_k) {
    lanes l;
    int8_t q[LANES][MOST];
    grid g = {-4, 3, false};
    for (size_t k = 0; k < count; k++, b += 110) {
        gather(&l, TASK, 16 * k, 16, 16);
        floats scale = best_scale(&l, 16, g, (reach){0.5f, 1.5f, 12});
        stepped s = step_scales(&l, 16, g, scale, 32, 16, (reach){0.7f, 1.05f, 6});
        levels_of(&l, 16, g, s.d * s.part, all(0), q);
        memset(b, 0, 110);
        for (int j = 0; j < 16; j++) {
            q3_k_set(b, j, (numbers){s.part[j], 0});
            for (int i = 0; i < 16; i++) q3_k_put(b, 16 * j + i, q[j][i]);
        }
        gb_store16(b + 108, signed_half_bits_of(s.d[0]));
    }
}

ENCODER(q6_k) {
    lanes l;
    int8_t q[LANES][MOST];
    grid g = {-32, 31, false};
    for (size_t k = 0; k < count; k++, b += 210) {
        gather(&l, TASK, 16 * k, 16, 16);
        floats scale = best_scale(&l, 16, g, (reach){0.85f, 1.1f, 14});
        stepped s = step_scales(&l, 16, g, scale, 128, 16, (reach){0.8f, 1, 4});
        levels_of(&l, 16, g, s.d * s.part, all(0), q);
        memset(b, 0, 210);
        for (int j = 0; j < 16; j++) {
            q6_k_set(b, j, (numbers){s.part[j], 0});
            for (int i = 0; i < 16; i++) q6_k_put(b, 16 * j + i, q[j][i]);
        }
        gb_store16(b + 208, signed_half_bits_of(s.d[0]));
    }
}

ENCODER(iq4_xs) {
    lanes l;
    int8_t q[LANES][MOST];
    grid g = {-127, 113, true};
    for (size_t k = 0; k < count; k += 2) {
        gather(&l, TASK, 8 * k, 32, 8);
        floats scale = best_scale(&l, 32, g, (reach){0.6f, 1.3f, 10});
        stepped s = step_scales(&l, 32, g, scale, 32, 8, (reach){0.8f, 1, 3});
        levels_of(&l, 32, g, s.d * s.part, all(0), q);
        for (size_t j = 0; j < LANES && k + j / 8 < count; j += 8, b += 136) {
            memset(b, 0, 136);
            for (int p = 0; p < 8; p++) {
                iq4_xs_set(b, p, (numbers){s.part[j + (size_t)p], 0});
                for (int i = 0; i < 32; i++) iq4_xs_put(b, 32 * p + i, q[j + (size_t)p][i]);
            }
            gb_store16(b, signed_half_bits_of(s.d[j]));
        }
    }
}

ENCODER(q2_k) {
    lanes l;
    int8_t q[LANES][MOST];
    grid g = {0, 3, false};
    for (size_t k = 0; k < count; k++, b += 84) {
        gather(&l, TASK, 16 * k, 16, 16);
        line start = best_line(&l, 16, g, true, (reach){-0.1f, 0.4f, 5});
        stepped_line s = step_lines(&l, 16, g, start, 15, 16, (reach){0.85f, 1, 2});
        levels_of(&l, 16, g, s.d * s.scale, -(s.dmin * s.minimum), q);
        memset(b, 0, 84);
        for (int j = 0; j < 16; j++) {
            q2_k_set(b, j, (numbers){s.scale[j], s.minimum[j]});
            for (int i = 0; i < 16; i++) q2_k_put(b, 16 * j + i, q[j][i]);
        }
        gb_store16(b + 80, signed_half_bits_of(s.d[0]));
        gb_store16(b + 82, signed_half_bits_of(s.dmin[0]));
    }
}

// Q4_K and Q5_K.
INLINE void k_lines_from_floats(
    task t, uint8_t *b, size_t bytes, int top, reach inwards, void (*put)(uint8_t *b, int e, int level)) {
    lanes l;
    int8_t q[LANES][MOST];
    grid g = {0, top, false};
    for (size_t k = 0; k < t.count; k += 2) {
        gather(&l, t, 8 * k, 32, 8);
        stepped_line s = step_lines(&l, 32, g, best_line(&l, 32, g, true, inwards), 63, 8, (reach){1, 1, 1});
        levels_of(&l, 32, g, s.d * s.scale, -(s.dmin * s.minimum), q);
        for (size_t j = 0; j < LANES && k + j / 8 < t.count; j += 8, b += bytes) {
            memset(b, 0, bytes);
            gb_store16(b, signed_half_bits_of(s.d[j]));
            gb_store16(b + 2, signed_half_bits_of(s.dmin[j]));
            for (int p = 0; p < 8; p++) {
                size_t lane = j + (size_t)p;
                k_line_set(b, p, (numbers){s.scale[lane], s.minimum[lane]});
                for (int i = 0; i < 32; i++) put(b, 32 * p + i, q[lane][i]);
            }
        }
    }
}

ENCODER(q4_k) { k_lines_from_floats(TASK, b, 144, 15, INWARDS_15, q4_k_put); }
ENCODER(q5_k) { k_lines_from_floats(TASK, b, 176, 31, INWARDS_31, q5_k_put); }

// Twice the magnitude of E2M1 that is nearest to m: 0, 1, 2, 3, 4, 6, 8 and 12.
INLINE floats nearest_e2m1(floats m) {
    floats capped = least(m, all(12));
    words small = (words)(capped < 4.0f), large = (words)(capped >= 8.0f);
    floats unit = select16(small, all(1), select16(large, all(4), all(2)));
    floats per_unit = select16(small, all(1), select16(large, all(0.25f), all(0.5f)));
    return nearest_integer(capped * per_unit) * unit;
}

// An exponent for 32 elements: of those that leave out no more than four fifths of the largest magnitude, the best.
ENCODER(mxfp4) {
    lanes l;
    int8_t q[LANES][MOST];
    for (size_t k = 0; k < count; k += LANES) {
        gather(&l, TASK, k, 32, 1);
        floats extreme = all(0), error = all(__builtin_inff()), best = all(0);
        for (int i = 0; i < 32; i++) extreme = most(extreme, magnitude(l.x[i]));
        // The power of two with which the largest magnitude is from 6 to 12; none is below what a block can have.
        floats d = most((floats)((words)(extreme * (1 / 6.0f)) & 0x7F800000), all(0x1p-120f));
        float square = 1;
        for (int step = 0; step < 4; step++, d *= 0.5f, square *= 0.25f) {
            floats sum = all(0), factor = 1.0f / d;
            for (int i = 0; i < 32; i++) {
                floats m = magnitude(l.x[i]) * factor, e = m - nearest_e2m1(m);
                sum += l.w[i] * e * e;
            }
            sum *= square;
            words better = (words)(sum < error);
            error = select16(better, sum, error);
            best = select16(better, d, best);
        }
        floats factor = 1.0f / best;
        for (int i = 0; i < 32; i++) {
            floats m = nearest_e2m1(magnitude(l.x[i]) * factor), position = all(0);
#pragma clang loop unroll(full)
            for (int j = 1; j < 8; j++) position += (floats)((words)(m >= (float)e2m1_values[j]) & (words)all(1));
            // Negative numbers have the upper eight positions.
            position += (floats)((words)(l.x[i] < 0.0f) & (words)all(8));
            for (int j = 0; j < LANES; j++) q[j][i] = (int8_t)position[j];
        }
        for (size_t j = 0; j < LANES && k + j < count; j++, b += 17) {
            b[0] = (uint8_t)((gb_bits(best[j]) >> 23) + 1);
            for (int e = 0; e < 32; e++) put_nibble(b + 1, e, q[j][e]);
        }
    }
}
