// Finds the steps of Sources/CQAMKernels/trellis/steps.c, and prints the mean squared error of each code with its step.
//
// The same Gaussian numbers are coded with five steps around a first one; the next is the minimum of the parabola that fits
// the errors, and once more with half the distances. The error is that of more numbers, of which the first are the same.

#include "trellis_kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FITTED = 384, MEASURED = 1024 }; // rings

extern const tr_functions tr_scalar;

static uint64_t state;

static double uniform(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) * 0x1p-53;
}

static double gaussian(void) { return sqrt(-2 * log(uniform() + 1e-300)) * cos(6.283185307179586 * uniform()); }

static float numbers[MEASURED * TR_RING];

static double error_of(tr_code code, const int16_t *tables, uint16_t *work, double step, size_t rings) {
    double sum = 0;
    for (size_t ring = 0; ring < rings; ring++) {
        const float *x = numbers + ring * TR_RING;
        int16_t targets[TR_RING];
        uint16_t path[TR_RING];
        for (size_t t = 0; t < TR_RING; t++) targets[t] = (int16_t)lrint(fmin(fmax(x[t] / step * TR_TARGET_UNITS, -INT16_MAX), INT16_MAX));
        tr_scalar.search(code, tables, targets, NULL, work, path);
        for (size_t t = 0; t < TR_RING; t++) {
            const double d = x[t] - tr_value(path[t]) * step;
            sum += d * d;
        }
    }
    return sum / (double)(rings * TR_RING);
}

// `scale`: how far to look on each side, times 2, relative to the step.
static double better(tr_code code, const int16_t *tables, uint16_t *work, double step, double scale) {
    double sum = 0, slope = 0, square = 0;
    for (int i = -2; i <= 2; i++) {
        const double e = error_of(code, tables, work, step * (1 + i * scale), FITTED);
        sum += e, slope += i * e, square += i * i * e;
    }
    const double bend = (square - 2 * sum) / 14, place = bend > 0 ? -slope / 20 / bend : slope > 0 ? -2 : 2;
    return step * (1 + fmin(fmax(place, -2.5), 2.5) * scale);
}

int main(void) {
    state = UINT64_C(88172645463325252);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) numbers[i] = (float)gaussian();
    for (uint32_t window = 12; window <= 16; window += 2)
        for (uint32_t rate = TR_MIN_RATE; rate <= TR_MAX_RATE && rate <= window; rate++) {
            const tr_code code = {window, rate};
            int16_t *tables = aligned_alloc(64, (tr_table_words(code) * sizeof *tables + 63) / 64 * 64);
            uint16_t *work = malloc(tr_work_words(code) * sizeof *work);
            if (!tables || !work) return 1;
            tr_scalar.make_tables(code, tables);
            double step = (0.87 + 0.03 * rate) / 147.8; // 147.8: the standard deviation of all values
            step = better(code, tables, work, step, 0.04);
            step = better(code, tables, work, step, 0.02);
            printf("window %u, rate %2u: step %.4e, error %.4e\n", window, rate, step, error_of(code, tables, work, step, MEASURED));
            fflush(stdout);
            free(tables);
            free(work);
        }
}
