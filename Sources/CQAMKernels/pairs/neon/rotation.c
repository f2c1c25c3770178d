// Rotations: six levels of butterflies on 64 floats in 16 registers, then up to four levels per pass over the block.

#if defined(__aarch64__)

#include "neon.h"

#pragma STDC FP_CONTRACT OFF

enum { HEAD = 64, VECTORS = HEAD / 4 };

// ---- 64 floats in registers -----------------------------------------------------------------------------------------

QAM_INLINE void load_head(const float *x, float32x4_t r[VECTORS]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < VECTORS; i++) r[i] = vld1q_f32(x + 4 * i);
}

QAM_INLINE void store_head(const float32x4_t r[VECTORS], float *x) {
#pragma clang loop unroll(full)
    for (int i = 0; i < VECTORS; i++) vst1q_f32(x + 4 * i, r[i]);
}

// Multiplies floats by the factor, or by its negative if the bit of `signs` is set.
QAM_INLINE void flip_and_multiply(float32x4_t r[VECTORS], uint64_t signs, float factor) {
    const uint32x4_t sign_bit = vdupq_n_u32(0x80000000);
    const float32x4_t factors = vdupq_n_f32(factor);
    // The sign bits replace the factor's sign.
    if (signbit(factor)) signs = ~signs;
#pragma clang loop unroll(full)
    for (int half = 0; half < 2; half++) {
        uint32x4_t flips = qam_flips((uint32_t)(signs >> (32 * half)));
        float32x4_t *part = r + half * VECTORS / 2;
#pragma clang loop unroll(full)
        for (int i = 0; i < VECTORS / 2; i++) {
            float32x4_t sign = vreinterpretq_f32_u32(qam_flips_of(flips, i));
            part[i] = vmulq_f32(part[i], vbslq_f32(sign_bit, sign, factors));
        }
    }
}

// Butterflies of whole registers at distance `h`.
QAM_INLINE void butterflies(float32x4_t *r, int count, int h) {
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++)
        if (!(i & h)) {
            float32x4_t a = r[i], b = r[i + h];
            r[i] = vaddq_f32(a, b);
            r[i + h] = vsubq_f32(a, b);
        }
}

// Butterflies within registers, as other + self * (+1 or -1). The product is exact, so this multiply-add rounds like
// the reference implementation's sum or difference: two instructions per register instead of six with shuffles.
QAM_INLINE void within(float32x4_t *r, bool twice) {
    static const float at_1[4] = {1, -1, 1, -1}, at_2[4] = {1, 1, -1, -1};
    const float32x4_t first = vld1q_f32(at_1), second = vld1q_f32(at_2);
#pragma clang loop unroll(full)
    for (int i = 0; i < VECTORS; i++) {
        r[i] = vfmaq_f32(vrev64q_f32(r[i]), r[i], first);
        if (twice) r[i] = vfmaq_f32(vextq_f32(r[i], r[i], 2), r[i], second);
    }
}

// ---- What `rotate` applies before and after the butterflies ----

typedef struct {
    const uint64_t *signs;
    qam_split split;
} extras;

// Up to 64 floats in place: levels at distances 1 to block / 2.
QAM_INLINE void head(float *x, size_t block, const extras *e, uint64_t signs, bool scaled) {
    float32x4_t r[VECTORS];
    load_head(x, r);
    if (e) flip_and_multiply(r, signs, e->split.power);
    within(r, block > 2);
    if (block > 4) butterflies(r, VECTORS, 1);
    if (block > 8) butterflies(r, VECTORS, 2);
    if (block > 16) butterflies(r, VECTORS, 4);
    if (block > 32) butterflies(r, VECTORS, 8);
    if (scaled)
        for (int i = 0; i < VECTORS; i++) r[i] = vmulq_n_f32(r[i], e->split.factor);
    store_head(r, x);
}

// The levels at distances h, 2h, ... `count` / 2 * h of a block.
QAM_INLINE void tail(float *x, size_t block, size_t h, int count, bool scaled, float scale) {
    for (size_t i = 0; i < block; i += (size_t)count * h)
        for (size_t j = i; j < i + h; j += 4) {
            float32x4_t r[16];
#pragma clang loop unroll(full)
            for (int k = 0; k < count; k++) r[k] = vld1q_f32(x + j + (size_t)k * h);
            butterflies(r, count, 1);
            if (count > 2) butterflies(r, count, 2);
            if (count > 4) butterflies(r, count, 4);
            if (count > 8) butterflies(r, count, 8);
#pragma clang loop unroll(full)
            for (int k = 0; k < count; k++)
                vst1q_f32(x + j + (size_t)k * h, scaled ? vmulq_n_f32(r[k], scale) : r[k]);
        }
}

// All levels of a block above HEAD floats; the last one scales.
QAM_INLINE void tails(float *x, size_t block, bool scaled, float scale) {
    size_t h = HEAD;
    for (; 16 * h < block; h *= 16) tail(x, block, h, 16, false, 0);
    switch (block / h) {
    case 2: tail(x, block, h, 2, scaled, scale); break;
    case 4: tail(x, block, h, 4, scaled, scale); break;
    case 8: tail(x, block, h, 8, scaled, scale); break;
    default: tail(x, block, h, 16, scaled, scale); break;
    }
}

// The transform of blocks that fit into a head.
QAM_INLINE void transform_small(float *x, size_t count, size_t block, const extras *e) {
    size_t j = 0;
    for (; j + HEAD <= count; j += HEAD) head(x + j, block, e, e ? e->signs[j / 64] : 0, e);
    if (j < count) {
        float rest[HEAD] = {0};
        memcpy(rest, x + j, (count - j) * sizeof *x);
        head(rest, block, e, e ? e->signs[j / 64] : 0, e);
        memcpy(x + j, rest, (count - j) * sizeof *x);
    }
}

// The transform of larger blocks: a block's tails follow its heads while they are cached.
QAM_INLINE void transform_large(float *x, size_t count, size_t block, const extras *e) {
    for (size_t first = 0; first < count; first += block) {
        for (size_t j = first; j < first + block; j += HEAD) head(x + j, HEAD, e, e ? e->signs[j / 64] : 0, false);
        tails(x + first, block, e, e ? e->split.factor : 0);
    }
}

// With the steps in `extras` before and after, or none if NULL.
QAM_INLINE void transform(float *x, size_t count, size_t block, const extras *e) {
    if (block <= HEAD)
        transform_small(x, count, block, e);
    else
        transform_large(x, count, block, e);
}

void qam_rotate_neon(float *x, double inverse_gain, const uint64_t *signs, size_t count, size_t block, float scale) {
    extras e = {signs, qam_split_gain(inverse_gain, scale)};
    transform(x, count, block, &e);
}

QAM_INLINE void flip_and_multiply_head(float *x, uint64_t signs, float factor) {
    float32x4_t r[VECTORS];
    load_head(x, r);
    flip_and_multiply(r, signs, factor);
    store_head(r, x);
}

void qam_rotate_back_neon(float *x, const uint64_t *signs, size_t count, size_t block, float factor) {
    transform(x, count, block, NULL);
    size_t j = 0;
    for (; j + HEAD <= count; j += HEAD) flip_and_multiply_head(x + j, signs[j / 64], factor);
    if (j < count) {
        float rest[HEAD] = {0};
        memcpy(rest, x + j, (count - j) * sizeof *x);
        flip_and_multiply_head(rest, signs[j / 64], factor);
        memcpy(x + j, rest, (count - j) * sizeof *x);
    }
}

#endif
