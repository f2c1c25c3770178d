// Decodes and encodes random blocks of every type with every feature set of this machine, in unaligned buffers of exactly their size,
// for scripts/check-sanitizers; all must give the bits of the scalar functions.

#include <ggml_blocks.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BLOCKS = 37 };

static uint64_t state = 1;

static uint64_t next_random(void) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 32;
}

// A copy that ends at the end of its allocation, at an odd address.
static uint8_t *place(const uint8_t *bytes, size_t count) {
    uint8_t *memory = malloc(count + 1);
    if (!memory) abort();
    memcpy(memory + 1, bytes, count);
    return memory;
}

static int same(const float *a, const float *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (memcmp(a + i, b + i, sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i]))) return 0;
    return 1;
}

static int decode(const gb_functions *truth, const gb_functions *table, uint32_t id, size_t count) {
    gb_type type = gb_type_of(truth, id);
    if (!type.to_floats) return 1;
    uint8_t random[MOST_BLOCKS * 512];
    size_t bytes = count * type.bytes, elements = count * type.elements;
    if (bytes > sizeof random) abort();
    for (size_t i = 0; i < bytes; i++) random[i] = (uint8_t)next_random();
    uint8_t *blocks = place(random, bytes);
    float *expected = malloc(elements * sizeof *expected), *actual = malloc(elements * sizeof *actual);
    if (!expected || !actual) abort();
    type.to_floats(blocks + 1, count, expected);
    gb_type_of(table, id).to_floats(blocks + 1, count, actual);
    int good = same(expected, actual, elements);
    free(blocks), free(expected), free(actual);
    return good;
}

static int encode(const gb_functions *truth, const gb_functions *table, size_t count) {
    float *x = malloc(32 * count * sizeof *x);
    uint8_t *expected = malloc(34 * count), *actual = malloc(34 * count);
    if (!x || !expected || !actual) abort();
    for (size_t i = 0; i < 32 * count; i++) {
        // Ordinary values, and arbitrary bits one time in 64.
        uint32_t bits = (uint32_t)next_random();
        x[i] = (float)((int32_t)bits >> 16) / 4096;
        if (next_random() % 64 == 0) memcpy(&x[i], &bits, sizeof bits);
    }
    truth->q8_0_from_floats(x, count, expected);
    table->q8_0_from_floats(x, count, actual);
    int good = 1;
    for (size_t i = 0; good && i < count; i++) {
        // The sign and payload of a NaN are unspecified.
        const uint8_t *e = expected + 34 * i, *a = actual + 34 * i;
        int nan = (e[1] & 0x7C) == 0x7C && ((e[1] & 3) | e[0]) != 0 && (a[1] & 0x7C) == 0x7C && ((a[1] & 3) | a[0]) != 0;
        good = (nan || memcmp(e, a, 2) == 0) && memcmp(e + 2, a + 2, 32) == 0;
    }
    free(x), free(expected), free(actual);
    return good;
}

// The largest error of uniformly distributed values, relative to their energy: L evenly spaced levels have 1 / (L - 1)^2.
static double largest_error(uint32_t id) {
    switch (id) {
    case 10: return 0.12;             // Q2_K
    case 11: return 0.025;            // Q3_K
    case 6: case 7: case 13: return 0.0013;  // five bits
    case 14: return 0.00035;          // Q6_K
    case 39: return 0.02;             // MXFP4
    default: return 0.007;            // four bits
    }
}

// Values of one scale in a block, zeros for the most part in every fifth; weights of all sizes, one in eight near zero.
static int encode_by_search(const gb_functions *truth, const gb_functions *table, uint32_t id, size_t count, int weighted) {
    gb_type type = gb_type_of(truth, id);
    if (!type.from_floats) return 1;
    size_t elements = count * type.elements, bytes = count * type.bytes, row = 3 * type.elements;
    float *x = malloc(elements * sizeof *x), *weights = malloc(row * sizeof *weights), *decoded = malloc(elements * sizeof *decoded);
    uint8_t *expected = malloc(bytes), *actual = malloc(bytes + 1);
    if (!x || !weights || !decoded || !expected || !actual) abort();
    static const float scales[] = {1, 0x1p-7f, 65503.0f / 32768, 0x1p-20f, 1000, 0x1p-126f};
    for (size_t i = 0; i < elements; i++) {
        x[i] = (float)((int32_t)next_random() >> 16) * scales[i / type.elements % 6];
        if (i / type.elements % 5 == 4 && next_random() % 16) x[i] = 0;
    }
    for (size_t i = 0; i < row; i++) weights[i] = next_random() % 8 ? (float)(next_random() % 1000 + 1) / 100 : 0x1p-20f;
    const float *w = weighted ? weights : NULL;
    size_t column = weighted * type.elements;
    type.from_floats(x, count, w, row, column, expected);
    gb_type_of(table, id).from_floats(x, count, w, row, column, actual + 1);
    int good = memcmp(expected, actual + 1, bytes) == 0;
    // Each block alone gives the same.
    for (size_t k = 0; good && k < count; k++) {
        gb_type_of(table, id).from_floats(x + k * type.elements, 1, w, row, (column + k * type.elements) % row, actual + 1);
        good = memcmp(expected + k * type.bytes, actual + 1, type.bytes) == 0;
    }
    type.to_floats(expected, count, decoded);
    double error = 0, energy = 0;
    for (size_t i = 0; i < elements; i++) {
        size_t block = i / type.elements;
        if (block % 6 > 2 || block % 5 == 4) continue;
        double v = weighted ? weights[(column + i) % row] : 1, e = (double)x[i] - decoded[i];
        error += v * e * e;
        energy += v * x[i] * x[i];
    }
    good &= error <= largest_error(id) * energy;
    free(x), free(weights), free(decoded), free(expected), free(actual);
    return good;
}

int main(void) {
    int failed = 0;
    const gb_functions *truth = gb_functions_for(QAM_SET_SCALAR);
    for (size_t s = 0; s < QAM_FEATURE_SETS; s++) {
        const qam_feature_set set = qam_feature_sets[s];
        const gb_functions *table = gb_functions_for(set.features);
        if (!qam_has(qam_features_here(), set.features)) continue;
        int types = 0;
        for (size_t count = 1; count <= MOST_BLOCKS; count++) {
            types = 0;
            for (uint32_t id = 0; id < GB_TYPES; id++) {
                types += gb_type_of(truth, id).to_floats != NULL;
                if (!decode(truth, table, id, count)) {
                    printf("%s, type %u, %zu blocks: other floats\n", set.name, id, count);
                    failed = 1;
                }
                for (int weighted = 0; weighted < 2; weighted++) {
                    if (encode_by_search(truth, table, id, count, weighted)) continue;
                    printf("%s, type %u, %zu blocks, %s: other bytes, or too large an error\n", set.name, id, count,
                           weighted ? "weighted" : "plain");
                    failed = 1;
                }
            }
            if (encode(truth, table, count)) continue;
            printf("%s, %zu blocks of Q8_0: other bytes\n", set.name, count);
            failed = 1;
        }
        printf("%s: %d block types\n", set.name, types);
        failed |= types == 0;
    }
    return failed;
}
