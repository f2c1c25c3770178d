// The steps with which Gaussian coordinates of variance 1 are coded with the least squared error: made by
// scripts/solve-steps, from 98,304 numbers for each. 1% more or less raises the error by about 0.1%.

#include "trellis_kernels.h"

// By window (12, 14, 16) and rate, from TR_MIN_RATE on.
static const float steps[3][TR_MAX_RATE - TR_MIN_RATE + 1] = {
    {6.649e-3f, 6.931e-3f, 7.184e-3f, 7.393e-3f, 7.553e-3f, 7.742e-3f, 7.855e-3f, 8.058e-3f, 8.369e-3f, 8.497e-3f},
    {6.601e-3f, 6.914e-3f, 7.167e-3f, 7.318e-3f, 7.489e-3f, 7.619e-3f, 7.749e-3f, 8.014e-3f, 8.299e-3f, 8.581e-3f, 8.694e-3f},
    {6.543e-3f, 6.848e-3f, 7.016e-3f, 7.190e-3f, 7.321e-3f, 7.441e-3f, 7.522e-3f, 7.789e-3f, 8.059e-3f, 8.234e-3f, 8.240e-3f},
};

float tr_step(tr_code code) { return steps[(code.window - 12) / 2][code.rate - TR_MIN_RATE]; }
