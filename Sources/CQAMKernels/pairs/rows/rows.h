// Rows of floats, their conversion, and memory: one text, which a file for each target includes. It defines
//   NAME(f): the name of function f;
//   QAM_HALF_INSTRUCTIONS, if the target converts binary16 by instructions.

#include "../functions.h"
#include "../../vectors.h"

#pragma STDC FP_CONTRACT OFF

// ---- Memory ----

typedef uint64_t words8 __attribute__((vector_size(64)));

uint64_t NAME(read)(const uint8_t *bytes, size_t count) {
    // Eight independent sums, to keep as many loads in flight as a core allows.
    words8 sums[8] = {{0}}, v;
    size_t i = 0;
    for (; i + sizeof sums <= count; i += sizeof sums)
#pragma clang loop unroll(full)
        for (size_t k = 0; k < 8; k++) {
            memcpy(&v, bytes + i + k * sizeof v, sizeof v);
            sums[k] ^= v;
        }
    for (size_t k = 1; k < 8; k++) sums[0] ^= sums[k];
    uint64_t sum = 0, word;
    for (size_t k = 0; k < 8; k++) sum ^= sums[0][k];
    for (; i + sizeof word <= count; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        sum ^= word;
    }
    return sum;
}

// ---- Sums ----

typedef float floats8 __attribute__((vector_size(4 * DOUBLES)));

// Converts eight floats to double.
INLINE doubles widen_sums(const float *x) {
    floats8 v;
    memcpy(&v, x, sizeof v);
    return __builtin_convertvector(v, doubles);
}

// The remaining floats, padded with zeros, which do not change a sum.
INLINE doubles widen_rest(const float *x, size_t count) {
    float rest[DOUBLES] = {0};
    memcpy(rest, x, count * sizeof *x);
    return widen_sums(rest);
}

INLINE double combine(doubles s) { return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])); }

double NAME(sum_of_squares)(const float *x, size_t count) {
    doubles sum = {0}, v;
    size_t j = 0;
    for (; j + DOUBLES <= count; j += DOUBLES) v = widen_sums(x + j), sum += v * v;
    if (j < count) v = widen_rest(x + j, count - j), sum += v * v;
    return combine(sum);
}

INLINE void add_products(doubles z, doubles y, doubles *zz, doubles *zy, doubles *yy) {
    *zz += z * z;
    *zy += z * y;
    *yy += y * y;
}

qam_products NAME(inner_products)(const float *z, const float *y, size_t count) {
    doubles zz = {0}, zy = {0}, yy = {0};
    size_t j = 0;
    for (; j + DOUBLES <= count; j += DOUBLES) add_products(widen_sums(z + j), widen_sums(y + j), &zz, &zy, &yy);
    if (j < count) add_products(widen_rest(z + j, count - j), widen_rest(y + j, count - j), &zz, &zy, &yy);
    return (qam_products){combine(zz), combine(zy), combine(yy)};
}

double NAME(squared_distance)(const float *a, const float *b, size_t count) {
    doubles sum = {0}, d;
    size_t j = 0;
    for (; j + DOUBLES <= count; j += DOUBLES) d = widen_sums(a + j) - widen_sums(b + j), sum += d * d;
    if (j < count) d = widen_rest(a + j, count - j) - widen_rest(b + j, count - j), sum += d * d;
    return combine(sum);
}

void NAME(scale)(float *x, const float *scales, size_t count) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) store(x + j, load(x + j) * load(scales + j));
    store_part(x + j, load_part(x + j, count - j) * load_part(scales + j, count - j), count - j);
}

void NAME(unscale)(float *x, const float *scales, size_t count) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) store(x + j, load(x + j) / load(scales + j));
    store_part(x + j, load_part(x + j, count - j) / load_part(scales + j, count - j), count - j);
}

// ---- Conversion ----

// `mask` must have all bits of a lane equal.
INLINE words choose(words mask, words a, words b) { return (a & mask) | (b & ~mask); }

#if defined(QAM_HALF_INSTRUCTIONS)

// The instructions round to nearest even, set the quiet bit of NaNs and keep sign and payload.
typedef _Float16 numbers16 __attribute__((vector_size(2 * LANES)));

INLINE words from_halves(halves v) { return (words)__builtin_convertvector((numbers16)v, floats); }
INLINE halves to_halves(words v) { return (halves)__builtin_convertvector((floats)v, numbers16); }

#else

INLINE words from_halves(halves h) {
    words v = __builtin_convertvector(h, words), magnitude = v & 0x7FFF;
    // A product moves the exponent to its place; it is exact for subnormal numbers too.
    words number = (words)((floats)(magnitude << 13) * 0x1p112f);
    words special = magnitude << 13 | 0x7F800000 | ((words)(magnitude > 0x7C00) & 0x400000);
    return choose((words)(magnitude >= 0x7C00), special, number) | (v & 0x8000) << 16;
}

INLINE halves to_halves(words v) {
    words magnitude = v & 0x7FFFFFFF, sign = v >> 16 & 0x8000;
    words normal = (magnitude - 0x38000000 + 0xFFF + (magnitude >> 13 & 1)) >> 13;
    // 2^-24 is the unit of subnormal halves; half a unit in the last place of 0.5 rounds to that unit.
    words subnormal = (words)((floats)magnitude + 0.5f) - 0x3F000000;
    words nan = 0x7E00 | (magnitude >> 13 & 0x3FF), infinity = (words){} + 0x7C00;
    words half = choose((words)(magnitude < 0x38800000), subnormal, normal);
    half = choose((words)(magnitude >= 0x47800000), infinity, half);
    half = choose((words)(magnitude > 0x7F800000), nan, half);
    return __builtin_convertvector(sign | half, halves);
}

#endif

INLINE words from_brains(halves h) {
    words v = __builtin_convertvector(h, words) << 16;
    return v | ((words)((floats)v != (floats)v) & 0x400000);
}

INLINE halves to_brains(words v) {
    words nan = (words)((floats)v != (floats)v), half = 0x7FFF + (v >> 16 & 1);
    return __builtin_convertvector(((v + (half & ~nan)) | (nan & 0x400000)) >> 16, halves);
}

INLINE words widen(halves v, qam_element type) { return type == QAM_F16 ? from_halves(v) : from_brains(v); }
INLINE halves narrow(words v, qam_element type) { return type == QAM_F16 ? to_halves(v) : to_brains(v); }

INLINE void widen_all(const uint8_t *elements, qam_element type, size_t count, float *x) {
    halves v = {0};
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) {
        memcpy(&v, elements + 2 * j, sizeof v);
        store(x + j, (floats)widen(v, type));
    }
    memcpy(&v, elements + 2 * j, 2 * (count - j));
    store_part(x + j, (floats)widen(v, type), count - j);
}

INLINE void narrow_all(const float *x, size_t count, qam_element type, uint8_t *elements) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) {
        halves v = narrow((words)load(x + j), type);
        memcpy(elements + 2 * j, &v, sizeof v);
    }
    halves v = narrow((words)load_part(x + j, count - j), type);
    memcpy(elements + 2 * j, &v, 2 * (count - j));
}

void NAME(to_floats)(const void *elements, qam_element type, size_t count, float *x) {
    switch (type) {
    case QAM_F32: memcpy(x, elements, count * sizeof *x); break;
    case QAM_F16: widen_all(elements, QAM_F16, count, x); break;
    case QAM_BF16: widen_all(elements, QAM_BF16, count, x); break;
    }
}

void NAME(from_floats)(const float *x, size_t count, qam_element type, void *elements) {
    switch (type) {
    case QAM_F32: memcpy(elements, x, count * sizeof *x); break;
    case QAM_F16: narrow_all(x, count, QAM_F16, elements); break;
    case QAM_BF16: narrow_all(x, count, QAM_BF16, elements); break;
    }
}
