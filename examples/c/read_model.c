// Prints the contents of a .qamw file, decodes rows of a tensor, multiplies a vector by it, and verifies the file.
//
//     cc read_model.c $(pkg-config --cflags --libs qamw) -o read_model
//     ./read_model MODEL.qamw [TENSOR]      (default: the first coded tensor)

#include <inttypes.h>
#include <qamw.h>
#include <stdio.h>
#include <stdlib.h>

static qamw_error error;

// Exits at the first call that fails.
static void check(int32_t status) {
    if (status == QAMW_OK) return;
    fprintf(stderr, "read_model: %s\n", error.message);
    exit(1);
}

static void *allocate(uint64_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (memory == NULL) {
        fprintf(stderr, "read_model: no memory\n");
        exit(1);
    }
    return memory;
}

static void print_tensors(const qamw_file *file, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        qamw_tensor tensor = {.size = sizeof tensor};
        check(qamw_get_tensor(file, i, &tensor, &error));
        printf("tensor %s [", tensor.name);
        for (uint32_t k = 0; k < tensor.rank; k++) printf("%s%" PRIu64, k ? ", " : "", tensor.shape[k]);
        printf("] %s", tensor.dtype);
        if (tensor.codebook) printf(", %s %.1f bits", tensor.codebook, tensor.bits);
        printf(", %" PRIu64 " bytes\n", tensor.bytes);
    }
}

static uint64_t first_coded(const qamw_file *file, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        qamw_tensor tensor = {.size = sizeof tensor};
        check(qamw_get_tensor(file, i, &tensor, &error));
        if (tensor.storage == QAMW_CODED) return i;
    }
    fprintf(stderr, "read_model: the file has no coded tensor\n");
    exit(1);
}

// The first two rows, decoded.
static void print_rows(const qamw_file *file, uint64_t index, const qamw_tensor *tensor) {
    uint64_t rows = tensor->rows < 2 ? tensor->rows : 2;
    float *weights = allocate(rows * tensor->columns, sizeof(float));
    check(qamw_dequantize(file, index, 0, rows, QAMW_F32, weights, rows * tensor->columns, &error));
    for (uint64_t i = 0; i < rows; i++) {
        printf("row %" PRIu64 ":", i);
        for (uint64_t j = 0; j < tensor->columns; j++) printf(" %.9g", weights[i * tensor->columns + j]);
        printf("\n");
    }
    free(weights);
}

// The product with the vector 1, 2, ..., n, on all processors.
static void print_product(const qamw_file *file, uint64_t index, const qamw_tensor *tensor) {
    qamw_pool *pool;
    qamw_matrix *matrix;
    check(qamw_make_pool(0, &pool, &error));
    check(qamw_make_matrix(file, index, &matrix, &error));
    float *x = allocate(tensor->columns, sizeof(float)), *y = allocate(tensor->rows, sizeof(float));
    for (uint64_t j = 0; j < tensor->columns; j++) x[j] = (float)(j + 1);
    check(qamw_multiply(matrix, x, 1, y, tensor->rows, pool, &error));
    printf("product:");
    for (uint64_t i = 0; i < tensor->rows; i++) printf(" %.9g", y[i]);
    printf("\n");
    free(x);
    free(y);
    qamw_free_matrix(matrix);
    qamw_free_pool(pool);
}

static void print_problem(const qamw_problem *problem, void *context) {
    (void)context;
    fprintf(stderr, "read_model: %s\n", problem->message);
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: read_model MODEL.qamw [TENSOR]\n");
        return 64;
    }
    if (qamw_abi_version() < QAMW_ABI_VERSION) {
        fprintf(stderr, "read_model: libqamw %s is too old\n", qamw_version());
        return 1;
    }
    qamw_file *file;
    check(qamw_open(argv[1], NULL, &file, &error));
    qamw_info info = {.size = sizeof info};
    check(qamw_get_info(file, &info, &error));
    printf("format %" PRIu32 ".%" PRIu32 "\n", info.format_major, info.format_minor);
    print_tensors(file, info.tensors);

    uint64_t index;
    if (argc == 3) check(qamw_find_tensor(file, argv[2], &index, &error));
    else index = first_coded(file, info.tensors);
    qamw_tensor tensor = {.size = sizeof tensor};
    check(qamw_get_tensor(file, index, &tensor, &error));
    printf("shown %s\n", tensor.name);
    print_rows(file, index, &tensor);
    if (tensor.codec) print_product(file, index, &tensor);

    uint64_t bytes = 0;
    check(qamw_verify(file, NULL, 0, 0, print_problem, NULL, &bytes, &error));
    printf("verified %" PRIu64 " bytes\n", bytes);
    qamw_close(file);
    return 0;
}
