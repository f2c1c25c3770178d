// Checks of libqamw from C. Each group is a function; main.c runs all of them.

#ifndef TESTS_H
#define TESTS_H

#include <qamw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

extern int checks, failures;

// Counts, and prints the condition if it is false.
#define EXPECT(condition) \
    ((condition) ? (void)checks++ : (void)(failures++, fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition)))

// A call that must fail with this status, `error` having the same status and this text in its message.
#define EXPECT_FAILURE(call, code, text) \
    do { \
        memset(&error, 0xEE, sizeof error); \
        EXPECT((call) == (code)); \
        EXPECT(error.status == (code)); \
        EXPECT(memchr(error.message, 0, sizeof error.message) != NULL && strstr(error.message, text) != NULL); \
    } while (0)

#define EXPECT_SUCCESS(call) EXPECT((call) == QAMW_OK)

// The files: EXAMPLE is that of section 11 of the specification; METADATA and COMPRESSED are corner cases of make_example.py;
// DAMAGED is EXAMPLE with a changed byte in the symbols of "proj"; CUT lacks EXAMPLE's last byte; POLAR and INT8 are the rows of
// sections 15.5 and 16.5; MODEL is made by the command from the checkpoint CHECKPOINT with 4.5 bits; OUTPUT is a path without a file;
// EDITED is EXAMPLE with an interrupted edit; SET and SECOND are the first two files of make_shards.py's set, INCOMPLETE the
// first of a set that lacks a file, BROKEN the first of a set with damage in its second file.
typedef struct {
    const char *example, *metadata, *compressed, *damaged, *cut, *polar, *int8, *model, *checkpoint, *output, *edited, *set, *second, *incomplete, *broken;
} test_files;

qamw_file *open_or_exit(const char *path, uint32_t access);

void test_opening(const test_files *files);
void test_arguments(const test_files *files);
void test_damage(const test_files *files);
void test_warnings(const test_files *files);
void test_sets(const test_files *files);
void test_structs(const test_files *files);
void test_contents(const test_files *files);
void test_codecs(const test_files *files);
void test_metadata(const test_files *files);
void test_products(const test_files *files);
void test_threads(const test_files *files);
void test_quantization(const test_files *files);

#endif
