// Initialises the search for the nearest codeword, and expands a codebook to a table of points.

#include "nearest.h"

enum { MOST = 256 }; // maximum number of amplitudes, and of phases

// The position, from 0 to 4 counter-clockwise, of the direction perpendicular to the difference of a phase and the
// next: both are equally near there.
static double boundary(const pk_codebook *c, uint32_t phase) {
    const float *u = c->directions + 2 * (size_t)phase, *v = c->directions + 2 * (size_t)((phase + 1) % c->phase_count);
    double x = (double)v[1] - (double)u[1], y = (double)u[0] - (double)v[0], t = y / (fabs(x) + fabs(y));
    return x < 0 ? 3 - t : 1 + t;
}

// Finds the nearest boundary to the middle of each cell. Boundaries are in units of cells, on a line or, if `around` is
// not 0, on a circle of that length. False if another boundary is within a cell of the middle too: rounding moves
// points by far less than the half cell that remains on either side.
static bool fill_cells(const double *boundaries, uint32_t count, double around, uint32_t cells, uint8_t *nearest) {
    for (uint32_t i = 0; i < cells; i++) {
        double least = INFINITY;
        uint32_t within = 0;
        for (uint32_t k = 0; k < count; k++) {
            double distance = fabs(boundaries[k] - (i + 0.5));
            if (distance > around / 2) distance = fabs(around - distance);
            if (distance < least) least = distance, nearest[i] = (uint8_t)k;
            within += distance < 1;
        }
        if (within > 1) return false;
    }
    return true;
}

// Whether directions have unit length and go around once, in steps of at most a quarter of a circle.
static bool goes_around(const pk_codebook *c) {
    uint32_t wraps = 0;
    for (uint32_t k = 0; k < c->phase_count; k++) {
        const float *u = c->directions + 2 * (size_t)k, *v = c->directions + 2 * (size_t)((k + 1) % c->phase_count);
        double x = (double)u[0], y = (double)u[1], cross = x * (double)v[1] - y * (double)v[0], dot = x * (double)v[0] + y * (double)v[1];
        if (!(fabs(x * x + y * y - 1) < 1e-6) || !(cross > 0) || !(dot > -1e-6)) return false;
        wraps += pk_turn(v[0], v[1]) < pk_turn(u[0], u[1]);
    }
    return wraps == 1;
}

static bool ascend(const float *amplitudes, uint32_t count) {
    for (uint32_t i = 0; i + 1 < count; i++)
        if (!(amplitudes[i] < amplitudes[i + 1])) return false;
    return amplitudes[0] > 0 && amplitudes[count - 1] < INFINITY;
}

bool pk_make_search(const pk_codebook *codebook, pk_search *search) {
    const pk_codebook c = *codebook;
    if (c.amplitude_count < 1 || c.amplitude_count > MOST || c.phase_count < 4 || c.phase_count > MOST) return false;
    if (!ascend(c.amplitudes, c.amplitude_count) || !goes_around(&c)) return false;
    double boundaries[MOST];
    for (uint32_t k = 0; k < c.phase_count; k++) boundaries[k] = boundary(&c, k) * (PK_PHASE_CELLS / 4);
    if (!fill_cells(boundaries, c.phase_count, PK_PHASE_CELLS, PK_PHASE_CELLS, search->phases)) return false;

    const float first = c.amplitudes[0], last = c.amplitudes[c.amplitude_count - 1];
    search->codebook = c;
    search->cells_per_unit = PK_AMPLITUDE_CELLS / last;
    // Within these bounds the distances of neighbours differ by much more than their rounding.
    search->least = first * first / 64;
    search->most = 64 * last * last;
    for (uint32_t i = 0; i + 1 < c.amplitude_count; i++)
        boundaries[i] = ((double)c.amplitudes[i] + (double)c.amplitudes[i + 1]) / 2 * (double)search->cells_per_unit;
    memset(search->amplitudes, 0, sizeof search->amplitudes);
    return fill_cells(boundaries, c.amplitude_count - 1, 0, PK_AMPLITUDE_CELLS, search->amplitudes);
}

void pk_expand(const pk_codebook *c, float *points) {
    for (uint32_t s = 0; s < UINT32_C(1) << c->rate; s++) {
        uint32_t amplitude = s / c->phase_count;
        if (amplitude >= c->amplitude_count) amplitude = c->amplitude_count - 1;
        pk_codeword(c, amplitude, s % c->phase_count, points + 2 * (size_t)s);
    }
}
