// The truth about rows of floats. Loops are written so that a compiler can vectorise them, but nothing here depends on
// an instruction set: the order of operations is the header's, and FP_CONTRACT OFF keeps it.

#include "../internal.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 8 };

static double combine(const double s[LANES]) {
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

double qam_sum_of_squares_scalar(const float *x, size_t count) {
    double s[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= count; j += LANES)
        for (size_t l = 0; l < LANES; l++) s[l] += (double)x[j + l] * (double)x[j + l];
    for (size_t l = 0; j + l < count; l++) s[l] += (double)x[j + l] * (double)x[j + l];
    return combine(s);
}

qam_products qam_inner_products_scalar(const float *z, const float *y, size_t count) {
    double zz[LANES] = {0}, zy[LANES] = {0}, yy[LANES] = {0};
    for (size_t j = 0; j < count; j += LANES) {
        size_t lanes = count - j < LANES ? count - j : LANES;
        for (size_t l = 0; l < lanes; l++) {
            double a = z[j + l], b = y[j + l];
            zz[l] += a * a;
            zy[l] += a * b;
            yy[l] += b * b;
        }
    }
    return (qam_products){combine(zz), combine(zy), combine(yy)};
}

double qam_squared_distance_scalar(const float *a, const float *b, size_t count) {
    double s[LANES] = {0};
    for (size_t j = 0; j < count; j += LANES) {
        size_t lanes = count - j < LANES ? count - j : LANES;
        for (size_t l = 0; l < lanes; l++) {
            double d = (double)a[j + l] - (double)b[j + l];
            s[l] += d * d;
        }
    }
    return combine(s);
}

void qam_scale_scalar(float *x, const float *scales, size_t count) {
    for (size_t j = 0; j < count; j++) x[j] = x[j] * scales[j];
}

void qam_unscale_scalar(float *x, const float *scales, size_t count) {
    for (size_t j = 0; j < count; j++) x[j] = x[j] / scales[j];
}
