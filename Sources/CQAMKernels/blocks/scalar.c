// The reference implementation: plain C for any machine.

#include "internal.h"

#define GB_TABLE gb_scalar

#include "bodies/all.h"
