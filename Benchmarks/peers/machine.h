// The machine: its memory, and random numbers to fill it with.

#ifndef PEERS_MACHINE_H
#define PEERS_MACHINE_H

#include "threads.h"

#include <stdbool.h>
#include <stdint.h>

// Whether weights are in small pages, as in a mapped file. Otherwise all weights, of both sides, are in huge pages if
// the system grants them: the placement of small pages is random, which alone causes a difference of 10%
// between two buffers.
extern bool small_pages;

// Requests huge pages, unless small ones are selected, for memory that has not been touched yet.
void choose_pages(void *memory, size_t bytes);

// Memory for weights; exits on failure.
void *allocate_pages(size_t bytes);

// SplitMix64: the next number from a state.
uint64_t next_random(uint64_t *state);

void fill_random(void *bytes, size_t count, uint64_t seed);

// Samples of the standard Gaussian distribution.
void fill_gaussian(float *x, size_t count, uint64_t seed);

// A buffer that is read with the widest loads of the instruction set, one part per pass.
typedef struct {
    thread_pool *pool;
    const uint8_t *bytes;
    size_t count, part; // both multiples of 4 KiB, `count` a multiple of `part`
    size_t next;
} memory_reader;

void read_memory(void *reader);

// The name of the processor.
const char *machine_name(void);

#endif
