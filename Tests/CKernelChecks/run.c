// Runs a check: failures, and memory faults that become failures.

#include "checks.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { USABLE = 20 << 20 };

// The check that this thread runs, for the signal handler, and the fault that it found.
static _Thread_local check *running;
static _Thread_local uint8_t *fault;
static _Thread_local char message[MAX_TEXT];

static struct sigaction before_segv, before_bus;

static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)context;
    if (running) {
        fault = info->si_addr;
        siglongjmp(running->failed, 2);
    }
    // The fault is not in a check: the access is repeated and reaches the previous handler.
    sigaction(signal, signal == SIGBUS ? &before_bus : &before_segv, NULL);
}

static void install(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);
}

void begin_case(check *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->what, sizeof c->what, format, arguments);
    va_end(arguments);
}

void fail(check *c, const char *format, ...) {
    char why[MAX_TEXT / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    snprintf(message, sizeof message, "%s: %s", c->what, why);
    siglongjmp(c->failed, 1);
}

static void describe_fault(const check *c) {
    for (size_t i = 0; i < c->used; i++) {
        const buffer *b = &c->buffers[i];
        long page = sysconf(_SC_PAGESIZE);
        if (fault < b->pages - page || fault >= b->pages + USABLE + page) continue;
        snprintf(
            message, sizeof message, "%s: touched byte %td of `%s`, which has %zu", c->what, fault - b->data, b->name,
            b->bytes);
        return;
    }
    snprintf(message, sizeof message, "%s: touched %p, which is nowhere near its memory", c->what, (void *)fault);
}

const char *run_check(check_body *body, void *argument, qam_features features, uint64_t seed) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    if (!qam_has(qam_features_here(), features)) return "this machine lacks features";
    const qam_kernels truth = qam_kernels_for(QAM_SET_SCALAR), table = qam_kernels_for(features);

    check *c = calloc(1, sizeof *c);
    if (!c) return "no memory";
    c->truth = &truth, c->table = &table, c->features = features, c->random = seed, c->argument = argument;
    long page = sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < MAX_BUFFERS; i++) {
        // Untouched pages use no memory.
        uint8_t *pages = mmap(NULL, USABLE + 2 * (size_t)page, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
        if (pages == MAP_FAILED || mprotect(pages + page, USABLE, PROT_READ | PROT_WRITE)) abort();
        c->buffers[i].pages = pages + page;
    }
    message[0] = 0;
    running = c;
    switch (sigsetjmp(c->failed, 1)) {
    case 0:
        body(c);
        if (c->comparisons == 0) snprintf(message, sizeof message, "compared nothing");
        break;
    case 2: describe_fault(c); break;
    default: break;
    }
    running = NULL;
    for (size_t i = 0; i < MAX_BUFFERS; i++) munmap(c->buffers[i].pages - page, USABLE + 2 * (size_t)page);
    free(c);
    return message[0] ? message : NULL;
}

// ---- Guarded memory ---------------------------------------------------------------------------------------------

enum { MARGIN = 256 };

static uint8_t canary(const uint8_t *at) { return (uint8_t)((uintptr_t)at * 37 + 11); }

// The margins of a buffer within its own pages.
static void margins(const buffer *b, uint8_t *from[2], uint8_t *to[2]) {
    uint8_t *end = b->data + b->bytes, *last = b->pages + USABLE;
    from[0] = b->data - b->pages < MARGIN ? b->pages : b->data - MARGIN;
    to[0] = b->data;
    from[1] = end;
    to[1] = last - end < MARGIN ? last : end + MARGIN;
}

void *place(check *c, const char *name, size_t bytes) {
    if (c->used == MAX_BUFFERS || bytes > USABLE) fail(c, "too little memory for `%s`", name);
    buffer *b = &c->buffers[c->used++];
    b->name = name;
    b->bytes = bytes;
    b->data = below(c, 4) == 0 ? b->pages : b->pages + USABLE - bytes;
    uint8_t *from[2], *to[2];
    margins(b, from, to);
    for (int side = 0; side < 2; side++)
        for (uint8_t *p = from[side]; p < to[side]; p++) *p = canary(p);
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8) {
        uint64_t word = next_random(c);
        __builtin_memcpy(b->data + i, &word, 8);
    }
    for (; i < bytes; i++) b->data[i] = (uint8_t)next_random(c);
    return b->data;
}

void *place_copy(check *c, const char *name, const void *content, size_t bytes) {
    void *data = place(c, name, bytes);
    __builtin_memcpy(data, content, bytes);
    return data;
}

void release(check *c, size_t mark) {
    while (c->used > mark) {
        const buffer *b = &c->buffers[--c->used];
        uint8_t *from[2], *to[2];
        margins(b, from, to);
        for (int side = 0; side < 2; side++)
            for (uint8_t *p = from[side]; p < to[side]; p++)
                if (*p != canary(p)) fail(c, "wrote byte %td of `%s`, which has %zu", p - b->data, b->name, b->bytes);
    }
}
