// libqamw: reads and makes .qamw model files, from any language that can call C.
//
// Errors. Functions that can fail return a status, QAMW_OK on success, and describe the error in *error unless `error` is NULL.
// After an error all other outputs are undefined, except handles, which are then NULL.
// No file content and no argument within this contract terminates the process, with one exception: if a mapped file
// (QAMW_MAPPED) is truncated, accessing the missing pages raises SIGBUS.
//
// Threads. Every function may be called from many threads concurrently, even with the same handles. Only the functions that
// release a handle (qamw_close, qamw_free_...) need exclusive access to it: it must not be in use, or used afterwards. In a child
// of fork() that does not call exec(), pools, qamw_verify and qamw_quantize must not be used.
//
// Lifetimes. Handles from qamw_open and qamw_make_... must be released with their counterparts. All other returned pointers
// belong to their file, and stay valid and unchanged until qamw_close. A matrix and its prepared vectors do not need
// their file's handle: they keep the parts of the file that they use open.
//
// Versions. The interface only grows. Structs with a member `size` grow at their end: the caller sets
// `size` to the size that it knows, and members unknown to one side are 0 for the other. Codes of every kind
// (status, storage, part, ...) may be added.
//
// Text is UTF-8 with a terminating zero byte. Numbers in files are little-endian; big-endian machines are not supported.

#ifndef QAMW_H
#define QAMW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Versions -------------------------------------------------------------------------------------------------

// The version of this header. A program works with every library whose qamw_abi_version() is not less.
#define QAMW_ABI_VERSION 3

uint32_t qamw_abi_version(void);

// The program's version, such as "0.2.0".
const char *qamw_version(void);

// ---- Errors ---------------------------------------------------------------------------------------------------

enum {
    QAMW_OK = 0,
    QAMW_INVALID_ARGUMENT = 1,  // an argument is invalid, or NULL where it must not be
    QAMW_NOT_FOUND = 2,         // there is no such file, tensor, key or embedded file
    QAMW_IO = 3,                // the system failed
    QAMW_MALFORMED = 4,         // the file violates the format
    QAMW_TRUNCATED = 5,         // the file ends before it should
    QAMW_CHECKSUM_MISMATCH = 6, // bytes of the file have changed
    QAMW_UNSUPPORTED = 7,       // possibly valid, but needs a later version
    QAMW_LIMIT_EXCEEDED = 8,    // too large for this library or this machine
    QAMW_CANNOT_CREATE = 9,     // the output exists, is the input, or has no folder or no room
    QAMW_INTERRUPTED = 10       // the caller asked to stop
};

typedef struct qamw_error {
    int32_t status;
    char message[1020]; // FILE: PLACE: CAUSE, shortened in the middle if it is longer
} qamw_error;

// ---- Files ----------------------------------------------------------------------------------------------------

typedef struct qamw_file qamw_file;

// How payloads are read.
enum {
    QAMW_MAPPED = 0,   // mmap: no copies; the file must not be truncated or changed while it is open
    QAMW_BUFFERED = 1, // pread: a file that is truncated gives QAMW_TRUNCATED
    QAMW_DIRECT = 2    // pread that bypasses the page cache; QAMW_IO if the file system does not support it
};

typedef struct qamw_options {
    uint32_t size;
    uint32_t access;           // QAMW_MAPPED, ...
    uint32_t verifies_payload; // not 0: each MiB of a payload is checked on first use
} qamw_options;

// Opens a .qamw file, or a set of files by the first of them (NAME-00001-of-00003.qamw), which then behaves like one file: reads and checks
// everything except payloads, which takes milliseconds for thousands of tensors. QAMW_MALFORMED if a file of the set is missing or does
// not belong to it. Any other file of a set opens on its own, with a warning.
// `options` may be NULL, which means all 0; QAMW_INVALID_ARGUMENT for options that the library does
// not know. `path` is UTF-8.
int32_t qamw_open(const char *path, const qamw_options *options, qamw_file **file, qamw_error *error);

// Invalidates the handle and all pointers that came from it. NULL is allowed.
void qamw_close(qamw_file *file);

typedef struct qamw_info {
    uint32_t size;
    uint32_t format_major, format_minor; // of the file's format
    uint32_t reserved;                   // 0
    uint64_t tensors, metadata, embedded, warnings; // the number of each; indices start at 0
} qamw_info;

int32_t qamw_get_info(const qamw_file *file, qamw_info *info, qamw_error *error);

// A warning from opening the file, in a sentence.
int32_t qamw_get_warning(const qamw_file *file, uint64_t index, const char **text, qamw_error *error);

// ---- Tensors --------------------------------------------------------------------------------------------------

enum {
    QAMW_RAW = 0,   // plain elements
    QAMW_CODED = 1, // coded by a codec: qam-pairs, polar-pairs, int8-rows, trellis
    QAMW_ALIAS = 2, // another name for a tensor: all members except `name` and `storage` are that tensor's
    QAMW_UNREADABLE = 3 // stored in an unknown way: it can be listed and verified, but not read
};

typedef struct qamw_tensor {
    uint32_t size;
    uint32_t storage;           // QAMW_RAW, ...
    const char *name;
    const char *dtype;          // "F32", "BF16", "Q8_0", ...; of a coded tensor, its type before coding; "" if not known
    const uint64_t *shape;      // `rank` numbers, row-major: the last dimension is contiguous; NULL for a scalar
    uint32_t rank;
    uint32_t block_elements;    // of `dtype`: the elements per block ...
    uint32_t block_bytes;       // ... and its bytes
    uint32_t has_channel_scales; // of a coded tensor, 0 or 1
    uint64_t rows, columns;     // the product of all dimensions but the last, and the last; 1 and 1 for a scalar
    uint64_t bytes;             // its size in the file, before compression; of an alias, its target's size
    uint64_t target;            // index of an alias's target; otherwise its own
    // Of a coded tensor; NULL and 0 of a raw one, and of one whose codec is unknown.
    const char *codec;          // "qam-pairs", "polar-pairs", "int8-rows" or "trellis"
    const char *codebook;       // "octant", "free" or "polar"; NULL where there is none
    const char *gain_type;      // "float16" or "float32"
    double bits;                // per weight, symbols only
    uint64_t block_size;        // of the rotation; 0 where there is none
    uint64_t seed;              // of the rotation's signs; 0 where there is no rotation
    uint64_t group_rows;        // rows whose symbols are stored together: 16 of trellis, otherwise 1
} qamw_tensor;

// O(1); the memory that the struct points to is allocated on the first call for a tensor. QAMW_INVALID_ARGUMENT for a bad index.
int32_t qamw_get_tensor(const qamw_file *file, uint64_t index, qamw_tensor *tensor, qamw_error *error);

// The index of the tensor whose name has these bytes. O(1).
int32_t qamw_find_tensor(const qamw_file *file, const char *name, uint64_t *index, qamw_error *error);

// Writes the weights of `rows` rows starting at `first`, row-major, to `out`, which has room for `room` elements of `type` and is
// aligned for them. Coded rows are decoded, raw ones converted, each rounded to nearest even. The values do not
// depend on how rows are split into calls. Rows cannot be decoded in part: the rotation mixes columns. O(rows * columns *
// log(block size)) on the calling thread; other memory is bounded.
// QAMW_INVALID_ARGUMENT for rows out of range or that do not fit.
enum { QAMW_F32 = 0, QAMW_F16 = 1, QAMW_BF16 = 2 };
int32_t qamw_dequantize(
    const qamw_file *file, uint64_t index, uint64_t first, uint64_t rows, uint32_t type, void *out, uint64_t room,
    qamw_error *error);

// ---- Stored bytes ---------------------------------------------------------------------------------------------

// The parts of a stored tensor (spec/qamw.md, sections 6 and 8).
enum {
    QAMW_ELEMENTS = 0,       // of a raw tensor, in `dtype`
    QAMW_SYMBOLS = 1,        // of a coded one: the same number of bytes per row
    QAMW_GAINS = 2,          // one per row, of `gain_type`
    QAMW_CHANNEL_SCALES = 3, // one float16 per column, if the tensor has them
    QAMW_CODEBOOK = 4        // the codebook record
};

// A part in place, without a copy, at a multiple of 64 bytes except for the codebook. *bytes is NULL if the part is not in
// memory (the file is not mapped, or the tensor is compressed) and if *count is 0; *count is its length
// in any case. With verifies_payload, the whole part is read and checked here. 64 bytes after a mapped part are readable,
// with undefined content. QAMW_INVALID_ARGUMENT if the tensor has no such part.
int32_t qamw_get_part(
    const qamw_file *file, uint64_t index, uint32_t part, const void **bytes, uint64_t *count, qamw_error *error);

// Copies the part's bytes first ..< first + count to `out`, decompressed, in every access mode.
int32_t qamw_read_part(
    const qamw_file *file, uint64_t index, uint32_t part, uint64_t first, uint64_t count, void *out, qamw_error *error);

// ---- Products -------------------------------------------------------------------------------------------------

// Threads that share the work of products. They wait actively, so that even products of tens of microseconds gain from them.
// Products that share a pool are serialised.
typedef struct qamw_pool qamw_pool;

// `threads`: 1 to 1024, including the caller's; 0 for one per processor.
int32_t qamw_make_pool(uint32_t threads, qamw_pool **pool, qamw_error *error);
void qamw_free_pool(qamw_pool *pool);

// A coded tensor that multiplies vectors directly from its symbols: out = W x.
typedef struct qamw_matrix qamw_matrix;

// Reads the gains and the channel scales: O(rows + columns). QAMW_INVALID_ARGUMENT for a raw tensor.
int32_t qamw_make_matrix(const qamw_file *file, uint64_t index, qamw_matrix **matrix, qamw_error *error);
void qamw_free_matrix(qamw_matrix *matrix);

// The products of all rows and `vectors` contiguous vectors of `columns` elements each in `x`: out[v * rows
// + i] is that of row i and vector v. `out` has room for `room` elements. Vectors are rounded to int8 after the rotation, so
// the result is within about 0.7% (of the norm) of the exact one; it is bit-identical for every pool and
// processor. `pool` may be NULL: the calling thread does all the work.
int32_t qamw_multiply(
    const qamw_matrix *matrix, const float *x, uint64_t vectors, float *out, uint64_t room, const qamw_pool *pool,
    qamw_error *error);

// Vectors prepared once for several matrices: matrices with the same seed, block size, code family and channel scales can share
// them, such as the query, key and value projections of one layer.
typedef struct qamw_vectors qamw_vectors;

int32_t qamw_make_vectors(
    const qamw_matrix *matrix, const float *x, uint64_t vectors, qamw_vectors **prepared, qamw_error *error);
void qamw_free_vectors(qamw_vectors *prepared);

// As qamw_multiply. QAMW_INVALID_ARGUMENT for vectors prepared for a matrix that is coded differently.
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
    const char *text; // may contain zero bytes, and has a terminating zero byte
    uint64_t bytes;   // without the terminator
} qamw_string;

typedef struct qamw_metadata {
    uint32_t size;
    uint32_t type;         // QAMW_UINT8, ...
    uint32_t element_type; // of an array's elements; otherwise `type`
    uint32_t reserved;     // 0
    const char *key;
    uint64_t count;        // number of elements of an array; otherwise 1
    const void *values;    // `count` numbers of the element type, bool as a byte 0 or 1, or `count` qamw_string; NULL if none
} qamw_metadata;

// In the file's order.
int32_t qamw_get_metadata(const qamw_file *file, uint64_t index, qamw_metadata *entry, qamw_error *error);
int32_t qamw_find_metadata(const qamw_file *file, const char *key, uint64_t *index, qamw_error *error);

// The value of a key, if its type can be converted exactly: integers and bool; all numbers (as the nearest double);
// strings. QAMW_NOT_FOUND if there is no such key, QAMW_INVALID_ARGUMENT if it has another type or does not fit.
int32_t qamw_get_int64(const qamw_file *file, const char *key, int64_t *value, qamw_error *error);
int32_t qamw_get_double(const qamw_file *file, const char *key, double *value, qamw_error *error);
int32_t qamw_get_string(const qamw_file *file, const char *key, qamw_string *value, qamw_error *error);

// ---- Embedded files -------------------------------------------------------------------------------------------

// A file embedded in the model, such as config.json.
typedef struct qamw_embedded {
    uint32_t size;
    uint32_t reserved; // 0
    const char *name;  // below the model's folder, such as "1_Pooling/config.json"; data, not a path to open
    uint64_t bytes;    // of its content
} qamw_embedded;

int32_t qamw_get_embedded(const qamw_file *file, uint64_t index, qamw_embedded *embedded, qamw_error *error);
int32_t qamw_find_embedded(const qamw_file *file, const char *name, uint64_t *index, qamw_error *error);

// Copies the content's bytes first ..< first + count to `out`.
int32_t qamw_read_embedded(
    const qamw_file *file, uint64_t index, uint64_t first, uint64_t count, void *out, qamw_error *error);

// ---- Verification ---------------------------------------------------------------------------------------------

typedef struct qamw_problem {
    uint32_t size;       // of the struct as the library knows it
    int32_t status;
    const char *message; // FILE: PLACE: CAUSE
    const char *section; // NULL if not known
    const char *tensor;  // or embedded file; NULL if not known
    int64_t offset;      // in the file; -1 if not known
    uint64_t length;     // affected bytes from `offset` on; 0 if not known
} qamw_problem;

// Called on the thread that called qamw_verify. The problem and everything it points to are valid only during the call.
typedef void (*qamw_problem_handler)(const qamw_problem *problem, void *context);

// Checks every byte that opening has not checked, on `threads` threads (as in qamw_make_pool), and passes
// every problem to `handler`, which may be NULL, with `context`. With `tensors`, an array of `tensor_count` indices, only their payloads are checked.
// Returns QAMW_OK if there are no problems, otherwise the first problem's status. `bytes_verified` may be NULL.
int32_t qamw_verify(
    const qamw_file *file, const uint64_t *tensors, uint64_t tensor_count, uint32_t threads, qamw_problem_handler handler,
    void *context, uint64_t *bytes_verified, qamw_error *error);

// Called on the thread that called the function, for each warning, a sentence. The text is valid only during the call.
typedef void (*qamw_warning_handler)(const char *warning, void *context);

// Like qamw_verify, and also passes every warning, which is no damage, to `warn`, which may be NULL, with `context`: traces of an
// interrupted edit of the metadata. Since version 2.
int32_t qamw_verify_and_warn(
    const qamw_file *file, const uint64_t *tensors, uint64_t tensor_count, uint32_t threads, qamw_problem_handler handler,
    qamw_warning_handler warn, void *context, uint64_t *bytes_verified, qamw_error *error);

// ---- Quantization ---------------------------------------------------------------------------------------------

// What is at work: with what is counted.
enum {
    QAMW_VERIFYING = 0, // bytes of a .qamw input are checked
    QAMW_SCALING = 1,   // channel scales are computed; inputs of matrices
    QAMW_MEASURING = 2, // what tensors cost at each rate is measured; tensors
    QAMW_SCANNING = 3,  // the weights are read for the types of their gains; bytes
    QAMW_CODING = 4,    // the output is written; bytes of it
    QAMW_CALIBRATING = 5 // statistics are gathered, while rates are measured and while the output is written; windows of all layers
};

// Whether statistics of a text are gathered in the same call, as the command does: each layer is coded when its statistics are known.
enum {
    QAMW_CALIBRATE_IF_POSSIBLE = 0, // if the model can be run; if not, a warning says why
    QAMW_CALIBRATE = 1,             // a model that cannot be run is an error
    QAMW_PLAIN = 2                  // no: much faster, and with three to five times the divergence
};

typedef struct qamw_progress {
    uint32_t size;    // of the struct as the library knows it
    uint32_t phase;   // QAMW_VERIFYING, ...
    uint64_t done, total;
    const char *item; // the tensor that the work is at; may be ""
} qamw_progress;

// Called time and again, from one thread at a time but not always the same, nor the one that called qamw_quantize; also while nothing has changed.
// Not 0: the work ends with QAMW_INTERRUPTED, and nothing is left of the output. The struct and what it points to end with the call.
typedef int32_t (*qamw_progress_handler)(const qamw_progress *progress, void *context);

// All zeros (and NULL) stand for the defaults, which are those of the command `qamw quantize`.
typedef struct qamw_quantize_options {
    uint32_t size;
    uint32_t threads;            // as of qamw_make_pool
    double bits;                 // a weight, of those that the codebook has; 0: 5.5, or its only number, with calibration as an average
    double target_bits;          // not 0: each tensor gets the rate that makes errors cost least, so many bits per weight of the whole model; not with QAMW_PLAIN
    const char *codebook;        // "octant", "trellis", "free", "polar", "int8"
    const char *recipe;          // "model", "linear", "mlp", "all"
    const char *const *include;  // regular expressions, each with bits of its own after a last '='
    uint64_t include_count;
    const char *const *exclude;  // regular expressions
    uint64_t exclude_count;
    uint64_t block_size;         // of the rotation at most: a power of two from 2 to 32768; 0: 1024
    uint64_t seed;               // of the rotation's signs
    const char *statistics;      // a file of `qamw calibrate`, or llama.cpp's imatrix
    const char *feedback;        // "on" (as far as the statistics reach), "columns", "off"
    const char *scaling;         // "none", "published", "optimal", "smooth"; NULL: optimal with statistics, without feedback, for rotated codes
    uint32_t keeps_gains;        // not 0: the rows' gains are not fitted to the codewords
    uint32_t strict;             // not 0: a tensor that is wanted and cannot be coded is an error
    uint32_t compresses_raw;     // not 0: tensors that stay raw are compressed; those cannot be mapped
    uint32_t replaces;           // not 0: an output that exists is replaced
    qamw_progress_handler progress;
    qamw_warning_handler warning;
    void *context;               // of both
    const char *raw_type;        // of floating-point tensors that stay raw: "keep", "f32", "f16", "bf16"; NULL: keep
    const char *effort;          // of a trellis' search: "fast", "normal", "best"; NULL: normal
    uint32_t calibration;        // QAMW_CALIBRATE_IF_POSSIBLE, ...; not with `statistics`
    uint32_t reserved;           // 0
    const char *text;            // the text of the calibration, a file in UTF-8; NULL: a text in the library
    const char *tokens;          // instead, a file of token ids: of 16 bits if its name ends in .u16, else 32
    uint64_t text_context;       // tokens per window; 0: 512, or as many as the model was trained on
    uint64_t text_windows;       // that are read; 0: those of 65,536 tokens, fewer for large models
    uint64_t target_bytes;       // not 0: as target_bits, with the size of the file
} qamw_quantize_options;

typedef struct qamw_quantize_report {
    uint32_t size;
    uint32_t fed_back;             // tensors that are coded with feedback
    uint64_t bytes;                // of the output
    uint64_t weights;              // of all tensors
    double bits_per_weight;        // of the whole model
    double coded_bits_per_weight;  // of the coded tensors, all overhead included
    double nmse;                   // normalised mean squared error of the coded tensors
    double gaussian_nmse;          // what is to be expected of Gaussian weights
    uint64_t coded, raw, aliased;  // tensors
    double expected_divergence;    // KL of the model's predictions that the errors are expected to cause, in nats per token; not a number if unknown
} qamw_quantize_report;

// Writes a model as .qamw with quantized weights: what the command `qamw quantize` does. `input` is a .safetensors, .gguf or .qamw file, an index of shards
// or a folder, `output` a file or a folder that exists. `options` may be NULL. Nothing appears under the output's name before it is complete and on disk.
// Waits until all is done: minutes for a large model.
int32_t qamw_quantize(
    const char *input, const char *output, const qamw_quantize_options *options, qamw_quantize_report *report, qamw_error *error);

#ifdef __cplusplus
}
#endif

#endif
