// Common to all processors.

#include "internal.h"

size_t qam_activation_bytes(size_t columns) { return 2 * qam_value_bytes(columns); }

float qam_fix_points(const float *points, size_t count, int16_t *fixed_points) {
    float largest = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        float magnitude = fabsf(points[i]);
        largest = magnitude > largest ? magnitude : largest;
    }
    float inverse = largest > 0 ? 32767 / largest : 0;
    // The reciprocal overflows if all points are tiny: such a codebook is useless for integers.
    if (!isfinite(inverse)) inverse = 0;
    for (size_t i = 0; i < 2 * count; i++) fixed_points[i] = isfinite(points[i]) ? (int16_t)rintf(points[i] * inverse) : 0;
    return largest / 32767;
}
