// The truth: for any machine, with what vectors the compiler may take for granted on it.

#include "polar_kernels.h"

#define PK_TABLE pk_scalar

#include "body.h"
