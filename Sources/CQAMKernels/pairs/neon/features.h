// What of ARM's later extensions this machine has.

#ifndef QAM_NEON_FEATURES_H
#define QAM_NEON_FEATURES_H

typedef enum {
    QAM_NEON_BASE,    // ARMv8.0
    QAM_NEON_DOTPROD, // sdot: four products of signed bytes
    QAM_NEON_I8MM     // and usdot: of unsigned with signed ones
} qam_neon_level;

// Asked once.
qam_neon_level qam_neon_level_here(void);

#endif
