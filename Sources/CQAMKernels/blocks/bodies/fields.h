// Steps for which an instruction set has fewer instructions than the compiler finds. The plain form of each is the
// reference implementation.

// Vectorise inside blocks: across blocks the compiler would gather.
#define ONE_BY_ONE _Pragma("clang loop vectorize(disable)")
// Also unroll, so that shifts are by constants.
#define UNROLLED _Pragma("clang loop vectorize(disable) unroll(full)")

static inline float half_of(uint16_t half) {
#if defined(GB_X86)
    // Via a general register: clang would insert the bits into an arbitrary vector register, and wait for its old
    // value.
    uint32_t bits = half;
    __asm__("" : "+r"(bits));
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128((int)bits)));
#else
    return gb_half_bits(half);
#endif
}

// The half at an address: nearly every block begins or ends with its scale.
static inline float half_at(const uint8_t *p) { return half_of(gb_load16(p)); }

// Looks up 32 nibbles: the lower ones of 16 bytes, then the upper ones.
static inline void look_up(const int8_t table[16], const uint8_t *q, int8_t out[32]) {
#if defined(GB_X86)
    __m128i values = _mm_loadu_si128((const __m128i *)table), nibble = _mm_set1_epi8(15);
    __m128i both = _mm_loadu_si128((const __m128i *)q);
    _mm_storeu_si128((__m128i *)out, _mm_shuffle_epi8(values, _mm_and_si128(both, nibble)));
    _mm_storeu_si128((__m128i *)(out + 16), _mm_shuffle_epi8(values, _mm_and_si128(_mm_srli_epi16(both, 4), nibble)));
#else
    for (size_t j = 0; j < 16; j++) {
        out[j] = table[q[j] & 15];
        out[j + 16] = table[q[j] >> 4];
    }
#endif
}

#if defined(GB_X86)
// Moves bit j of `signs` to the sign of lane j.
static inline __m256 negate(__m256 values, uint32_t signs) {
    __m256i bits = _mm256_sllv_epi32(_mm256_set1_epi32((int)signs), _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24));
    return _mm256_xor_ps(values, _mm256_and_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(-0.0f)));
}
#endif

// Eight elements of a table of four, selected by two-bit fields; element j is negated if bit j of `signs` is set.
static inline void pick_of_4(const float table[4], uint32_t fields, uint32_t signs, float *restrict out) {
#if defined(GB_X86)
    // The permutation uses only the lowest two bits.
    __m256i index = _mm256_srlv_epi32(_mm256_set1_epi32((int)fields), _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14));
    __m128 four = _mm_loadu_ps(table);
    __m256 values = _mm256_permutevar_ps(_mm256_set_m128(four, four), index);
    _mm256_storeu_ps(out, negate(values, signs));
#else
    for (int j = 0; j < 8; j++) out[j] = table[fields >> 2 * j & 3] * (signs >> j & 1 ? -1.0f : 1.0f);
#endif
}

// Eight elements of a table of eight, selected by nibbles from 0 to 7.
static inline void pick_of_8(const float table[8], uint32_t fields, uint32_t signs, float *restrict out) {
#if defined(GB_X86)
    __m256i index = _mm256_srlv_epi32(_mm256_set1_epi32((int)fields), _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    __m256 values = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), index);
    _mm256_storeu_ps(out, negate(values, signs));
#else
    for (int j = 0; j < 8; j++) out[j] = table[fields >> 4 * j & 7] * (signs >> j & 1 ? -1.0f : 1.0f);
#endif
}

// Sixteen small integers times a scale, and the same minus a minimum. Not every compiler finds these itself.
static inline void scale_16(const int8_t values[16], float scale, float *restrict out) {
#if defined(GB_X86)
    gb_bytes_16 v;
    memcpy(&v, values, sizeof v);
    gb_floats_16 x = scale * __builtin_convertvector(v, gb_floats_16);
    memcpy(out, &x, sizeof x);
#else
    for (int j = 0; j < 16; j++) out[j] = scale * (float)values[j];
#endif
}

static inline void scale_and_shift_16(const int8_t values[16], float scale, float minimum, float *restrict out) {
#if defined(GB_X86)
    gb_bytes_16 v;
    memcpy(&v, values, sizeof v);
    gb_floats_16 x = scale * __builtin_convertvector(v, gb_floats_16) - minimum;
    memcpy(out, &x, sizeof x);
#else
    for (int j = 0; j < 16; j++) out[j] = scale * (float)values[j] - minimum;
#endif
}
