// data/ holds the solver's output; the compiler embeds it.

#include "qam_codebooks.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t free_04[] = {
#embed "data/free-04.bin"
};
static const uint8_t free_05[] = {
#embed "data/free-05.bin"
};
static const uint8_t free_06[] = {
#embed "data/free-06.bin"
};
static const uint8_t free_07[] = {
#embed "data/free-07.bin"
};
static const uint8_t free_08[] = {
#embed "data/free-08.bin"
};
static const uint8_t free_09[] = {
#embed "data/free-09.bin"
};
static const uint8_t free_10[] = {
#embed "data/free-10.bin"
};
static const uint8_t free_11[] = {
#embed "data/free-11.bin"
};
static const uint8_t free_12[] = {
#embed "data/free-12.bin"
};
static const uint8_t free_13[] = {
#embed "data/free-13.bin"
};
static const uint8_t octant_01[] = {
#embed "data/octant-01.bin"
};
static const uint8_t octant_02[] = {
#embed "data/octant-02.bin"
};
static const uint8_t octant_03[] = {
#embed "data/octant-03.bin"
};
static const uint8_t octant_04[] = {
#embed "data/octant-04.bin"
};
static const uint8_t octant_05[] = {
#embed "data/octant-05.bin"
};
static const uint8_t octant_06[] = {
#embed "data/octant-06.bin"
};
static const uint8_t octant_07[] = {
#embed "data/octant-07.bin"
};
static const uint8_t octant_08[] = {
#embed "data/octant-08.bin"
};
static const uint8_t octant_09[] = {
#embed "data/octant-09.bin"
};
static const uint8_t octant_10[] = {
#embed "data/octant-10.bin"
};
static const uint8_t polar_04[] = {
#embed "data/polar-04.bin"
};
static const uint8_t polar_05[] = {
#embed "data/polar-05.bin"
};
static const uint8_t polar_06[] = {
#embed "data/polar-06.bin"
};
static const uint8_t polar_07[] = {
#embed "data/polar-07.bin"
};
static const uint8_t polar_08[] = {
#embed "data/polar-08.bin"
};
static const uint8_t polar_09[] = {
#embed "data/polar-09.bin"
};
static const uint8_t polar_10[] = {
#embed "data/polar-10.bin"
};
static const uint8_t polar_11[] = {
#embed "data/polar-11.bin"
};
static const uint8_t polar_12[] = {
#embed "data/polar-12.bin"
};
static const uint8_t polar_13[] = {
#embed "data/polar-13.bin"
};

typedef struct {
    const uint8_t *bytes;
    size_t length;
} record;

#define RECORD(name) {name, sizeof name}

static const record free_codes[] = {
    RECORD(free_04),
    RECORD(free_05),
    RECORD(free_06),
    RECORD(free_07),
    RECORD(free_08),
    RECORD(free_09),
    RECORD(free_10),
    RECORD(free_11),
    RECORD(free_12),
    RECORD(free_13),
};

static const record octant_codes[] = {
    RECORD(octant_01),
    RECORD(octant_02),
    RECORD(octant_03),
    RECORD(octant_04),
    RECORD(octant_05),
    RECORD(octant_06),
    RECORD(octant_07),
    RECORD(octant_08),
    RECORD(octant_09),
    RECORD(octant_10),
};

static const record polar_codes[] = {
    RECORD(polar_04),
    RECORD(polar_05),
    RECORD(polar_06),
    RECORD(polar_07),
    RECORD(polar_08),
    RECORD(polar_09),
    RECORD(polar_10),
    RECORD(polar_11),
    RECORD(polar_12),
    RECORD(polar_13),
};

static const uint8_t *bytes_of(const record *found, size_t *length) {
    *length = found ? found->length : 0;
    return found ? found->bytes : 0;
}

const uint8_t *qam_codebook_record(uint32_t family, uint32_t rate, size_t *length) {
    const record *found = 0;
    if (family == 1 && rate >= 4 && rate <= 13) found = &free_codes[rate - 4];
    if (family == 2 && rate >= 1 && rate <= 10) found = &octant_codes[rate - 1];
    return bytes_of(found, length);
}

const uint8_t *qam_polar_codebook_record(uint32_t rate, size_t *length) {
    return bytes_of(rate >= 4 && rate <= 13 ? &polar_codes[rate - 4] : 0, length);
}
