#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct thread_pool {
    int count;
    // The current work; written before `generation` is incremented, read after.
    void (*work)(void *, size_t, size_t);
    void *context;
    size_t total, grain;
    _Atomic unsigned generation;
    // On separate cache lines: each is written by all threads.
    _Alignas(128) _Atomic size_t next;
    _Alignas(128) _Atomic int busy;
    _Alignas(128) pthread_mutex_t mutex;
    pthread_cond_t changed;
};

// Polls before a thread sleeps: about a millisecond, much longer than the pause between two products.
enum { POLLS = 20000 };

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_parts(thread_pool *pool) {
    for (;;) {
        size_t first = atomic_fetch_add_explicit(&pool->next, pool->grain, memory_order_relaxed);
        if (first >= pool->total) return;
        size_t last = first + pool->grain < pool->total ? first + pool->grain : pool->total;
        pool->work(pool->context, first, last);
    }
}

static void await_change(thread_pool *pool, unsigned seen) {
    for (int i = 0; i < POLLS; i++) {
        if (atomic_load_explicit(&pool->generation, memory_order_acquire) != seen) return;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen)
        pthread_cond_wait(&pool->changed, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

static void *work_forever(void *argument) {
    thread_pool *pool = argument;
    for (unsigned seen = 0;; seen++) {
        await_change(pool, seen);
        take_parts(pool);
        atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_release);
    }
    return NULL;
}

thread_pool *pool_make(int count) {
    thread_pool *pool = aligned_alloc(128, (sizeof *pool + 127) / 128 * 128);
    if (!pool) abort();
    pool->count = count;
    atomic_init(&pool->generation, 0);
    atomic_init(&pool->next, 0);
    atomic_init(&pool->busy, 0);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->changed, NULL);
    for (int i = 1; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work_forever, pool) != 0) {
            fputs("peers: cannot start a thread\n", stderr);
            exit(71);
        }
        // The pool lives until the process exits.
        pthread_detach(thread);
    }
    return pool;
}

int pool_count(const thread_pool *pool) { return pool->count; }

void pool_run(
    thread_pool *pool, void (*work)(void *context, size_t first, size_t last), void *context, size_t total,
    size_t grain) {
    pool->work = work;
    pool->context = context;
    pool->total = total;
    pool->grain = grain;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->busy, pool->count - 1, memory_order_relaxed);
    if (pool->count > 1) {
        // The lock ensures that a thread that is about to sleep does not miss the change.
        pthread_mutex_lock(&pool->mutex);
        atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
        pthread_cond_broadcast(&pool->changed);
        pthread_mutex_unlock(&pool->mutex);
    }
    take_parts(pool);
    while (atomic_load_explicit(&pool->busy, memory_order_acquire) > 0) relax();
}
