// The candidate grid that the search for the nearest codeword requires (see qam_plane).

#ifndef PEERS_PLANE_H
#define PEERS_PLANE_H

#include <qam_kernels.h>

// `side` x `side` cells from `origin` to `extent`. `points`, pairs (x, y), must outlive the plane.
qam_plane plane_make(const float *points, uint32_t count, uint32_t side, float origin, float extent);

#endif
