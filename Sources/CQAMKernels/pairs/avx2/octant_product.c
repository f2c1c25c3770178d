#if defined(__x86_64__)
// Products of octant codes.

#include "octant.h"
#include "product.h"

QAM_TARGET_AVX2

enum {
    GROUP_UNITS = QAM_GROUP_COLUMNS / UNIT, // first coordinates, second coordinates
    PANEL_GROUPS = PANEL_UNITS / GROUP_UNITS,
};

typedef struct {
    qam_octant_reader reader;
    size_t columns;
} octant_decoder;

// The groups of a panel's row; a short one is padded in `filled`.
static inline __attribute__((always_inline)) size_t list_groups(
    const octant_decoder *d, const uint8_t *symbols, size_t first, uint8_t *filled, const uint8_t **groups) {
    const uint8_t *group = symbols + qam_row_bytes(QAM_OCTANT, d->reader.step_bits, first);
    size_t left = d->columns - first, count = left / QAM_GROUP_COLUMNS < PANEL_GROUPS ? left / QAM_GROUP_COLUMNS : PANEL_GROUPS;
    for (size_t i = 0; i < count; i++, group += d->reader.group_bytes) groups[i] = group;
    if (count == PANEL_GROUPS || left % QAM_GROUP_COLUMNS == 0) return count;
    fill_group(group, qam_layout(qam_group_pairs(left % QAM_GROUP_COLUMNS, 0), d->reader.step_bits), d->reader.step_bits, filled);
    groups[count] = filled;
    return count + 1;
}

// Signed weights: one coordinate of half a group.
static inline __attribute__((always_inline)) void store_weights(
    __m256i magnitudes, __m256i negative, int16_t weights[2][2 * HALF_LANES]) {
    // Signs are bytes -1 or 1; in 16 bits the upper byte decides.
    __m256i signs = _mm256_or_si256(negative, _mm256_set1_epi8(1));
    __m256i even = _mm256_and_si256(magnitudes, _mm256_set1_epi16(0xFF)), odd = _mm256_srli_epi16(magnitudes, 8);
    _mm256_storeu_si256((void *)weights[0], _mm256_sign_epi16(even, _mm256_slli_epi16(signs, 8)));
    _mm256_storeu_si256((void *)weights[1], _mm256_sign_epi16(odd, signs));
}

// Undoes the folds of half a group.
static inline __attribute__((always_inline)) void store_half(
    const uint8_t *group, size_t half, __m256i larger, __m256i smaller, unit *units, size_t row) {
    const uint8_t *bits = group + half * PLANE / 2;
    __m256i swaps = bytes_of_bits(bits + 2 * PLANE);
    __m256i first = _mm256_blendv_epi8(larger, smaller, swaps), second = _mm256_blendv_epi8(smaller, larger, swaps);
    store_weights(first, bytes_of_bits(bits), units[0].rows[row].weights[half]);
    store_weights(second, bytes_of_bits(bits + PLANE), units[1].rows[row].weights[half]);
}

// ---- Up to 8 bits per step: byte permutations ----

static inline __attribute__((always_inline)) void decode_small(
    const octant_decoder *d, bool trellis, const uint8_t *symbols, size_t first, panel *out, size_t row) {
    uint8_t filled[FILLED_BYTES];
    const uint8_t *groups[PANEL_GROUPS];
    size_t count = list_groups(d, symbols, first, filled, groups);
    for (size_t i = 0; i < count; i++) {
        __m256i index[2], larger[2], smaller[2];
        for (size_t half = 0; half < 2; half++) {
            const uint8_t *base = groups[i] + QAM_UPPER_BITS * PLANE + half * HALF_PAIRS;
            index[half] = trellis ? windows(&d->reader.windows, groups[i], half) : _mm256_loadu_si256((const void *)base);
        }
        look_up(d->reader.steps, index, larger, smaller);
        for (size_t half = 0; half < 2; half++)
            store_half(groups[i], half, larger[half], smaller[half], &out->units[GROUP_UNITS * i], row);
    }
}

static void decode_trellis(const void *decoder, const uint8_t *symbols, size_t first, panel *out, size_t row) {
    decode_small(decoder, true, symbols, first, out, row);
}

static void decode_plain(const void *decoder, const uint8_t *symbols, size_t first, panel *out, size_t row) {
    decode_small(decoder, false, symbols, first, out, row);
}

// ---- 9 and 10 bits per step: lookups with general registers, in passes to avoid store-to-load stalls ----

static void decode_large(const void *decoder, const uint8_t *symbols, size_t first, panel *out, size_t row) {
    const octant_decoder *d = decoder;
    uint8_t filled[FILLED_BYTES];
    const uint8_t *groups[PANEL_GROUPS];
    uint16_t pairs[PANEL_GROUPS][2][HALF_PAIRS];
    size_t count = list_groups(d, symbols, first, filled, groups);
    for (size_t i = 0; i < count; i++)
        for (size_t half = 0; half < 2; half++) qam_store_indices(groups[i], d->reader.step_bits == 10, half, pairs[i][half]);
    qam_load_points(&d->reader, &pairs[0][0][0], count);
    const __m256i low_byte = _mm256_set1_epi16(0xFF);
    for (size_t i = 0; i < count; i++)
        for (size_t half = 0; half < 2; half++) {
            __m256i low = _mm256_loadu_si256((const void *)pairs[i][half]);
            __m256i high = _mm256_loadu_si256((const void *)(pairs[i][half] + 16));
            __m256i larger = _mm256_packus_epi16(_mm256_and_si256(low, low_byte), _mm256_and_si256(high, low_byte));
            __m256i smaller = _mm256_packus_epi16(_mm256_srli_epi16(low, 8), _mm256_srli_epi16(high, 8));
            store_half(groups[i], half, larger, smaller, &out->units[GROUP_UNITS * i], row);
        }
}

void qam_octant_product_avx2(
    const qam_code *code, const uint8_t *symbols, const float *factors, size_t rows, const qam_activation *activations,
    size_t batch, float *out, size_t output_stride) {
    octant_decoder d = {.columns = code->columns};
    qam_make_reader(code->magnitudes, code->rate, &d.reader);
    row_decoder decode = code->rate < 8 ? decode_trellis : code->rate == 8 ? decode_plain : decode_large;
    multiply_tiles(code, QAM_OCTANT, decode, &d, symbols, factors, rows, activations, batch, out, output_stride);
}

QAM_TARGET_POP
#endif
