// The choice of functions, for all families: the version of each that uses the most of the given features.

#include "feedback_kernels.h"
#include "float_kernels.h"
#include "ggml_blocks.h"
#include "integer_kernels.h"
#include "pairs/functions.h"
#include "polar_kernels.h"
#include "trellis_kernels.h"

qam_kernels qam_kernels_for(qam_features features) {
    qam_kernels kernels;
#define CHOOSE(version, f) kernels.f = qam_##f##_##version;
    QAM_SCALAR_FUNCTIONS(CHOOSE)
#if defined(__x86_64__)
    if (qam_has(features, QAM_SET_AVX2)) { QAM_AVX2_FUNCTIONS(CHOOSE) }
    if (qam_has(features, QAM_SET_AVX512_BASE)) { QAM_AVX512_BASE_FUNCTIONS(CHOOSE) }
    if (qam_has(features, QAM_SET_AVX512_BASE | QAM_AVX512VNNI)) { QAM_AVX512_VNNI_FUNCTIONS(CHOOSE) }
    if (qam_has(features, QAM_SET_AVX512)) { QAM_AVX512_FUNCTIONS(CHOOSE) }
#elif defined(__aarch64__)
    if (qam_has(features, QAM_SET_NEON_BASE)) { QAM_NEON_BASE_FUNCTIONS(CHOOSE) }
    if (qam_has(features, QAM_SET_NEON_DOTPROD)) { QAM_NEON_DOTPROD_FUNCTIONS(CHOOSE) }
    if (qam_has(features, QAM_SET_NEON)) { QAM_NEON_FUNCTIONS(CHOOSE) }
#else
    (void)features;
#endif
#undef CHOOSE
    return kernels;
}

// Families with one source text: a table for each feature set that it is compiled for. ARM's baseline has vectors, so
// the scalar version is the best one there.
#if defined(__x86_64__)
#define CHOOSE(family)                                                                                                 \
    extern const family##_functions family##_scalar, family##_avx2, family##_avx512;                                  \
    const family##_functions *family##_functions_for(qam_features features) {                                         \
        if (qam_has(features, QAM_SET_AVX512_BASE)) return &family##_avx512;                                           \
        return qam_has(features, QAM_SET_AVX2) ? &family##_avx2 : &family##_scalar;                                    \
    }
#else
#define CHOOSE(family)                                                                                                 \
    extern const family##_functions family##_scalar;                                                                   \
    const family##_functions *family##_functions_for(qam_features features) {                                         \
        (void)features;                                                                                                \
        return &family##_scalar;                                                                                       \
    }
#endif

CHOOSE(fb)
CHOOSE(gb)
CHOOSE(fk)
CHOOSE(pk)
CHOOSE(ik)
CHOOSE(tr)
