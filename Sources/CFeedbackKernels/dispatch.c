// The choice of an instruction set.

#include "internal.h"

#include <stdatomic.h>
#include <stdlib.h>

const fb_functions *fb_functions_for(fb_isa isa) {
    switch (isa) {
    case FB_SCALAR: return &fb_scalar;
#if defined(__x86_64__)
    case FB_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &fb_avx2 : NULL;
    case FB_AVX512:
        return fb_functions_for(FB_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
            ? &fb_avx512
            : NULL;
#endif
    default: return NULL;
    }
}

static fb_isa wanted(void) {
    const char *name = getenv("QAMW_ISA");
    if (name && strcmp(name, "scalar") == 0) return FB_SCALAR;
    if (name && strcmp(name, "avx2") == 0) return FB_AVX2;
    return FB_AVX512;
}

const fb_functions *fb_functions_chosen(void) {
    static _Atomic(const fb_functions *) chosen;
    const fb_functions *table = atomic_load_explicit(&chosen, memory_order_acquire);
    if (!table) {
        // Threads that come here at the same time choose the same.
        for (int isa = (int)wanted(); !table; isa--) table = fb_functions_for((fb_isa)isa);
        atomic_store_explicit(&chosen, table, memory_order_release);
    }
    return table;
}
