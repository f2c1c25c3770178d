// Encoders, compared with exhaustive searches.

#include "functions.h"
#include "plain.h"

#include <math.h>
#include <stdlib.h>

#pragma STDC FP_CONTRACT OFF

static float squared_distance(const qam_plane *plane, size_t k, float x, float y) {
    float dx = x - plane->points[2 * k], dy = y - plane->points[2 * k + 1];
    return dx * dx + dy * dy;
}

static uint32_t nearest_of_all(const qam_plane *plane, float x, float y) {
    uint32_t best = 0;
    for (uint32_t k = 1; k < plane->count; k++)
        if (squared_distance(plane, k, x, y) < squared_distance(plane, best, x, y)) best = k;
    return best;
}

static void compare_pair(check *c, uint32_t expected, uint32_t actual, size_t pair) {
    c->comparisons++;
    if (expected != actual) fail(c, "pair %zu has symbol %u, not %u", pair, actual, expected);
}

// Lengths that end inside a group, inside a byte of pairs, and inside eight symbols.
static const size_t lengths[] = {2, 16, 30, 126, 128, 130, 300};

static void encode_plainly(check *c, qam_family family, uint32_t rate, value_kind kind) {
    begin_case(c, "family %d, rate %u", family, rate);
    size_t points = family == QAM_FREE ? (size_t)1 << rate : base_points(rate);
    qam_plane plane = place_plane(c, points, 16, family == QAM_OCTANT, kind);
    size_t mark = c->used;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        size_t columns = lengths[l];
        begin_case(c, "family %d, rate %u, %zu columns, kind %d", family, rate, columns, kind);
        const float *z = place_values(c, "z", columns, kind);
        uint8_t *symbols = place(c, "symbols", qam_row_bytes(family, rate, columns));
        if (family == QAM_FREE)
            c->table->free_encode(z, columns, &plane, rate, symbols);
        else
            c->table->octant_encode_plain(z, columns, &plane, rate, symbols);
        // Unused symbols are 0.
        for (size_t pair = 0; pair < (columns + 15) / 16 * 8; pair++) {
            bool used = pair < columns / 2;
            float x = used ? z[2 * pair] : 0, y = used ? z[2 * pair + 1] : 0;
            if (family == QAM_FREE) {
                compare_pair(c, used ? nearest_of_all(&plane, x, y) : 0, plain_free_symbol(symbols, rate, pair), pair);
                continue;
            }
            plain_pair p = plain_octant_pair(symbols, columns, rate, pair);
            float a = fabsf(x), b = fabsf(y);
            compare_pair(c, used ? nearest_of_all(&plane, fmaxf(a, b), fminf(a, b)) : 0, p.index, pair);
            compare_pair(c, (uint32_t)(x < 0) | (uint32_t)(y < 0) << 1 | (uint32_t)(a < b) << 2,
                (uint32_t)p.first_negative | (uint32_t)p.second_negative << 1 | (uint32_t)p.swapped << 2, pair);
        }
        release(c, mark);
    }
    release(c, 0);
}

void check_plain_encoding(check *c) {
    for (value_kind kind = ORDINARY; kind <= GRIDDED; kind++) {
        for (uint32_t bits = first_rate(QAM_FREE); bits <= last_rate(QAM_FREE); bits++)
            encode_plainly(c, QAM_FREE, bits, kind);
        for (uint32_t step_bits = 8; step_bits <= last_rate(QAM_OCTANT); step_bits++) encode_plainly(c, QAM_OCTANT, step_bits, kind);
    }
}

// ---- Trellis ----------------------------------------------------------------------------------------------------

// The least cost over all tail-biting paths of windows, by trying every start state.
static double least_ring(const double (*distances)[QAM_WINDOWS], size_t length, uint32_t step_bits) {
    size_t states = (size_t)256 >> step_bits;
    double best = INFINITY, cost[128], next[128];
    for (size_t start = 0; start < states; start++) {
        for (size_t n = 0; n < states; n++) cost[n] = n == start ? 0 : INFINITY;
        for (size_t t = 0; t < length; t++) {
            for (size_t n = 0; n < states; n++) next[n] = INFINITY;
            for (size_t k = 0; k < QAM_WINDOWS; k++) {
                double sum = cost[k & (states - 1)] + distances[t][k];
                if (sum < next[k >> step_bits]) next[k >> step_bits] = sum;
            }
            for (size_t n = 0; n < states; n++) cost[n] = next[n];
        }
        if (cost[start] < best) best = cost[start];
    }
    return best;
}

// Within 0.02 dB of the best paths on average, and never better; signs and swaps undo the folding.
void check_plain_trellis(check *c) {
    enum { GROUPS = 12 };
    double(*distances)[QAM_WINDOWS] = place(c, "distances", QAM_GROUP_PAIRS * sizeof *distances);
    size_t mark = c->used;
    for (uint32_t step_bits = 1; step_bits <= 7; step_bits++) {
        begin_case(c, "step_bits %u", step_bits);
        const float step = 0x1p-6f;
        // Base points as in a codebook: Gaussian pairs, folded.
        uint8_t *magnitudes = place(c, "magnitudes", 2 * QAM_WINDOWS);
        for (size_t k = 0; k < QAM_WINDOWS; k++) {
            float a = fminf(fabsf(gaussian(c)) / step, 255), b = fminf(fabsf(gaussian(c)) / step, 255);
            magnitudes[k] = (uint8_t)fmaxf(a, b);
            magnitudes[QAM_WINDOWS + k] = (uint8_t)fminf(a, b);
        }
        int32_t *tables = place(c, "tables", QAM_TRELLIS_WORDS * sizeof *tables);
        qam_trellis_tables(magnitudes, step_bits, tables);
        // The last group is short, with unused pairs.
        size_t columns = 128 * GROUPS + 42;
        const float *z = place_values(c, "z", columns, ORDINARY);
        uint8_t *symbols = place(c, "symbols", qam_row_bytes(QAM_OCTANT, step_bits, columns));
        c->table->octant_encode_trellis(z, columns, tables, step, step_bits, symbols);
        double found = 0, least = 0;
        for (size_t first = 0; first < columns / 2; first += QAM_GROUP_PAIRS) {
            size_t length = first + 64 <= columns / 2 ? 64 : (columns / 2 - first + 7) / 8 * 8;
            for (size_t t = 0; t < length; t++) {
                bool used = first + t < columns / 2;
                plain_pair p = plain_octant_pair(symbols, columns, step_bits, first + t);
                float x = used ? z[2 * (first + t)] : 0, y = used ? z[2 * (first + t) + 1] : 0;
                float a = fabsf(x), b = fabsf(y);
                for (uint32_t k = 0; k < QAM_WINDOWS; k++) {
                    float dx = fmaxf(a, b) - (float)magnitudes[k] * step;
                    float dy = fminf(a, b) - (float)magnitudes[QAM_WINDOWS + k] * step;
                    distances[t][k] = used ? (double)(dx * dx + dy * dy) : 0;
                }
                found += distances[t][p.index];
                compare_pair(c, (uint32_t)(x < 0) | (uint32_t)(y < 0) << 1 | (uint32_t)(a < b) << 2,
                    (uint32_t)p.first_negative | (uint32_t)p.second_negative << 1 | (uint32_t)p.swapped << 2, first + t);
            }
            least += least_ring((const double(*)[QAM_WINDOWS])distances, length, step_bits);
        }
        c->comparisons++;
        if (found < least * (1 - 1e-5)) fail(c, "squared error %g, less than the least, %g", found, least);
        if (10 * log10(found / least) > 0.02) fail(c, "%.4f dB above the least squared error", 10 * log10(found / least));
        release(c, mark);
    }
}
