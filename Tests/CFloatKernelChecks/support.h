// Memory between guard pages, and random numbers. Included by one file only: everything here is static.

#ifndef FK_CHECK_SUPPORT_H
#define FK_CHECK_SUPPORT_H

#include "float_kernels.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct check {
    const fk_functions *truth, *table;
    uint64_t state;
    char message[240];
    bool failed;
    struct area {
        uint8_t *mapping;
        size_t mapped, length;
    } areas[16];
    int area_count;
} check;

typedef enum { GAUSSIAN, SPECIAL, VALUE_KINDS } value_kind;

enum { CANARY = 0xA5 };

__attribute__((format(printf, 2, 3))) static void fail(check *c, const char *format, ...) {
    if (c->failed) return;
    c->failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->message, sizeof c->message, format, arguments);
    va_end(arguments);
}

// `length` bytes that end at a guard page and are preceded by one.
static void *place(check *c, size_t length) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (length / page + 1) * page;
    uint8_t *mapping = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED || c->area_count == 16 || mprotect(mapping + page, inner, PROT_READ | PROT_WRITE)) {
        perror("float_kernel_checks");
        abort();
    }
    memset(mapping + page, CANARY, inner);
    c->areas[c->area_count++] = (struct area){mapping, inner + 2 * page, length};
    return mapping + page + inner - length;
}

static void *place_copy(check *c, const void *bytes, size_t length) {
    void *copy = place(c, length);
    memcpy(copy, bytes, length);
    return copy;
}

// Frees all memory. Fails if anything before a buffer was overwritten.
static void release(check *c, const char *what, size_t count) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < c->area_count; i++) {
        struct area area = c->areas[i];
        for (uint8_t *p = area.mapping + page; p < area.mapping + area.mapped - page - area.length; p++)
            if (*p != CANARY) fail(c, "%s of %zu: written before what was lent", what, count);
        munmap(area.mapping, area.mapped);
    }
    c->area_count = 0;
}

static uint64_t random_bits(check *c) {
    c->state = c->state * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = (c->state ^ c->state >> 32) * 0xD6E8FEB86659FD93u;
    return x ^ x >> 29;
}

static float gaussian(check *c) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += (double)(random_bits(c) >> 11) * 0x1p-53;
    return (float)sum;
}

static float special(check *c) {
    static const float values[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-40f, -1e-45f, 3e38f, -3e38f, -87.5f, -86.9f, 88.5f, 1.0f};
    uint64_t bits = random_bits(c) >> 8;
    return bits % 3 ? gaussian(c) : values[bits / 3 % (sizeof values / sizeof *values)];
}

static float *place_floats(check *c, size_t count, value_kind kind) {
    float *x = place(c, count * sizeof *x);
    for (size_t i = 0; i < count; i++) {
        float value = kind == GAUSSIAN ? gaussian(c) : special(c);
        memcpy((uint8_t *)x + i * sizeof *x, &value, sizeof value);
    }
    return x;
}

static size_t stored_bytes(fk_type type) { return type == FK_F32 ? 4 : 2; }

// Stored elements: with SPECIAL, arbitrary float16 bits.
static void fill_stored(check *c, void *stored, fk_type type, size_t count, value_kind kind) {
    for (size_t i = 0; i < count; i++) {
        float value = kind == GAUSSIAN ? gaussian(c) : special(c);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        uint16_t half = (uint16_t)(bits >> 16);
        // Arbitrary bits are a valid float16; ordinary magnitudes keep the sums ordinary.
        if (type == FK_F16) half = kind == GAUSSIAN ? (uint16_t)((random_bits(c) & 0x83FF) | 0x3800) : (uint16_t)random_bits(c);
        memcpy((uint8_t *)stored + i * stored_bytes(type), type == FK_F32 ? (void *)&bits : (void *)&half, stored_bytes(type));
    }
}

// Equal bits, or both NaN: the bits of a NaN depend on the order of operands.
static void same(check *c, const char *what, size_t count, const float *expected, const float *actual, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (isnan(expected[i]) && isnan(actual[i])) continue;
        if (memcmp(expected + i, actual + i, sizeof *expected))
            fail(c, "%s of %zu: number %zu is %a, not %a", what, count, i, (double)actual[i], (double)expected[i]);
    }
}

static void same_double(check *c, const char *what, size_t count, double expected, double actual) {
    if (isnan(expected) && isnan(actual)) return;
    if (memcmp(&expected, &actual, sizeof expected)) fail(c, "%s of %zu is %a, not %a", what, count, actual, expected);
}

static void close_to(check *c, const char *what, size_t count, double expected, double actual, double tolerance) {
    if (!(fabs(expected - actual) <= tolerance)) fail(c, "%s of %zu is %.9g, not %.9g", what, count, actual, expected);
}

#endif
