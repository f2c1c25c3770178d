// Checks of the kernels: every function for a set of features against the scalar truth, to the bit, and against
// plain computations of the specification. For tests only.
//
// All memory that a function gets ends right before, or begins right behind, a page that nothing may touch; what a
// function touches outside its sizes becomes a message like any other failure.

#ifndef QAM_KERNEL_CHECKS_H
#define QAM_KERNEL_CHECKS_H

#include "qam_kernels.h"

size_t qam_check_count(void);

// What a check is called: the function that it calls, or what it is about.
const char *qam_check_name(size_t check);

// Runs a check with the inputs that the seed gives. NULL, or what is wrong first; valid until this thread's next check.
// A check that compared nothing is wrong too, and so are features that this machine lacks.
const char *qam_check_run(size_t check, qam_features features, uint64_t seed);

// The relative error of a product through `prepare` and `multiply` against that of the decoded weights in double:
// `rotated` as the kernels do it, `plain` with the activation quantized as it is, without the rotation.
typedef struct {
    double rotated, plain;
} qam_product_errors;

// NaN where this machine lacks features. `outliers` of every 1,000 channels of the Gaussian activation are 20 times as large.
qam_product_errors qam_measure_product_errors(
    qam_features features, qam_family family, uint32_t rate, size_t columns, uint32_t outliers, uint64_t seed);

#endif
