#include "processor.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const qam_feature_set qam_feature_sets[QAM_FEATURE_SETS] = {
    {"scalar", QAM_SET_SCALAR},
    {"avx2", QAM_SET_AVX2},
    {"avx512-base", QAM_SET_AVX512_BASE},
    {"avx512", QAM_SET_AVX512},
    {"neon-base", QAM_SET_NEON_BASE},
    {"neon-dotprod", QAM_SET_NEON_DOTPROD},
    {"neon", QAM_SET_NEON},
};

const qam_feature_set *qam_last_set(qam_features features) {
    size_t i = QAM_FEATURE_SETS - 1;
    while (!qam_has(features, qam_feature_sets[i].features)) i--; // the first is empty
    return &qam_feature_sets[i];
}

#if defined(__x86_64__)

// Also checks that the operating system saves the registers.
static qam_features ask(void) {
    qam_features found = 0;
    if (__builtin_cpu_supports("avx2")) found |= QAM_AVX2;
    if (__builtin_cpu_supports("fma")) found |= QAM_FMA;
    if (__builtin_cpu_supports("f16c")) found |= QAM_F16C;
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt")) found |= QAM_BMI;
    if (__builtin_cpu_supports("avxvnni")) found |= QAM_AVX_VNNI;
    if (__builtin_cpu_supports("avx512f")) found |= QAM_AVX512F;
    if (__builtin_cpu_supports("avx512bw")) found |= QAM_AVX512BW;
    if (__builtin_cpu_supports("avx512dq")) found |= QAM_AVX512DQ;
    if (__builtin_cpu_supports("avx512vl")) found |= QAM_AVX512VL;
    if (__builtin_cpu_supports("avx512vbmi")) found |= QAM_AVX512VBMI;
    if (__builtin_cpu_supports("avx512vbmi2")) found |= QAM_AVX512VBMI2;
    if (__builtin_cpu_supports("avx512vnni")) found |= QAM_AVX512VNNI;
    if (__builtin_cpu_supports("avx512bf16")) found |= QAM_AVX512BF16;
    return found;
}

#elif defined(__aarch64__) && defined(__APPLE__)

#include <sys/sysctl.h>

static bool reports(const char *name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}

static qam_features ask(void) {
    qam_features found = QAM_NEON;
    if (reports("hw.optional.arm.FEAT_DotProd")) found |= QAM_DOTPROD;
    if (reports("hw.optional.arm.FEAT_I8MM")) found |= QAM_I8MM;
    return found;
}

#elif defined(__aarch64__) && defined(__linux__)

#include <sys/auxv.h>

// From the Linux ABI; older headers lack the second name.
enum { HWCAP_DOT_PRODUCTS = 1 << 20, HWCAP2_INT8_MATRICES = 1 << 13 };

static qam_features ask(void) {
    qam_features found = QAM_NEON;
    if (getauxval(AT_HWCAP) & HWCAP_DOT_PRODUCTS) found |= QAM_DOTPROD;
    if (getauxval(AT_HWCAP2) & HWCAP2_INT8_MATRICES) found |= QAM_I8MM;
    return found;
}

#elif defined(__aarch64__)

static qam_features ask(void) { return QAM_NEON; }

#else

static qam_features ask(void) { return 0; }

#endif

// The set that QAMW_ISA names; NULL if it is unset or names no set, in which case `fault` is its value.
static const qam_feature_set *named(const char **fault) {
    const char *name = getenv("QAMW_ISA");
    *fault = NULL;
    if (!name || !*name) return NULL;
    for (size_t i = 0; i < QAM_FEATURE_SETS; i++)
        if (strcmp(name, qam_feature_sets[i].name) == 0) return &qam_feature_sets[i];
    *fault = name;
    return NULL;
}

static qam_features ask_environment(void) {
    const char *fault;
    const qam_feature_set *set = named(&fault);
    return set ? set->features : ~(qam_features)0;
}

// The answer of `question`, asked once: concurrent callers get the same answer. Bit 32 of `kept` indicates that the
// answer is stored.
static qam_features once(_Atomic uint64_t *kept, qam_features question(void)) {
    const uint64_t there = UINT64_C(1) << 32;
    uint64_t answer = atomic_load_explicit(kept, memory_order_relaxed);
    if (answer == 0) {
        answer = question() | there;
        atomic_store_explicit(kept, answer, memory_order_relaxed);
    }
    return (qam_features)answer;
}

qam_features qam_features_here(void) {
    static _Atomic uint64_t kept;
    return once(&kept, ask);
}

qam_features qam_features_allowed(void) {
    static _Atomic uint64_t kept;
    return qam_features_here() & once(&kept, ask_environment);
}

const char *qam_features_fault(void) {
    const char *fault;
    named(&fault);
    return fault;
}
