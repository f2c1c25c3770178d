// Encoding.

#include "functions.h"

#include <math.h>

// Encodes with a plane, or with the tables of a trellis.
typedef void encode_row(
    const qam_kernels *table, const float *z, size_t columns, const void *search, uint32_t rate, uint8_t *symbols);

static void encode_free(
    const qam_kernels *table, const float *z, size_t columns, const void *search, uint32_t rate, uint8_t *symbols) {
    table->free_encode(z, columns, search, rate, symbols);
}

static void encode_plain(
    const qam_kernels *table, const float *z, size_t columns, const void *search, uint32_t rate, uint8_t *symbols) {
    table->octant_encode_plain(z, columns, search, rate, symbols);
}

static void encode_trellis(
    const qam_kernels *table, const float *z, size_t columns, const void *search, uint32_t rate, uint8_t *symbols) {
    table->octant_encode_trellis(z, columns, search, 0x1.8p-6f, rate, symbols);
}

static const int32_t *place_tables(check *c, uint32_t step_bits) {
    const uint8_t *magnitudes = place(c, "magnitudes", 2 * QAM_WINDOWS);
    int32_t *tables = place(c, "tables", QAM_TRELLIS_WORDS * sizeof *tables);
    qam_trellis_tables(magnitudes, step_bits, tables);
    return tables;
}

// Values as in rows after the rotation; EXTREME ones also lie outside the grid, many of them equally far
// from all points.
static void compare_encoders(
    check *c, encode_row *encode, const void *search, qam_family family, uint32_t rate, value_kind kind,
    size_t longest) {
    size_t mark = c->used;
    for (size_t columns = 2; columns; columns = next_columns(columns, 160, longest)) {
        begin_case(c, "rate %u, %zu columns, values of kind %d", rate, columns, kind);
        const float *z = place_values(c, "z", columns, kind);
        size_t bytes = qam_row_bytes(family, rate, columns);
        uint8_t *expected = place(c, "expected", bytes), *symbols = place(c, "symbols", bytes);
        encode(c->truth, z, columns, search, rate, expected);
        encode(c->table, z, columns, search, rate, symbols);
        same_bytes(c, expected, symbols, bytes);
        release(c, mark);
    }
}

// Cells with few candidates, as in the product, and with many.
static uint32_t some_side(check *c, size_t points) {
    uint32_t side = 2;
    while ((size_t)side * side < points && side < 32) side *= 2;
    return side >> below(c, 2);
}

void check_free_encode(check *c) {
    for (uint32_t bits = first_rate(QAM_FREE); bits <= last_rate(QAM_FREE); bits++)
        for (value_kind kind = ORDINARY; kind <= EXTREME; kind++) {
            begin_case(c, "building a grid for rate %u", bits);
            qam_plane plane = place_plane(c, (size_t)1 << bits, some_side(c, (size_t)1 << bits), false, kind % EXTREME);
            compare_encoders(c, encode_free, &plane, QAM_FREE, bits, kind, 5120);
            release(c, 0);
        }
}

void check_octant_encode_plain(check *c) {
    for (uint32_t step_bits = 8; step_bits <= last_rate(QAM_OCTANT); step_bits++)
        for (value_kind kind = ORDINARY; kind <= EXTREME; kind++) {
            begin_case(c, "building a grid for step_bits %u", step_bits);
            qam_plane plane = place_plane(c, base_points(step_bits), some_side(c, base_points(step_bits)), true, kind % EXTREME);
            compare_encoders(c, encode_plain, &plane, QAM_OCTANT, step_bits, kind, 5120);
            release(c, 0);
        }
}

void check_octant_encode_trellis(check *c) {
    for (uint32_t step_bits = 1; step_bits <= 7; step_bits++)
        for (value_kind kind = ORDINARY; kind <= EXTREME; kind++) {
            compare_encoders(c, encode_trellis, place_tables(c, step_bits), QAM_OCTANT, step_bits, kind, 640);
            release(c, 0);
        }
}
