// The search for rates from ROWS_FROM on: states with high costs are not expanded.
//
// The windows that a state can continue with are a row of the table, and the states that they lead to are as many adjacent
// costs: a state is expanded by the minimum of these costs and its own plus those of the row.

typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef _Bool lanes16 __attribute__((ext_vector_type(LANES)));

// Behind the tables, for each byte the places of its ones.
enum { PLACES_WORDS = 1024 };
INLINE size_t places_start(tr_code code) { return (size_t)(1 + code.rate % 2) << code.window; }

static void make_row_tables(tr_code code, int16_t *tables) {
    for (uint32_t k = code.rate / 2; k <= (code.rate + 1) / 2; k++) {
        int16_t *table = tables + table_start(code, k);
        const uint32_t bits = code.window - k;
        for (uint32_t p = 0; p < 1u << bits; p++)
            for (uint32_t j = 0; j < 1u << k; j++)
                table[p << k | j] = (int16_t)(tr_value(j << bits | state_at(code, bits, p)) * TR_TARGET_UNITS);
    }
    uint8_t places[2 * PLACES_WORDS] = {0};
    for (uint32_t byte = 0; byte < 256; byte++)
        for (uint32_t bit = 0, count = 0; bit < 8; bit++)
            if (byte >> bit & 1) places[8 * byte + count++] = (uint8_t)bit;
    memcpy(tables + places_start(code), places, sizeof places);
}

// The least cost that `keep` of a sample's costs do not exceed, and not much more than the sample's least.
INLINE uint16_t limit_of(const uint16_t *costs, size_t states, uint32_t keep, uint16_t *least) {
    enum { VECTORS = SAMPLE / LANES };
    const size_t apart = states > SAMPLE ? states / SAMPLE * LANES : LANES;
    halves sample[VECTORS], lowest = (halves){0} + DEAD;
#pragma clang loop unroll(full)
    for (size_t i = 0; i < VECTORS; i++) {
        sample[i] = load_halves(costs + i * apart % states);
        lowest = __builtin_elementwise_min(lowest, sample[i]);
    }
    *least = __builtin_reduce_min(lowest);
    if (keep >= SAMPLE) return DEAD - 1;
    uint32_t limit = *least;
    for (uint32_t bit = 1 << 9; bit > 0; bit /= 2) {
        const uint32_t trial = limit + bit - 1;
        const halves bound = (halves){0} + (uint16_t)(trial < DEAD ? trial : DEAD);
        halves count = {0};
#pragma clang loop unroll(full)
        for (size_t i = 0; i < VECTORS; i++) count -= (halves)(sample[i] <= bound);
        if (__builtin_reduce_add(count) < keep) limit += bit;
    }
    return (uint16_t)(limit < DEAD - 1 ? limit : DEAD - 1);
}

// The places of costs up to the limit, in ascending order; returns how many.
INLINE size_t list_states(const path_search *s, const uint16_t *costs, size_t states, uint16_t limit) {
    const uint8_t *places = (const uint8_t *)(s->tables + places_start(s->code));
    const halves bound = (halves){0} + limit;
    uint16_t *list = s->list;
    size_t count = 0;
    for (size_t i = 0; i < states; i += LANES) {
        const lanes16 kept = __builtin_convertvector(load_halves(costs + i) <= bound, lanes16);
        uint16_t bits;
        memcpy(&bits, &kept, sizeof bits);
        for (uint32_t h = 0; h < 2; h++) {
            const uint8_t byte = (uint8_t)(bits >> 8 * h);
            bytes8 in;
            memcpy(&in, places + 8 * byte, sizeof in);
            const halves8 to = __builtin_convertvector(in, halves8) + (uint16_t)(i + 8 * h);
            memcpy(list + count, &to, sizeof to);
            count += (size_t)__builtin_popcount(byte);
        }
    }
    return count;
}

INLINE halves8 row_of_eight(const int16_t *values, shorts target, shorts weight, const bool weighted, const uint32_t twice) {
    shorts v = {0};
    memcpy(&v, values, 8 * sizeof *values);
    const halves costs = costs_of(target, v, weight, weighted, twice);
    return __builtin_shufflevector(costs, costs, 0, 1, 2, 3, 4, 5, 6, 7);
}

// Expands the listed states. 2^k is the length of rows.
INLINE void expand(const path_search *s, uint32_t i, size_t count, const bool weighted, const uint32_t twice, const uint32_t k) {
    const uint32_t t = (s->first + i) % TR_RING, bits = state_bits(s, i), drop = step_bits(s->code.rate, t);
    const uint32_t split = bits - split_of(s->code, bits);
    const int16_t *table = s->tables + table_start(s->code, k);
    const uint16_t *before = costs_before(s, i), *list = s->list;
    uint16_t *after = costs_before(s, i + 1);
    const shorts target = (shorts){0} + s->targets[t], weight = (shorts){0} + (int16_t)(weighted ? s->weights[t % TR_SIDE] : 0);
    for (size_t l = 0; l < count; l++) {
        const size_t place = list[l];
        const int16_t *row = table + (place << k);
        uint16_t *to = after + ((size_t)(rotated((uint32_t)place, bits, split) >> drop) << k);
        if (k == 3) {
            halves8 least;
            memcpy(&least, to, sizeof least);
            const halves8 sum = __builtin_elementwise_add_sat(row_of_eight(row, target, weight, weighted, twice), (halves8){0} + before[place]);
            least = __builtin_elementwise_min(least, sum);
            memcpy(to, &least, sizeof least);
            continue;
        }
#pragma clang loop unroll(full)
        for (uint32_t j = 0; j < 1u << k; j += LANES) {
            const halves costs = costs_of(target, (shorts)load_halves(row + j), weight, weighted, twice);
            const halves sum = __builtin_elementwise_add_sat(costs, (halves){0} + before[place]);
            const halves least = __builtin_elementwise_min(sum, load_halves(to + j));
            memcpy(to + j, &least, sizeof least);
        }
    }
}

// Of SAMPLE states, those that are expanded. Large targets, which few windows are near, need states that the targets before
// do not favour: the part grows with the inverse density of the values at the targets ahead, near ones above all.
INLINE uint32_t part_kept(const path_search *s, uint32_t i) {
    enum { SEEN = 8, ONE = 128 };
    uint32_t most = 0; // a binary logarithm, in units of 1 / ONE
    for (uint32_t j = 0; j < SEEN; j++) {
        const int32_t v = s->targets[(s->first + i + j) % TR_RING] / TR_TARGET_UNITS;
        const uint32_t rarity = (uint32_t)(v * v) * 3 / 1024 * (SEEN - j) / SEEN;
        most = rarity > most ? rarity : most;
    }
    const uint32_t kept = (s->keep * (ONE + most % ONE) << most / ONE) / ONE;
    return kept < SAMPLE ? kept : SAMPLE;
}

INLINE void run_rows(const path_search *s, const bool weighted, const uint32_t twice) {
    // The last weights lead to all states.
    const uint32_t pruned = s->count - s->code.window / (s->code.rate / 2) - 2;
    for (uint32_t i = 0; i < s->count; i++) {
        const uint32_t keep = i < pruned ? part_kept(s, i) : SAMPLE, k = step_bits(s->code.rate, s->first + i + 1);
        const size_t states = (size_t)1 << state_bits(s, i), next = (size_t)1 << state_bits(s, i + 1);
        uint16_t *costs = costs_before(s, i), least;
        s->limits[i] = limit_of(costs, states, keep, &least);
        if (least > DEAD / 2) {
            normalize(costs, states);
            s->limits[i] = limit_of(costs, states, keep, &least);
        }
        memset(costs_before(s, i + 1), 0xFF, next * sizeof *costs);
        const size_t count = list_states(s, costs, states, s->limits[i]);
        switch (k) {
        case 3: expand(s, i, count, weighted, twice, 3); break;
        case 4: expand(s, i, count, weighted, twice, 4); break;
        case 5: expand(s, i, count, weighted, twice, 5); break;
        case 6: expand(s, i, count, weighted, twice, 6); break;
        default: expand(s, i, count, weighted, twice, 7); break;
        }
    }
}
