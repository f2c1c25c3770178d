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

typedef struct {
    const char *name;
    fk_activation activation;
} activation_case;

static const activation_case activations[] = {
    {"silu", FK_SILU}, {"gelu", FK_GELU}, {"squared_relu", FK_SQUARED_RELU}, {"clamped_gate", FK_CLAMPED_GATE},
};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

// The activation and its derivative.
static double activated(fk_activation activation, double x, double *slope) {
    double u = sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x), gate = fmin(x, 7), share;
    switch (activation) {
    case FK_SILU: share = 1 / (1 + exp(-x)); *slope = share + x * share * (1 - share); return x * share;
    case FK_GELU:
        *slope = 0.5 * (1 + tanh(u)) + 0.5 * x * (1 - tanh(u) * tanh(u)) * sqrt(2 / acos(-1.0)) * (1 + 3 * 0.044715 * x * x);
        return 0.5 * x * (1 + tanh(u));
    case FK_SQUARED_RELU: *slope = 2 * fmax(x, 0); return fmax(x, 0) * fmax(x, 0);
    case FK_CLAMPED_GATE:
        share = 1 / (1 + exp(-1.702 * gate));
        *slope = x > 7 ? 0 : share + 1.702 * gate * share * (1 - share);
        return gate * share;
    }
    return NAN;
}

static double other_factor(fk_activation activation, double y) { return activation == FK_CLAMPED_GATE ? fmax(-7, fmin(y, 7)) + 1 : y; }

static void check_activation(check *c, activation_case a, bool has_factor, value_kind kind, size_t n) {
    float *x = place_floats(c, n, kind), *y = has_factor ? place_floats(c, n, kind) : NULL;
    // Some beyond the limits of a clamped gate.
    for (size_t i = 0; i < n; i += 3) x[i] *= 4, y ? y[i] *= 4 : 0;
    float *expected = place_copy(c, x, n * sizeof *x), *actual = place_copy(c, x, n * sizeof *x);
    c->truth->activate(a.activation, expected, y, n);
    c->table->activate(a.activation, actual, y, n);
    same(c, a.name, n, expected, actual, n);
    for (size_t i = 0; i < n; i++) {
        double slope, plain = activated(a.activation, (double)x[i], &slope) * (y ? other_factor(a.activation, (double)y[i]) : 1);
        if (kind == GAUSSIAN) close_to(c, a.name, n, plain, (double)actual[i], 3e-6 * fabs(plain) + 1e-6 * (y ? fabs((double)y[i]) : 1));
        if (isnan(x[i]) && !isnan(actual[i])) fail(c, "an activation of %zu hides what is not a number", n);
    }
    release(c, a.name, n);
}

static void check_activation_gradient(check *c, activation_case a, bool has_factor, value_kind kind, size_t n) {
    size_t size = n * sizeof(float);
    float *x = place_floats(c, n, kind), *y = has_factor ? place_floats(c, n, kind) : NULL, *gradient = place_floats(c, n, kind);
    for (size_t i = 0; i < n; i += 3) x[i] *= 4, y ? y[i] *= 4 : 0;
    float *expected_x = place_copy(c, x, size), *actual_x = place_copy(c, x, size);
    float *expected_y = y ? place_copy(c, y, size) : NULL, *actual_y = y ? place_copy(c, y, size) : NULL;
    c->truth->activation_gradient(a.activation, expected_x, expected_y, gradient, n);
    c->table->activation_gradient(a.activation, actual_x, actual_y, gradient, n);
    same(c, "activation_gradient at x", n, expected_x, actual_x, n);
    if (y) same(c, "activation_gradient at y", n, expected_y, actual_y, n);
    for (size_t i = 0; i < n; i++) {
        double slope, value = activated(a.activation, (double)x[i], &slope), g = (double)gradient[i];
        double at_x = g * slope * (y ? other_factor(a.activation, (double)y[i]) : 1), scale = fabs(g) * (y ? 1 + fabs((double)y[i]) : 1);
        double at_y = y && a.activation == FK_CLAMPED_GATE && fabs((double)y[i]) > 7 ? 0 : g * value;
        if (kind == GAUSSIAN) {
            close_to(c, a.name, n, at_x, (double)actual_x[i], 3e-6 * (fabs(at_x) + scale) + 1e-12);
            if (y) close_to(c, a.name, n, at_y, (double)actual_y[i], 3e-6 * (fabs(at_y) + fabs(g)) + 1e-12);
        }
        if (isnan(x[i]) && !isnan(actual_x[i])) fail(c, "activation_gradient of %zu hides what is not a number", n);
    }
    release(c, a.name, n);
}

static void check_activations(check *c) {
    for (size_t index = 0; index < 2 * ACTIVATIONS; index++) {
        for (value_kind kind = GAUSSIAN; kind < VALUE_KINDS; kind++) {
            for (size_t n = 0; n <= LONGEST; n++) {
                check_activation(c, activations[index / 2], index % 2, kind, n);
                check_activation_gradient(c, activations[index / 2], index % 2, kind, n);
            }
        }
    }
}

static void check_bounds_and_scales(check *c) {
    for (value_kind kind = GAUSSIAN; kind < VALUE_KINDS; kind++) {
        for (size_t n = 0; n <= LONGEST; n++) {
            size_t size = n * sizeof(float);
            float *x = place_floats(c, n, kind), *y = place_floats(c, n, kind);
            float *expected[4], *actual[4];
            for (int i = 0; i < 4; i++) expected[i] = place_copy(c, x, size), actual[i] = place_copy(c, x, size);
            c->truth->sigmoid(expected[0], n), c->table->sigmoid(actual[0], n);
            c->truth->soft_cap(expected[1], 1.5f, 2.5f, n), c->table->soft_cap(actual[1], 1.5f, 2.5f, n);
            c->truth->add_scaled(expected[2], y, 0.3f, n), c->table->add_scaled(actual[2], y, 0.3f, n);
            c->truth->scale(expected[3], 0.7f, n), c->table->scale(actual[3], 0.7f, n);
            for (int i = 0; i < 4; i++) same(c, "a bound or scale", n, expected[i], actual[i], n);
            for (size_t i = 0; i < n && kind == GAUSSIAN; i++) {
                double a = (double)x[i];
                close_to(c, "sigmoid", n, 1 / (1 + exp(-a)), (double)actual[0][i], 1e-6 / (1 + exp(-a)));
                close_to(c, "soft_cap", n, 2.5 * tanh(a * 1.5 / 2.5), (double)actual[1][i], 1e-6);
                close_to(c, "add_scaled", n, a + (double)0.3f * (double)y[i], (double)actual[2][i], 1e-6 * (1 + fabs(a) + fabs((double)y[i])));
                close_to(c, "scale", n, a * (double)0.7f, (double)actual[3][i], 1e-7 * fabs(a));
            }
            release(c, "bounds and scales", n);
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
    {"softmax", check_softmax}, {"exp", check_exp}, {"activations", check_activations},
    {"bounds, scales", check_bounds_and_scales}, {"rotary, add", check_rotary_and_add}, {"log_sum_exp, divergence", check_distributions},
};

size_t fk_check_count(void) { return sizeof checks / sizeof *checks; }

const char *fk_check_name(size_t index) { return checks[index].name; }

const char *fk_check_run(size_t index, qam_features features) {
    static _Thread_local check c;
    c = (check){.truth = fk_functions_for(QAM_SET_SCALAR), .table = fk_functions_for(features), .state = index + 1};
    checks[index].run(&c);
    return c.failed ? c.message : NULL;
}
