// Sets of files, and the warnings of verification.

#include "tests.h"

static qamw_error error;

typedef struct {
    int problems, warnings;
    char text[256];
} told;

static void note_problem(const qamw_problem *problem, void *context) {
    told *noted = context;
    noted->problems++;
    snprintf(noted->text, sizeof noted->text, "%s", problem->message);
}

static void note_warning(const char *text, void *context) {
    told *noted = context;
    noted->warnings++;
    snprintf(noted->text, sizeof noted->text, "%s", text);
}

void test_warnings(const test_files *files) {
    qamw_file *file = open_or_exit(files->edited, QAMW_MAPPED);
    told noted = {0};
    uint64_t bytes = 0;
    EXPECT_SUCCESS(qamw_verify_and_warn(file, NULL, 0, 2, note_problem, note_warning, &noted, &bytes, &error));
    EXPECT(noted.problems == 0 && noted.warnings >= 1 && strstr(noted.text, "an edit in place has been interrupted") != NULL && bytes > 4096);
    EXPECT_SUCCESS(qamw_verify_and_warn(file, NULL, 0, 2, note_problem, NULL, &noted, NULL, &error));
    qamw_close(file);

    file = open_or_exit(files->damaged, QAMW_MAPPED);
    noted = (told){0};
    EXPECT_FAILURE(qamw_verify_and_warn(file, NULL, 0, 1, note_problem, note_warning, &noted, NULL, &error), QAMW_CHECKSUM_MISMATCH, "chunk 0");
    EXPECT(noted.problems == 1 && noted.warnings == 0);
    qamw_close(file);
}

// Whether two tensors, given by name, have equal first rows of weights.
static bool are_equal(qamw_file *a, const char *name, qamw_file *b, const char *other) {
    uint64_t index;
    float left[64] = {0}, right[64] = {1};
    return qamw_find_tensor(a, name, &index, NULL) == QAMW_OK && qamw_dequantize(a, index, 0, 1, QAMW_F32, left, 64, NULL) == QAMW_OK
        && qamw_find_tensor(b, other, &index, NULL) == QAMW_OK && qamw_dequantize(b, index, 0, 1, QAMW_F32, right, 64, NULL) == QAMW_OK
        && memcmp(left, right, sizeof left) == 0;
}

void test_sets(const test_files *files) {
    static const char *names[] = {"tied", "norm", "proj", "bias"};
    qamw_file *example = open_or_exit(files->example, QAMW_MAPPED);
    for (uint32_t access = QAMW_MAPPED; access <= QAMW_BUFFERED; access++) {
        qamw_file *set = open_or_exit(files->set, access);
        qamw_info info = {.size = sizeof info};
        EXPECT_SUCCESS(qamw_get_info(set, &info, &error));
        EXPECT(info.tensors == 4 && info.metadata == 1 && info.embedded == 1 && info.warnings == 0);
        for (uint64_t i = 0; i < 4; i++) {
            qamw_tensor tensor = {.size = sizeof tensor};
            EXPECT_SUCCESS(qamw_get_tensor(set, i, &tensor, &error));
            EXPECT(strcmp(tensor.name, names[i]) == 0 && tensor.target == (i == 0 ? 2 : i));
        }
        // The model's first tensor is an alias of one in the second file.
        EXPECT(are_equal(set, "proj", example, "proj") && are_equal(set, "tied", example, "proj"));
        const void *symbols, *codebook;
        uint64_t count;
        EXPECT_SUCCESS(qamw_get_part(set, 0, QAMW_SYMBOLS, &symbols, &count, &error));
        EXPECT(count == 44 && (symbols != NULL) == (access == QAMW_MAPPED));
        EXPECT_SUCCESS(qamw_get_part(set, 2, QAMW_CODEBOOK, &codebook, &count, &error));
        EXPECT(count == 520 && codebook != NULL);
        qamw_matrix *matrix;
        EXPECT_SUCCESS(qamw_make_matrix(set, 2, &matrix, &error));
        uint64_t bytes = 0;
        EXPECT_SUCCESS(qamw_verify(set, NULL, 0, 2, NULL, NULL, &bytes, &error));
        EXPECT(bytes > 3 * 4096);
        qamw_close(set);
        float x[64] = {1}, product = 0, expected = 0;
        EXPECT_SUCCESS(qamw_multiply(matrix, x, 1, &product, 1, NULL, &error));
        qamw_free_matrix(matrix);
        EXPECT_SUCCESS(qamw_make_matrix(example, 1, &matrix, &error));
        EXPECT_SUCCESS(qamw_multiply(matrix, x, 1, &expected, 1, NULL, &error));
        EXPECT(product == expected && product != 0);
        qamw_free_matrix(matrix);
    }
    qamw_close(example);

    qamw_file *second = open_or_exit(files->second, QAMW_MAPPED);
    qamw_info info = {.size = sizeof info};
    const char *text = NULL;
    EXPECT_SUCCESS(qamw_get_info(second, &info, &error));
    EXPECT(info.tensors == 2 && info.warnings == 1);
    EXPECT_SUCCESS(qamw_get_warning(second, 0, &text, &error));
    EXPECT(text != NULL && strstr(text, "file 2 of a set of 3") != NULL && strstr(text, "-00001-of-00003.qamw") != NULL);
    qamw_close(second);

    qamw_file *none = NULL;
    EXPECT_FAILURE(qamw_open(files->incomplete, NULL, &none, &error), QAMW_MALFORMED, "-00003-of-00003.qamw");
    EXPECT(none == NULL);
    qamw_file *broken = open_or_exit(files->broken, QAMW_MAPPED);
    told noted = {0};
    EXPECT_FAILURE(qamw_verify_and_warn(broken, NULL, 0, 2, note_problem, note_warning, &noted, NULL, &error), QAMW_CHECKSUM_MISMATCH, "chunk 0");
    EXPECT(noted.problems == 1 && strstr(noted.text, "-00002-of-00003.qamw") != NULL && strstr(noted.text, "\"proj\"") != NULL);
    qamw_close(broken);
}
