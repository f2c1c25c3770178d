// Checks of the floating-point kernels: every function for a set of features against the scalar truth, bit for bit, and the truth
// against plain definitions.

#ifndef FLOAT_KERNEL_CHECKS_H
#define FLOAT_KERNEL_CHECKS_H

#include "float_kernels.h"

size_t fk_check_count(void);
const char *fk_check_name(size_t index);

// Runs a check on the functions for features that this machine has. NULL where all is well, else what is not, until the next run on
// this thread.
const char *fk_check_run(size_t index, qam_features features);

#endif
