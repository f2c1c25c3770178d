// The functions, on vectors of sixteen floats, which the compiler splits to the instruction set's width.
//
// FK_TABLE: the table to define. FK_TILE_ROWS, FK_TILE_VECTORS: the number of concurrent products, limited by the
// registers; results do not depend on them.

#include "../vectors.h"

#include <math.h>

// ---- Sixteen lanes ----

INLINE floats max16(floats a, floats b) { return select16((words)(a > b), a, b); }

// Adds halves to halves.
INLINE float sum16(floats v) {
    float x[LANES];
    store(x, v);
    for (int width = LANES / 2; width; width /= 2) {
        for (int i = 0; i < width; i++) x[i] += x[i + width];
    }
    return x[0];
}

// Four sums at once, each in the order of sum16.
INLINE void store_sums4(float *out, floats a, floats b, floats c, floats d) {
    floats ab = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
        + __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    floats cd = __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
        + __builtin_shufflevector(c, d, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    floats all = __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
        + __builtin_shufflevector(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    all += __builtin_shufflevector(all, all, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    all += __builtin_shufflevector(all, all, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    float sums[] = {all[0], all[4], all[8], all[12]};
    memcpy(out, sums, sizeof sums);
}

INLINE float largest16(floats v) {
    float x[LANES];
    store(x, v);
    for (int i = 1; i < LANES; i++) x[0] = x[i] > x[0] ? x[i] : x[0];
    return x[0];
}

// exp within 2 units in the last place. 0 below -87, infinity above 89; propagates NaNs.
INLINE floats exp16(floats given) {
    const float lowest = -87.0f, highest = 89.0f;
    words below = (words)(given < lowest), number = (words)(given == given);
    // NaNs are clamped too, so that converting them below is not undefined behaviour.
    floats x = max16(given, (floats){} + lowest);
    x = select16((words)(x < highest), x, (floats){} + highest);
    // 2^n * e^r, where n is the nearest integer: adding and subtracting 1.5 * 2^23 rounds.
    const float rounder = 12582912.0f;
    floats n = fma16(x, (floats){} + 1.44269504088896341f, (floats){} + rounder) - rounder;
    floats r = fma16(n, (floats){} - 0.693359375f, x);
    r = fma16(n, (floats){} + 2.12194440e-4f, r);
    floats p = fma16((floats){} + 1.9875691500e-4f, r, (floats){} + 1.3981999507e-3f);
    p = fma16(p, r, (floats){} + 8.3334519073e-3f);
    p = fma16(p, r, (floats){} + 4.1665795894e-2f);
    p = fma16(p, r, (floats){} + 1.6666665459e-1f);
    p = fma16(p, r, (floats){} + 5.0000001201e-1f);
    floats y = fma16(p, r * r, r + 1.0f);
    words exponent = (words)(__builtin_convertvector(n, ints) + 127) << 23;
    return select16(number, (floats)((words)(y * (floats)exponent) & ~below), given);
}

// ---- Stored numbers ----

INLINE floats widen_bf16(const uint16_t *p) {
    halves h;
    memcpy(&h, p, sizeof h);
    return (floats)(__builtin_convertvector(h, words) << 16);
}

INLINE floats widen_f16(const uint16_t *p) {
    halves h;
    memcpy(&h, p, sizeof h);
    words bits = __builtin_convertvector(h, words);
    // A product moves the exponent to its place; it is exact for subnormal numbers too.
    floats magnitude = (floats)((bits & 0x7FFF) << 13) * 0x1p112f;
    words special = (words)((bits & 0x7C00) == 0x7C00) & 0x7F800000;
    return (floats)((words)magnitude | special | (bits & 0x8000) << 16);
}

INLINE floats widen16(const void *stored, fk_type type, size_t index) {
    if (type == FK_F32) return load((const float *)stored + index);
    const uint16_t *p = (const uint16_t *)stored + index;
    return type == FK_F16 ? widen_f16(p) : widen_bf16(p);
}

INLINE floats widen_part(const void *stored, fk_type type, size_t index, size_t count) {
    if (type == FK_F32) return load_part((const float *)stored + index, count);
    uint16_t buffer[LANES] = {0};
    memcpy(buffer, (const uint16_t *)stored + index, count * sizeof *buffer);
    return widen16(buffer, type, 0);
}

static void widen(const void *stored, fk_type type, size_t count, float *out) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) store(out + i, widen16(stored, type, i));
    if (i < count) store_part(out + i, widen_part(stored, type, i, count - i), count - i);
}

// ---- Products ----

// `height` rows by `width` vectors: both are constant when inlined, so that all sums stay in registers.
INLINE void tile(
    const uint8_t *rows, fk_type type, size_t row_bytes, size_t columns, const float *x, size_t x_stride, float *out, size_t out_stride,
    const int height, const int width) {
    floats sums[FK_TILE_ROWS][FK_TILE_VECTORS] = {{{0}}};
    size_t j = 0;
    for (; j + LANES <= columns; j += LANES) {
        floats w[FK_TILE_ROWS];
        for (int i = 0; i < height; i++) w[i] = widen16(rows + (size_t)i * row_bytes, type, j);
        for (int t = 0; t < width; t++) {
            floats v = load(x + (size_t)t * x_stride + j);
            for (int i = 0; i < height; i++) sums[i][t] = fma16(w[i], v, sums[i][t]);
        }
    }
    if (j < columns) {
        for (int t = 0; t < width; t++) {
            floats v = load_part(x + (size_t)t * x_stride + j, columns - j);
            for (int i = 0; i < height; i++) {
                sums[i][t] = fma16(widen_part(rows + (size_t)i * row_bytes, type, j, columns - j), v, sums[i][t]);
            }
        }
    }
    for (int t = 0; t < width; t++) {
        float *o = out + (size_t)t * out_stride;
        int i = 0;
        for (; i + 4 <= height; i += 4) store_sums4(o + i, sums[i][t], sums[i + 1][t], sums[i + 2][t], sums[i + 3][t]);
        for (; i < height; i++) o[i] = sum16(sums[i][t]);
    }
}

INLINE void multiply_typed(
    const uint8_t *rows, fk_type type, size_t row_bytes, size_t row_count, size_t columns, const float *x, size_t x_stride, size_t vectors,
    float *out, size_t out_stride) {
    size_t i = 0;
    for (; i + FK_TILE_ROWS <= row_count; i += FK_TILE_ROWS) {
        const uint8_t *r = rows + i * row_bytes;
        size_t t = 0;
        for (; t + FK_TILE_VECTORS <= vectors; t += FK_TILE_VECTORS) {
            tile(r, type, row_bytes, columns, x + t * x_stride, x_stride, out + t * out_stride + i, out_stride, FK_TILE_ROWS, FK_TILE_VECTORS);
        }
        for (; t < vectors; t++) {
            tile(r, type, row_bytes, columns, x + t * x_stride, x_stride, out + t * out_stride + i, out_stride, FK_TILE_ROWS, 1);
        }
    }
    for (; i < row_count; i++) {
        for (size_t t = 0; t < vectors; t++) {
            tile(rows + i * row_bytes, type, row_bytes, columns, x + t * x_stride, x_stride, out + t * out_stride + i, out_stride, 1, 1);
        }
    }
}

static void multiply(
    const void *rows, fk_type type, size_t row_bytes, size_t row_count, size_t columns, const float *x, size_t x_stride, size_t vectors,
    float *out, size_t out_stride) {
    switch (type) {
    case FK_F32: multiply_typed(rows, FK_F32, row_bytes, row_count, columns, x, x_stride, vectors, out, out_stride); break;
    case FK_F16: multiply_typed(rows, FK_F16, row_bytes, row_count, columns, x, x_stride, vectors, out, out_stride); break;
    case FK_BF16: multiply_typed(rows, FK_BF16, row_bytes, row_count, columns, x, x_stride, vectors, out, out_stride); break;
    }
}

// ---- Rows of a layer ----

static void rms_norm(const float *x, const float *weight, float epsilon, size_t count, float *out) {
    floats sums = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        floats v = load(x + i);
        sums = fma16(v, v, sums);
    }
    if (i < count) {
        floats v = load_part(x + i, count - i);
        sums = fma16(v, v, sums);
    }
    float scale = 1.0f / sqrtf(sum16(sums) / (float)count + epsilon);
    for (i = 0; i < count; i++) out[i] = x[i] * scale * weight[i];
}

static void softmax(float *x, float scale, size_t count) {
    floats most = (floats){} - INFINITY;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) most = max16(most, load(x + i));
    float largest = largest16(most);
    for (; i < count; i++) largest = x[i] > largest ? x[i] : largest;
    float shift = -largest * scale;
    floats sums = {0};
    for (i = 0; i + LANES <= count; i += LANES) {
        floats e = exp16(fma16(load(x + i), (floats){} + scale, (floats){} + shift));
        sums += e;
        store(x + i, e);
    }
    if (i < count) {
        floats e = exp16(fma16(load_part(x + i, count - i), (floats){} + scale, (floats){} + shift));
        store_part(x + i, e, count - i);
        sums += load_part(x + i, count - i);
    }
    float share = 1.0f / sum16(sums);
    for (i = 0; i < count; i++) x[i] *= share;
}

INLINE floats silu16(floats x) {
    // exp of -|x|, so that it cannot overflow.
    words sign = (words)x & 0x80000000u;
    floats e = exp16((floats)((words)x | 0x80000000u));
    floats negative = x * e / (e + 1.0f), positive = x / (e + 1.0f);
    return select16((words)(sign != 0), negative, positive);
}

// Up to sixteen numbers.
INLINE floats load_some(const float *p, size_t count) { return count == LANES ? load(p) : load_part(p, count); }

INLINE void store_some(float *p, floats v, size_t count) {
    if (count == LANES) store(p, v);
    else store_part(p, v, count);
}

// x / (1 + exp(-v)) of a function v of x.
INLINE floats logistic_product16(floats x, floats v) {
    words negative = (words)(((words)v & 0x80000000u) != 0);
    floats e = exp16((floats)((words)v | 0x80000000u));
    return select16(negative, x * e / (e + 1.0f), x / (e + 1.0f));
}

// gelu's tanh form is x / (1 + exp(-v)).
INLINE floats gelu_argument16(floats x) { return x * fma16(x * x, (floats){} + 0.0713548162726f, (floats){} + 1.595769122f); }

INLINE floats clamp16(floats x, float low, float high) {
    return select16((words)(x > high), (floats){} + high, select16((words)(x < low), (floats){} + low, x));
}

// Propagates NaNs.
INLINE floats relu16(floats x) { return select16((words)(x < 0.0f), (floats){}, x); }

#define GATE_LIMIT 7.0f
#define GATE_SLOPE 1.702f

INLINE floats activate16(fk_activation activation, floats x) {
    switch (activation) {
    case FK_SILU: return silu16(x);
    case FK_GELU: return logistic_product16(x, gelu_argument16(x));
    case FK_SQUARED_RELU: return relu16(x) * relu16(x);
    case FK_CLAMPED_GATE: {
        floats gate = clamp16(x, -INFINITY, GATE_LIMIT);
        return logistic_product16(gate, GATE_SLOPE * gate);
    }
    }
    return x;
}

INLINE floats factor16(fk_activation activation, floats y) { return activation == FK_CLAMPED_GATE ? clamp16(y, -GATE_LIMIT, GATE_LIMIT) + 1.0f : y; }

INLINE void activate_typed(fk_activation activation, float *x, const float *y, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i < LANES ? count - i : LANES;
        floats a = activate16(activation, load_some(x + i, n));
        store_some(x + i, y ? a * factor16(activation, load_some(y + i, n)) : a, n);
    }
}

static void activate(fk_activation activation, float *x, const float *y, size_t count) {
    switch (activation) {
    case FK_SILU: activate_typed(FK_SILU, x, y, count); break;
    case FK_GELU: activate_typed(FK_GELU, x, y, count); break;
    case FK_SQUARED_RELU: activate_typed(FK_SQUARED_RELU, x, y, count); break;
    case FK_CLAMPED_GATE: activate_typed(FK_CLAMPED_GATE, x, y, count); break;
    }
}

// The value of x / (1 + exp(-v)) and its derivative, where v has the derivative `slope`. Without cancellation.
INLINE floats logistic_gradient16(floats x, floats v, floats slope, floats *value) {
    words sign = (words)v & 0x80000000u;
    floats e = exp16((floats)((words)v | 0x80000000u));
    // The logistic function and its complement to 1.
    floats small = e / (e + 1.0f), large = 1.0f / (e + 1.0f);
    words negative = (words)(sign != 0);
    floats share = select16(negative, small, large), rest = select16(negative, large, small);
    *value = x * share;
    return share * fma16(x * slope, rest, (floats){} + 1.0f);
}

INLINE floats activation_gradient16(fk_activation activation, floats x, floats *value) {
    switch (activation) {
    case FK_SILU: return logistic_gradient16(x, x, (floats){} + 1.0f, value);
    case FK_GELU:
        return logistic_gradient16(x, gelu_argument16(x), fma16(x * x, (floats){} + 0.2140644488178f, (floats){} + 1.595769122f), value);
    case FK_SQUARED_RELU: *value = activate16(FK_SQUARED_RELU, x); return 2.0f * relu16(x);
    case FK_CLAMPED_GATE: {
        floats gate = clamp16(x, -INFINITY, GATE_LIMIT);
        floats slope = logistic_gradient16(gate, GATE_SLOPE * gate, (floats){} + GATE_SLOPE, value);
        return select16((words)(x > GATE_LIMIT), (floats){}, slope);
    }
    }
    *value = x;
    return x;
}

INLINE void activation_gradient_typed(fk_activation activation, float *x, float *y, const float *gradient, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i < LANES ? count - i : LANES;
        floats g = load_some(gradient + i, n), value, slope = activation_gradient16(activation, load_some(x + i, n), &value);
        if (!y) {
            store_some(x + i, g * slope, n);
            continue;
        }
        floats b = load_some(y + i, n), at_y = g * value;
        if (activation == FK_CLAMPED_GATE) at_y = select16((words)(clamp16(b, -GATE_LIMIT, GATE_LIMIT) == b), at_y, (floats){});
        store_some(x + i, g * factor16(activation, b) * slope, n);
        store_some(y + i, at_y, n);
    }
}

static void activation_gradient(fk_activation activation, float *x, float *y, const float *gradient, size_t count) {
    switch (activation) {
    case FK_SILU: activation_gradient_typed(FK_SILU, x, y, gradient, count); break;
    case FK_GELU: activation_gradient_typed(FK_GELU, x, y, gradient, count); break;
    case FK_SQUARED_RELU: activation_gradient_typed(FK_SQUARED_RELU, x, y, gradient, count); break;
    case FK_CLAMPED_GATE: activation_gradient_typed(FK_CLAMPED_GATE, x, y, gradient, count); break;
    }
}

static void sigmoid(float *x, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i < LANES ? count - i : LANES;
        store_some(x + i, logistic_product16((floats){} + 1.0f, load_some(x + i, n)), n);
    }
}

static void soft_cap(float *x, float scale, float cap, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i < LANES ? count - i : LANES;
        // tanh(v) = (1 - e) / (1 + e) with e = exp(-2v) for v >= 0, and odd.
        floats v = load_some(x + i, n) * (scale / cap);
        words sign = (words)v & 0x80000000u;
        floats e = exp16(2.0f * (floats)((words)v | 0x80000000u));
        floats capped = cap * (1.0f - e) / (e + 1.0f);
        store_some(x + i, (floats)((words)capped ^ sign), n);
    }
}

static void rotary(float *x, const float *cosines, const float *sines, size_t half) {
    for (size_t j = 0; j < half; j++) {
        float a = x[j], b = x[j + half];
        x[j] = a * cosines[j] - b * sines[j];
        x[j + half] = b * cosines[j] + a * sines[j];
    }
}

static void add(float *x, const float *y, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] += y[i];
}

static void add_scaled(float *x, const float *y, float scale, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i < LANES ? count - i : LANES;
        store_some(x + i, fma16(load_some(y + i, n), (floats){} + scale, load_some(x + i, n)), n);
    }
}

static void scale(float *x, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] *= factor;
}

// ---- Distributions ----

static double log_sum_exp(const float *x, size_t count) {
    float largest = x[0];
    for (size_t i = 1; i < count; i++) largest = x[i] > largest ? x[i] : largest;
    double sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) sum += (double)sum16(exp16(load(x + i) - largest));
    if (i < count) {
        float rest[LANES];
        store(rest, exp16(load_part(x + i, count - i) - largest));
        for (size_t k = 0; k < count - i; k++) sum += (double)rest[k];
    }
    return (double)largest + log(sum);
}

static double divergence(const float *reference, double reference_norm, const float *x, double x_norm, size_t count) {
    float shift = (float)reference_norm;
    double norms = x_norm - reference_norm, sum = 0;
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i < LANES ? count - i : LANES;
        float p[LANES];
        store(p, exp16(load_part(reference + i, n) - shift));
        for (size_t k = 0; k < n; k++) sum += (double)p[k] * ((double)reference[i + k] - (double)x[i + k] + norms);
    }
    return sum;
}

const fk_functions FK_TABLE = {
    .multiply = multiply,
    .widen = widen,
    .rms_norm = rms_norm,
    .softmax = softmax,
    .activate = activate,
    .activation_gradient = activation_gradient,
    .sigmoid = sigmoid,
    .soft_cap = soft_cap,
    .rotary = rotary,
    .add = add,
    .add_scaled = add_scaled,
    .scale = scale,
    .log_sum_exp = log_sum_exp,
    .divergence = divergence,
};
