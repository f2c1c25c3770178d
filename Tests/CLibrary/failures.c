// Failures: missing and damaged files, wrong arguments, too small buffers, structs of other versions.

#include <stdlib.h>

#include "tests.h"

static qamw_error error;

void test_opening(const test_files *files) {
    qamw_file *file = (qamw_file *)&error;
    EXPECT_FAILURE(qamw_open("/nowhere/model.qamw", NULL, &file, &error), QAMW_NOT_FOUND, "/nowhere/model.qamw: no such file");
    EXPECT(file == NULL);
    EXPECT(qamw_open("/nowhere/model.qamw", NULL, &file, NULL) == QAMW_NOT_FOUND);
    EXPECT_FAILURE(qamw_open("/", NULL, &file, &error), QAMW_NOT_FOUND, "not a regular file");
    EXPECT_FAILURE(qamw_open(NULL, NULL, &file, &error), QAMW_INVALID_ARGUMENT, "path is NULL");
    EXPECT_FAILURE(qamw_open(files->example, NULL, NULL, &error), QAMW_INVALID_ARGUMENT, "file is NULL");
    EXPECT_FAILURE(qamw_open(files->cut, NULL, &file, &error), QAMW_TRUNCATED, "cut");
    EXPECT_FAILURE(qamw_open("/proc/self/exe", NULL, &file, &error), QAMW_MALFORMED, "");

    // A path too long for a message: its beginning and the cause are kept.
    char path[3000] = "/nowhere/";
    memset(path + strlen(path), 'x', sizeof path - 1 - strlen(path));
    path[sizeof path - 1] = 0;
    EXPECT_FAILURE(qamw_open(path, NULL, &file, &error), QAMW_NOT_FOUND, "xxx ... xxx");
    EXPECT(strstr(error.message, "/nowhere/") == error.message && strstr(error.message, ": no such file") != NULL);

    EXPECT(qamw_abi_version() == QAMW_ABI_VERSION);
    EXPECT(strlen(qamw_version()) >= 5);
    qamw_close(NULL);
    qamw_free_pool(NULL);
    qamw_free_matrix(NULL);
    qamw_free_vectors(NULL);
}

void test_arguments(const test_files *files) {
    qamw_file *file = open_or_exit(files->example, QAMW_MAPPED);
    qamw_tensor tensor = {.size = sizeof tensor};
    qamw_matrix *matrix;
    qamw_pool *pool;
    const void *bytes;
    uint64_t index, count;
    float out[64] = {0};
    EXPECT_FAILURE(qamw_get_tensor(NULL, 0, &tensor, &error), QAMW_INVALID_ARGUMENT, "file is NULL");
    EXPECT_FAILURE(qamw_get_tensor(file, 0, NULL, &error), QAMW_INVALID_ARGUMENT, "tensor is NULL");
    EXPECT_FAILURE(qamw_get_tensor(file, 2, &tensor, &error), QAMW_INVALID_ARGUMENT, "there is no tensor 2");
    EXPECT_FAILURE(qamw_get_tensor(file, UINT64_MAX, &tensor, &error), QAMW_INVALID_ARGUMENT, "there is no tensor");
    EXPECT_FAILURE(qamw_find_tensor(file, "nowhere", &index, &error), QAMW_NOT_FOUND, "there is no tensor \"nowhere\"");
    EXPECT_FAILURE(qamw_find_tensor(file, NULL, &index, &error), QAMW_INVALID_ARGUMENT, "name is NULL");
    EXPECT_FAILURE(qamw_find_tensor(file, "proj", NULL, &error), QAMW_INVALID_ARGUMENT, "index is NULL");
    EXPECT_FAILURE(qamw_get_part(file, 0, QAMW_SYMBOLS, &bytes, &count, &error), QAMW_INVALID_ARGUMENT, "not coded");
    EXPECT_FAILURE(qamw_get_part(file, 1, QAMW_ELEMENTS, &bytes, &count, &error), QAMW_INVALID_ARGUMENT, "is coded");
    EXPECT_FAILURE(qamw_get_part(file, 1, QAMW_CHANNEL_SCALES, &bytes, &count, &error), QAMW_INVALID_ARGUMENT, "no stream");
    EXPECT_FAILURE(qamw_get_part(file, 1, 99, &bytes, &count, &error), QAMW_INVALID_ARGUMENT, "99 is not a part");
    EXPECT_FAILURE(qamw_read_part(file, 1, QAMW_GAINS, 1, 2, out, &error), QAMW_INVALID_ARGUMENT, "2 bytes from 1 on");
    EXPECT_FAILURE(qamw_read_part(file, 1, QAMW_GAINS, 1, UINT64_MAX, out, &error), QAMW_INVALID_ARGUMENT, "bytes from 1 on");
    EXPECT_FAILURE(qamw_dequantize(file, 1, 0, 2, QAMW_F32, out, 64, &error), QAMW_INVALID_ARGUMENT, "2 rows from 0 on are out of range: there are 1");
    EXPECT_FAILURE(qamw_dequantize(file, 1, UINT64_MAX, 2, QAMW_F32, out, 64, &error), QAMW_INVALID_ARGUMENT, "rows");
    EXPECT_FAILURE(qamw_dequantize(file, 1, 0, 1, QAMW_F32, out, 63, &error), QAMW_INVALID_ARGUMENT, "do not fit in 63");
    EXPECT_FAILURE(qamw_dequantize(file, 1, 0, 1, QAMW_F32, NULL, 64, &error), QAMW_INVALID_ARGUMENT, "out is NULL");
    EXPECT_FAILURE(qamw_dequantize(file, 1, 0, 1, QAMW_F32, (char *)out + 1, 64, &error), QAMW_INVALID_ARGUMENT, "aligned");
    EXPECT_FAILURE(qamw_dequantize(file, 1, 0, 1, 3, out, 64, &error), QAMW_INVALID_ARGUMENT, "3 is not an element type");
    EXPECT_SUCCESS(qamw_dequantize(file, 1, 1, 0, QAMW_F32, NULL, 0, &error));

    EXPECT_FAILURE(qamw_make_matrix(file, 0, &matrix, &error), QAMW_INVALID_ARGUMENT, "is not coded");
    EXPECT(matrix == NULL);
    EXPECT_FAILURE(qamw_make_pool(1025, &pool, &error), QAMW_INVALID_ARGUMENT, "1025 threads");
    EXPECT_FAILURE(qamw_multiply(NULL, out, 1, out, 1, NULL, &error), QAMW_INVALID_ARGUMENT, "matrix is NULL");
    EXPECT_SUCCESS(qamw_make_matrix(file, 1, &matrix, &error));
    EXPECT_FAILURE(qamw_multiply(matrix, out, 1, out, 0, NULL, &error), QAMW_INVALID_ARGUMENT, "do not fit in 0");
    EXPECT_FAILURE(qamw_multiply(matrix, NULL, 1, out, 1, NULL, &error), QAMW_INVALID_ARGUMENT, "x is NULL");
    EXPECT_FAILURE(qamw_multiply(matrix, out, 1, NULL, 1, NULL, &error), QAMW_INVALID_ARGUMENT, "out is NULL");
    EXPECT_FAILURE(qamw_multiply(matrix, out, UINT64_MAX, out, UINT64_MAX, NULL, &error), QAMW_INVALID_ARGUMENT, "do not fit");
    EXPECT_FAILURE(qamw_multiply(matrix, out, 1ull << 58, out, UINT64_MAX, NULL, &error), QAMW_LIMIT_EXCEEDED, "vectors");
    EXPECT_SUCCESS(qamw_multiply(matrix, NULL, 0, NULL, 0, NULL, &error));
    qamw_free_matrix(matrix);

    count = 9;
    EXPECT_FAILURE(qamw_verify(file, &count, 1, 1, NULL, NULL, NULL, &error), QAMW_INVALID_ARGUMENT, "there is no tensor 9");
    EXPECT_FAILURE(qamw_verify(NULL, NULL, 0, 1, NULL, NULL, NULL, &error), QAMW_INVALID_ARGUMENT, "file is NULL");
    EXPECT_FAILURE(qamw_read_embedded(file, 0, 4, 3, out, &error), QAMW_INVALID_ARGUMENT, "note.txt");
    EXPECT_FAILURE(qamw_read_embedded(file, 1, 0, 0, out, &error), QAMW_INVALID_ARGUMENT, "no embedded file 1");
    qamw_close(file);
}

typedef struct {
    int count;
    qamw_problem last;
    char tensor[16], section[16];
} problems;

static void note(const qamw_problem *problem, void *context) {
    problems *noted = context;
    noted->count++;
    noted->last = *problem;
    snprintf(noted->tensor, sizeof noted->tensor, "%s", problem->tensor ? problem->tensor : "");
    snprintf(noted->section, sizeof noted->section, "%s", problem->section ? problem->section : "");
    EXPECT(strstr(problem->message, "damaged") != NULL);
}

void test_damage(const test_files *files) {
    qamw_file *file = open_or_exit(files->damaged, QAMW_MAPPED);
    problems noted = {0};
    uint64_t bytes = 0, index = 0;
    EXPECT_FAILURE(qamw_verify(file, NULL, 0, 2, note, &noted, &bytes, &error), QAMW_CHECKSUM_MISMATCH, "chunk 0 is damaged");
    EXPECT(noted.count == 1 && noted.last.status == QAMW_CHECKSUM_MISMATCH && noted.last.size == sizeof(qamw_problem));
    EXPECT(strcmp(noted.tensor, "proj") == 0 && strcmp(noted.section, "symbols") == 0);
    EXPECT(noted.last.offset > 0 && noted.last.length == 44 && bytes > 4096);
    // The other tensor is intact.
    EXPECT_SUCCESS(qamw_verify(file, &index, 1, 0, note, &noted, &bytes, &error));
    EXPECT(noted.count == 1);
    // Without verification the damage is not reported.
    float out[64];
    EXPECT_SUCCESS(qamw_dequantize(file, 1, 0, 1, QAMW_F32, out, 64, &error));
    qamw_close(file);

    for (uint32_t access = QAMW_MAPPED; access <= QAMW_BUFFERED; access++) {
        qamw_options options = {.size = sizeof options, .access = access, .verifies_payload = 1};
        EXPECT_SUCCESS(qamw_open(files->damaged, &options, &file, &error));
        EXPECT_FAILURE(qamw_dequantize(file, 1, 0, 1, QAMW_F32, out, 64, &error), QAMW_CHECKSUM_MISMATCH, "tensor \"proj\"");
        EXPECT_SUCCESS(qamw_dequantize(file, 0, 0, 1, QAMW_F32, out, 64, &error));
        const void *part;
        EXPECT(qamw_get_part(file, 1, QAMW_SYMBOLS, &part, &index, NULL)
               == (access == QAMW_MAPPED ? QAMW_CHECKSUM_MISMATCH : QAMW_OK));
        qamw_close(file);
    }
}

void test_structs(const test_files *files) {
    qamw_file *file = NULL;
    qamw_options options = {0};
    EXPECT_FAILURE(qamw_open(files->example, &options, &file, &error), QAMW_INVALID_ARGUMENT, "size of options is not set");
    options = (qamw_options){.size = sizeof options, .access = 3};
    EXPECT_FAILURE(qamw_open(files->example, &options, &file, &error), QAMW_INVALID_ARGUMENT, "3 is not an access mode");
    // Options of a later version: refused if they are set.
    struct { qamw_options known; uint32_t later; } longer = {.known = {.size = sizeof longer}};
    longer.later = 1;
    EXPECT_FAILURE(qamw_open(files->example, &longer.known, &file, &error), QAMW_INVALID_ARGUMENT, "does not know");
    longer.later = 0;
    EXPECT_SUCCESS(qamw_open(files->example, &longer.known, &file, &error));

    // A caller with a shorter struct, and one with a longer struct.
    qamw_tensor tensor = {.size = offsetof(qamw_tensor, dtype), .dtype = "untouched"};
    EXPECT_SUCCESS(qamw_get_tensor(file, 1, &tensor, &error));
    EXPECT(strcmp(tensor.name, "proj") == 0 && strcmp(tensor.dtype, "untouched") == 0 && tensor.storage == QAMW_CODED);
    struct { qamw_tensor known; uint64_t later; } more = {.known = {.size = sizeof more}, .later = 7};
    EXPECT_SUCCESS(qamw_get_tensor(file, 1, &more.known, &error));
    EXPECT(more.known.columns == 64 && more.known.size == sizeof more && more.later == 0);
    tensor.size = 0;
    EXPECT_FAILURE(qamw_get_tensor(file, 1, &tensor, &error), QAMW_INVALID_ARGUMENT, "size of tensor is not set");
    qamw_close(file);
}
