// Preloaded into the command: fails the SHIM_N-th call of the function SHIM_CALL with the errno SHIM_ERRNO, and counts the calls of
// that function in the file SHIM_COUNT. Calls on /proc, /sys, /dev and /etc come from the runtime and are not counted.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

static int is_own(const char *path) {
    static const char *const prefixes[] = {"/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib", "/opt/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(path, prefixes[i], strlen(prefixes[i]))) return 1;
    return 0;
}

// Whether this call of `name` is the one that fails.
static int fails(const char *name) {
    const char *wanted = getenv("SHIM_CALL");
    if (!wanted || strcmp(wanted, name)) return 0;
    long number = atomic_fetch_add(&calls, 1) + 1;
    const char *path = getenv("SHIM_COUNT");
    if (path) {
        char text[32];
        int length = snprintf(text, sizeof text, "%ld\n", number);
        int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (file >= 0) {
            (void)!syscall(SYS_write, file, text, length);
            syscall(SYS_close, file);
        }
    }
    const char *n = getenv("SHIM_N");
    if (!n || number != atol(n)) return 0;
    errno = atoi(getenv("SHIM_ERRNO"));
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define SHIM(result, name, parameters, arguments, failure) \
    result name parameters { return fails(#name) ? failure : REAL(name) arguments; }
#define SHIM_OF_PATH(result, name, parameters, arguments, path, failure) \
    result name parameters { return !is_own(path) && fails(#name) ? failure : REAL(name) arguments; }

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = flags & O_CREAT ? va_arg(list, int) : 0;
    va_end(list);
    return !is_own(path) && fails("open") ? -1 : REAL(open)(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = flags & O_CREAT ? va_arg(list, int) : 0;
    va_end(list);
    return !is_own(path) && fails("openat") ? -1 : REAL(openat)(folder, path, flags, mode);
}

SHIM(ssize_t, pread, (int file, void *bytes, size_t count, off_t offset), (file, bytes, count, offset), -1)
SHIM(ssize_t, pwrite, (int file, const void *bytes, size_t count, off_t offset), (file, bytes, count, offset), -1)
SHIM(int, fsync, (int file), (file), -1)
SHIM(int, ftruncate, (int file, off_t length), (file, length), -1)
SHIM(int, flock, (int file, int operation), (file, operation), -1)
SHIM(int, fchmod, (int file, mode_t mode), (file, mode), -1)
SHIM(int, fstat, (int file, struct stat *status), (file, status), -1)
SHIM(struct dirent *, readdir, (DIR *folder), (folder), NULL)
SHIM_OF_PATH(int, stat, (const char *path, struct stat *status), (path, status), path, -1)
SHIM_OF_PATH(int, lstat, (const char *path, struct stat *status), (path, status), path, -1)
SHIM_OF_PATH(int, rename, (const char *from, const char *to), (from, to), from, -1)
SHIM_OF_PATH(int, link, (const char *from, const char *to), (from, to), from, -1)
SHIM_OF_PATH(int, unlink, (const char *path), (path), path, -1)
SHIM_OF_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode), path, -1)
SHIM_OF_PATH(DIR *, opendir, (const char *path), (path), path, NULL)
SHIM_OF_PATH(char *, realpath, (const char *path, char *resolved), (path, resolved), path, NULL)
