// The machine itself: its memory, and numbers to fill it with.

#ifndef PEERS_MACHINE_H
#define PEERS_MACHINE_H

#include "threads.h"

#include <stdbool.h>
#include <stdint.h>

// Whether weights lie in small pages, as a mapped file does. Else all of them, of either side, lie in huge ones where
// the system grants them: small pages lie scattered as chance will have it, which alone makes a tenth of difference
// between two buffers.
extern bool small_pages;

// Asks for huge pages, unless small ones are wanted, for memory that nobody has touched yet.
void choose_pages(void *memory, size_t bytes);

// Memory for weights; ends the process where there is none.
void *allocate_pages(size_t bytes);

// SplitMix64: the next number from a state.
uint64_t next_random(uint64_t *state);

void fill_random(void *bytes, size_t count, uint64_t seed);

// Numbers of a standard Gaussian.
void fill_gaussian(float *x, size_t count, uint64_t seed);

// A buffer that is read with the widest loads of the instruction set, a part at a time.
typedef struct {
    thread_pool *pool;
    const uint8_t *bytes;
    size_t count, part; // multiples of 4 KiB, the first one of the second
    size_t next;
} memory_reader;

void read_memory(void *reader);

// The processor's name.
const char *machine_name(void);

#endif
