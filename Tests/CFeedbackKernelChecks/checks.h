// Checks of coding with feedback: every function for each feature set against the scalar reference, bit for bit, and against a
// direct implementation of the definition, in heap buffers of exactly the size that a function may access, for scripts/check-sanitizers.

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

// Allocates `count` elements that end at the end of the allocation, aligned for their type and no more.
void *place(size_t count, size_t size);
void *place_copy(const void *elements, size_t count, size_t size);
float *place_gaussian(size_t count);
// Frees everything that was placed.
void release(void);

// Equal bits, or both NaN: the bits of a NaN depend on the order of operands.
bool same(const float *a, const float *b, size_t count);

#endif
