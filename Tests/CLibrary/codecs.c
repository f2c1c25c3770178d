// Codecs 2 and 3: their descriptions and their weights.

#include <math.h>

#include "tests.h"

static bool is(const float *values, const uint32_t *bits, size_t count) { return memcmp(values, bits, count * sizeof *bits) == 0; }

// Whether the product of the first row and a vector is close to that of the decoded weights.
static bool multiplies(qamw_file *file, const float *weights, uint64_t columns) {
    float x[8], product = 0;
    double exact = 0, size = 0;
    for (uint64_t j = 0; j < columns; j++) {
        x[j] = 1 + (float)j / 4;
        exact += (double)x[j] * weights[j];
        size += fabs((double)x[j] * weights[j]);
    }
    qamw_matrix *matrix;
    EXPECT_SUCCESS(qamw_make_matrix(file, 0, &matrix, NULL));
    EXPECT_SUCCESS(qamw_multiply(matrix, x, 1, &product, 1, NULL, NULL));
    qamw_free_matrix(matrix);
    return fabs(product - exact) < 0.02 * size;
}

void test_codecs(const test_files *files) {
    static const uint32_t polar[8] = {
        0xBE8FFC10, 0xBE8FFC10, 0xBE1FFBA0, 0xBE1FFBA0, 0xBD7FF900, 0xBD7FF900, 0x3D7FF900, 0x3D7FF900,
    };
    static const uint32_t int8[5] = {0x3F418000, 0xBEFDF800, 0x3E7DF800, 0xBFBFFD00, 0x3D7DF800};
    qamw_tensor tensor = {.size = sizeof tensor};
    float values[8];

    qamw_file *file = open_or_exit(files->polar, QAMW_MAPPED);
    EXPECT_SUCCESS(qamw_get_tensor(file, 0, &tensor, NULL));
    EXPECT(strcmp(tensor.codec, "polar-pairs") == 0 && strcmp(tensor.codebook, "polar") == 0 && tensor.bits == 2);
    EXPECT(tensor.block_size == 8 && tensor.seed == 42 && tensor.columns == 8 && tensor.has_channel_scales == 0);
    EXPECT_SUCCESS(qamw_dequantize(file, 0, 0, 1, QAMW_F32, values, 8, NULL));
    EXPECT(is(values, polar, 8));
    EXPECT(multiplies(file, values, 8));
    qamw_close(file);

    file = open_or_exit(files->int8, QAMW_MAPPED);
    EXPECT_SUCCESS(qamw_get_tensor(file, 0, &tensor, NULL));
    EXPECT(strcmp(tensor.codec, "int8-rows") == 0 && tensor.codebook == NULL && tensor.bits == 8);
    EXPECT(tensor.block_size == 0 && tensor.seed == 0 && tensor.columns == 5 && tensor.has_channel_scales == 1);
    EXPECT_SUCCESS(qamw_dequantize(file, 0, 0, 1, QAMW_F32, values, 5, NULL));
    EXPECT(is(values, int8, 5));
    EXPECT(multiplies(file, values, 5));
    qamw_close(file);
}
