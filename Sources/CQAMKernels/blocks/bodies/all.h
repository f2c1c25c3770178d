// All bodies, and their table: included once for each feature set. The including file defines GB_TABLE, and GB_X86 if
// AVX2 and F16C are available.

#pragma STDC FP_CONTRACT OFF

#include "fields.h"

#include "iq.h"
#include "k_quants.h"
#include "lookup.h"
#include "one_scale.h"

#include "encode.h"
#include "lanes.h"
#include "scales.h"
#include "minima.h"
#include "formats.h"
#include "encoders.h"
#include "feedback.h"

const gb_functions GB_TABLE = {
    .types = {
        [2] = {32, 18, q4_0, q4_0_from_floats, q4_0_code},
        [3] = {32, 20, q4_1, q4_1_from_floats, q4_1_code},
        [6] = {32, 22, q5_0, q5_0_from_floats, q5_0_code},
        [7] = {32, 24, q5_1, q5_1_from_floats, q5_1_code},
        [8] = {32, 34, q8_0, NULL, q8_0_code},
        [9] = {32, 36, q8_1, NULL, NULL},
        [10] = {256, 84, q2_k, q2_k_from_floats, q2_k_code},
        [11] = {256, 110, q3_k, q3_k_from_floats, q3_k_code},
        [12] = {256, 144, q4_k, q4_k_from_floats, q4_k_code},
        [13] = {256, 176, q5_k, q5_k_from_floats, q5_k_code},
        [14] = {256, 210, q6_k, q6_k_from_floats, q6_k_code},
        [15] = {256, 292, q8_k, NULL, NULL},
        [16] = {256, 66, iq2_xxs, NULL, NULL},
        [17] = {256, 74, iq2_xs, NULL, NULL},
        [18] = {256, 98, iq3_xxs, NULL, NULL},
        [19] = {256, 50, iq1_s, NULL, NULL},
        [20] = {32, 18, iq4_nl, iq4_nl_from_floats, iq4_nl_code},
        [21] = {256, 110, iq3_s, NULL, NULL},
        [22] = {256, 82, iq2_s, NULL, NULL},
        [23] = {256, 136, iq4_xs, iq4_xs_from_floats, iq4_xs_code},
        [29] = {256, 56, iq1_m, NULL, NULL},
        [34] = {256, 54, tq1_0, NULL, NULL},
        [35] = {256, 66, tq2_0, NULL, NULL},
        [39] = {32, 17, mxfp4, mxfp4_from_floats, NULL},
        [40] = {64, 36, nvfp4, NULL, NULL},
        [41] = {128, 18, q1_0, NULL, NULL},
        [42] = {64, 18, q2_0, NULL, NULL},
    },
    .q8_0_from_floats = q8_0_from_floats,
};
