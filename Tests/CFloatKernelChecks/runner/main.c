// Runs all checks on every instruction set of this machine: for sanitizers, and where Swift is not.

#include "float_kernel_checks.h"

#include <stdio.h>

int main(void) {
    int failures = 0;
    for (instruction_set isa = ISA_SCALAR; isa <= ISA_NEON; isa++) {
        if (!fk_functions_for(isa)) continue;
        for (size_t i = 0; i < fk_check_count(); i++) {
            const char *message = fk_check_run(i, isa);
            failures += message != NULL;
            if (message) printf("instruction set %d, %s: %s\n", (int)isa, fk_check_name(i), message);
        }
    }
    printf("float kernels: %s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
