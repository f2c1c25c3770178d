#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
// libxxhash was built with a choice by processor: SSE2, AVX2 or AVX-512. The header comes only with such a library. Its
// macros give the plain names that meaning, which Swift does not see, so the functions are wrapped.
#include <xxh_x86dispatch.h>
#endif

static inline XXH64_hash_t qam_xxh3(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }

static inline void qam_xxh3_update(XXH3_state_t *state, const void *bytes, size_t count) {
    XXH3_64bits_update(state, bytes, count);
}
