// The instruction sets that C functions are compiled for, and which of them may be used: the same for every target that has
// functions for several.

#ifndef INSTRUCTION_SET_H
#define INSTRUCTION_SET_H

#include <stdbool.h>

// In such an order that a target without functions for one falls back to one before it.
typedef enum { ISA_SCALAR, ISA_AVX2, ISA_AVX512, ISA_NEON } instruction_set;

// Whether this machine has it. ISA_AVX2 has also FMA, F16C, BMI, BMI2 and POPCNT; ISA_AVX512 all of that and the extensions
// BW, DQ and VL.
bool isa_is_here(instruction_set isa);

// The last that may be used: the one that the environment variable QAMW_ISA (scalar, avx2, avx512, neon) names, else the
// last of all. What is not there falls back to the best before it. The variable is read once.
instruction_set isa_cap(void);

#endif
