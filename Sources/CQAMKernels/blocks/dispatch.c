// What does not depend on an instruction set, and the choice of one.

#include "internal.h"

gb_type gb_type_of(const gb_functions *functions, uint32_t id) {
    return id < GB_TYPES ? functions->types[id] : (gb_type){0, 0, NULL};
}

const gb_functions *gb_functions_for(instruction_set isa) {
    if (!isa_is_here(isa)) return NULL;
    switch (isa) {
    case ISA_SCALAR: return &gb_scalar;
#if defined(__x86_64__)
    case ISA_AVX2: return &gb_avx2;
    case ISA_AVX512: return &gb_avx512;
#endif
    default: return NULL;
    }
}

const gb_functions *gb_functions_chosen(void) {
    const gb_functions *table = NULL;
    for (int isa = (int)isa_cap(); !table; isa--) table = gb_functions_for((instruction_set)isa);
    return table;
}
