// What does not depend on an instruction set, and the choice of one.

#include "internal.h"

#include <stdatomic.h>
#include <stdlib.h>

size_t qam_row_bytes(qam_family family, uint32_t rate, size_t columns) {
    return (columns + 15) / 16 * (family == QAM_FREE ? rate : 3 + rate);
}

size_t qam_activation_bytes(size_t columns) { return (columns + 127) / 128 * 128; }

float qam_fix_points(const float *points, size_t count, int16_t *fixed_points) {
    float largest = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        float magnitude = fabsf(points[i]);
        largest = magnitude > largest ? magnitude : largest;
    }
    float inverse = largest > 0 ? 32767 / largest : 0;
    // The product may overflow, or a point be so small that it does: such a codebook is no use for integers.
    if (!isfinite(inverse)) inverse = 0;
    for (size_t i = 0; i < 2 * count; i++) fixed_points[i] = (int16_t)rintf(points[i] * inverse);
    return largest / 32767;
}

uint32_t qam_window_slot(uint32_t window, uint32_t stride) {
    return (window << (8 - stride) | window >> stride) & 255;
}

static const qam_kernels scalar = {
    .isa = QAM_SCALAR,
    .sum_of_squares = qam_sum_of_squares_scalar,
    .inner_products = qam_inner_products_scalar,
    .squared_distance = qam_squared_distance_scalar,
    .scale = qam_scale_scalar,
    .unscale = qam_unscale_scalar,
    .to_floats = qam_to_floats_scalar,
    .from_floats = qam_from_floats_scalar,
    .hadamard = qam_hadamard_scalar,
    .rotate = qam_rotate_scalar,
    .rotate_back = qam_rotate_back_scalar,
    .free_encode = qam_free_encode_scalar,
    .free_decode = qam_free_decode_scalar,
    .octant_encode_plain = qam_octant_encode_plain_scalar,
    .octant_encode_trellis = qam_octant_encode_trellis_scalar,
    .octant_decode = qam_octant_decode_scalar,
    .dequantize = qam_dequantize_scalar,
    .prepare = qam_prepare_scalar,
    .multiply = qam_multiply_scalar,
};

#if defined(__x86_64__)

static const qam_kernels avx2 = {
    .isa = QAM_AVX2,
    .sum_of_squares = qam_sum_of_squares_scalar,
    .inner_products = qam_inner_products_scalar,
    .squared_distance = qam_squared_distance_scalar,
    .scale = qam_scale_scalar,
    .unscale = qam_unscale_scalar,
    .to_floats = qam_to_floats_scalar,
    .from_floats = qam_from_floats_scalar,
    .hadamard = qam_hadamard_scalar,
    .rotate = qam_rotate_scalar,
    .rotate_back = qam_rotate_back_scalar,
    .free_encode = qam_free_encode_scalar,
    .free_decode = qam_free_decode_scalar,
    .octant_encode_plain = qam_octant_encode_plain_scalar,
    .octant_encode_trellis = qam_octant_encode_trellis_scalar,
    .octant_decode = qam_octant_decode_scalar,
    .dequantize = qam_dequantize_scalar,
    .prepare = qam_prepare_scalar,
    .multiply = qam_multiply_scalar,
};

static const qam_kernels avx512 = {
    .isa = QAM_AVX512,
    .sum_of_squares = qam_sum_of_squares_scalar,
    .inner_products = qam_inner_products_scalar,
    .squared_distance = qam_squared_distance_scalar,
    .scale = qam_scale_scalar,
    .unscale = qam_unscale_scalar,
    .to_floats = qam_to_floats_scalar,
    .from_floats = qam_from_floats_scalar,
    .hadamard = qam_hadamard_scalar,
    .rotate = qam_rotate_scalar,
    .rotate_back = qam_rotate_back_scalar,
    .free_encode = qam_free_encode_scalar,
    .free_decode = qam_free_decode_scalar,
    .octant_encode_plain = qam_octant_encode_plain_scalar,
    .octant_encode_trellis = qam_octant_encode_trellis_scalar,
    .octant_decode = qam_octant_decode_scalar,
    .dequantize = qam_dequantize_scalar,
    .prepare = qam_prepare_scalar,
    .multiply = qam_multiply_scalar,
};

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
        && __builtin_cpu_supports("bmi2");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2")
        && __builtin_cpu_supports("avx512vnni");
}

#elif defined(__aarch64__)

static const qam_kernels neon = {
    .isa = QAM_NEON,
    .sum_of_squares = qam_sum_of_squares_scalar,
    .inner_products = qam_inner_products_scalar,
    .squared_distance = qam_squared_distance_scalar,
    .scale = qam_scale_scalar,
    .unscale = qam_unscale_scalar,
    .to_floats = qam_to_floats_scalar,
    .from_floats = qam_from_floats_scalar,
    .hadamard = qam_hadamard_scalar,
    .rotate = qam_rotate_scalar,
    .rotate_back = qam_rotate_back_scalar,
    .free_encode = qam_free_encode_scalar,
    .free_decode = qam_free_decode_scalar,
    .octant_encode_plain = qam_octant_encode_plain_scalar,
    .octant_encode_trellis = qam_octant_encode_trellis_scalar,
    .octant_decode = qam_octant_decode_scalar,
    .dequantize = qam_dequantize_scalar,
    .prepare = qam_prepare_scalar,
    .multiply = qam_multiply_scalar,
};

#endif

const qam_kernels *qam_kernels_for(qam_isa isa) {
    switch (isa) {
    case QAM_SCALAR: return &scalar;
#if defined(__x86_64__)
    case QAM_AVX2: return has_avx2() ? &avx2 : NULL;
    case QAM_AVX512: return has_avx512() ? &avx512 : NULL;
#elif defined(__aarch64__)
    case QAM_NEON: return &neon;
#endif
    default: return NULL;
    }
}

static qam_isa wanted(void) {
    const char *name = getenv("QAMW_ISA");
    if (!name) return QAM_NEON;
    if (strcmp(name, "scalar") == 0) return QAM_SCALAR;
    if (strcmp(name, "avx2") == 0) return QAM_AVX2;
    if (strcmp(name, "avx512") == 0) return QAM_AVX512;
    return QAM_NEON;
}

const qam_kernels *qam_kernels_chosen(void) {
    static _Atomic(const qam_kernels *) chosen;
    const qam_kernels *table = atomic_load_explicit(&chosen, memory_order_acquire);
    if (!table) {
        // Threads that come here at the same time choose the same.
        for (int isa = (int)wanted(); !table; isa--) table = qam_kernels_for((qam_isa)isa);
        atomic_store_explicit(&chosen, table, memory_order_release);
    }
    return table;
}
