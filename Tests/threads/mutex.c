// Tells ThreadSanitizer about the synchronization of the standard library's Mutex: its slow path is in a library that is not
// instrumented, so that everything guarded by a contended Mutex would be reported. Preloaded by scripts/check-threads.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

// Defined by the process if it is built with -fsanitize=thread.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

#define SWIFT_METHOD __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *handle
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef SWIFT_METHOD void lock_function(uint32_t thread, SELF);
typedef SWIFT_METHOD void unlock_function(SELF);

static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) abort();
    return function;
}

SWIFT_METHOD void lock_slow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
SWIFT_METHOD void unlock_slow(SELF) __asm__(UNLOCK_SLOW);

SWIFT_METHOD void lock_slow(uint32_t thread, SELF) {
    ((lock_function *)next(LOCK_SLOW))(thread, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT_METHOD void unlock_slow(SELF) {
    if (__tsan_release) __tsan_release(handle);
    ((unlock_function *)next(UNLOCK_SLOW))(handle);
}
