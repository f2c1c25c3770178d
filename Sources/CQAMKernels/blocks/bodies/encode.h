// Q8_0 encoding, as ggml's quantize_row_q8_0_ref, and halves for all encoders.

// x rounded to the nearest integer, halves away from zero; |x| < 2^22. The addend is the largest float below 0.5: with
// 0.5 itself the largest float below 0.5 would be rounded to 1.
static inline int rounded(float x) { return (int)(x + gb_float(0x3EFFFFFF | (gb_bits(x) & 0x80000000))); }

// IEEE binary16 bits of a nonnegative number, rounded to nearest even.
static inline uint16_t half_bits_of(float x) {
    uint32_t v = gb_bits(x);
    if (v > 0x7F800000) return 0x7E00;
    if (v >= 0x477FF000) return 0x7C00;
    // 2^-24 is the unit of subnormal halves; half a unit in the last place of 0.5 rounds to that unit.
    if (v < 0x38800000) return (uint16_t)(gb_bits(x + 0.5f) - 0x3F000000);
    return (uint16_t)((v - 0x38000000 + 0xFFF + (v >> 13 & 1)) >> 13);
}

// The same of a number of either sign, at most the largest finite half.
static inline uint16_t signed_half_bits_of(float x) {
    uint32_t magnitude = gb_bits(x) & 0x7FFFFFFF, largest = gb_bits(65504);
    return (uint16_t)(half_bits_of(gb_float(magnitude < largest ? magnitude : largest)) | (gb_bits(x) >> 16 & 0x8000));
}

// Rounded to a half.
static inline float as_half(float x) { return gb_half_bits(signed_half_bits_of(x)); }

static void q8_0_from_floats(const float *restrict x, size_t count, uint8_t *restrict b) {
    for (; count; count--, b += 34, x += 32) {
        // As integers, magnitudes are ordered like floats, with NaNs above all.
        uint32_t largest = 0;
        for (size_t j = 0; j < 32; j++) {
            uint32_t magnitude = gb_bits(x[j]) & 0x7FFFFFFF;
            largest = magnitude > largest ? magnitude : largest;
        }
        float d = gb_float(largest) / 127;
        gb_store16(b, half_bits_of(d));
        float inverse = 1 / d;
        // A scale with an infinite inverse is far below the smallest half, so its quotients are meaningless.
        if (largest >= 0x7F800000 || gb_bits(inverse) >= 0x7F800000)
            memset(b + 2, 0, 32);
        else
            for (size_t j = 0; j < 32; j++) b[2 + j] = (uint8_t)rounded(x[j] * inverse);
    }
}
