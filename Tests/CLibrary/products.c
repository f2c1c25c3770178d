// Products, and handles used by several threads.

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests.h"

enum { TURNS = 20, VECTORS = 3 };

static const char *const query = "model.layers.0.self_attn.q_proj.weight", *const key = "model.layers.0.self_attn.k_proj.weight",
                        *const other = "model.layers.1.self_attn.q_proj.weight", *const down = "model.layers.0.mlp.down_proj.weight";

static qamw_tensor find(const qamw_file *file, const char *name, uint64_t *index) {
    qamw_tensor tensor = {.size = sizeof tensor};
    EXPECT_SUCCESS(qamw_find_tensor(file, name, index, NULL));
    EXPECT_SUCCESS(qamw_get_tensor(file, *index, &tensor, NULL));
    return tensor;
}

static float *some_vectors(uint64_t columns) {
    float *x = malloc(VECTORS * columns * sizeof *x);
    for (uint64_t j = 0; j < VECTORS * columns; j++) x[j] = sinf((float)(j * j));
    return x;
}

void test_products(const test_files *files) {
    static qamw_error error;
    qamw_file *file = open_or_exit(files->model, QAMW_MAPPED);
    uint64_t index, second;
    qamw_tensor tensor = find(file, query, &index);
    uint64_t rows = tensor.rows, columns = tensor.columns, room = VECTORS * rows;
    float *x = some_vectors(columns), *alone = malloc(room * sizeof *alone), *shared = malloc(room * sizeof *shared);
    float *weights = malloc(rows * columns * sizeof *weights);
    EXPECT_SUCCESS(qamw_dequantize(file, index, 0, rows, QAMW_F32, weights, rows * columns, &error));

    qamw_matrix *matrix, *sibling, *stranger;
    qamw_pool *pool;
    qamw_vectors *prepared;
    EXPECT_SUCCESS(qamw_make_pool(2, &pool, &error));
    EXPECT_SUCCESS(qamw_make_matrix(file, index, &matrix, &error));
    tensor = find(file, key, &second);
    EXPECT_SUCCESS(qamw_make_matrix(file, second, &sibling, &error));
    find(file, down, &second);
    EXPECT_SUCCESS(qamw_make_matrix(file, second, &stranger, &error));
    // A matrix stays valid after its file's handle is closed.
    qamw_close(file);

    EXPECT_SUCCESS(qamw_multiply(matrix, x, VECTORS, alone, room, NULL, &error));
    EXPECT_SUCCESS(qamw_multiply(matrix, x, VECTORS, shared, room, pool, &error));
    EXPECT(memcmp(alone, shared, room * sizeof *alone) == 0);
    double wrong = 0, norm = 0;
    for (uint64_t v = 0; v < VECTORS; v++) {
        for (uint64_t i = 0; i < rows; i++) {
            double exact = 0;
            for (uint64_t j = 0; j < columns; j++) exact += (double)weights[i * columns + j] * x[v * columns + j];
            wrong += (exact - alone[v * rows + i]) * (exact - alone[v * rows + i]);
            norm += exact * exact;
        }
    }
    EXPECT(sqrt(wrong / norm) < 0.015);

    EXPECT_SUCCESS(qamw_make_vectors(matrix, x, VECTORS, &prepared, &error));
    EXPECT_SUCCESS(qamw_multiply_prepared(matrix, prepared, shared, room, pool, &error));
    EXPECT(memcmp(alone, shared, room * sizeof *alone) == 0);
    EXPECT_FAILURE(qamw_multiply_prepared(matrix, prepared, shared, room - 1, pool, &error), QAMW_INVALID_ARGUMENT, "do not fit");
    EXPECT_FAILURE(qamw_multiply_prepared(stranger, prepared, shared, room, pool, &error), QAMW_INVALID_ARGUMENT, "");
    // Query and key read the same vectors.
    room = VECTORS * tensor.rows;
    EXPECT_SUCCESS(qamw_multiply(sibling, x, VECTORS, alone, room, NULL, &error));
    EXPECT_SUCCESS(qamw_multiply_prepared(sibling, prepared, shared, room, NULL, &error));
    EXPECT(memcmp(alone, shared, room * sizeof *alone) == 0);

    qamw_free_matrix(matrix);
    qamw_free_matrix(sibling);
    qamw_free_matrix(stranger);
    qamw_free_vectors(prepared);
    qamw_free_pool(pool);
    free(x);
    free(alone);
    free(shared);
    free(weights);
}

// What both threads use, and the results to expect.
typedef struct {
    const qamw_file *file;
    const qamw_matrix *matrix;
    const qamw_pool *pool;
    uint64_t index, rows, columns;
    const float *x, *weights, *products;
    bool is_right;
} shared_work;

static void *work(void *argument) {
    shared_work *job = argument;
    uint64_t count = job->rows * job->columns;
    float *out = malloc(count * sizeof *out);
    bool is_right = true;
    for (int turn = 0; turn < TURNS; turn++) {
        is_right = is_right && qamw_dequantize(job->file, job->index, 0, job->rows, QAMW_F32, out, count, NULL) == QAMW_OK
            && memcmp(out, job->weights, count * sizeof *out) == 0;
        is_right = is_right && qamw_multiply(job->matrix, job->x, VECTORS, out, count, job->pool, NULL) == QAMW_OK
            && memcmp(out, job->products, VECTORS * job->rows * sizeof *out) == 0;
        // Both threads request the same descriptions at the same time.
        qamw_info info = {.size = sizeof info};
        is_right = is_right && qamw_get_info(job->file, &info, NULL) == QAMW_OK;
        for (uint64_t i = 0; i < info.tensors; i++) {
            qamw_tensor tensor = {.size = sizeof tensor}, again = {.size = sizeof again};
            is_right = is_right && qamw_get_tensor(job->file, i, &tensor, NULL) == QAMW_OK
                && qamw_get_tensor(job->file, i, &again, NULL) == QAMW_OK && tensor.name == again.name && tensor.shape == again.shape;
        }
        // A failure in one thread does not change the other's error.
        qamw_error error;
        uint64_t index;
        is_right = is_right && qamw_find_tensor(job->file, "nowhere", &index, &error) == QAMW_NOT_FOUND
            && error.status == QAMW_NOT_FOUND;
        is_right = is_right && (turn % 10 != 0 || qamw_verify(job->file, NULL, 0, 2, NULL, NULL, NULL, NULL) == QAMW_OK);
    }
    free(out);
    job->is_right = is_right;
    return NULL;
}

void test_threads(const test_files *files) {
    static qamw_error error;
    for (uint32_t access = QAMW_MAPPED; access <= QAMW_BUFFERED; access++) {
        qamw_options options = {.size = sizeof options, .access = access, .verifies_payload = 1};
        qamw_file *file;
        EXPECT_SUCCESS(qamw_open(files->model, &options, &file, &error));
        uint64_t index;
        qamw_tensor tensor = find(file, other, &index);
        uint64_t count = tensor.rows * tensor.columns;
        float *x = some_vectors(tensor.columns), *weights = malloc(count * sizeof *weights);
        float *products = malloc(VECTORS * tensor.rows * sizeof *products);
        qamw_matrix *matrix;
        qamw_pool *pool;
        EXPECT_SUCCESS(qamw_make_pool(2, &pool, &error));
        EXPECT_SUCCESS(qamw_make_matrix(file, index, &matrix, &error));
        EXPECT_SUCCESS(qamw_dequantize(file, index, 0, tensor.rows, QAMW_F32, weights, count, &error));
        EXPECT_SUCCESS(qamw_multiply(matrix, x, VECTORS, products, VECTORS * tensor.rows, NULL, &error));

        shared_work jobs[2];
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) {
            jobs[i] = (shared_work){file, matrix, pool, index, tensor.rows, tensor.columns, x, weights, products, false};
            EXPECT(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
        }
        for (int i = 0; i < 2; i++) {
            EXPECT(pthread_join(threads[i], NULL) == 0);
            EXPECT(jobs[i].is_right);
        }
        qamw_free_matrix(matrix);
        qamw_free_pool(pool);
        qamw_close(file);
        free(x);
        free(weights);
        free(products);
    }
}
