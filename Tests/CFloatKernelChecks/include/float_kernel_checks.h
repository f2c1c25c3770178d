// Checks of the floating-point kernels: every function for each feature set against the scalar reference, bit for bit, and the
// reference against the definitions.

#ifndef FLOAT_KERNEL_CHECKS_H
#define FLOAT_KERNEL_CHECKS_H

#include "float_kernels.h"

size_t fk_check_count(void);
const char *fk_check_name(size_t index);

// Runs a check on the functions for features of this machine. NULL on success, otherwise a message, valid until the next run on
// this thread.
const char *fk_check_run(size_t index, qam_features features);

#endif
