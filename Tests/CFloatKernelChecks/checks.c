// The checks.

#define _GNU_SOURCE

#include "float_kernel_checks.h"
#include "support.h"

enum { LONGEST = 70 };

static void check_widen(check *c) {
    for (fk_type type = FK_F32; type <= FK_BF16; type++) {
        for (size_t n = 0; n <= LONGEST; n++) {
            void *stored = place(c, n * stored_bytes(type));
            fill_stored(c, stored, type, n, SPECIAL);
            float *expected = place_floats(c, n, GAUSSIAN), *actual = place_floats(c, n, GAUSSIAN);
            c->truth->widen(stored, type, n, expected);
            c->table->widen(stored, type, n, actual);
            if (memcmp(expected, actual, n * sizeof *expected)) fail(c, "widening %zu of type %d differs", n, (int)type);
            release(c, "widen", n);
        }
    }
}

// The value of a float16 by its definition; the payload of a NaN is kept.
static uint32_t float_bits_of_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 31) return sign | 0x7F800000 | fraction << 13;
    float magnitude = exponent ? ldexpf((float)(1024 + fraction), (int)exponent - 25) : ldexpf((float)fraction, -24);
    uint32_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    return sign | bits;
}

static void check_all_halves(check *c) {
    for (uint32_t start = 0; start < 65536; start += 64) {
        uint16_t stored[64];
        float out[64];
        for (uint32_t i = 0; i < 64; i++) stored[i] = (uint16_t)(start + i);
        for (fk_type type = FK_F16; type <= FK_BF16; type++) {
            c->table->widen(stored, type, 64, out);
            for (uint32_t i = 0; i < 64; i++) {
                uint32_t expected = type == FK_F16 ? float_bits_of_half(stored[i]) : (start + i) << 16, actual;
                memcpy(&actual, out + i, sizeof actual);
                if (actual != expected) fail(c, "half %04x of type %d is %08x, not %08x", start + i, (int)type, actual, expected);
            }
        }
    }
}

// Rows with a stride larger than their length, aligned for their type only; the products have a stride as well.
static void check_multiply(check *c) {
    for (fk_type type = FK_F32; type <= FK_BF16; type++) {
        for (value_kind kind = GAUSSIAN; kind < VALUE_KINDS; kind++) {
            for (size_t columns = 0; columns <= LONGEST; columns++) {
                size_t rows = random_bits(c) % 10, vectors = random_bits(c) % 10, gap = random_bits(c) % 3;
                if (rows == 0 || vectors == 0) rows = vectors = 9;
                size_t size = stored_bytes(type), row_bytes = (columns + gap) * size, row_stride = columns + gap, out_stride = rows + gap;
                uint8_t *stored = place(c, (rows - 1) * row_bytes + columns * size);
                fill_stored(c, stored, type, (rows - 1) * (columns + gap) + columns, kind);
                float *x = place_floats(c, (vectors - 1) * row_stride + columns, kind);
                size_t length = (vectors - 1) * out_stride + rows;
                float *expected = place_floats(c, length, GAUSSIAN), *actual = place_copy(c, expected, length * sizeof *expected);
                float *alone = place_copy(c, expected, length * sizeof *expected);
                c->truth->multiply(stored, type, row_bytes, rows, columns, x, row_stride, vectors, expected, out_stride);
                c->table->multiply(stored, type, row_bytes, rows, columns, x, row_stride, vectors, actual, out_stride);
                same(c, "multiply", columns, expected, actual, length);
                // The result is independent of how the work is divided.
                for (size_t t = 0; t < vectors; t++)
                    for (size_t i = 0; i < rows; i++)
                        c->table->multiply(
                            stored + i * row_bytes, type, row_bytes, 1, columns, x + t * row_stride, row_stride, 1, alone + t * out_stride + i, out_stride);
                same(c, "multiply, one by one,", columns, expected, alone, length);
                for (size_t t = 0; t < vectors && kind == GAUSSIAN; t++)
                    for (size_t i = 0; i < rows; i++) {
                        double sum = 0, norm = 1e-30;
                        for (size_t j = 0; j < columns; j++) {
                            float w;
                            c->truth->widen(stored + i * row_bytes + j * size, type, 1, &w);
                            sum += (double)w * (double)x[t * row_stride + j];
                            norm += fabs((double)w * (double)x[t * row_stride + j]);
                        }
                        close_to(c, "multiply", columns, sum, (double)actual[t * out_stride + i], 1e-6 * norm);
                    }
                release(c, "multiply", columns);
            }
        }
    }
}

static void check_rms_norm(check *c) {
    for (value_kind kind = GAUSSIAN; kind < VALUE_KINDS; kind++) {
        for (size_t n = 1; n <= LONGEST; n++) {
            float *x = place_floats(c, n, kind), *weight = place_floats(c, n, kind);
            float *expected = place_floats(c, n, GAUSSIAN), *actual = place_floats(c, n, GAUSSIAN);
            c->truth->rms_norm(x, weight, 1e-5f, n, expected);
            c->table->rms_norm(x, weight, 1e-5f, n, actual);
            same(c, "rms_norm", n, expected, actual, n);
            double sum = 0;
            for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
            for (size_t i = 0; i < n && kind == GAUSSIAN; i++) {
                double plain = (double)x[i] / sqrt(sum / (double)n + 1e-5) * (double)weight[i];
                close_to(c, "rms_norm", n, plain, (double)actual[i], 1e-6 * fabs(plain) + 1e-12);
            }
            c->table->rms_norm(x, weight, 1e-5f, n, x);
            same(c, "rms_norm in place", n, expected, x, n);
            release(c, "rms_norm", n);
        }
    }
}

static void check_softmax(check *c) {
    for (value_kind kind = GAUSSIAN; kind < VALUE_KINDS; kind++) {
        for (size_t n = 0; n <= LONGEST; n++) {
            float *x = place_floats(c, n, kind);
            float *expected = place_copy(c, x, n * sizeof *x), *actual = place_copy(c, x, n * sizeof *x);
            c->truth->softmax(expected, 3.5f, n);
            c->table->softmax(actual, 3.5f, n);
            same(c, "softmax", n, expected, actual, n);
            double largest = -1e300, sum = 0;
            bool isnt_number = false;
            for (size_t i = 0; i < n; i++) largest = fmax(largest, 3.5 * (double)x[i]), isnt_number |= isnan(x[i]);
            for (size_t i = 0; i < n; i++) sum += exp(3.5 * (double)x[i] - largest);
            for (size_t i = 0; i < n && kind == GAUSSIAN; i++)
                close_to(c, "softmax", n, exp(3.5 * (double)x[i] - largest) / sum, (double)actual[i], 2e-6 * exp(3.5 * (double)x[i] - largest) / sum);
            if (isnt_number && !isnan(actual[0])) fail(c, "softmax of %zu hides what is not a number", n);
            release(c, "softmax", n);
        }
    }
}

// exp, measured by the softmax of (0, x).
static void check_exp(check *c) {
    for (double x = 0; x > -100; x -= 0.00390625 * 1.37) {
        float pair[2] = {0, (float)x};
        c->table->softmax(pair, 1, 2);
        double e = exp((double)(float)x);
        if (x < -87) {
            if (x < -87.01 && pair[1] != 0) fail(c, "exp(%g) is not 0", x);
        } else {
            close_to(c, "softmax of 0 and a number", 2, e / (1 + e), (double)pair[1], 4e-7 * e / (1 + e));
        }
    }
}

static void check_silu_product(check *c) {
    for (value_kind kind = GAUSSIAN; kind < VALUE_KINDS; kind++) {
        for (size_t n = 0; n <= LONGEST; n++) {
            float *x = place_floats(c, n, kind), *y = place_floats(c, n, kind);
            float *expected = place_copy(c, x, n * sizeof *x), *actual = place_copy(c, x, n * sizeof *x);
            c->truth->silu_product(expected, y, n);
            c->table->silu_product(actual, y, n);
            same(c, "silu_product", n, expected, actual, n);
            for (size_t i = 0; i < n; i++) {
                double plain = (double)x[i] / (1 + exp(-(double)x[i])) * (double)y[i];
                if (kind == GAUSSIAN) close_to(c, "silu_product", n, plain, (double)actual[i], 1e-6 * fabs(plain) + 1e-12);
                if (isnan(x[i]) && !isnan(actual[i])) fail(c, "silu_product of %zu hides what is not a number", n);
            }
            release(c, "silu_product", n);
        }
    }
}

static void check_silu_product_gradient(check *c) {
    for (value_kind kind = GAUSSIAN; kind < VALUE_KINDS; kind++) {
        for (size_t n = 0; n <= LONGEST; n++) {
            size_t size = n * sizeof(float);
            float *x = place_floats(c, n, kind), *y = place_floats(c, n, kind), *gradient = place_floats(c, n, kind);
            float *expected_x = place_copy(c, x, size), *actual_x = place_copy(c, x, size);
            float *expected_y = place_copy(c, y, size), *actual_y = place_copy(c, y, size);
            c->truth->silu_product_gradient(expected_x, expected_y, gradient, n);
            c->table->silu_product_gradient(actual_x, actual_y, gradient, n);
            same(c, "silu_product_gradient at x", n, expected_x, actual_x, n);
            same(c, "silu_product_gradient at y", n, expected_y, actual_y, n);
            for (size_t i = 0; i < n; i++) {
                double a = (double)x[i], g = (double)gradient[i], share = 1 / (1 + exp(-a)), plain = g * a * share;
                if (kind == GAUSSIAN) {
                    close_to(c, "silu_product_gradient at y", n, plain, (double)actual_y[i], 1e-6 * fabs(plain) + 1e-12);
                    plain = g * (double)y[i] * (share + a * share * (1 - share));
                    close_to(c, "silu_product_gradient at x", n, plain, (double)actual_x[i], 1e-6 * fabs(g * (double)y[i]) + 1e-12);
                }
                if (isnan(x[i]) && !(isnan(actual_x[i]) && isnan(actual_y[i]))) fail(c, "silu_product_gradient of %zu hides what is not a number", n);
            }
            release(c, "silu_product_gradient", n);
        }
    }
}

static void check_rotary_and_add(check *c) {
    for (value_kind kind = GAUSSIAN; kind < VALUE_KINDS; kind++) {
        for (size_t n = 0; n <= LONGEST; n++) {
            float *x = place_floats(c, 2 * n, kind), *cosines = place_floats(c, n, kind), *sines = place_floats(c, n, kind);
            float *expected = place_copy(c, x, 2 * n * sizeof *x), *actual = place_copy(c, x, 2 * n * sizeof *x);
            c->truth->rotary(expected, cosines, sines, n);
            c->table->rotary(actual, cosines, sines, n);
            same(c, "rotary", n, expected, actual, 2 * n);
            for (size_t j = 0; j < n && kind == GAUSSIAN; j++) {
                double a = (double)x[j], b = (double)x[j + n], cosine = (double)cosines[j], sine = (double)sines[j];
                close_to(c, "rotary", n, a * cosine - b * sine, (double)actual[j], 1e-5);
                close_to(c, "rotary", n, b * cosine + a * sine, (double)actual[j + n], 1e-5);
            }
            c->truth->add(expected, x, 2 * n);
            c->table->add(actual, x, 2 * n);
            same(c, "add", 2 * n, expected, actual, 2 * n);
            release(c, "rotary", n);
        }
    }
}

static void check_distributions(check *c) {
    for (value_kind kind = GAUSSIAN; kind < VALUE_KINDS; kind++) {
        for (size_t n = 1; n <= LONGEST; n++) {
            float *p = place_floats(c, n, kind), *q = place_floats(c, n, kind);
            double norm_p = c->truth->log_sum_exp(p, n), norm_q = c->truth->log_sum_exp(q, n);
            same_double(c, "log_sum_exp", n, norm_p, c->table->log_sum_exp(p, n));
            double divergence = c->table->divergence(p, norm_p, q, norm_q, n);
            same_double(c, "divergence", n, c->truth->divergence(p, norm_p, q, norm_q, n), divergence);
            double sum_p = 0, sum_q = 0, plain = 0;
            for (size_t i = 0; i < n; i++) {
                sum_p += exp((double)p[i]), sum_q += exp((double)q[i]);
                if (isnan(p[i]) && !isnan(norm_p)) fail(c, "log_sum_exp of %zu hides what is not a number", n);
            }
            for (size_t i = 0; i < n; i++) plain += exp((double)p[i]) / sum_p * log(exp((double)p[i]) / sum_p / (exp((double)q[i]) / sum_q));
            if (kind == GAUSSIAN) {
                close_to(c, "log_sum_exp", n, log(sum_p), norm_p, 2e-7 * (1 + fabs(norm_p)));
                close_to(c, "divergence", n, plain, divergence, 1e-6 * (1 + plain));
                same_double(c, "divergence from itself", n, 0, c->table->divergence(p, norm_p, p, norm_p, n));
            }
            release(c, "log_sum_exp", n);
        }
    }
}

static const struct {
    const char *name;
    void (*run)(check *);
} checks[] = {
    {"widen", check_widen}, {"all halves", check_all_halves}, {"multiply", check_multiply}, {"rms_norm", check_rms_norm},
    {"softmax", check_softmax}, {"exp", check_exp}, {"silu_product", check_silu_product},
    {"silu_product_gradient", check_silu_product_gradient}, {"rotary, add", check_rotary_and_add}, {"log_sum_exp, divergence", check_distributions},
};

size_t fk_check_count(void) { return sizeof checks / sizeof *checks; }

const char *fk_check_name(size_t index) { return checks[index].name; }

const char *fk_check_run(size_t index, qam_features features) {
    static _Thread_local check c;
    c = (check){.truth = fk_functions_for(QAM_SET_SCALAR), .table = fk_functions_for(features), .state = index + 1};
    checks[index].run(&c);
    return c.failed ? c.message : NULL;
}
