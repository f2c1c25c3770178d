// The interface is implemented in Swift; this file asserts the binary layout of its structs on machines with
// 8-byte pointers.

#include "qamw.h"

#define AT(type, member, offset) _Static_assert(sizeof(void *) != 8 || offsetof(type, member) == (offset), "callers know its place")

_Static_assert(sizeof(qamw_error) == 1024, "callers allocate it");
AT(qamw_options, verifies_payload, 8);
AT(qamw_info, tensors, 16);
AT(qamw_info, warnings, 40);
AT(qamw_tensor, shape, 24);
AT(qamw_tensor, rows, 48);
AT(qamw_tensor, codec, 80);
AT(qamw_tensor, seed, 120);
_Static_assert(sizeof(qamw_string) == 2 * sizeof(uint64_t) || sizeof(void *) != 8, "callers index arrays of it");
AT(qamw_metadata, key, 16);
AT(qamw_metadata, values, 32);
AT(qamw_embedded, bytes, 16);
AT(qamw_problem, length, 40);
AT(qamw_progress, item, 24);
AT(qamw_quantize_options, block_size, 72);
AT(qamw_quantize_options, context, 144);
AT(qamw_quantize_report, aliased, 72);
