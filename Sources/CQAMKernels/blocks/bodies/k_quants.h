// The K types: super-blocks of 256 whose 16 or 8 sub-blocks have scales, and some minima, of few bits.

// 16 scales and minima of four bits, 64 bytes, d, dmin. Of each 128 elements, byte l holds elements l, l + 32, l + 64 and
// l + 96: sub-blocks of 16 follow one another in each 32.
static void q2_k(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 84) {
        const uint8_t *q = b + 16;
        float d = half_at(b + 80), dmin = half_at(b + 82), scales[16], minima[16];
        for (int k = 0; k < 16; k++) scales[k] = d * (float)(b[k] & 15);
        for (int k = 0; k < 16; k++) minima[k] = dmin * (float)(b[k] >> 4);
        int8_t values[GB_SUPER];
        UNROLLED
        for (int k = 0; k < 8; k++)
            for (int l = 0; l < 32; l++) values[32 * k + l] = (int8_t)(q[k / 4 * 32 + l] >> k % 4 * 2 & 3);
        for (int k = 0; k < 16; k++, out += 16) scale_and_shift_16(values + 16 * k, scales[k], minima[k], out);
    }
}

// 256 third bits (bit k of byte l: elements 32 k + l), 64 bytes as in Q2_K, 16 scales of six bits, d. A clear third bit
// subtracts 4.
static void q3_k(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 110) {
        const uint8_t *high = b, *q = b + 32, *packed = b + 96;
        float d = half_at(b + 108), scales[16];
        for (int j = 0; j < 16; j++) {
            int low = j < 8 ? packed[j] & 15 : packed[j - 8] >> 4;
            scales[j] = d * (float)((low | (packed[8 + j % 4] >> j / 4 * 2 & 3) << 4) - 32);
        }
        int8_t values[GB_SUPER];
        UNROLLED
        for (int k = 0; k < 8; k++)
            for (int l = 0; l < 32; l++)
                values[32 * k + l] = (int8_t)(((q[k / 4 * 32 + l] >> k % 4 * 2 & 3) | (high[l] >> k & 1) << 2) - 4);
        for (int k = 0; k < 16; k++, out += 16) scale_16(values + 16 * k, scales[k], out);
    }
}

// The scales and minima of the eight sub-blocks of Q4_K and Q5_K, six bits each in twelve bytes, times d and dmin.
static inline void scales_and_minima(const uint8_t *b, float scales[8], float minima[8]) {
    const uint8_t *packed = b + 4;
    float d = half_at(b), dmin = half_at(b + 2);
    uint8_t s[8], m[8];
    for (int j = 0; j < 4; j++) {
        s[j] = packed[j] & 63;
        m[j] = packed[4 + j] & 63;
        s[4 + j] = (uint8_t)((packed[8 + j] & 15) | packed[j] >> 6 << 4);
        m[4 + j] = (uint8_t)(packed[8 + j] >> 4 | packed[4 + j] >> 6 << 4);
    }
    for (int j = 0; j < 8; j++) scales[j] = d * (float)s[j];
    for (int j = 0; j < 8; j++) minima[j] = dmin * (float)m[j];
}

// d, dmin, scales and minima, 128 bytes: the lower nibbles of each 32 bytes are one sub-block, the upper ones the next.
static void q4_k(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 144) {
        const uint8_t *q = b + 16;
        float scales[8], minima[8];
        scales_and_minima(b, scales, minima);
        ONE_BY_ONE
        for (int k = 0; k < 8; k += 2, q += 32, out += 64) {
            for (int l = 0; l < 32; l++) out[l] = scales[k] * (float)(q[l] & 15) - minima[k];
            for (int l = 0; l < 32; l++) out[32 + l] = scales[k + 1] * (float)(q[l] >> 4) - minima[k + 1];
        }
    }
}

// As Q4_K, with 256 fifth bits (bit k of byte l: sub-block k, element l) before the nibbles.
static void q5_k(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 176) {
        const uint8_t *high = b + 16, *q = b + 48;
        float scales[8], minima[8];
        scales_and_minima(b, scales, minima);
        int8_t values[GB_SUPER];
        UNROLLED
        for (int k = 0; k < 8; k++)
            for (int l = 0; l < 32; l++)
                values[32 * k + l] = (int8_t)((q[k / 2 * 32 + l] >> k % 2 * 4 & 15) | (high[l] >> k & 1) << 4);
        for (int k = 0; k < 16; k++, out += 16)
            scale_and_shift_16(values + 16 * k, scales[k / 2], minima[k / 2], out);
    }
}

// 128 bytes of nibbles, 64 of upper bits, 16 scales, d. Of each 128 elements, nibble byte l holds elements l and l + 64,
// and byte l of the upper bits holds those of elements l, l + 32, l + 64 and l + 96.
static void q6_k(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 210) {
        const uint8_t *low = b, *high = b + 128, *scales = b + 192;
        float d = half_at(b + 208);
        int8_t values[GB_SUPER], *v = values;
        ONE_BY_ONE
        for (int half = 0; half < 2; half++, low += 64, high += 32, v += 128) {
            for (int l = 0; l < 64; l++) v[l] = (int8_t)((low[l] & 15) - 32);
            for (int l = 0; l < 64; l++) v[64 + l] = (int8_t)((low[l] >> 4) - 32);
            UNROLLED
            for (int k = 0; k < 4; k++)
                for (int l = 0; l < 32; l++) v[32 * k + l] = (int8_t)(v[32 * k + l] + ((high[l] >> 2 * k & 3) << 4));
        }
        float products[16];
        for (int k = 0; k < 16; k++) products[k] = d * (float)(int8_t)scales[k];
        for (int k = 0; k < 16; k++, out += 16) scale_16(values + 16 * k, products[k], out);
    }
}
