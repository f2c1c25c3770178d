// The content of a file, by every function that reads it.

#include <math.h>
#include <stdlib.h>

#include "tests.h"

static qamw_error error;

static float from_bf16(uint16_t bits) {
    uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static void test_example(qamw_file *file, bool is_mapped) {
    qamw_info info = {.size = sizeof info};
    EXPECT_SUCCESS(qamw_get_info(file, &info, &error));
    EXPECT(info.tensors == 2 && info.metadata == 1 && info.embedded == 1 && info.warnings == 0 && info.format_major == 0);

    qamw_tensor norm = {.size = sizeof norm}, proj = {.size = sizeof proj};
    EXPECT_SUCCESS(qamw_get_tensor(file, 0, &norm, &error));
    EXPECT(strcmp(norm.name, "norm") == 0 && strcmp(norm.dtype, "F16") == 0 && norm.storage == QAMW_RAW && norm.target == 0);
    EXPECT(norm.rank == 1 && norm.shape[0] == 3 && norm.rows == 1 && norm.columns == 3 && norm.bytes == 6);
    EXPECT(norm.block_elements == 1 && norm.block_bytes == 2 && norm.codec == NULL && norm.codebook == NULL && norm.bits == 0);
    EXPECT_SUCCESS(qamw_get_tensor(file, 1, &proj, &error));
    EXPECT(proj.storage == QAMW_CODED && proj.rank == 2 && proj.shape[0] == 1 && proj.shape[1] == 64 && proj.bytes == 46);
    EXPECT(strcmp(proj.codec, "qam-pairs") == 0 && strcmp(proj.codebook, "octant") == 0 && strcmp(proj.gain_type, "float16") == 0);
    EXPECT(proj.bits == 5.5 && proj.block_size == 64 && proj.seed == 42 && proj.has_channel_scales == 0);
    uint64_t index = 7;
    EXPECT_SUCCESS(qamw_find_tensor(file, "proj", &index, &error));
    EXPECT(index == 1);

    // Raw elements, as stored and converted: 1, -0.5, 2.
    const uint16_t halves[] = {0x3C00, 0xB800, 0x4000};
    uint16_t copy[3];
    const void *bytes = &error;
    uint64_t count = 0;
    EXPECT_SUCCESS(qamw_get_part(file, 0, QAMW_ELEMENTS, &bytes, &count, &error));
    EXPECT(count == 6 && (bytes != NULL) == is_mapped);
    if (is_mapped) EXPECT((uintptr_t)bytes % 64 == 0 && memcmp(bytes, halves, 6) == 0);
    EXPECT_SUCCESS(qamw_read_part(file, 0, QAMW_ELEMENTS, 0, 6, copy, &error));
    EXPECT(memcmp(copy, halves, 6) == 0);
    EXPECT_SUCCESS(qamw_read_part(file, 0, QAMW_ELEMENTS, 2, 2, copy, &error));
    EXPECT(copy[0] == 0xB800);
    float values[64];
    EXPECT_SUCCESS(qamw_dequantize(file, 0, 0, 1, QAMW_F32, values, 64, &error));
    EXPECT(values[0] == 1 && values[1] == -0.5f && values[2] == 2);

    // The three weight types agree.
    uint16_t half[64], brain[64];
    EXPECT_SUCCESS(qamw_dequantize(file, 1, 0, 1, QAMW_F32, values, 64, &error));
    EXPECT_SUCCESS(qamw_dequantize(file, 1, 0, 1, QAMW_F16, half, 64, &error));
    EXPECT_SUCCESS(qamw_dequantize(file, 1, 0, 1, QAMW_BF16, brain, 64, &error));
    bool agree = true;
    for (int j = 0; j < 64; j++) agree = agree && fabsf(from_bf16(brain[j]) - values[j]) <= fabsf(values[j]) / 256;
    EXPECT(agree && values[0] != 0);
    EXPECT_SUCCESS(qamw_dequantize(file, 0, 0, 1, QAMW_F16, half, 64, &error));
    EXPECT(memcmp(half, halves, 6) == 0);

    // The parts of a coded tensor.
    EXPECT_SUCCESS(qamw_get_part(file, 1, QAMW_SYMBOLS, &bytes, &count, &error));
    EXPECT(count == 44 && (bytes != NULL) == is_mapped);
    EXPECT_SUCCESS(qamw_get_part(file, 1, QAMW_GAINS, &bytes, &count, &error));
    EXPECT(count == 2);
    EXPECT_SUCCESS(qamw_get_part(file, 1, QAMW_CODEBOOK, &bytes, &count, &error));
    const void *again;
    EXPECT_SUCCESS(qamw_get_part(file, 1, QAMW_CODEBOOK, &again, &count, &error));
    unsigned char record[520];
    EXPECT_SUCCESS(qamw_read_part(file, 1, QAMW_CODEBOOK, 0, 520, record, &error));
    EXPECT(count == 520 && bytes != NULL && bytes == again && memcmp(bytes, record, 520) == 0 && record[0] == 2);

    qamw_embedded note = {.size = sizeof note};
    char content[6];
    EXPECT_SUCCESS(qamw_get_embedded(file, 0, &note, &error));
    EXPECT(strcmp(note.name, "note.txt") == 0 && note.bytes == 6);
    EXPECT_SUCCESS(qamw_read_embedded(file, 0, 0, 6, content, &error));
    EXPECT(memcmp(content, "hello\n", 6) == 0);
    EXPECT_SUCCESS(qamw_find_embedded(file, "note.txt", &index, &error));
    EXPECT(index == 0 && qamw_find_embedded(file, "note", &index, NULL) == QAMW_NOT_FOUND);
    uint64_t verified = 0;
    EXPECT_SUCCESS(qamw_verify(file, NULL, 0, 0, NULL, NULL, &verified, &error));
    EXPECT(verified > 4096);
}

void test_contents(const test_files *files) {
    for (uint32_t access = QAMW_MAPPED; access <= QAMW_BUFFERED; access++) {
        qamw_file *file = open_or_exit(files->example, access);
        test_example(file, access == QAMW_MAPPED);
        qamw_close(file);
    }
    // Some file systems do not support direct reading.
    qamw_file *direct;
    qamw_options options = {.size = sizeof options, .access = QAMW_DIRECT};
    int32_t status = qamw_open(files->example, &options, &direct, &error);
    EXPECT(status == QAMW_OK || status == QAMW_IO);
    if (status == QAMW_OK) test_example(direct, false);
    qamw_close(direct);

    // Compressed tensors have no pointer but can be read; an alias refers to its target.
    qamw_file *file = open_or_exit(files->compressed, QAMW_MAPPED);
    const void *bytes;
    uint64_t count = 0;
    EXPECT_SUCCESS(qamw_get_part(file, 1, QAMW_ELEMENTS, &bytes, &count, &error));
    EXPECT(bytes == NULL && count == 2400000);
    unsigned char *all = malloc(count), some[2000];
    EXPECT_SUCCESS(qamw_read_part(file, 0, QAMW_ELEMENTS, 0, count, all, &error));
    EXPECT_SUCCESS(qamw_read_part(file, 1, QAMW_ELEMENTS, 1048000, sizeof some, some, &error));
    EXPECT(memcmp(all + 1048000, some, sizeof some) == 0 && memcmp(all, all + 999, 999) == 0);
    free(all);
    qamw_tensor alias = {.size = sizeof alias};
    EXPECT_SUCCESS(qamw_get_tensor(file, 0, &alias, &error));
    EXPECT(alias.storage == QAMW_ALIAS && alias.target == 1 && strcmp(alias.name, "first") == 0 && alias.bytes == 2400000);
    EXPECT(strcmp(alias.dtype, "F16") == 0);
    qamw_close(file);
}

void test_metadata(const test_files *files) {
    qamw_file *file = open_or_exit(files->metadata, QAMW_MAPPED);
    qamw_metadata entry = {.size = sizeof entry};
    EXPECT_SUCCESS(qamw_get_metadata(file, 0, &entry, &error));
    EXPECT(strcmp(entry.key, "u8") == 0 && entry.type == QAMW_UINT8 && entry.element_type == QAMW_UINT8 && entry.count == 1);
    EXPECT(*(const uint8_t *)entry.values == 255);
    uint64_t index = 0;
    EXPECT_SUCCESS(qamw_find_metadata(file, "strings", &index, &error));
    EXPECT_SUCCESS(qamw_get_metadata(file, index, &entry, &error));
    const qamw_string *strings = entry.values;
    EXPECT(entry.type == QAMW_ARRAY && entry.element_type == QAMW_STRING && entry.count == 3);
    EXPECT(strcmp(strings[0].text, "a") == 0 && strings[1].bytes == 0 && strings[1].text[0] == 0 && strings[2].bytes == 2);
    EXPECT_SUCCESS(qamw_find_metadata(file, "nothing", &index, &error));
    EXPECT_SUCCESS(qamw_get_metadata(file, index, &entry, &error));
    EXPECT(entry.type == QAMW_ARRAY && entry.element_type == QAMW_UINT32 && entry.count == 0 && entry.values == NULL);
    EXPECT_SUCCESS(qamw_find_metadata(file, "bools", &index, &error));
    EXPECT_SUCCESS(qamw_get_metadata(file, index, &entry, &error));
    EXPECT(entry.element_type == QAMW_BOOL && memcmp(entry.values, "\1\0", 2) == 0);
    EXPECT_FAILURE(qamw_find_metadata(file, "nowhere", &index, &error), QAMW_NOT_FOUND, "metadata key \"nowhere\"");

    int64_t whole;
    double number;
    qamw_string text;
    EXPECT_SUCCESS(qamw_get_int64(file, "i64", &whole, &error));
    EXPECT(whole == INT64_MIN);
    EXPECT_SUCCESS(qamw_get_int64(file, "yes", &whole, &error));
    EXPECT(whole == 1);
    EXPECT_FAILURE(qamw_get_int64(file, "u64", &whole, &error), QAMW_INVALID_ARGUMENT, "\"u64\" is not a 64-bit integer");
    EXPECT_FAILURE(qamw_get_int64(file, "f32", &whole, &error), QAMW_INVALID_ARGUMENT, "is not a 64-bit integer");
    EXPECT_SUCCESS(qamw_get_double(file, "u64", &number, &error));
    EXPECT(number == 18446744073709551616.0);
    EXPECT_SUCCESS(qamw_get_double(file, "f64", &number, &error));
    EXPECT(number == 0.1);
    EXPECT_FAILURE(qamw_get_double(file, "text", &number, &error), QAMW_INVALID_ARGUMENT, "is not a number");
    EXPECT_SUCCESS(qamw_get_string(file, "text", &text, &error));
    EXPECT(text.bytes == 12 && memcmp(text.text, "nul \0 and \xC3\xA9", 13) == 0);
    EXPECT_SUCCESS(qamw_get_string(file, "", &text, &error));
    EXPECT(text.bytes == 0 && text.text != NULL);
    EXPECT_FAILURE(qamw_get_string(file, "strings", &text, &error), QAMW_INVALID_ARGUMENT, "is not a string");
    EXPECT_FAILURE(qamw_get_string(file, NULL, &text, &error), QAMW_INVALID_ARGUMENT, "key is NULL");
    qamw_close(file);
}
