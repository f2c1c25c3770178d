// Threads that persist between products, as in a runtime and in ggml, so that starting threads is measured for
// neither side.

#ifndef PEERS_THREADS_H
#define PEERS_THREADS_H

#include <stddef.h>

typedef struct thread_pool thread_pool;

// `count` threads, including the caller of `pool_run`.
thread_pool *pool_make(int count);

int pool_count(const thread_pool *pool);

// Calls work(context, first, last) for consecutive parts of 0 ..< total, of `grain` each, on all threads. Parts are
// assigned dynamically, so a delayed thread delays the others by at most one part.
void pool_run(
    thread_pool *pool, void (*work)(void *context, size_t first, size_t last), void *context, size_t total,
    size_t grain);

#endif
