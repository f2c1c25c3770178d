// All checks: first one per function of the table, in the table's order.

#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include "checks.h"

#define FUNCTION_CHECKS(F)                                                                                             \
    F(read) F(sum_of_squares) F(inner_products) F(squared_distance) F(scale) F(unscale) F(to_floats) F(from_floats)    \
    F(rotate) F(rotate_back) F(free_encode) F(free_decode) F(octant_encode_plain)                          \
    F(octant_encode_trellis) F(octant_decode) F(dequantize) F(prepare) F(multiply)

// Compared with plain computations instead of the scalar table.
#define PLAIN_CHECKS(F)                                                                                                \
    F(plain_sums) F(plain_halves) F(plain_rotation) F(plain_decoding) F(plain_encoding) F(plain_trellis) F(plain_product)

// Families outside qam_kernels: compared with their own scalar table and with plain computations.
#define FAMILY_CHECKS(F)                                                                                               \
    F(polar_search) F(polar_encode) F(integer_rows) F(integer_prepare) F(integer_multiply) F(trellis_decode)            \
    F(trellis_prepare) F(trellis_multiply) F(trellis_search) F(trellis_exact) F(trellis_steps)

#define DECLARE_CHECK(name) check_body check_##name;
FUNCTION_CHECKS(DECLARE_CHECK)
PLAIN_CHECKS(DECLARE_CHECK)
FAMILY_CHECKS(DECLARE_CHECK)

#endif
