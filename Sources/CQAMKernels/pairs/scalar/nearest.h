#ifndef QAM_NEAREST_H
#define QAM_NEAREST_H

#include "qam_kernels.h"

// The index of the codeword with the least (dx * dx) + (dy * dy).
uint32_t qam_nearest(const qam_plane *plane, float x, float y);

#endif
