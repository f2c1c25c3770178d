// The truth about every kernel. Loops are written so that a compiler can vectorise them, but nothing here depends on
// an instruction set: the order of operations is that of the header, and FP_CONTRACT OFF keeps it.

#include "qam_kernels.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// ---- Rows of floats -------------------------------------------------------------------------------------------

enum { LANES = 8 };

static double combine(const double s[LANES]) {
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

double qam_sum_of_squares(const float *x, size_t count) {
    double s[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= count; j += LANES)
        for (size_t l = 0; l < LANES; l++) s[l] += (double)x[j + l] * (double)x[j + l];
    for (size_t l = 0; j + l < count; l++) s[l] += (double)x[j + l] * (double)x[j + l];
    return combine(s);
}

qam_products qam_inner_products(const float *z, const float *y, size_t count) {
    double zz[LANES] = {0}, zy[LANES] = {0}, yy[LANES] = {0};
    for (size_t j = 0; j < count; j += LANES) {
        size_t lanes = count - j < LANES ? count - j : LANES;
        for (size_t l = 0; l < lanes; l++) {
            double a = z[j + l], b = y[j + l];
            zz[l] += a * a;
            zy[l] += a * b;
            yy[l] += b * b;
        }
    }
    return (qam_products){combine(zz), combine(zy), combine(yy)};
}

double qam_squared_distance(const float *a, const float *b, size_t count) {
    double s[LANES] = {0};
    for (size_t j = 0; j < count; j += LANES) {
        size_t lanes = count - j < LANES ? count - j : LANES;
        for (size_t l = 0; l < lanes; l++) {
            double d = (double)a[j + l] - (double)b[j + l];
            s[l] += d * d;
        }
    }
    return combine(s);
}

void qam_multiply(float *x, const float *scales, size_t count) {
    for (size_t j = 0; j < count; j++) x[j] = x[j] * scales[j];
}

void qam_divide(float *x, const float *scales, size_t count) {
    for (size_t j = 0; j < count; j++) x[j] = x[j] / scales[j];
}

// ---- Rotation -------------------------------------------------------------------------------------------------

// The butterflies at distances 1, 2 and 4 of eight floats.
static inline void hadamard8(float *x) {
    float a0 = x[0] + x[1], a1 = x[0] - x[1], a2 = x[2] + x[3], a3 = x[2] - x[3];
    float a4 = x[4] + x[5], a5 = x[4] - x[5], a6 = x[6] + x[7], a7 = x[6] - x[7];
    float b0 = a0 + a2, b1 = a1 + a3, b2 = a0 - a2, b3 = a1 - a3;
    float b4 = a4 + a6, b5 = a5 + a7, b6 = a4 - a6, b7 = a5 - a7;
    x[0] = b0 + b4, x[1] = b1 + b5, x[2] = b2 + b6, x[3] = b3 + b7;
    x[4] = b0 - b4, x[5] = b1 - b5, x[6] = b2 - b6, x[7] = b3 - b7;
}

// The butterflies at one distance, `h`.
static void hadamard_once(float *x, size_t block, size_t h) {
    for (size_t i = 0; i < block; i += 2 * h) {
        float *restrict p = x + i, *restrict q = p + h;
        for (size_t j = 0; j < h; j++) {
            float a = p[j], b = q[j];
            p[j] = a + b;
            q[j] = a - b;
        }
    }
}

// The butterflies at distances `h` and `2 * h`, with one load and one store of each float.
static void hadamard_twice(float *x, size_t block, size_t h) {
    for (size_t i = 0; i < block; i += 4 * h) {
        float *restrict p = x + i, *restrict q = p + h, *restrict r = q + h, *restrict s = r + h;
        for (size_t j = 0; j < h; j++) {
            float a = p[j] + q[j], b = p[j] - q[j], c = r[j] + s[j], d = r[j] - s[j];
            p[j] = a + c;
            q[j] = b + d;
            r[j] = a - c;
            s[j] = b - d;
        }
    }
}

void qam_hadamard(float *x, size_t count, size_t block) {
    for (float *end = x + count; x < end; x += block) {
        size_t h = 1;
        if (block >= 8) {
            for (size_t i = 0; i < block; i += 8) hadamard8(x + i);
            h = 8;
        }
        for (; 4 * h <= block; h *= 4) hadamard_twice(x, block, h);
        if (h < block) hadamard_once(x, block, h);
    }
}

// Negates the floats whose bit is set.
static inline void flip_signs(float *x, uint64_t word, size_t count) {
    for (size_t half = 0; half < count; half += 32) {
        uint32_t bits = (uint32_t)(word >> half);
        size_t end = count - half < 32 ? count - half : 32;
        for (size_t j = 0; j < end; j++) {
            uint32_t v;
            memcpy(&v, &x[half + j], sizeof v);
            v ^= (bits & (UINT32_C(1) << j)) != 0 ? UINT32_C(0x80000000) : 0;
            memcpy(&x[half + j], &v, sizeof v);
        }
    }
}

static void flip_row(float *x, const uint64_t *signs, size_t count) {
    size_t j = 0;
    for (; j + 64 <= count; j += 64) flip_signs(x + j, signs[j / 64], 64);
    if (j < count) flip_signs(x + j, signs[j / 64], count - j);
}

void qam_rotate(float *x, double inverse_gain, const uint64_t *signs, size_t count, size_t block, float scale) {
    for (size_t j = 0; j < count; j++) x[j] = (float)((double)x[j] * inverse_gain);
    flip_row(x, signs, count);
    qam_hadamard(x, count, block);
    for (size_t j = 0; j < count; j++) x[j] *= scale;
}

void qam_rotate_back(float *x, const uint64_t *signs, size_t count, size_t block, float factor) {
    qam_hadamard(x, count, block);
    flip_row(x, signs, count);
    for (size_t j = 0; j < count; j++) x[j] *= factor;
}

// ---- Nearest codewords ----------------------------------------------------------------------------------------

static inline float squared(float dx, float dy) { return dx * dx + dy * dy; }

uint32_t qam_nearest(const qam_plane *plane, float x, float y) {
    float column = (x - plane->origin) * plane->cells_per_unit;
    float row = (y - plane->origin) * plane->cells_per_unit;
    float side = (float)plane->side;
    uint32_t best = 0;
    float least = INFINITY;
    if (column >= 0 && column < side && row >= 0 && row < side) {
        size_t cell = (size_t)row * plane->side + (size_t)column;
        for (uint32_t i = plane->starts[cell], end = plane->starts[cell + 1]; i < end; i++) {
            uint32_t k = plane->candidates[i];
            float d = squared(x - plane->x[k], y - plane->y[k]);
            if (d < least) least = d, best = k;
        }
    } else {
        for (uint32_t k = 0; k < plane->count; k++) {
            float d = squared(x - plane->x[k], y - plane->y[k]);
            if (d < least) least = d, best = k;
        }
    }
    return best;
}

// ---- Bits -----------------------------------------------------------------------------------------------------

// Appends fields of bits to bytes, least significant bit first.
typedef struct {
    uint8_t *next;
    uint64_t bits;
    uint32_t count;
} bit_writer;

static inline void put(bit_writer *w, uint32_t value, uint32_t width) {
    w->bits |= (uint64_t)value << w->count;
    for (w->count += width; w->count >= 8; w->count -= 8) {
        *w->next++ = (uint8_t)w->bits;
        w->bits >>= 8;
    }
}

static inline uint64_t load_bytes(const uint8_t *p, size_t count) {
    uint64_t v = 0;
    for (size_t i = 0; i < count; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static inline void store_bytes(uint8_t *p, uint64_t v, size_t count) {
    for (size_t i = 0; i < count; i++) p[i] = (uint8_t)(v >> (8 * i));
}

// ---- Free codes -----------------------------------------------------------------------------------------------

void qam_free_encode(const float *z, size_t columns, const qam_plane *plane, uint32_t bits, uint8_t *symbols) {
    bit_writer out = {symbols, 0, 0};
    size_t pairs = columns / 2, padded = (pairs + 7) / 8 * 8;
    for (size_t i = 0; i < padded; i++) put(&out, i < pairs ? qam_nearest(plane, z[2 * i], z[2 * i + 1]) : 0, bits);
}

void qam_free_decode(const uint8_t *symbols, size_t columns, const float *points, uint32_t bits, float *y) {
    size_t pairs = columns / 2;
    uint32_t mask = (UINT32_C(1) << bits) - 1;
    for (size_t i = 0; i < pairs; i += 8, symbols += bits) {
        // Eight symbols have up to 104 bits: two halves of four symbols, the second from bit 4 * bits on.
        uint64_t low = load_bytes(symbols, (4 * bits + 7) / 8);
        uint64_t high = load_bytes(symbols + bits / 2, bits - bits / 2) >> (4 * bits % 8);
        size_t used = pairs - i < 8 ? pairs - i : 8;
        for (size_t j = 0; j < used; j++) {
            uint32_t k = (uint32_t)((j < 4 ? low : high) >> (j % 4 * bits)) & mask;
            y[2 * (i + j)] = points[2 * k];
            y[2 * (i + j) + 1] = points[2 * k + 1];
        }
    }
}

// ---- Octant codes ---------------------------------------------------------------------------------------------

// A group's pairs folded into the octant x >= y >= 0, and the folds undone by its sign and swap bits.
typedef struct {
    float x[QAM_GROUP_PAIRS], y[QAM_GROUP_PAIRS];
    uint64_t signs;
    uint32_t swaps;
} folded;

static void fold(const float *z, size_t pairs, folded *out) {
    out->signs = 0;
    out->swaps = 0;
    for (size_t i = 0; i < pairs; i++) {
        float a = z[2 * i], b = z[2 * i + 1];
        float p = fabsf(a), q = fabsf(b);
        out->signs |= (uint64_t)((a < 0) | (b < 0) << 1) << (2 * i);
        out->swaps |= (uint32_t)(p < q) << i;
        out->x[i] = p < q ? q : p;
        out->y[i] = p < q ? p : q;
    }
}

static bit_writer begin_group(const folded *group, uint8_t *symbols) {
    store_bytes(symbols, group->signs, 8);
    store_bytes(symbols + 8, group->swaps, 4);
    return (bit_writer){symbols + 12, 0, 0};
}

static size_t pairs_left(size_t columns, size_t first) {
    size_t left = columns / 2 - first;
    return left < QAM_GROUP_PAIRS ? left : QAM_GROUP_PAIRS;
}

void qam_octant_encode_plain(const float *z, size_t columns, const qam_plane *plane, uint32_t stride, uint8_t *symbols) {
    folded group;
    for (size_t i = 0; i < columns / 2; i += QAM_GROUP_PAIRS, symbols += 12 + 4 * stride) {
        size_t used = pairs_left(columns, i);
        fold(z + 2 * i, used, &group);
        bit_writer out = begin_group(&group, symbols);
        for (size_t j = 0; j < QAM_GROUP_PAIRS; j++)
            put(&out, j < used ? qam_nearest(plane, group.x[j], group.y[j]) : 0, stride);
    }
}

void qam_octant_encode_trellis(
    const float *z, size_t columns, const float *x, const float *y, uint32_t stride, uint8_t *symbols) {
    folded group;
    uint8_t windows[QAM_GROUP_PAIRS];
    for (size_t i = 0; i < columns / 2; i += QAM_GROUP_PAIRS, symbols += 12 + 4 * stride) {
        size_t used = pairs_left(columns, i);
        fold(z + 2 * i, used, &group);
        qam_trellis_search(group.x, group.y, used, QAM_GROUP_PAIRS, x, y, stride, windows);
        bit_writer out = begin_group(&group, symbols);
        for (size_t j = 0; j < QAM_GROUP_PAIRS; j++) put(&out, windows[j] & ((1u << stride) - 1), stride);
    }
}

void qam_octant_decode(const uint8_t *symbols, size_t columns, const uint8_t *magnitudes, uint32_t stride, float *y) {
    uint32_t mask = stride > 8 ? (1u << stride) - 1 : 255;
    uint8_t ring[4 * 10 + 4];
    for (size_t i = 0; i < columns / 2; i += QAM_GROUP_PAIRS, symbols += 12 + 4 * stride) {
        uint64_t signs = load_bytes(symbols, 8);
        uint32_t swaps = (uint32_t)load_bytes(symbols + 8, 4);
        // The ring's first bytes again behind its last, so that every window is one load.
        memcpy(ring, symbols + 12, 4 * stride);
        memcpy(ring + 4 * stride, symbols + 12, 4);
        size_t used = pairs_left(columns, i);
        for (size_t j = 0; j < used; j++) {
            size_t bit = j * stride;
            uint32_t window = (uint32_t)(load_bytes(ring + bit / 8, 4) >> (bit % 8)) & mask;
            uint32_t swap = swaps >> j & 1;
            int32_t a = magnitudes[2 * window + swap], b = magnitudes[2 * window + 1 - swap];
            int32_t negateA = -(int32_t)(signs >> (2 * j) & 1), negateB = -(int32_t)(signs >> (2 * j + 1) & 1);
            y[2 * (i + j)] = (float)((a ^ negateA) - negateA);
            y[2 * (i + j) + 1] = (float)((b ^ negateB) - negateB);
        }
    }
}
