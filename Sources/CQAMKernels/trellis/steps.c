// The steps with which Gaussian coordinates of variance 1 are coded with the least squared error, as scripts/solve-steps finds
// them from 98,304 numbers for each. From other first steps it finds some 0.5% larger or smaller, with errors that differ by
// less than 0.3%.

#include "trellis_kernels.h"

// By window (12, 14, 16) and rate, from TR_MIN_RATE on.
static const float steps[3][TR_MAX_RATE - TR_MIN_RATE + 1] = {
    {6.650e-3f, 6.931e-3f, 7.191e-3f, 7.404e-3f, 7.549e-3f, 7.733e-3f, 7.861e-3f, 8.060e-3f, 8.334e-3f, 8.500e-3f},
    {6.603e-3f, 6.913e-3f, 7.163e-3f, 7.319e-3f, 7.485e-3f, 7.603e-3f, 7.763e-3f, 8.026e-3f, 8.257e-3f, 8.599e-3f, 8.691e-3f},
    {6.540e-3f, 6.845e-3f, 7.016e-3f, 7.190e-3f, 7.321e-3f, 7.441e-3f, 7.522e-3f, 7.789e-3f, 8.059e-3f, 8.234e-3f, 8.240e-3f},
};

float tr_step(tr_code code) { return steps[(code.window - 12) / 2][code.rate - TR_MIN_RATE]; }
