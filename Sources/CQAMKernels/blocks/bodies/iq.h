// IQ1, IQ2 and IQ3: eight or four elements at a time are a word of a list ("grid", see grids.c), with separate signs.

// Word `index` of a grid.
static inline uint32_t word(const uint8_t *grid, uint32_t index) { return gb_load16(grid + 2 * index); }

// Seven stored signs, and an eighth that makes the number of minuses even.
static inline uint32_t even_signs(uint32_t seven) { return seven | (uint32_t)__builtin_parity(seven) << 7; }

// The values of an IQ2 word's fields, times a scale.
static inline void iq2_table(float scale, float table[4]) {
    static const float values[4] = {8, 25, 43, 0};
    for (int k = 0; k < 4; k++) table[k] = scale * values[k];
}

// d, eight times: four bytes, indices of words; 28 bits of signs; four of scale.
static void iq2_xxs(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 66) {
        float d = half_at(b), table[4];
        const uint8_t *q = b + 2;
        ONE_BY_ONE
        for (int k = 0; k < 8; k++, q += 8) {
            uint32_t rest = gb_load32(q + 4);
            iq2_table(d * (0.5f + (float)(rest >> 28)) * 0.25f, table);
            ONE_BY_ONE
            for (int l = 0; l < 4; l++, out += 8)
                pick_of_4(table, word(gb_grid_iq2_xxs, q[l]), even_signs(rest >> 7 * l & 127), out);
        }
    }
}

// d, 32 times 9 bits of index and 7 of signs, 16 nibbles of scale.
static void iq2_xs(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 74) {
        float d = half_at(b), table[4];
        const uint8_t *q = b + 2, *scales = b + 66;
        ONE_BY_ONE
        for (int k = 0; k < 16; k++, q += 4) {
            iq2_table(d * (0.5f + (float)(scales[k / 2] >> k % 2 * 4 & 15)) * 0.25f, table);
            ONE_BY_ONE
            for (int l = 0; l < 2; l++, out += 8) {
                uint32_t both = gb_load16(q + 2 * l);
                pick_of_4(table, word(gb_grid_iq2_xs, both & 511), even_signs(both >> 9), out);
            }
        }
    }
}

// d, 32 bytes of index, 32 of signs, eight that hold two upper bits of four indices, 16 nibbles of scale.
static void iq2_s(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 82) {
        float d = half_at(b), table[4];
        const uint8_t *q = b + 2, *signs = b + 34, *high = b + 66, *scales = b + 74;
        ONE_BY_ONE
        for (int k = 0; k < 16; k++, q += 2, signs += 2) {
            iq2_table(d * (0.5f + (float)(scales[k / 2] >> k % 2 * 4 & 15)) * 0.25f, table);
            ONE_BY_ONE
            for (int l = 0; l < 2; l++, out += 8) {
                uint32_t index = q[l] | (uint32_t)(high[k / 2] >> (k % 2 * 4 + 2 * l) & 3) << 8;
                pick_of_4(table, word(gb_grid_iq2_s, index), signs[l], out);
            }
        }
    }
}

// d, 64 bytes of index, eight times 28 bits of signs and four of scale.
static void iq3_xxs(const uint8_t *restrict b, size_t count, float *restrict out) {
    static const float values[8] = {4, 12, 20, 28, 36, 44, 52, 62};
    ONE_BY_ONE
    for (; count; count--, b += 98) {
        float d = half_at(b), table[8];
        const uint8_t *q = b + 2, *rests = b + 66;
        ONE_BY_ONE
        for (int k = 0; k < 8; k++, rests += 4) {
            uint32_t rest = gb_load32(rests);
            float scale = d * (0.5f + (float)(rest >> 28)) * 0.5f;
            for (int j = 0; j < 8; j++) table[j] = scale * values[j];
            ONE_BY_ONE
            for (int l = 0; l < 4; l++, q += 2, out += 8) {
                uint32_t fields = word(gb_grid_iq3_xxs, q[0]) | word(gb_grid_iq3_xxs, q[1]) << 16;
                pick_of_8(table, fields, even_signs(rest >> 7 * l & 127), out);
            }
        }
    }
}

// d, 64 bytes of index, eight of ninth bits, 32 of signs, eight nibbles of scale.
static void iq3_s(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 110) {
        float d = half_at(b), table[8];
        const uint8_t *q = b + 2, *high = b + 66, *signs = b + 74, *scales = b + 106;
        ONE_BY_ONE
        for (int k = 0; k < 8; k++, signs += 4) {
            float scale = d * (float)(1 + 2 * (scales[k / 2] >> k % 2 * 4 & 15));
            for (int j = 0; j < 8; j++) table[j] = scale * (float)(2 * j + 1);
            ONE_BY_ONE
            for (int l = 0; l < 4; l++, q += 2, out += 8) {
                uint32_t first = q[0] | (uint32_t)(high[k] >> 2 * l & 1) << 8;
                uint32_t second = q[1] | (uint32_t)(high[k] >> (2 * l + 1) & 1) << 8;
                pick_of_8(table, word(gb_grid_iq3_s, first) | word(gb_grid_iq3_s, second) << 16, signs[l], out);
            }
        }
    }
}

// -1, 0, 1, all shifted by an eighth up or down, times a scale.
static inline void iq1_table(float scale, bool down, float table[4]) {
    float shift = down ? -0.125f : 0.125f;
    for (int k = 0; k < 4; k++) table[k] = scale * ((float)(k - 1) + shift);
}

// d, 32 bytes of index, eight times: four times three upper bits of index, three bits of scale, the shift's direction.
static void iq1_s(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 50) {
        float d = half_at(b), table[4];
        const uint8_t *q = b + 2;
        ONE_BY_ONE
        for (int k = 0; k < 8; k++, q += 4) {
            uint32_t rest = gb_load16(b + 34 + 2 * k);
            iq1_table(d * (float)(2 * (rest >> 12 & 7) + 1), rest >> 15, table);
            ONE_BY_ONE
            for (int l = 0; l < 4; l++, out += 8)
                pick_of_4(table, word(gb_grid_iq1, q[l] | (rest >> 3 * l & 7) << 8), 0, out);
        }
    }
}

// 32 bytes of index, 32 nibbles of three upper bits and the shift's direction, four times: four scales of three bits and
// a nibble of d.
static void iq1_m(const uint8_t *restrict b, size_t count, float *restrict out) {
    ONE_BY_ONE
    for (; count; count--, b += 56) {
        const uint8_t *q = b, *high = b + 32, *scales = b + 48;
        uint32_t bits = 0;
        for (int k = 0; k < 4; k++) bits |= (uint32_t)(gb_load16(scales + 2 * k) >> 12) << 4 * k;
        float d = half_of((uint16_t)bits), table[4];
        ONE_BY_ONE
        for (int k = 0; k < 16; k++, q += 2, high++) {
            float scale = d * (float)(2 * (gb_load16(scales + k / 4 * 2) >> k % 4 * 3 & 7) + 1);
            ONE_BY_ONE
            for (int l = 0; l < 2; l++, out += 8) {
                uint32_t nibble = *high >> 4 * l & 15;
                iq1_table(scale, nibble >> 3, table);
                pick_of_4(table, word(gb_grid_iq1, q[l] | (nibble & 7) << 8), 0, out);
            }
        }
    }
}
