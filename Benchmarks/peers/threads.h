// Threads that persist between products, as a runtime has them and as ggml has them: starting threads is measured for
// neither side.

#ifndef PEERS_THREADS_H
#define PEERS_THREADS_H

#include <stddef.h>

typedef struct thread_pool thread_pool;

// `count` threads, of which the caller of `pool_run` is one.
thread_pool *pool_make(int count);

int pool_count(const thread_pool *pool);

// Calls work(context, first, last) for consecutive parts of 0 ..< total, of `grain` each, on all threads; which thread
// gets which part is decided as they come, so that a thread that is held up delays nobody by more than one part.
void pool_run(
    thread_pool *pool, void (*work)(void *context, size_t first, size_t last), void *context, size_t total,
    size_t grain);

#endif
