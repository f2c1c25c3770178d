// The trellis code: its tiles, products and search.

#include "functions.h"
#include "trellis_kernels.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

static const uint32_t windows[] = {12, 14, 16};

static uint32_t last_rate_of(uint32_t window) { return window < TR_MAX_RATE ? window : TR_MAX_RATE; }

static tr_code random_code(check *c) {
    const uint32_t window = windows[below(c, 3)];
    return (tr_code){window, TR_MIN_RATE + (uint32_t)below(c, last_rate_of(window) - TR_MIN_RATE + 1)};
}

// The weight of a row and column of 16 rows, bit by bit.
static int32_t plain_weight(tr_code code, const uint8_t *tiles, size_t row, size_t column) {
    const uint8_t *tile = tiles + column / TR_COLUMNS * tr_tile_bytes(code.rate);
    const size_t ring = column % TR_COLUMNS / TR_SIDE, t = row % 8 * 32 + row / 8 * TR_SIDE + column % TR_SIDE;
    uint32_t window = 0;
    for (size_t b = 0; b < code.window; b++) {
        size_t place = (t * code.rate / 2 + b) % (128 * code.rate), word = place / 16;
        const uint8_t *at = tile + 32 * (word % code.rate) + 4 * (word / code.rate) + 2 * ring;
        window |= (uint32_t)(at[place % 16 / 8] >> place % 8 & 1) << b;
    }
    uint64_t product = (uint64_t)window * TR_MULTIPLIER & 0xFFFFFFFF;
    return (int32_t)(product % 256 + product / 256 % 256 + product / 65536 % 256 + product / 16777216) - TR_CENTRE;
}

void check_trellis_decode(check *c) {
    const tr_functions *truth = tr_functions_for(QAM_SET_SCALAR), *table = tr_functions_for(c->features);
    for (size_t round = 0; round < 160; round++) {
        const tr_code code = random_code(c);
        const size_t columns = 1 + below(c, 100), first = below(c, TR_ROWS), end = first + below(c, TR_ROWS + 1 - first);
        begin_case(c, "window %u, rate %u, %zu columns, rows %zu to %zu", code.window, code.rate, columns, first, end);
        const size_t stride = columns + below(c, 3), count = end > first ? (end - first - 1) * stride + columns : 0;
        const uint8_t *tiles = place(c, "tiles", tr_tiles(columns) * tr_tile_bytes(code.rate));
        float *expected = place(c, "expected", count * sizeof *expected);
        float *out = place_copy(c, "out", expected, count * sizeof *out), *plain = place_copy(c, "plain", expected, count * sizeof *plain);
        truth->decode(code, tiles, columns, first, end, expected, stride);
        table->decode(code, tiles, columns, first, end, out, stride);
        same_floats(c, expected, out, count);
        for (size_t i = first; i < end; i++)
            for (size_t j = 0; j < columns; j++) plain[(i - first) * stride + j] = (float)plain_weight(code, tiles, i, j);
        same_floats(c, plain, out, count);
        release(c, 0);
    }
}

static tr_activation place_activation(check *c, size_t columns) {
    const size_t blocks = (columns + TR_BLOCK - 1) / TR_BLOCK;
    return (tr_activation){
        place(c, "values", tr_tiles(columns) * TR_COLUMNS * sizeof(int16_t)), place(c, "offsets", blocks * sizeof(int32_t)),
        place(c, "scales", blocks * sizeof(float))};
}

void check_trellis_prepare(check *c) {
    const tr_functions *truth = tr_functions_for(QAM_SET_SCALAR), *table = tr_functions_for(c->features);
    for (size_t columns = 1; columns < 700; columns += 1 + below(c, 40))
        for (value_kind kind = ORDINARY; kind < VALUE_KINDS; kind++) {
            begin_case(c, "%zu columns of kind %d", columns, kind);
            const size_t blocks = (columns + TR_BLOCK - 1) / TR_BLOCK, padded = tr_tiles(columns) * TR_COLUMNS;
            const float *x = place_values(c, "x", columns, kind);
            tr_activation expected = place_activation(c, columns), a = place_activation(c, columns);
            truth->prepare(x, columns, expected);
            table->prepare(x, columns, a);
            same_bytes(c, expected.values, a.values, padded * sizeof *a.values);
            same_bytes(c, expected.offsets, a.offsets, blocks * sizeof *a.offsets);
            same_floats(c, expected.scales, a.scales, blocks);
            for (size_t b = 0; b < blocks; b++) {
                float most = 0;
                bool finite = true;
                int32_t sum = 0;
                const size_t start = b * TR_BLOCK, end = columns - start < TR_BLOCK ? columns : start + TR_BLOCK;
                for (size_t j = start; j < end; j++) finite = finite && isfinite(x[j]), most = fmaxf(most, fabsf(x[j]));
                float scale = !finite ? NAN : most < 0x1p-100f ? 0 : most / 127;
                same_floats(c, &scale, &a.scales[b], 1);
                for (size_t j = start; j < end; j++) {
                    float value = scale > 0 ? nearbyintf(x[j] * (127 / most)) : 0;
                    int16_t found = a.values[j / TR_COLUMNS * TR_COLUMNS + 2 * (j % TR_SIDE) + j % TR_COLUMNS / TR_SIDE];
                    if ((float)found != value) fail(c, "column %zu is %d, not %g", j, found, (double)value);
                    sum += found;
                }
                if (a.offsets[b] != TR_CENTRE * sum) fail(c, "the offset of block %zu is %d", b, a.offsets[b]);
            }
            release(c, 0);
        }
}

void check_trellis_multiply(check *c) {
    const tr_functions *truth = tr_functions_for(QAM_SET_SCALAR), *table = tr_functions_for(c->features);
    for (size_t round = 0; round < 60; round++) {
        const tr_code code = random_code(c);
        const size_t columns = 1 + below(c, 600), rows = below(c, 40), vectors = below(c, 12), stride = rows + below(c, 3);
        begin_case(c, "window %u, rate %u, %zu rows of %zu columns times %zu vectors", code.window, code.rate, rows, columns, vectors);
        const size_t bytes = tr_tiles(columns) * tr_tile_bytes(code.rate), count = vectors ? (vectors - 1) * stride + rows : 0;
        const uint8_t *tiles = place(c, "tiles", bytes * ((rows + TR_ROWS - 1) / TR_ROWS));
        const float *factors = place_values(c, "factors", rows, EXTREME);
        tr_activation activations[12];
        for (size_t k = 0; k < vectors; k++) {
            activations[k] = place_activation(c, columns);
            truth->prepare(place_values(c, "x", columns, below(c, 6) ? ORDINARY : EXTREME), columns, activations[k]);
        }
        float *expected = place(c, "expected", count * sizeof *expected);
        float *out = place_copy(c, "out", expected, count * sizeof *out), *plain = place_copy(c, "plain", expected, count * sizeof *plain);
        truth->multiply(code, tiles, columns, factors, rows, activations, vectors, expected, stride);
        table->multiply(code, tiles, columns, factors, rows, activations, vectors, out, stride);
        same_floats(c, expected, out, count);

        for (size_t i = 0; i < rows; i++) {
            float total[12] = {0};
            int32_t sum[12] = {0};
            for (size_t j = 0; j < columns; j++) {
                int32_t weight = plain_weight(code, tiles + i / TR_ROWS * bytes, i % TR_ROWS, j);
                for (size_t k = 0; k < vectors; k++) {
                    sum[k] += weight * activations[k].values[j / TR_COLUMNS * TR_COLUMNS + 2 * (j % TR_SIDE) + j % TR_COLUMNS / TR_SIDE];
                    if (j + 1 < columns && (j + 1) % TR_BLOCK) continue;
                    total[k] += (float)sum[k] * activations[k].scales[j / TR_BLOCK];
                    sum[k] = 0;
                }
            }
            for (size_t k = 0; k < vectors; k++) plain[k * stride + i] = factors[i] * total[k];
        }
        same_floats(c, plain, out, count);
        release(c, 0);
    }
}

static uint32_t plain_cost(tr_code code, const int16_t *targets, const int16_t *weights, size_t t, uint32_t window) {
    int32_t value = tr_value(window);
    // The nearest multiple of 4, the upper one of two, that a byte can hold a quarter of.
    if (code.rate < TR_PRUNED_FROM) value = (int32_t)fmin(508, 4 * floor(value / 4.0 + 0.5));
    int32_t d = targets[t] - value * TR_TARGET_UNITS;
    for (int doubling = 0; doubling < (code.rate >= 11 ? 3 : code.rate >= 9 ? 2 : 1); doubling++) {
        if (doubling) d *= 2;
        d = d > INT16_MAX ? INT16_MAX : d < INT16_MIN ? INT16_MIN : d;
    }
    int32_t e = weights ? (d * weights[t % TR_SIDE] + (1 << 14)) >> 15 : d;
    return (uint32_t)((d * e + (1 << 14)) >> 15);
}

// The least cost of a path around the ring that begins and ends in a state, for windows of 12 bits.
static uint32_t plain_least(tr_code code, const int16_t *targets, const int16_t *weights, uint32_t state) {
    enum { NEVER = 1 << 30, WINDOWS = 4096 };
    uint32_t before[WINDOWS], after[WINDOWS];
    for (uint32_t s = 0; s < WINDOWS; s++) before[s] = s == state ? 0 : NEVER;
    for (uint32_t t = 0; t < TR_RING; t++) {
        const uint32_t last = tr_start(code.rate, t + 2) - tr_start(code.rate, t + 1), shift = tr_start(code.rate, t + 1) - tr_start(code.rate, t);
        for (uint32_t s = 0; s < WINDOWS; s++) after[s] = NEVER;
        for (uint32_t window = 0; window < WINDOWS; window++) {
            uint32_t cost = before[window & ((WINDOWS >> last) - 1)] + plain_cost(code, targets, weights, t, window);
            if (cost < after[window >> shift]) after[window >> shift] = cost;
        }
        memcpy(before, after, sizeof before);
    }
    return before[state];
}

// The cost of a path by the rule of the header.
static uint64_t path_cost(check *c, tr_code code, const int16_t *targets, const int16_t *weights, const uint16_t *path) {
    uint64_t total = 0;
    for (size_t t = 0; t < TR_RING; t++) {
        uint32_t shift = tr_start(code.rate, (uint32_t)t + 1) - tr_start(code.rate, (uint32_t)t);
        if (path[t] >> shift != (path[(t + 1) % TR_RING] & ((1u << (code.window - shift)) - 1))) fail(c, "window %zu does not lead to the next", t);
        total += plain_cost(code, targets, weights, t, path[t]);
    }
    return total;
}

void check_trellis_search(check *c) {
    const tr_functions *truth = tr_functions_for(QAM_SET_SCALAR), *table = tr_functions_for(c->features);
    for (uint32_t rate = TR_MIN_RATE; rate <= TR_MAX_RATE; rate++)
        for (size_t w = 0; w < 3; w++) {
            const tr_code code = {windows[w], rate};
            if (rate > last_rate_of(code.window)) continue;
            const bool weighted = below(c, 2);
            begin_case(c, "window %u, rate %u%s", code.window, rate, weighted ? ", weighted" : "");
            int16_t targets[TR_RING], weights[TR_SIDE];
            for (size_t t = 0; t < TR_RING; t++) targets[t] = (int16_t)fmaxf(-32767, fminf(32767, rintf(9000 * gaussian(c))));
            for (size_t i = 0; i < TR_SIDE; i++) weights[i] = (int16_t)(below(c, 24576) + 8192);
            int16_t *first = place(c, "first tables", tr_table_words(code) * 2), *second = place(c, "tables", tr_table_words(code) * 2);
            truth->make_tables(code, first);
            table->make_tables(code, second);
            same_bytes(c, first, second, tr_table_words(code) * 2);
            uint16_t *work = place(c, "work", tr_work_words(code) * 2), *expected = place(c, "expected", 512), *path = place(c, "path", 512);
            truth->search(code, first, targets, weighted ? weights : NULL, work, expected);
            table->search(code, first, targets, weighted ? weights : NULL, work, path);
            same_bytes(c, expected, path, 512);
            uint64_t cost = path_cost(c, code, targets, weighted ? weights : NULL, path);
            if (code.window == 12) {
                uint32_t state = path[0] & ((4096u >> (rate - rate / 2)) - 1), least = plain_least(code, targets, weighted ? weights : NULL, state);
                if (cost < least || (rate < TR_PRUNED_FROM ? cost > least : cost > least + least / 10)) fail(c, "the path costs %u, the best one %u", (unsigned)cost, least);
            }

            uint8_t *tile = place(c, "tile", tr_tile_bytes(rate));
            const uint32_t ring = (uint32_t)below(c, 2);
            float out[TR_ROWS * TR_COLUMNS];
            tr_store(code, path, ring, tile);
            table->decode(code, tile, TR_COLUMNS, 0, TR_ROWS, out, TR_COLUMNS);
            for (size_t t = 0; t < TR_RING; t++) {
                float weight = (float)tr_value(path[t]);
                same_floats(c, &weight, &out[(t / 32 + (t % 32 < 16 ? 0 : 8)) * TR_COLUMNS + ring * TR_SIDE + t % TR_SIDE], 1);
            }
            release(c, 0);
        }
}

// A target that a path reaches exactly is found, whatever the path: no other costs nothing.
void check_trellis_exact(check *c) {
    const tr_functions *table = tr_functions_for(c->features);
    for (uint32_t rate = TR_MIN_RATE; rate <= last_rate_of(12); rate++) {
        const tr_code code = {12, rate};
        begin_case(c, "rate %u", rate);
        uint8_t *tile = place(c, "tile", tr_tile_bytes(rate));
        int16_t targets[TR_RING], *tables = place(c, "tables", tr_table_words(code) * 2);
        for (size_t t = 0; t < TR_RING; t++)
            targets[t] = (int16_t)(plain_weight(code, tile, t / 32 + (t % 32 < 16 ? 0 : 8), t % TR_SIDE) * TR_TARGET_UNITS);
        uint16_t *work = place(c, "work", tr_work_words(code) * 2), *path = place(c, "path", 512);
        table->make_tables(code, tables);
        table->search(code, tables, targets, NULL, work, path);
        c->comparisons++;
        // At low rates, rounding costs 1 at most.
        uint64_t cost = path_cost(c, code, targets, NULL, path);
        if (cost > (rate < TR_PRUNED_FROM ? TR_RING : 0)) fail(c, "the path costs %u", (unsigned)cost);
        release(c, 0);
    }
}

// The squared error of Gaussian numbers coded with a step.
static double step_error(const tr_functions *table, tr_code code, const int16_t *tables, const float *x, size_t rings, double step, uint16_t *work) {
    double error = 0;
    for (size_t ring = 0; ring < rings; ring++) {
        int16_t targets[TR_RING];
        uint16_t path[TR_RING];
        for (size_t t = 0; t < TR_RING; t++)
            targets[t] = (int16_t)rint(fmax(-INT16_MAX, fmin(INT16_MAX, x[ring * TR_RING + t] / step * TR_TARGET_UNITS)));
        table->search(code, tables, targets, NULL, work, path);
        for (size_t t = 0; t < TR_RING; t++) error += pow(x[ring * TR_RING + t] - tr_value(path[t]) * step, 2);
    }
    return error / (double)(rings * TR_RING);
}

// Steps a fifth smaller and a quarter larger are worse, and the error is near the bound of rate-distortion theory.
void check_trellis_steps(check *c) {
    enum { RINGS = 16 };
    const tr_functions *table = tr_functions_for(c->features);
    for (size_t w = 0; w < 3; w++)
        for (uint32_t rate = TR_MIN_RATE; rate <= last_rate_of(windows[w]); rate++) {
            const tr_code code = {windows[w], rate};
            if (code.window > 12 && rate != 4 && rate != 9) continue; // they take long
            begin_case(c, "window %u, rate %u", code.window, rate);
            float *x = place(c, "x", RINGS * TR_RING * sizeof *x);
            int16_t *tables = place(c, "tables", tr_table_words(code) * 2);
            uint16_t *work = place(c, "work", tr_work_words(code) * 2);
            // A single number beyond the values would decide.
            for (size_t i = 0; i < RINGS * TR_RING; i++) x[i] = fmaxf(-3.6f, fminf(3.6f, gaussian(c)));
            table->make_tables(code, tables);
            const double step = tr_step(code), error = step_error(table, code, tables, x, RINGS, step, work);
            c->comparisons++;
            if (error > pow(2, -(double)rate) * (code.window > 12 ? 1.35 : rate < 10 ? 1.5 : 2)) fail(c, "the error is %g", error);
            if (step_error(table, code, tables, x, RINGS, step * 4 / 5, work) < error) fail(c, "a smaller step is better");
            if (step_error(table, code, tables, x, RINGS, step * 5 / 4, work) < error) fail(c, "a larger step is better");
            release(c, 0);
        }
}
