// What does not depend on an instruction set, and the choice of one.

#include "internal.h"

size_t qam_row_bytes(qam_family family, uint32_t rate, size_t columns) {
    return (columns + 15) / 16 * (family == QAM_FREE ? rate : 3 + rate);
}

size_t qam_activation_bytes(size_t columns) { return 2 * qam_value_bytes(columns); }

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

static const qam_kernels scalar = {
    .isa = ISA_SCALAR,
    .read = qam_read_scalar,
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
    .trellis_search = qam_trellis_search_scalar,
    .dequantize = qam_dequantize_scalar,
    .prepare = qam_prepare_scalar,
    .multiply = qam_multiply_scalar,
};

#if defined(__x86_64__)

static const qam_kernels avx2 = {
    .isa = ISA_AVX2,
    .read = qam_read_avx2,
    .sum_of_squares = qam_sum_of_squares_avx2,
    .inner_products = qam_inner_products_avx2,
    .squared_distance = qam_squared_distance_avx2,
    .scale = qam_scale_avx2,
    .unscale = qam_unscale_avx2,
    .to_floats = qam_to_floats_avx2,
    .from_floats = qam_from_floats_avx2,
    .hadamard = qam_hadamard_avx2,
    .rotate = qam_rotate_avx2,
    .rotate_back = qam_rotate_back_avx2,
    .free_encode = qam_free_encode_avx2,
    .free_decode = qam_free_decode_avx2,
    .octant_encode_plain = qam_octant_encode_plain_avx2,
    .octant_encode_trellis = qam_octant_encode_trellis_avx2,
    .octant_decode = qam_octant_decode_avx2,
    .trellis_search = qam_trellis_search_avx2,
    .dequantize = qam_dequantize_avx2,
    .prepare = qam_prepare_avx2,
    .multiply = qam_multiply_avx2,
};

static const qam_kernels avx512 = {
    .isa = ISA_AVX512,
    .read = qam_read_avx512,
    .sum_of_squares = qam_sum_of_squares_avx512,
    .inner_products = qam_inner_products_avx512,
    .squared_distance = qam_squared_distance_avx512,
    .scale = qam_scale_avx512,
    .unscale = qam_unscale_avx512,
    .to_floats = qam_to_floats_avx512,
    .from_floats = qam_from_floats_avx512,
    .hadamard = qam_hadamard_avx512,
    .rotate = qam_rotate_avx512,
    .rotate_back = qam_rotate_back_avx512,
    .free_encode = qam_free_encode_avx512,
    .free_decode = qam_free_decode_avx2,
    .octant_encode_plain = qam_octant_encode_plain_avx512,
    .octant_encode_trellis = qam_octant_encode_trellis_avx512,
    .octant_decode = qam_octant_decode_avx512,
    .trellis_search = qam_trellis_search_avx512,
    .dequantize = qam_dequantize_avx512,
    .prepare = qam_prepare_avx512,
    .multiply = qam_multiply_avx512,
};

// What they use beyond ISA_AVX512.
static bool has_avx512_extensions(void) {
    return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vnni");
}

#elif defined(__aarch64__)

static const qam_kernels neon = {
    .isa = ISA_NEON,
    .read = qam_read_scalar,
    .sum_of_squares = qam_sum_of_squares_neon,
    .inner_products = qam_inner_products_neon,
    .squared_distance = qam_squared_distance_neon,
    .scale = qam_scale_scalar,
    .unscale = qam_unscale_scalar,
    .to_floats = qam_to_floats_neon,
    .from_floats = qam_from_floats_neon,
    .hadamard = qam_hadamard_neon,
    .rotate = qam_rotate_neon,
    .rotate_back = qam_rotate_back_neon,
    .free_encode = qam_free_encode_scalar,
    .free_decode = qam_free_decode_neon,
    .octant_encode_plain = qam_octant_encode_plain_scalar,
    .octant_encode_trellis = qam_octant_encode_trellis_scalar,
    .octant_decode = qam_octant_decode_neon,
    .trellis_search = qam_trellis_search_scalar,
    .dequantize = qam_dequantize_neon,
    .prepare = qam_prepare_neon,
    .multiply = qam_multiply_neon,
};

#endif

const qam_kernels *qam_kernels_for(instruction_set isa) {
    if (!isa_is_here(isa)) return NULL;
    switch (isa) {
    case ISA_SCALAR: return &scalar;
#if defined(__x86_64__)
    case ISA_AVX2: return &avx2;
    case ISA_AVX512: return has_avx512_extensions() ? &avx512 : NULL;
#elif defined(__aarch64__)
    case ISA_NEON: return &neon;
#endif
    default: return NULL;
    }
}

const qam_kernels *qam_kernels_chosen(void) {
    const qam_kernels *table = NULL;
    for (int isa = (int)isa_cap(); !table; isa--) table = qam_kernels_for((instruction_set)isa);
    return table;
}
