// Runs the checks without Swift: kernel-checks [set of features, or - for all] [check, or - for all] [seed]
//
//     clang -std=c17 -O2 -Wall -Wextra -Werror -I$kernels/include -Iinclude -I. -o kernel-checks
//         $(find . $kernels -name '*.c') -lm -lpthread

#include "qam_kernel_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int count, char **words) {
    const char *set_wanted = count > 1 ? words[1] : "-", *check_wanted = count > 2 ? words[2] : "-";
    uint64_t seed = count > 3 ? strtoull(words[3], NULL, 0) : 1;
    int ran = 0, failed = 0;
    for (size_t s = 0; s < QAM_FEATURE_SETS; s++) {
        const qam_feature_set set = qam_feature_sets[s];
        if (strcmp(set_wanted, "-") != 0 ? strcmp(set_wanted, set.name) != 0 : !qam_has(qam_features_here(), set.features)) continue;
        for (size_t i = 0; i < qam_check_count(); i++) {
            if (strcmp(check_wanted, "-") != 0 && strcmp(check_wanted, qam_check_name(i)) != 0) continue;
            clock_t start = clock();
            const char *message = qam_check_run(i, set.features, seed);
            double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
            printf("%-12s %-22s %5.2f s  %s\n", set.name, qam_check_name(i), seconds, message ? message : "ok");
            fflush(stdout);
            ran++, failed += message != NULL;
        }
    }
    if (ran == 0) printf("nothing ran\n");
    return failed > 0 || ran == 0;
}
