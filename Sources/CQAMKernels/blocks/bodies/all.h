// All bodies, and their table: included once for each feature set. The including file defines GB_TABLE, and GB_X86 if
// AVX2 and F16C are available.

#pragma STDC FP_CONTRACT OFF

#include "fields.h"

#include "encode.h"
#include "iq.h"
#include "k_quants.h"
#include "lookup.h"
#include "one_scale.h"

const gb_functions GB_TABLE = {
    .types = {
        [2] = {32, 18, q4_0},       [3] = {32, 20, q4_1},       [6] = {32, 22, q5_0},       [7] = {32, 24, q5_1},
        [8] = {32, 34, q8_0},       [9] = {32, 36, q8_1},       [10] = {256, 84, q2_k},     [11] = {256, 110, q3_k},
        [12] = {256, 144, q4_k},    [13] = {256, 176, q5_k},    [14] = {256, 210, q6_k},    [15] = {256, 292, q8_k},
        [16] = {256, 66, iq2_xxs},  [17] = {256, 74, iq2_xs},   [18] = {256, 98, iq3_xxs},  [19] = {256, 50, iq1_s},
        [20] = {32, 18, iq4_nl},    [21] = {256, 110, iq3_s},   [22] = {256, 82, iq2_s},    [23] = {256, 136, iq4_xs},
        [29] = {256, 56, iq1_m},    [34] = {256, 54, tq1_0},    [35] = {256, 66, tq2_0},    [39] = {32, 17, mxfp4},
        [40] = {64, 36, nvfp4},     [41] = {128, 18, q1_0},     [42] = {64, 18, q2_0},
    },
    .q8_0_from_floats = q8_0_from_floats,
};
