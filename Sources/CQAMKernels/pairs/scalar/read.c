// The truth about reading.

#include "../internal.h"

uint64_t qam_read_scalar(const uint8_t *bytes, size_t count) {
    uint64_t sum = 0, word;
    for (size_t i = 0; i + 8 <= count; i += 8) {
        memcpy(&word, bytes + i, 8);
        sum ^= word;
    }
    return sum;
}
