#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
// libxxhash was built with a choice by processor: SSE2, AVX2 or AVX-512. The header comes only with such a library. Its
// macros give the plain names that meaning, which Swift does not see, so the functions are wrapped.
#include <xxh_x86dispatch.h>

__attribute__((target("avx"))) static void qam_clear_upper_halves(void) { __builtin_ia32_vzeroupper(); }

// The library leaves the upper halves of vector registers set, which makes all SSE code after it slower, SHA-256 by a fifth.
static inline void qam_after_xxh3(void) {
    if (__builtin_cpu_supports("avx")) qam_clear_upper_halves();
}
#else
static inline void qam_after_xxh3(void) {}
#endif

static inline XXH64_hash_t qam_xxh3(const void *bytes, size_t count) {
    XXH64_hash_t hash = XXH3_64bits(bytes, count);
    qam_after_xxh3();
    return hash;
}

static inline void qam_xxh3_update(XXH3_state_t *state, const void *bytes, size_t count) {
    XXH3_64bits_update(state, bytes, count);
    qam_after_xxh3();
}
