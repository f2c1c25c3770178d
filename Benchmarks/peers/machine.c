#include "machine.h"

#include <math.h>
#include <qam_kernels.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

bool small_pages = false;

void choose_pages(void *memory, size_t bytes) {
#if defined(MADV_HUGEPAGE)
    const size_t huge = 2 << 20;
    uintptr_t first = ((uintptr_t)memory + huge - 1) / huge * huge, end = ((uintptr_t)memory + bytes) / huge * huge;
    // If the request fails, it fails for both sides.
    if (first < end) madvise((void *)first, end - first, small_pages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
#else
    (void)memory;
    (void)bytes;
#endif
}

void *allocate_pages(size_t bytes) {
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (pages == MAP_FAILED) {
        fprintf(stderr, "peers: no memory for %zu bytes; try --matrices with a smaller number\n", bytes);
        exit(71);
    }
    choose_pages(pages, bytes);
    return pages;
}

uint64_t next_random(uint64_t *state) {
    uint64_t x = *state += 0x9E3779B97F4A7C15;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
}

void fill_random(void *bytes, size_t count, uint64_t seed) {
    uint8_t *p = bytes;
    for (; count > 0; ) {
        uint64_t v = next_random(&seed);
        size_t n = count < sizeof v ? count : sizeof v;
        memcpy(p, &v, n);
        p += n;
        count -= n;
    }
}

void fill_gaussian(float *x, size_t count, uint64_t seed) {
    for (size_t i = 0; i < count; i++) {
        double u = ((double)(next_random(&seed) >> 11) + 0.5) * 0x1p-53;
        double v = (double)(next_random(&seed) >> 11) * 0x1p-53;
        x[i] = (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
    }
}

// ---- Reading memory -------------------------------------------------------------------------------------------

enum { PAGE = 4096, READ_GRAIN = 256 };

static _Atomic uint64_t sink;

static void read_pages(void *context, size_t first, size_t last) {
    const memory_reader *reader = context;
    uint64_t sum = qam_kernels_for(qam_features_allowed()).read(reader->bytes + reader->next + first * PAGE, (last - first) * PAGE);
    // The sum is unused, but the loads must not be optimised away.
    atomic_fetch_xor_explicit(&sink, sum, memory_order_relaxed);
}

void read_memory(void *reader) {
    memory_reader *r = reader;
    pool_run(r->pool, read_pages, r, r->part / PAGE, READ_GRAIN);
    r->next = (r->next + r->part) % r->count;
}

const char *machine_name(void) {
    static char name[256] = "unknown processor";
#if defined(__APPLE__)
    size_t size = sizeof name;
    sysctlbyname("machdep.cpu.brand_string", name, &size, NULL, 0);
#else
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            snprintf(name, sizeof name, "%s", strchr(line, ':') + 2);
            name[strcspn(name, "\n\"\\")] = 0;
            break;
        }
    if (file) fclose(file);
#endif
    return name;
}
