// The choice of an instruction set.

#include "internal.h"

const fk_functions *fk_functions_for(instruction_set isa) {
    if (!isa_is_here(isa)) return NULL;
    switch (isa) {
    case ISA_SCALAR: return &fk_scalar;
#if defined(__x86_64__)
    case ISA_AVX2: return &fk_avx2;
    case ISA_AVX512: return &fk_avx512;
#endif
    default: return NULL;
    }
}

const fk_functions *fk_functions_chosen(void) {
    const fk_functions *table = NULL;
    for (int isa = (int)isa_cap(); !table; isa--) table = fk_functions_for((instruction_set)isa);
    return table;
}
