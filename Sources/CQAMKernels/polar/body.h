// The encoder. PK_TABLE: what is defined.

#include "../codes.h"
#include "nearest.h"

static void encode(const float *z, size_t columns, const pk_search *search, uint8_t *symbols) {
    const uint32_t rate = search->codebook.rate;
    memset(symbols, 0, qam_row_bytes(QAM_FREE, rate, columns));
    for (size_t i = 0; i < columns / 2; i++) qam_put_symbol(pk_nearest_symbol(search, z[2 * i], z[2 * i + 1]), i, rate, symbols);
}

const pk_functions PK_TABLE = {.encode = encode};
