// The choice of an instruction set.

#include "internal.h"

const fb_functions *fb_functions_for(instruction_set isa) {
    if (!isa_is_here(isa)) return NULL;
    switch (isa) {
    case ISA_SCALAR: return &fb_scalar;
#if defined(__x86_64__)
    case ISA_AVX2: return &fb_avx2;
    case ISA_AVX512: return &fb_avx512;
#endif
    default: return NULL;
    }
}

const fb_functions *fb_functions_chosen(void) {
    const fb_functions *table = NULL;
    for (int isa = (int)isa_cap(); !table; isa--) table = fb_functions_for((instruction_set)isa);
    return table;
}
