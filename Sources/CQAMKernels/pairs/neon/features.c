#if defined(__aarch64__)

#include "features.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__APPLE__)

#include <sys/sysctl.h>

static bool has(const char *name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}

static qam_neon_level ask(void) {
    if (!has("hw.optional.arm.FEAT_DotProd")) return QAM_NEON_BASE;
    return has("hw.optional.arm.FEAT_I8MM") ? QAM_NEON_I8MM : QAM_NEON_DOTPROD;
}

#elif defined(__linux__)

#include <sys/auxv.h>

// The kernel's interface; older headers lack the second name.
enum { HWCAP_DOT_PRODUCTS = 1 << 20, HWCAP2_INT8_MATRICES = 1 << 13 };

static qam_neon_level ask(void) {
    if (!(getauxval(AT_HWCAP) & HWCAP_DOT_PRODUCTS)) return QAM_NEON_BASE;
    return getauxval(AT_HWCAP2) & HWCAP2_INT8_MATRICES ? QAM_NEON_I8MM : QAM_NEON_DOTPROD;
}

#else

static qam_neon_level ask(void) { return QAM_NEON_BASE; }

#endif

qam_neon_level qam_neon_level_here(void) {
    static _Atomic int known; // the level + 1; 0 before the first question
    int level = atomic_load_explicit(&known, memory_order_relaxed);
    if (level == 0) {
        // Threads that come here at the same time get the same answer.
        level = (int)ask() + 1;
        atomic_store_explicit(&known, level, memory_order_relaxed);
    }
    return (qam_neon_level)(level - 1);
}

#endif
