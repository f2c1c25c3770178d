// The search for rates below ROWS_FROM: every state is expanded.
//
// A vector has sixteen adjacent states after a weight. The windows that lead to them begin with each of the 2^k combinations
// of dropped bits: a vector of values and one of costs before for each. Costs are therefore stored by dropped bits first.

INLINE uint32_t reversed(uint32_t j, uint32_t bits) {
    uint32_t r = 0;
    for (uint32_t b = 0; b < bits; b++) r |= (j >> b & 1) << (bits - 1 - b);
    return r;
}

// The values of two windows in each word, in multiples of 256: the first one's in the lower byte.
static void make_dense_tables(tr_code code, int16_t *tables) {
    for (uint32_t k = code.rate / 2; k <= (code.rate + 1) / 2; k++) {
        int16_t *table = tables + table_start(code, k);
        const uint32_t states = 1u << (code.window - k);
        for (uint32_t j = 0; j < 1u << k; j += 2)
            for (uint32_t s = 0; s < states; s++) {
                const uint32_t first = (uint32_t)value_of(code, s << k | j) / 256, second = (uint32_t)value_of(code, s << k | (j + 1)) / 256;
                table[((s / LANES) << k | j) / 2 * LANES + s % LANES] = (int16_t)(uint16_t)((first & 255) | second << 8);
            }
    }
}

// Of 2^bits vectors of adjacent elements, vectors of the elements at each place modulo 2^bits, in reversed order of the
// bits of the place.
INLINE void part(halves *v, const uint32_t bits) {
#pragma clang loop unroll(full)
    for (uint32_t size = 1u << bits; size > 1; size /= 2)
#pragma clang loop unroll(full)
        for (uint32_t start = 0; start < 1u << bits; start += size) {
            halves even[4], odd[4];
#pragma clang loop unroll(full)
            for (uint32_t i = 0; i < size / 2; i++) {
                const halves a = v[start + 2 * i], b = v[start + 2 * i + 1];
                even[i] = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
                odd[i] = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            }
#pragma clang loop unroll(full)
            for (uint32_t i = 0; i < size / 2; i++) v[start + i] = even[i], v[start + size / 2 + i] = odd[i];
        }
}

// The costs of the states after the i-th weight, whose window drops k bits, and the next one's `next`; returns the least.
INLINE uint16_t step_dense(const path_search *s, uint32_t i, const bool weighted, const uint32_t k, const uint32_t next) {
    const uint32_t t = (s->first + i) % TR_RING;
    const size_t states = (size_t)1 << (s->code.window - k), each = (size_t)1 << (state_bits(s, i) - k), each_after = states >> next;
    const int16_t *table = s->tables + table_start(s->code, k);
    const uint16_t *before = costs_before(s, i);
    uint16_t *after = costs_before(s, i + 1);
    const shorts target = (shorts){0} + s->targets[t], weight = (shorts){0} + (int16_t)(weighted ? s->weights[t % TR_SIDE] : 0);
    halves least = (halves){0} + DEAD;
    for (size_t n = 0; n < states; n += LANES << next) {
        halves best[8];
#pragma clang loop unroll(full)
        for (uint32_t r = 0; r < 1u << next; r++) {
            const size_t m = n + LANES * r;
            const uint16_t *from = before + m % each;
            best[r] = (halves){0} + DEAD;
#pragma clang loop unroll(full)
            for (uint32_t j = 0; j < 1u << k; j += 2) {
                const halves pair = load_halves(table + (m << k) / 2 + j / 2 * LANES);
                const halves first = costs_of(target, (shorts)(pair << 8), weight, weighted, 0);
                const halves second = costs_of(target, (shorts)(pair & 0xFF00), weight, weighted, 0);
                best[r] = __builtin_elementwise_min(best[r], __builtin_elementwise_add_sat(first, load_halves(from + j * each)));
                best[r] = __builtin_elementwise_min(best[r], __builtin_elementwise_add_sat(second, load_halves(from + (j + 1) * each)));
            }
            least = __builtin_elementwise_min(least, best[r]);
        }
        part(best, next);
#pragma clang loop unroll(full)
        for (uint32_t r = 0; r < 1u << next; r++) memcpy(after + reversed(r, next) * each_after + (n >> next), &best[r], sizeof best[r]);
    }
    return __builtin_reduce_min(least);
}

INLINE void run_dense(const path_search *s, const bool weighted) {
    for (uint32_t i = 0; i < s->count; i++) {
        const uint32_t t = s->first + i, k = step_bits(s->code.rate, t), next = step_bits(s->code.rate, t + 1);
        s->limits[i] = DEAD - 1;
        const uint16_t least = k == 1  ? step_dense(s, i, weighted, 1, 2)
            : k == 3 && next == 2      ? step_dense(s, i, weighted, 3, 2)
            : k == 3                   ? step_dense(s, i, weighted, 3, 3)
            : next == 1                ? step_dense(s, i, weighted, 2, 1)
            : next == 2                ? step_dense(s, i, weighted, 2, 2)
                                       : step_dense(s, i, weighted, 2, 3);
        if (least > DEAD / 2) normalize(costs_before(s, i + 1), (size_t)1 << state_bits(s, i + 1));
    }
}
