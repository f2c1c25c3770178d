// Processor features beyond the architecture's baseline, and which of them kernels may use: shared by all families.

#ifndef QAM_PROCESSOR_H
#define QAM_PROCESSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A set of processor features: one bit per feature.
typedef uint32_t qam_features;

enum {
    QAM_AVX2 = 1 << 0,
    QAM_FMA = 1 << 1,
    QAM_F16C = 1 << 2,
    QAM_BMI = 1 << 3, // BMI, BMI2 and POPCNT
    QAM_AVX_VNNI = 1 << 4,
    QAM_AVX512F = 1 << 5,
    QAM_AVX512BW = 1 << 6,
    QAM_AVX512DQ = 1 << 7,
    QAM_AVX512VL = 1 << 8,
    QAM_AVX512VBMI = 1 << 9,
    QAM_AVX512VBMI2 = 1 << 10,
    QAM_AVX512VNNI = 1 << 11,
    QAM_AVX512BF16 = 1 << 12,
    QAM_NEON = 1 << 13,
    QAM_DOTPROD = 1 << 14, // sdot: four products of signed bytes
    QAM_I8MM = 1 << 15,    // products of unsigned and signed bytes
};

// The named sets.
enum {
    QAM_SET_SCALAR = 0,
    QAM_SET_AVX2 = QAM_AVX2 | QAM_FMA | QAM_F16C | QAM_BMI,
    QAM_SET_AVX512_BASE = QAM_SET_AVX2 | QAM_AVX512F | QAM_AVX512BW | QAM_AVX512DQ | QAM_AVX512VL,
    QAM_SET_AVX512 = QAM_SET_AVX512_BASE | QAM_AVX512VBMI | QAM_AVX512VBMI2 | QAM_AVX512VNNI,
    QAM_SET_NEON_BASE = QAM_NEON,
    QAM_SET_NEON_DOTPROD = QAM_SET_NEON_BASE | QAM_DOTPROD,
    QAM_SET_NEON = QAM_SET_NEON_DOTPROD | QAM_I8MM,
};

typedef struct {
    const char *name; // as in QAMW_ISA
    qam_features features;
} qam_feature_set;

enum { QAM_FEATURE_SETS = 7 };

// The sets of one architecture are in ascending order.
extern const qam_feature_set qam_feature_sets[QAM_FEATURE_SETS];

// Whether `features` has all of `wanted`.
static inline bool qam_has(qam_features features, qam_features wanted) { return (features & wanted) == wanted; }

// The last set that `features` contains.
const qam_feature_set *qam_last_set(qam_features features);

// The features of this machine, detected once.
qam_features qam_features_here(void);

// The features that may be used: those of this machine, restricted to the set that the environment variable QAMW_ISA
// names, if any. The variable is read once.
qam_features qam_features_allowed(void);

// The value of QAMW_ISA if it is neither empty nor a set's name, else NULL. All features are then allowed, and the
// caller reports it.
const char *qam_features_fault(void);

#endif
