// Memory, rows of floats and conversions.

#include "functions.h"

#include <string.h>

// ---- Rows of floats ---------------------------------------------------------------------------------------------

static size_t next_count(size_t count) {
    if (count < 140) return count + 1;
    return count < 1000 ? count + 251 : count < 5000 ? count + 1301 : 0;
}

void check_read(check *c) {
    for (size_t n = 0; n < 1500; n += 1 + n / 600 * 37) {
        begin_case(c, "%zu bytes", n);
        const uint8_t *bytes = place(c, "bytes", n);
        uint64_t expected = c->truth->read(bytes, n), actual = c->table->read(bytes, n);
        same_bytes(c, &expected, &actual, sizeof expected);
        release(c, 0);
    }
}

void check_sum_of_squares(check *c) {
    for (value_kind kind = 0; kind < VALUE_KINDS; kind++)
        for (size_t n = 1; n; n = next_count(n)) {
            begin_case(c, "%zu values of kind %d", n, kind);
            const float *x = place_values(c, "x", n, kind);
            same_double(c, c->truth->sum_of_squares(x, n), c->table->sum_of_squares(x, n));
            release(c, 0);
        }
}

void check_inner_products(check *c) {
    for (value_kind kind = 0; kind < VALUE_KINDS; kind++)
        for (size_t n = 1; n; n = next_count(n)) {
            begin_case(c, "%zu values of kind %d", n, kind);
            const float *z = place_values(c, "z", n, kind), *y = place_values(c, "y", n, kind);
            qam_products expected = c->truth->inner_products(z, y, n), actual = c->table->inner_products(z, y, n);
            same_double(c, expected.zz, actual.zz);
            same_double(c, expected.zy, actual.zy);
            same_double(c, expected.yy, actual.yy);
            release(c, 0);
        }
}

void check_squared_distance(check *c) {
    for (value_kind kind = 0; kind < VALUE_KINDS; kind++)
        for (size_t n = 1; n; n = next_count(n)) {
            begin_case(c, "%zu values of kind %d", n, kind);
            const float *a = place_values(c, "a", n, kind), *b = place_values(c, "b", n, kind);
            same_double(c, c->truth->squared_distance(a, b, n), c->table->squared_distance(a, b, n));
            release(c, 0);
        }
}

typedef void in_place(float *x, const float *scales, size_t count);

static void compare_in_place(check *c, in_place *truth, in_place *function) {
    for (value_kind kind = 0; kind < VALUE_KINDS; kind++)
        for (size_t n = 1; n; n = next_count(n)) {
            begin_case(c, "%zu values of kind %d", n, kind);
            float *x = place_values(c, "x", n, kind);
            float *expected = place_copy(c, "expected", x, n * sizeof *x);
            const float *scales = place_values(c, "scales", n, kind);
            truth(expected, scales, n);
            function(x, scales, n);
            same_floats(c, expected, x, n);
            release(c, 0);
        }
}

void check_scale(check *c) { compare_in_place(c, c->truth->scale, c->table->scale); }
void check_unscale(check *c) { compare_in_place(c, c->truth->unscale, c->table->unscale); }

// ---- Conversion -------------------------------------------------------------------------------------------------

static size_t width(qam_element type) { return type == QAM_F32 ? 4 : 2; }

// Elements may come from any position in a file, so they lie at any address.
static uint8_t *place_anywhere(check *c, const char *name, size_t bytes, size_t offset) {
    uint8_t *data = place(c, name, bytes + offset);
    return data + below(c, offset + 1);
}

static void convert_to(check *c, const uint8_t *elements, qam_element type, size_t count) {
    size_t mark = c->used;
    float *expected = place(c, "expected", count * sizeof *expected), *x = place(c, "x", count * sizeof *x);
    c->truth->to_floats(elements, type, count, expected);
    c->table->to_floats(elements, type, count, x);
    same_bytes(c, expected, x, count * sizeof *x);
    release(c, mark);
}

void check_to_floats(check *c) {
    for (qam_element type = QAM_F32; type <= QAM_BF16; type++) {
        for (size_t n = 1; n; n = next_count(n)) {
            begin_case(c, "%zu elements of type %d", n, type);
            convert_to(c, place_anywhere(c, "elements", n * width(type), n % 3), type, n);
            release(c, 0);
        }
        if (type == QAM_F32) continue;
        begin_case(c, "all elements of type %d", type);
        uint8_t *all = place(c, "elements", 2 << 16);
        for (size_t i = 0; i < 1 << 16; i++) all[2 * i] = (uint8_t)i, all[2 * i + 1] = (uint8_t)(i >> 8);
        convert_to(c, all, type, 1 << 16);
        release(c, 0);
    }
}

static void convert_from(check *c, const float *x, qam_element type, size_t count) {
    size_t mark = c->used, bytes = count * width(type);
    uint8_t *expected = place(c, "expected", bytes), *elements = place_anywhere(c, "elements", bytes, count % 3);
    c->truth->from_floats(x, count, type, expected);
    c->table->from_floats(x, count, type, elements);
    same_bytes(c, expected, elements, bytes);
    release(c, mark);
}

void check_from_floats(check *c) {
    for (qam_element type = QAM_F32; type <= QAM_BF16; type++) {
        for (size_t n = 1; n; n = next_count(n)) {
            begin_case(c, "%zu elements of type %d", n, type);
            convert_from(c, place_values(c, "x", n, n % VALUE_KINDS), type, n);
            release(c, 0);
        }
        if (type == QAM_F32) continue;
        // All upper halves, with lower halves around every rounding boundary, of normal and denormal float16 values.
        for (uint32_t bit = 0; bit <= 16; bit++)
            for (uint32_t around = 0; around < 3; around++) {
                uint32_t lower = ((1u << bit) + around - 1) & 0xFFFF;
                begin_case(c, "all floats that end in 0x%04x to type %d", lower, type);
                uint32_t *bits = place(c, "x", 4 << 16);
                for (uint32_t i = 0; i < 1 << 16; i++) bits[i] = i << 16 | lower;
                convert_from(c, (const float *)bits, type, 1 << 16);
                release(c, 0);
            }
    }
}
