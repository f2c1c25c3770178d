// The list of all checks.

#include "functions.h"

#define ENTRY(name) {#name, check_##name},
static const struct {
    const char *name;
    check_body *body;
} checks[] = {FUNCTION_CHECKS(ENTRY) PLAIN_CHECKS(ENTRY) FAMILY_CHECKS(ENTRY)};

// Every function must have a check.
#define COUNT(name) +1
_Static_assert(
    sizeof(qam_kernels) == sizeof(void *) * (0 FUNCTION_CHECKS(COUNT)), "every function of the table has a check");

size_t qam_check_count(void) { return sizeof checks / sizeof *checks; }

const char *qam_check_name(size_t check) { return checks[check].name; }

const char *qam_check_run(size_t check, qam_features features, uint64_t seed) {
    return run_check(checks[check].body, NULL, features, seed);
}
