// What the checks share: random values, guarded memory, comparison.

#ifndef CHECKS_H
#define CHECKS_H

// POSIX signals and anonymous mappings, which -std=c17 hides. This header comes first everywhere.
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "qam_kernel_checks.h"

#include <setjmp.h>
#include <stdbool.h>

enum { MAX_BUFFERS = 64, MAX_TEXT = 320 };

// Memory between two inaccessible pages.
typedef struct {
    uint8_t *pages;       // the first usable byte
    uint8_t *data;        // the argument of the function: `bytes` from here
    size_t bytes;
    const char *name;
} buffer;

// A running check.
typedef struct {
    const qam_kernels *truth, *table;
    qam_features features; // of the functions under test
    uint64_t random;
    uint64_t comparisons;
    buffer buffers[MAX_BUFFERS];
    size_t used;
    char what[MAX_TEXT / 2]; // the current case
    void *argument;
    sigjmp_buf failed;
} check;

typedef void check_body(check *c);

// ---- Running ----

// Runs a check's body on the functions for these features; the body finds `argument` in the check. NULL on success, or a message.
const char *run_check(check_body *body, void *argument, qam_features features, uint64_t seed);

// Sets the description of the current case.
void begin_case(check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Ends the check with a message.
_Noreturn void fail(check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ---- Guarded memory ----

// Buffers of random content which end at a guard page or, one time in four, begin at one. Aligned as the size is:
// `bytes` is a multiple of the alignment that the function requires.
void *place(check *c, const char *name, size_t bytes);
void *place_copy(check *c, const char *name, const void *content, size_t bytes);

// Frees everything placed since c->used was `mark`, and fails if anything next to it was overwritten.
void release(check *c, size_t mark);

// ---- Comparison: bitwise, except that all float NaNs are equal ----

void same_bytes(check *c, const void *expected, const void *actual, size_t count);
void same_floats(check *c, const float *expected, const float *actual, size_t count);
void same_double(check *c, double expected, double actual);

// ---- Random values ----

uint64_t next_random(check *c);
// 0 ..< bound
size_t below(check *c, size_t bound);
float gaussian(check *c);

typedef enum {
    ORDINARY,  // Gaussian
    GRIDDED,   // Gaussian, rounded to multiples of 1/16: many ties
    EXTREME,   // finite, any exponent, with zeros of both signs and denormals
    SPECIAL,   // arbitrary bits, including infinities and NaNs
    VALUE_KINDS
} value_kind;

float random_value(check *c, value_kind kind);
void fill_values(check *c, float *x, size_t count, value_kind kind);
float *place_values(check *c, const char *name, size_t count, value_kind kind);

// ---- Shapes ----

// Row lengths to test: all even ones up to `dense`, then whole groups, odd tails and long rows up to `longest`,
// in ascending order; 0 after the last.
size_t next_columns(size_t columns, size_t dense, size_t longest);

// Rates of a family.
uint32_t first_rate(qam_family family);
uint32_t last_rate(qam_family family);

// ---- Codes ----

// A code with random tables in guarded memory. `block` divides `columns`.
qam_code place_code(check *c, qam_family family, uint32_t rate, size_t columns, size_t block, bool with_scales);

// A power of two, at least 2, that divides `columns`.
size_t random_block(check *c, size_t columns);

// The number of base points for a number of bits per step.
static inline size_t base_points(uint32_t step_bits) { return step_bits > 8 ? (size_t)1 << step_bits : QAM_WINDOWS; }

// A search over `count` random points, of one octant or the whole plane, in guarded memory.
qam_plane place_plane(check *c, size_t count, uint32_t side, bool octant, value_kind kind);

#endif
