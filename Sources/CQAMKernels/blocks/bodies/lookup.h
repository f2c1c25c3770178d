// Types whose nibbles select one of 16 values: IQ4_NL, IQ4_XS, MXFP4 and NVFP4.

// Not evenly spaced: closer near zero.
static const int8_t nonlinear_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Twice the values of E2M1.
static const int8_t e2m1_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// d, 32 nibbles.
static void iq4_nl(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 18, out += 32) {
        float d = half_at(b);
        int8_t values[32];
        look_up(nonlinear_values, b + 2, values);
        for (size_t j = 0; j < 32; j++) out[j] = d * (float)values[j];
    }
}

// d, eight scales of six bits (the upper two of all in 16 bits, then the lower four), eight times 32 nibbles.
static void iq4_xs(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 136) {
        float d = half_at(b);
        uint32_t high = gb_load16(b + 2);
        const uint8_t *q = b + 8;
        ONE_BY_ONE
        for (int k = 0; k < 8; k++, q += 16, out += 32) {
            int low = b[4 + k / 2] >> k % 2 * 4 & 15;
            float scale = d * (float)((low | (int)(high >> 2 * k & 3) << 4) - 32);
            int8_t values[32];
            look_up(nonlinear_values, q, values);
            for (size_t j = 0; j < 32; j++) out[j] = scale * (float)values[j];
        }
    }
}

// An exponent, 32 nibbles. 255, NaN in the type's standard, is 2^128 here as in ggml.
static void mxfp4(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 17, out += 32) {
        // Half of 2^(e - 127), since the table has doubled values; below 2^-126 the float is subnormal.
        float d = gb_float(b[0] < 2 ? UINT32_C(0x200000) << b[0] : (uint32_t)(b[0] - 1) << 23);
        int8_t values[32];
        look_up(e2m1_values, b + 1, values);
        for (size_t j = 0; j < 32; j++) out[j] = (float)values[j] * d;
    }
}

// Half of an unsigned E4M3, since the table has doubled values. Like ggml, ignores the sign bit and treats 0x7F as 0.
static inline float half_of_e4m3(uint8_t v) {
    uint32_t exponent = v >> 3 & 15, fraction = v & 7;
    if (v == 0x7F) return 0;
    if (exponent == 0) return (float)fraction * 0x1p-10f;
    return gb_float((exponent + 119) << 23 | fraction << 20);
}

// Four scales, four times 16 nibbles: byte j of eight holds elements j and j + 8.
static void nvfp4(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 36, out += 64) {
        ONE_BY_ONE
        for (int pair = 0; pair < 2; pair++) {
            int8_t values[32];
            look_up(e2m1_values, b + 4 + 16 * pair, values);
            ONE_BY_ONE
            for (int k = 0; k < 2; k++) {
                float d = half_of_e4m3(b[2 * pair + k]);
                float *part = out + 32 * pair + 16 * k;
                for (int j = 0; j < 8; j++) part[j] = (float)values[8 * k + j] * d;
                for (int j = 0; j < 8; j++) part[8 + j] = (float)values[16 + 8 * k + j] * d;
            }
        }
    }
}
