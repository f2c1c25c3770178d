// The choice of an instruction set.

#include "internal.h"

#include <stdatomic.h>
#include <stdlib.h>

const fk_functions *fk_functions_for(fk_isa isa) {
    switch (isa) {
    case FK_SCALAR: return &fk_scalar;
#if defined(__x86_64__)
    case FK_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &fk_avx2 : NULL;
    case FK_AVX512:
        return fk_functions_for(FK_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
            ? &fk_avx512
            : NULL;
#endif
    default: return NULL;
    }
}

static fk_isa wanted(void) {
    const char *name = getenv("QAMW_ISA");
    if (name && strcmp(name, "scalar") == 0) return FK_SCALAR;
    if (name && strcmp(name, "avx2") == 0) return FK_AVX2;
    return FK_AVX512;
}

const fk_functions *fk_functions_chosen(void) {
    static _Atomic(const fk_functions *) chosen;
    const fk_functions *table = atomic_load_explicit(&chosen, memory_order_acquire);
    if (!table) {
        // Threads that come here at the same time choose the same.
        for (int isa = (int)wanted(); !table; isa--) table = fk_functions_for((fk_isa)isa);
        atomic_store_explicit(&chosen, table, memory_order_release);
    }
    return table;
}
