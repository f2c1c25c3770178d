// Runs all checks with every feature set of this machine: for sanitizers, and on machines without Swift.

#include "float_kernel_checks.h"

#include <stdio.h>

int main(void) {
    int failures = 0;
    for (size_t s = 0; s < QAM_FEATURE_SETS; s++) {
        const qam_feature_set set = qam_feature_sets[s];
        if (!qam_has(qam_features_here(), set.features)) continue;
        for (size_t i = 0; i < fk_check_count(); i++) {
            const char *message = fk_check_run(i, set.features);
            failures += message != NULL;
            if (message) printf("%s, %s: %s\n", set.name, fk_check_name(i), message);
        }
    }
    printf("float kernels: %s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
