// The encoder, sixteen pairs at a time. PK_TABLE: the table to define.

#include "../codes.h"
#include "../vectors.h"
#include "nearest.h"

INLINE words least16(words a, words b) {
    words less = (words)(a < b);
    return (a & less) | (b & ~less);
}

// The cells of nonnegative positions.
INLINE words cells16(floats places, uint32_t count) {
    return least16((words)__builtin_convertvector(places, ints), (words){} + (count - 1));
}

INLINE words look_up_bytes(const uint8_t *table, words places) {
    words found;
    for (size_t l = 0; l < LANES; l++) found[l] = table[places[l]];
    return found;
}

INLINE floats look_up_floats(const float *table, words places) {
    floats found;
    for (size_t l = 0; l < LANES; l++) found[l] = table[places[l]];
    return found;
}

// The nearest codewords found so far, for sixteen points.
typedef struct {
    floats distances;
    words places;
} nearest16;

INLINE nearest16 candidates16(floats amplitude, words amplitudes, floats cosine, floats sine, words phases, floats x, floats y) {
    floats dx = x - amplitude * cosine, dy = y - amplitude * sine;
    return (nearest16){dx * dx + dy * dy, amplitudes << 16 | phases};
}

INLINE nearest16 nearer16(nearest16 a, nearest16 b) {
    words less = (words)(b.distances < a.distances) | ((words)(b.distances == a.distances) & (words)(b.places < a.places));
    return (nearest16){select16(less, b.distances, a.distances), (b.places & less) | (a.places & ~less)};
}

// As pk_nearest, for sixteen points inside the search's range.
INLINE words search16(const pk_search *s, floats x, floats y) {
    const pk_codebook *c = &s->codebook;
    const words sign = (words){} + 0x80000000;
    floats sum = (floats)((words)x & ~sign) + (floats)((words)y & ~sign), turned = 1.0f - y / sum;
    floats turn = 2.0f - (floats)(((words)turned & ~sign) | ((words)x & sign));
    words phase = look_up_bytes(s->phases, cells16(turn * (PK_PHASE_CELLS / 4), PK_PHASE_CELLS));
    words other = (phase + 1) & (words)(phase + 1 < c->phase_count);
    floats cosine = look_up_floats(c->directions, 2 * phase), sine = look_up_floats(c->directions + 1, 2 * phase);
    floats other_cosine = look_up_floats(c->directions, 2 * other), other_sine = look_up_floats(c->directions + 1, 2 * other);
    floats projection = x * cosine + y * sine, on_other = x * other_cosine + y * other_sine;
    floats larger = select16((words)(projection > on_other), projection, on_other);
    words lower = look_up_bytes(s->amplitudes, cells16(larger * s->cells_per_unit, PK_AMPLITUDE_CELLS));
    words above = least16(lower + 1, (words){} + (c->amplitude_count - 1));
    floats amplitude = look_up_floats(c->amplitudes, lower), amplitude_above = look_up_floats(c->amplitudes, above);
    nearest16 on_lower = nearer16(
        candidates16(amplitude, lower, cosine, sine, phase, x, y), candidates16(amplitude, lower, other_cosine, other_sine, other, x, y));
    nearest16 on_above = nearer16(
        candidates16(amplitude_above, above, cosine, sine, phase, x, y),
        candidates16(amplitude_above, above, other_cosine, other_sine, other, x, y));
    words places = nearer16(on_lower, on_above).places;
    return (places >> 16) * c->phase_count + (places & 0xFFFF);
}

// The symbols of up to sixteen pairs, padded with zeros.
INLINE void find_symbols(const pk_search *s, const float *z, size_t count, uint32_t *symbols) {
    floats first = count < LANES / 2 ? load_part(z, 2 * count) : load(z), second = {0};
    if (count > LANES / 2) second = count < LANES ? load_part(z + LANES, 2 * count - LANES) : load(z + LANES);
    floats x = __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    floats y = __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    floats square = x * x + y * y;
    // Other lanes search for an arbitrary valid point, and are compared with all codewords afterwards.
    words inside = (words)(square > s->least) & (words)(square < s->most);
    words found = search16(s, select16(inside, x, (floats){} + s->codebook.amplitudes[0]), (floats)((words)y & inside));
    memcpy(symbols, &found, sizeof found);
    for (size_t l = 0; l < count; l++)
        if (!inside[l]) symbols[l] = pk_symbol(&s->codebook, pk_nearest_of_all(&s->codebook, x[l], y[l]));
    for (size_t l = count; l < LANES; l++) symbols[l] = 0;
}

// Eight symbols of `bits` bits in `bits` bytes; `left` bytes may be written.
INLINE void pack_eight(const uint32_t *symbols, uint32_t bits, size_t left, uint8_t *bytes) {
    uint64_t low = 0, high = 0, words[2];
    for (uint32_t j = 0; j < 4; j++) low |= (uint64_t)symbols[j] << j * bits, high |= (uint64_t)symbols[4 + j] << j * bits;
    // Four symbols have 16 to 52 bits.
    words[0] = low | high << 4 * bits;
    words[1] = high >> (64 - 4 * bits);
    memcpy(bytes, words, left < sizeof words ? bits : sizeof words);
}

static void encode(const float *z, size_t columns, const pk_search *search, uint8_t *symbols) {
    const uint32_t rate = search->codebook.rate;
    const size_t pairs = columns / 2;
    size_t left = qam_row_bytes(QAM_FREE, rate, columns);
    for (size_t i = 0; i < pairs; i += LANES) {
        uint32_t found[LANES];
        find_symbols(search, z + 2 * i, pairs - i < LANES ? pairs - i : LANES, found);
        for (size_t j = 0; j < LANES && i + j < pairs; j += 8, symbols += rate, left -= rate) pack_eight(found + j, rate, left, symbols);
    }
}

const pk_functions PK_TABLE = {.encode = encode};
