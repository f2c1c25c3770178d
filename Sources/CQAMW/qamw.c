// The interface has no code of its own in C; this file holds what binary compatibility rests on: where the members of
// version 1 lie, on machines with pointers of eight bytes.

#include "qamw.h"

#define AT(type, member, offset) _Static_assert(sizeof(void *) != 8 || offsetof(type, member) == (offset), "version 1")

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
