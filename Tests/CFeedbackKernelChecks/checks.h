// Checks of coding with feedback: every function for a set of features against the scalar truth, bit for bit, and against a
// plain definition, in heap memory of exactly the size that a function may touch, for scripts/check-sanitizers.

#ifndef FEEDBACK_KERNEL_CHECKS_H
#define FEEDBACK_KERNEL_CHECKS_H

#include <feedback_kernels.h>

typedef struct {
    const fb_functions *truth, *table;
    const char *set, *name;
    int failures;
} check;

void check_hadamard(check *c);
void check_hadamard_rows(check *c);
void check_cholesky(check *c);
void check_feed(check *c);
void check_code_plain(check *c);
void check_code_trellis(check *c);
void check_code_polar(check *c);
void check_code_integers(check *c);

__attribute__((format(printf, 2, 3))) void fail(check *c, const char *format, ...);

size_t random_below(size_t end);
float gaussian(void);

// So many elements that end where their memory ends, aligned as one of them must be and no more.
void *place(size_t count, size_t size);
void *place_copy(const void *elements, size_t count, size_t size);
float *place_gaussian(size_t count);
// Takes back all that was placed.
void release(void);

// Equal bits; or both no number, whose bits depend on the order of operands.
bool same(const float *a, const float *b, size_t count);

#endif
