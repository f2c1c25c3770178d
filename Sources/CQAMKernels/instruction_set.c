#include "instruction_set.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

bool isa_is_here(instruction_set isa) {
    switch (isa) {
    case ISA_SCALAR: return true;
#if defined(__x86_64__)
    case ISA_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
            && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    case ISA_AVX512:
        return isa_is_here(ISA_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
    case ISA_NEON: return true;
#endif
    default: return false;
    }
}

static instruction_set wanted(void) {
    const char *name = getenv("QAMW_ISA");
    if (name && strcmp(name, "scalar") == 0) return ISA_SCALAR;
    if (name && strcmp(name, "avx2") == 0) return ISA_AVX2;
    if (name && strcmp(name, "avx512") == 0) return ISA_AVX512;
    return ISA_NEON;
}

instruction_set isa_cap(void) {
    static _Atomic int known; // the cap + 1; 0 before the first question
    int cap = atomic_load_explicit(&known, memory_order_relaxed);
    if (cap == 0) {
        // Threads that come here at the same time get the same answer.
        cap = (int)wanted() + 1;
        atomic_store_explicit(&known, cap, memory_order_relaxed);
    }
    return (instruction_set)(cap - 1);
}
