// How blocks store their numbers: those that scale a sub-block, and the level of each element. Encoders write by these
// functions; what they write replaces what was there.

// The numbers of a sub-block, as they are stored: integers that are multiplied by the halves of the super-block, or
// halves. `minimum` is 0 for types that have none.
typedef struct {
    float scale, minimum;
} numbers;

static inline void put_bits(uint8_t *b, int shift, int mask, int v) {
    *b = (uint8_t)((*b & ~(mask << shift)) | (v & mask) << shift);
}

// Nibbles of 32 elements: byte j holds elements j and j + 16.
static inline void put_nibble(uint8_t *b, int e, int level) { put_bits(b + e % 16, e / 16 * 4, 15, level); }

// The position of a level in the table of IQ4.
static inline int position_of(int level) {
    int position = 0;
    for (int j = 1; j < 16; j++) position += level >= nonlinear_values[j];
    return position;
}

// Blocks of 32 with one half.
static inline numbers half_get(const uint8_t *b, int p) {
    (void)p;
    return (numbers){half_at(b), 0};
}
static inline void half_set(uint8_t *b, int p, numbers v) {
    (void)p;
    gb_store16(b, signed_half_bits_of(v.scale));
}
static inline void q4_0_put(uint8_t *b, int e, int level) { put_nibble(b + 2, e, level + 8); }
static inline void q5_0_put(uint8_t *b, int e, int level) {
    put_bits(b + 2 + e / 8, e % 8, 1, (level + 16) >> 4);
    put_nibble(b + 6, e, level + 16);
}
static inline void q8_0_put(uint8_t *b, int e, int level) { b[2 + e] = (uint8_t)(int8_t)level; }
static inline void iq4_nl_put(uint8_t *b, int e, int level) { put_nibble(b + 2, e, position_of(level)); }

// Blocks of 32 with two halves.
static inline numbers halves_get(const uint8_t *b, int p) {
    (void)p;
    return (numbers){half_at(b), half_at(b + 2)};
}
static inline void halves_set(uint8_t *b, int p, numbers v) {
    (void)p;
    gb_store16(b, signed_half_bits_of(v.scale));
    gb_store16(b + 2, signed_half_bits_of(v.minimum));
}
static inline void q4_1_put(uint8_t *b, int e, int level) { put_nibble(b + 4, e, level); }
static inline void q5_1_put(uint8_t *b, int e, int level) {
    put_bits(b + 4 + e / 8, e % 8, 1, level >> 4);
    put_nibble(b + 8, e, level);
}

static inline numbers q2_k_get(const uint8_t *b, int p) { return (numbers){(float)(b[p] & 15), (float)(b[p] >> 4)}; }
static inline void q2_k_set(uint8_t *b, int p, numbers v) { b[p] = (uint8_t)((int)v.scale | (int)v.minimum << 4); }
static inline void q2_k_put(uint8_t *b, int e, int level) {
    put_bits(b + 16 + e / 128 * 32 + e % 32, e % 128 / 32 * 2, 3, level);
}

static inline numbers q3_k_get(const uint8_t *b, int p) {
    int low = b[96 + p % 8] >> p / 8 * 4 & 15, high = b[104 + p % 4] >> p / 4 * 2 & 3;
    return (numbers){(float)((low | high << 4) - 32), 0};
}
static inline void q3_k_set(uint8_t *b, int p, numbers v) {
    int stored = (int)v.scale + 32;
    put_bits(b + 96 + p % 8, p / 8 * 4, 15, stored);
    put_bits(b + 104 + p % 4, p / 4 * 2, 3, stored >> 4);
}
static inline void q3_k_put(uint8_t *b, int e, int level) {
    put_bits(b + 32 + e / 128 * 32 + e % 32, e % 128 / 32 * 2, 3, level + 4);
    put_bits(b + e % 32, e / 32, 1, (level + 4) >> 2);
}

static inline numbers k_line_get(const uint8_t *b, int p) {
    const uint8_t *packed = b + 4;
    if (p < 4) return (numbers){(float)(packed[p] & 63), (float)(packed[4 + p] & 63)};
    return (numbers){
        (float)((packed[4 + p] & 15) | packed[p - 4] >> 6 << 4), (float)(packed[4 + p] >> 4 | packed[p] >> 6 << 4)};
}
static inline void k_line_set(uint8_t *b, int p, numbers v) {
    uint8_t *packed = b + 4;
    int scale = (int)v.scale, minimum = (int)v.minimum;
    if (p < 4) {
        put_bits(packed + p, 0, 63, scale);
        put_bits(packed + 4 + p, 0, 63, minimum);
    } else {
        packed[4 + p] = (uint8_t)((scale & 15) | (minimum & 15) << 4);
        put_bits(packed + p - 4, 6, 3, scale >> 4);
        put_bits(packed + p, 6, 3, minimum >> 4);
    }
}
static inline void q4_k_put(uint8_t *b, int e, int level) { put_bits(b + 16 + e / 64 * 32 + e % 32, e % 64 / 32 * 4, 15, level); }
static inline void q5_k_put(uint8_t *b, int e, int level) {
    put_bits(b + 16 + e % 32, e / 32, 1, level >> 4);
    put_bits(b + 48 + e / 64 * 32 + e % 32, e % 64 / 32 * 4, 15, level);
}

static inline numbers q6_k_get(const uint8_t *b, int p) { return (numbers){(float)(int8_t)b[192 + p], 0}; }
static inline void q6_k_set(uint8_t *b, int p, numbers v) { b[192 + p] = (uint8_t)(int8_t)v.scale; }
static inline void q6_k_put(uint8_t *b, int e, int level) {
    put_bits(b + e / 128 * 64 + e % 64, e % 128 / 64 * 4, 15, level + 32);
    put_bits(b + 128 + e / 128 * 32 + e % 32, e % 128 / 32 * 2, 3, (level + 32) >> 4);
}

static inline numbers iq4_xs_get(const uint8_t *b, int p) {
    int low = b[4 + p / 2] >> p % 2 * 4 & 15, high = gb_load16(b + 2) >> 2 * p & 3;
    return (numbers){(float)((low | high << 4) - 32), 0};
}
static inline void iq4_xs_set(uint8_t *b, int p, numbers v) {
    int stored = (int)v.scale + 32;
    put_bits(b + 4 + p / 2, p % 2 * 4, 15, stored);
    put_bits(b + 2 + p / 4, p % 4 * 2, 3, stored >> 4);
}
static inline void iq4_xs_put(uint8_t *b, int e, int level) { put_nibble(b + 8 + e / 32 * 16, e % 32, position_of(level)); }
