// Types with one scale, and possibly one minimum, per block: Q1_0, Q2_0, Q4_0 ... Q8_1, Q8_K, TQ1_0 and TQ2_0.

// d, 128 bits: the signs.
static void q1_0(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 18, out += 128) {
        float d = half_at(b);
        for (size_t j = 0; j < 128; j++) out[j] = b[2 + j / 8] >> j % 8 & 1 ? d : -d;
    }
}

// d, 64 fields of two bits: -1 ... 2.
static void q2_0(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 18, out += 64) {
        float d = half_at(b);
        ONE_BY_ONE
        for (size_t k = 0; k < 64; k += 16) {
            uint32_t fields = gb_load32(b + 2 + k / 4);
            for (size_t j = 0; j < 16; j++) out[k + j] = (float)((int)(fields >> 2 * j & 3) - 1) * d;
        }
    }
}

// d, 32 nibbles: -8 ... 7. Byte j holds elements j and j + 16, as in all types of nibbles with blocks of 32.
static void q4_0(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 18, out += 32) {
        float d = half_at(b);
        for (size_t j = 0; j < 16; j++) out[j] = (float)((b[2 + j] & 15) - 8) * d;
        for (size_t j = 0; j < 16; j++) out[16 + j] = (float)((b[2 + j] >> 4) - 8) * d;
    }
}

// d, m, 32 nibbles: 0 ... 15.
static void q4_1(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 20, out += 32) {
        float d = half_at(b), m = half_at(b + 2);
        for (size_t j = 0; j < 16; j++) out[j] = (float)(b[4 + j] & 15) * d + m;
        for (size_t j = 0; j < 16; j++) out[16 + j] = (float)(b[4 + j] >> 4) * d + m;
    }
}

// d, 32 fifth bits, 32 nibbles: -16 ... 15.
static void q5_0(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 22, out += 32) {
        float d = half_at(b);
        uint32_t high = gb_load32(b + 2);
        for (uint32_t j = 0; j < 16; j++) out[j] = (float)((int)((b[6 + j] & 15) | (high >> j & 1) << 4) - 16) * d;
        high >>= 16;
        for (uint32_t j = 0; j < 16; j++) out[16 + j] = (float)((int)(b[6 + j] >> 4 | (high >> j & 1) << 4) - 16) * d;
    }
}

// d, m, 32 fifth bits, 32 nibbles: 0 ... 31.
static void q5_1(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 24, out += 32) {
        float d = half_at(b), m = half_at(b + 2);
        uint32_t high = gb_load32(b + 4);
        for (uint32_t j = 0; j < 16; j++) out[j] = (float)(int)((b[8 + j] & 15) | (high >> j & 1) << 4) * d + m;
        high >>= 16;
        for (uint32_t j = 0; j < 16; j++) out[16 + j] = (float)(int)(b[8 + j] >> 4 | (high >> j & 1) << 4) * d + m;
    }
}

// d, 32 bytes.
static void q8_0(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 34, out += 32) {
        float d = half_at(b);
        for (size_t j = 0; j < 32; j++) out[j] = (float)(int8_t)b[2 + j] * d;
    }
}

// d, a sum that only products need, 32 bytes. ggml has no to_float for this type.
static void q8_1(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 36, out += 32) {
        float d = half_at(b);
        for (size_t j = 0; j < 32; j++) out[j] = (float)(int8_t)b[4 + j] * d;
    }
}

// d as float32, 256 bytes, sums that only products need.
static void q8_k(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 292, out += GB_SUPER) {
        float d = gb_float(gb_load32(b));
        for (size_t j = 0; j < GB_SUPER; j++) out[j] = d * (float)(int8_t)b[4 + j];
    }
}

// The ternary digit of weight 3^-(n + 1), -1 ... 1, of a byte that is a fraction of 256; power is 3^n.
static inline int digit(uint8_t v, int power) { return ((uint8_t)(v * power) * 3 >> 8) - 1; }

// 48 bytes of five digits (first those of 32 bytes, digit by digit, then those of 16), four bytes of four digits, d.
static void tq1_0(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 54) {
        float d = half_at(b + 52);
        ONE_BY_ONE
        for (int n = 0, power = 1; n < 5; n++, power *= 3, out += 32)
            for (int j = 0; j < 32; j++) out[j] = (float)digit(b[j], power) * d;
        ONE_BY_ONE
        for (int n = 0, power = 1; n < 5; n++, power *= 3, out += 16)
            for (int j = 0; j < 16; j++) out[j] = (float)digit(b[32 + j], power) * d;
        ONE_BY_ONE
        for (int n = 0, power = 1; n < 4; n++, power *= 3, out += 4)
            for (int j = 0; j < 4; j++) out[j] = (float)digit(b[48 + j], power) * d;
    }
}

// 64 bytes of four fields, -1 ... 2: of each 128 elements, byte l holds elements l, l + 32, l + 64 and l + 96; d.
static void tq2_0(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 66) {
        float d = half_at(b + 64);
        ONE_BY_ONE
        for (int k = 0; k < 8; k++, out += 32)
            for (int j = 0; j < 32; j++) out[j] = (float)((b[k / 4 * 32 + j] >> k % 4 * 2 & 3) - 1) * d;
    }
}
