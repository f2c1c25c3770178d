// Checks of the kernels: every function for each feature set against the scalar reference, bit for bit, and against
// a direct implementation of the specification. For tests only.
//
// Every buffer that a function gets ends directly before, or begins directly after, an inaccessible page; an access
// outside a buffer becomes a message like any other failure.

#ifndef QAM_KERNEL_CHECKS_H
#define QAM_KERNEL_CHECKS_H

#include "qam_kernels.h"

size_t qam_check_count(void);

// The name of a check: the function that it tests, or its subject.
const char *qam_check_name(size_t check);

// Runs a check with inputs derived from the seed. NULL on success, or the first failure; valid until this thread's next check.
// A check that compared nothing fails, and so does a feature set that this machine lacks.
const char *qam_check_run(size_t check, qam_features features, uint64_t seed);

// The relative error of a product by `prepare` and `multiply`, compared with that of the decoded weights in double precision:
// `rotated` as the kernels do it, `plain` with the activation quantized without the rotation.
typedef struct {
    double rotated, plain;
} qam_product_errors;

// NaN if this machine lacks the features. `outliers` of every 1,000 channels of the Gaussian activation are 20 times as large.
qam_product_errors qam_measure_product_errors(
    qam_features features, qam_family family, uint32_t rate, size_t columns, uint32_t outliers, uint64_t seed);

#endif
