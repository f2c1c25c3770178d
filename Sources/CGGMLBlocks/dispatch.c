// What does not depend on an instruction set, and the choice of one.

#include "internal.h"

#include <stdatomic.h>
#include <stdlib.h>

gb_type gb_type_of(const gb_functions *functions, uint32_t id) {
    return id < GB_TYPES ? functions->types[id] : (gb_type){0, 0, NULL};
}

#if defined(__x86_64__)

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi")
        && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

#endif

const gb_functions *gb_functions_for(gb_isa isa) {
    switch (isa) {
    case GB_SCALAR: return &gb_scalar;
#if defined(__x86_64__)
    case GB_AVX2: return has_avx2() ? &gb_avx2 : NULL;
    case GB_AVX512: return has_avx512() ? &gb_avx512 : NULL;
#endif
    default: return NULL;
    }
}

static gb_isa wanted(void) {
    const char *name = getenv("QAMW_ISA");
    if (name && strcmp(name, "scalar") == 0) return GB_SCALAR;
    if (name && strcmp(name, "avx2") == 0) return GB_AVX2;
    return GB_AVX512;
}

const gb_functions *gb_functions_chosen(void) {
    static _Atomic(const gb_functions *) chosen;
    const gb_functions *table = atomic_load_explicit(&chosen, memory_order_acquire);
    if (!table) {
        // Threads that come here at the same time choose the same.
        for (int isa = (int)wanted(); !table; isa--) table = gb_functions_for((gb_isa)isa);
        atomic_store_explicit(&chosen, table, memory_order_release);
    }
    return table;
}
