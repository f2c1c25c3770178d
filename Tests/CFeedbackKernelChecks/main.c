// Runs all checks with every feature set of this machine; shared helpers.

#include "checks.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PLACES = 32, MOST_REPORTS = 5 };

static uint64_t state;
static void *places[MOST_PLACES];
static size_t place_count;

void fail(check *c, const char *format, ...) {
    if (c->failures++ >= MOST_REPORTS) return;
    printf("%s, %s: ", c->set, c->name);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static uint64_t random_bits(void) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 32;
}

size_t random_below(size_t end) { return random_bits() % end; }

float gaussian(void) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += (double)random_bits() * 0x1p-32;
    return (float)sum;
}

void *place(size_t count, size_t size) {
    // malloc aligns for every type; after one more element, the alignment is that of the element only.
    uint8_t *memory = malloc((count + 1) * size);
    if (!memory || place_count == MOST_PLACES) abort();
    places[place_count++] = memory;
    return memory + size;
}

void *place_copy(const void *elements, size_t count, size_t size) {
    void *copy = place(count, size);
    if (count) memcpy(copy, elements, count * size);
    return copy;
}

float *place_gaussian(size_t count) {
    float *x = place(count, sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = gaussian();
    return x;
}

void release(void) {
    while (place_count) free(places[--place_count]);
}

bool same(const float *a, const float *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (memcmp(a + i, b + i, sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(check *);
    } checks[] = {
        {"hadamard", check_hadamard}, {"hadamard_rows", check_hadamard_rows}, {"reduce, factor, solve", check_cholesky},
        {"feed", check_feed}, {"code_plain", check_code_plain}, {"code_trellis", check_code_trellis},
        {"code_polar", check_code_polar}, {"code_integers", check_code_integers},
    };
    int failures = 0;
    for (size_t s = 0; s < QAM_FEATURE_SETS; s++) {
        const qam_feature_set set = qam_feature_sets[s];
        if (!qam_has(qam_features_here(), set.features)) continue;
        for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
            check c = {.truth = fb_functions_for(QAM_SET_SCALAR), .table = fb_functions_for(set.features), .set = set.name, .name = checks[i].name};
            state = i + 1;
            checks[i].run(&c);
            release();
            failures += c.failures;
        }
    }
    printf("feedback kernels: %s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
