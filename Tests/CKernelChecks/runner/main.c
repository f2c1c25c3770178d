// Runs the checks without Swift: kernel-checks [instruction set, or - for all] [check, or - for all] [seed]
//
//     clang -std=c17 -O2 -Wall -Wextra -Werror -I$kernels/include -Iinclude -I. -o kernel-checks
//         $(find . $kernels -name '*.c') -lm -lpthread

#include "qam_kernel_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};

int main(int count, char **words) {
    const char *isa_wanted = count > 1 ? words[1] : "-", *check_wanted = count > 2 ? words[2] : "-";
    uint64_t seed = count > 3 ? strtoull(words[3], NULL, 0) : 1;
    int ran = 0, failed = 0;
    for (int isa = ISA_SCALAR; isa <= ISA_NEON; isa++) {
        if (strcmp(isa_wanted, "-") != 0 ? strcmp(isa_wanted, names[isa]) != 0 : !qam_kernels_for((instruction_set)isa)) continue;
        for (size_t i = 0; i < qam_check_count(); i++) {
            if (strcmp(check_wanted, "-") != 0 && strcmp(check_wanted, qam_check_name(i)) != 0) continue;
            clock_t start = clock();
            const char *message = qam_check_run(i, (instruction_set)isa, seed);
            double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
            printf("%-7s %-22s %5.2f s  %s\n", names[isa], qam_check_name(i), seconds, message ? message : "ok");
            fflush(stdout);
            ran++, failed += message != NULL;
        }
    }
    if (ran == 0) printf("nothing ran\n");
    return failed > 0 || ran == 0;
}
