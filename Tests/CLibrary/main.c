#include <stdlib.h>

#include "tests.h"

int checks, failures;

qamw_file *open_or_exit(const char *path, uint32_t access) {
    qamw_error error;
    qamw_options options = {.size = sizeof options, .access = access};
    qamw_file *file;
    if (qamw_open(path, &options, &file, &error) != QAMW_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return file;
}

int main(int argc, char **argv) {
    if (argc != 16) {
        fprintf(
            stderr, "usage: library_tests EXAMPLE METADATA COMPRESSED DAMAGED CUT POLAR INT8 MODEL CHECKPOINT OUTPUT EDITED SET SECOND INCOMPLETE BROKEN\n");
        return 64;
    }
    test_files files = {
        argv[1], argv[2], argv[3], argv[4], argv[5], argv[6], argv[7], argv[8], argv[9], argv[10], argv[11], argv[12], argv[13], argv[14], argv[15]};
    test_opening(&files);
    test_arguments(&files);
    test_damage(&files);
    test_warnings(&files);
    test_sets(&files);
    test_structs(&files);
    test_contents(&files);
    test_codecs(&files);
    test_metadata(&files);
    test_products(&files);
    test_threads(&files);
    test_quantization(&files);
    printf("%d passed, %d failed\n", checks, failures);
    return failures != 0 || checks == 0;
}
