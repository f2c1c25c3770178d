// libqamw: .qamw model files from any language that can call C.
//
// Failure. Functions that can fail return a status, QAMW_OK where they succeed, and say in *error what is wrong and where,
// unless `error` is NULL. After a failure everything else that they write is undefined, but for handles, which are then NULL.
// No file, whatever it holds, and no argument that keeps to what is written here ends the process, with one exception: a
// file that is mapped (QAMW_MAPPED) and that somebody cuts short raises SIGBUS where the missing pages are touched.
//
// Threads. Every function may be called from many threads at a time, also with the same handles. Only the functions that
// end a handle (qamw_close, qamw_free_...) need it for themselves: nobody may be using it, or use it afterwards. In a child
// process that was made by fork() and goes on without exec(), pools must not be used, nor qamw_verify.
//
// Lifetimes. What qamw_open and qamw_make_... give must be ended with their counterparts. All other pointers that the library
// gives out belong to the file that they came from, stay where they are and do not change until qamw_close. A matrix and its
// prepared vectors need neither their file's handle nor each other's: what they use of the file stays open with them.
//
// Versions. The interface grows; what is here stays. Structs with a member `size` grow at their end: the caller sets
// `size` to the size that it knows, and members that only one side knows are 0 for the other. Codes of every kind
// (status, storage, part, ...) may become more.
//
// Text is UTF-8 and ends in a zero byte. Numbers in files are little-endian, and so must the machine be.

#ifndef QAMW_H
#define QAMW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Versions -------------------------------------------------------------------------------------------------

// What this header describes. A program runs with every library whose qamw_abi_version() is not less.
#define QAMW_ABI_VERSION 1

uint32_t qamw_abi_version(void);

// The program's version, as "0.2.0".
const char *qamw_version(void);

// ---- Errors ---------------------------------------------------------------------------------------------------

enum {
    QAMW_OK = 0,
    QAMW_INVALID_ARGUMENT = 1,  // the caller asks for something that makes no sense, or passes NULL where nothing may be missing
    QAMW_NOT_FOUND = 2,         // there is no such file, tensor, key or embedded file
    QAMW_IO = 3,                // the system failed
    QAMW_MALFORMED = 4,         // the file breaks a rule of the format
    QAMW_TRUNCATED = 5,         // the file ends before it should
    QAMW_CHECKSUM_MISMATCH = 6, // bytes of the file have changed
    QAMW_UNSUPPORTED = 7,       // sound perhaps, but made by a later program
    QAMW_LIMIT_EXCEEDED = 8     // too large for this library or this machine
};

typedef struct qamw_error {
    int32_t status;
    char message[1020]; // FILE: PLACE: CAUSE, shortened in its middle where it is longer
} qamw_error;

// ---- Files ----------------------------------------------------------------------------------------------------

typedef struct qamw_file qamw_file;

// How payloads are reached.
enum {
    QAMW_MAPPED = 0,   // mmap: nothing is copied; the file must be neither cut nor changed while it is open
    QAMW_BUFFERED = 1, // pread: a file that is cut gives QAMW_TRUNCATED
    QAMW_DIRECT = 2    // pread past the page cache; QAMW_IO where the file system does not offer it
};

typedef struct qamw_options {
    uint32_t size;
    uint32_t access;           // QAMW_MAPPED, ...
    uint32_t verifies_payload; // not 0: each MiB of a payload is checked when it is first used
} qamw_options;

// Opens a .qamw file: reads and checks its table of contents, which takes milliseconds for thousands of tensors, and touches
// no payload. `options` may be NULL, which is as if all were 0; QAMW_INVALID_ARGUMENT for options that the library does
// not know. `path` is UTF-8.
int32_t qamw_open(const char *path, const qamw_options *options, qamw_file **file, qamw_error *error);

// Ends the handle and all pointers that came from it. NULL is allowed.
void qamw_close(qamw_file *file);

typedef struct qamw_info {
    uint32_t size;
    uint32_t format_major, format_minor; // of the file's format
    uint32_t reserved;                   // 0
    uint64_t tensors, metadata, embedded, warnings; // how many of each there are: indices count from 0
} qamw_info;

int32_t qamw_get_info(const qamw_file *file, qamw_info *info, qamw_error *error);

// Something about the file that was noticed at opening and tolerated, in a sentence.
int32_t qamw_get_warning(const qamw_file *file, uint64_t index, const char **text, qamw_error *error);

// ---- Tensors --------------------------------------------------------------------------------------------------

enum {
    QAMW_RAW = 0,   // plain elements
    QAMW_CODED = 1, // coded by a codec: qam-pairs
    QAMW_ALIAS = 2, // another name for a tensor: all but `name` and `storage` is that tensor's
    QAMW_UNREADABLE = 3 // stored in a way that this library does not know: it can be listed and verified, not read
};

typedef struct qamw_tensor {
    uint32_t size;
    uint32_t storage;           // QAMW_RAW, ...
    const char *name;
    const char *dtype;          // "F32", "BF16", "Q8_0", ...; of a coded tensor, the type that it had before; "" where it is not known
    const uint64_t *shape;      // `rank` numbers, row-major: the last dimension is contiguous; NULL for a scalar
    uint32_t rank;
    uint32_t block_elements;    // of `dtype`: so many elements ...
    uint32_t block_bytes;       // ... take so many bytes
    uint32_t has_channel_scales; // of a coded tensor, 0 or 1
    uint64_t rows, columns;     // all dimensions but the last multiplied, and the last; 1 and 1 for a scalar
    uint64_t bytes;             // what it takes in the file, before any compression; an alias takes what its target takes
    uint64_t target;            // index of the tensor that an alias stands for; otherwise its own
    // Of a coded tensor; NULL and 0 of a raw one, and of one whose codec the library does not know.
    const char *codec;          // "qam-pairs"
    const char *codebook;       // "octant" or "free"
    const char *gain_type;      // "float16" or "float32"
    double bits;                // a weight, of the symbols alone
    uint64_t block_size;        // of the rotation
    uint64_t seed;              // of the rotation's signs
} qamw_tensor;

// O(1); what the struct points to is made when a tensor is first asked for. QAMW_INVALID_ARGUMENT for a bad index.
int32_t qamw_get_tensor(const qamw_file *file, uint64_t index, qamw_tensor *tensor, qamw_error *error);

// The index of the tensor whose name has these bytes. O(1).
int32_t qamw_find_tensor(const qamw_file *file, const char *name, uint64_t *index, qamw_error *error);

// The weights of `rows` rows from `first` on, row-major, into `out`, which has room for `room` elements of `type` and is
// aligned for them. Coded rows are decoded, raw ones converted, each number rounded to nearest even. The values do not
// depend on how a tensor is cut into calls. All of a row or none: the rotation mixes columns. O(rows * columns *
// log(block size)) on the calling thread; memory beyond `out` is bounded.
// QAMW_INVALID_ARGUMENT for rows that are not there or do not fit.
enum { QAMW_F32 = 0, QAMW_F16 = 1, QAMW_BF16 = 2 };
int32_t qamw_dequantize(
    const qamw_file *file, uint64_t index, uint64_t first, uint64_t rows, uint32_t type, void *out, uint64_t room,
    qamw_error *error);

// ---- Stored bytes ---------------------------------------------------------------------------------------------

// What a tensor consists of in its file (spec/qamw.md, sections 6 and 8).
enum {
    QAMW_ELEMENTS = 0,       // of a raw tensor, as `dtype` has them
    QAMW_SYMBOLS = 1,        // of a coded one: for each row equally many bytes
    QAMW_GAINS = 2,          // one for each row, of `gain_type`
    QAMW_CHANNEL_SCALES = 3, // one float16 for each column, where the tensor has them
    QAMW_CODEBOOK = 4        // the codebook's record
};

// A part where it lies, without a copy, at a multiple of 64 bytes unless it is the codebook. *bytes is NULL where it lies
// nowhere in memory (the file is not mapped, or stores the tensor compressed) and where *count is 0; *count is its length
// in any case. Of a file that verifies, the whole part is read and checked here. 64 bytes behind what is mapped can be read,
// whatever they hold. QAMW_INVALID_ARGUMENT where the tensor has no such part.
int32_t qamw_get_part(
    const qamw_file *file, uint64_t index, uint32_t part, const void **bytes, uint64_t *count, qamw_error *error);

// Copies the part's bytes first ..< first + count into `out`, decompressed, however the file was opened.
int32_t qamw_read_part(
    const qamw_file *file, uint64_t index, uint32_t part, uint64_t first, uint64_t count, void *out, qamw_error *error);

// ---- Products -------------------------------------------------------------------------------------------------

// Threads that share the work of products. They wait for it, so that a product of tens of microseconds gains from them.
// Products that share a pool come one after the other.
typedef struct qamw_pool qamw_pool;

// `threads`: 1 to 1024, the caller's included; 0 for one a processor.
int32_t qamw_make_pool(uint32_t threads, qamw_pool **pool, qamw_error *error);
void qamw_free_pool(qamw_pool *pool);

// A coded tensor that multiplies vectors straight from its symbols: out = W x.
typedef struct qamw_matrix qamw_matrix;

// Reads the gains and the channel scales: O(rows + columns). QAMW_INVALID_ARGUMENT for a raw tensor.
int32_t qamw_make_matrix(const qamw_file *file, uint64_t index, qamw_matrix **matrix, qamw_error *error);
void qamw_free_matrix(qamw_matrix *matrix);

// The products of all rows and `vectors` vectors of `columns` numbers each that lie one after the other in `x`: out[v * rows
// + i] is that of row i and vector v. `out` has room for `room` numbers. Vectors are rounded to bytes after the rotation, so
// the result is within about 0.7% (of the norm) of the exact one; it has the same bits with every pool and on every
// processor. `pool` may be NULL: the calling thread does all the work.
int32_t qamw_multiply(
    const qamw_matrix *matrix, const float *x, uint64_t vectors, float *out, uint64_t room, const qamw_pool *pool,
    qamw_error *error);

// Vectors made ready once for several matrices: those of one seed, block size, family of codes and equal channel scales take the
// same ones, as the query, key and value projections of one layer do.
typedef struct qamw_vectors qamw_vectors;

int32_t qamw_make_vectors(
    const qamw_matrix *matrix, const float *x, uint64_t vectors, qamw_vectors **prepared, qamw_error *error);
void qamw_free_vectors(qamw_vectors *prepared);

// As qamw_multiply. QAMW_INVALID_ARGUMENT for vectors that were prepared for a matrix that is coded otherwise.
int32_t qamw_multiply_prepared(
    const qamw_matrix *matrix, const qamw_vectors *prepared, float *out, uint64_t room, const qamw_pool *pool,
    qamw_error *error);

// ---- Metadata -------------------------------------------------------------------------------------------------

// The types are GGUF's, with its numbers.
enum {
    QAMW_UINT8 = 0, QAMW_INT8 = 1, QAMW_UINT16 = 2, QAMW_INT16 = 3, QAMW_UINT32 = 4, QAMW_INT32 = 5, QAMW_FLOAT32 = 6,
    QAMW_BOOL = 7, QAMW_STRING = 8, QAMW_ARRAY = 9, QAMW_UINT64 = 10, QAMW_INT64 = 11, QAMW_FLOAT64 = 12
};

typedef struct qamw_string {
    const char *text; // may hold zero bytes, and ends in another
    uint64_t bytes;   // without that one
} qamw_string;

typedef struct qamw_metadata {
    uint32_t size;
    uint32_t type;         // QAMW_UINT8, ...
    uint32_t element_type; // of an array's elements; otherwise `type`
    uint32_t reserved;     // 0
    const char *key;
    uint64_t count;        // an array's elements; otherwise 1
    const void *values;    // `count` numbers of the element type, bool as a byte 0 or 1, or `count` qamw_string; NULL where none
} qamw_metadata;

// In the file's order.
int32_t qamw_get_metadata(const qamw_file *file, uint64_t index, qamw_metadata *entry, qamw_error *error);
int32_t qamw_find_metadata(const qamw_file *file, const char *key, uint64_t *index, qamw_error *error);

// The value of a key, of any type that can give it exactly: whole numbers and bool; all numbers (as the nearest double);
// strings. QAMW_NOT_FOUND where there is no such key, QAMW_INVALID_ARGUMENT where it has another type or does not fit.
int32_t qamw_get_int64(const qamw_file *file, const char *key, int64_t *value, qamw_error *error);
int32_t qamw_get_double(const qamw_file *file, const char *key, double *value, qamw_error *error);
int32_t qamw_get_string(const qamw_file *file, const char *key, qamw_string *value, qamw_error *error);

// ---- Embedded files -------------------------------------------------------------------------------------------

// A file that travels with the model, as config.json.
typedef struct qamw_embedded {
    uint32_t size;
    uint32_t reserved; // 0
    const char *name;  // no path
    uint64_t bytes;    // of its content
} qamw_embedded;

int32_t qamw_get_embedded(const qamw_file *file, uint64_t index, qamw_embedded *embedded, qamw_error *error);
int32_t qamw_find_embedded(const qamw_file *file, const char *name, uint64_t *index, qamw_error *error);

// Copies the content's bytes first ..< first + count into `out`.
int32_t qamw_read_embedded(
    const qamw_file *file, uint64_t index, uint64_t first, uint64_t count, void *out, qamw_error *error);

// ---- Verification ---------------------------------------------------------------------------------------------

typedef struct qamw_problem {
    uint32_t size;       // of the struct as the library knows it
    int32_t status;
    const char *message; // FILE: PLACE: CAUSE
    const char *section; // NULL where it is not known
    const char *tensor;  // or embedded file; NULL where it is not known
    int64_t offset;      // in the file; -1 where it is not known
    uint64_t length;     // bytes concerned from `offset` on; 0 where it is not known
} qamw_problem;

// Called on the thread that called qamw_verify. The problem and what it points to end with the call.
typedef void (*qamw_problem_handler)(const qamw_problem *problem, void *context);

// Checks every byte that opening has not checked, on `threads` threads (as of qamw_make_pool), and tells `handler`, which may
// be NULL, every problem with `context`. With `tensors`, an array of `tensor_count` indices, only their payloads are checked.
// Returns QAMW_OK where all is well, otherwise the first problem's status. `bytes_verified` may be NULL.
int32_t qamw_verify(
    const qamw_file *file, const uint64_t *tensors, uint64_t tensor_count, uint32_t threads, qamw_problem_handler handler,
    void *context, uint64_t *bytes_verified, qamw_error *error);

#ifdef __cplusplus
}
#endif

#endif
