// Our side: codes from the library's codebooks, and matrices.

#include "ours_code.h"

#include "machine.h"
#include "plane.h"

#include <math.h>
#include <qam_codebooks.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024, RECORD_HEADER = 8 };

void *ours_allocate(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!memory) {
        fputs("peers: no memory\n", stderr);
        exit(71);
    }
    return memory;
}

const char *ours_instruction_set(void) {
    return qam_last_set(qam_features_allowed())->name;
}

// ---- Codes ----------------------------------------------------------------------------------------------------

static void prepare_search(ours_weights *w) {
    bool is_free = w->code.family == QAM_FREE;
    if (!is_free && w->code.rate < 8) {
        w->trellis = ours_allocate(QAM_TRELLIS_WORDS * sizeof *w->trellis);
        qam_trellis_tables(w->code.magnitudes, w->code.rate, w->trellis);
        return;
    }
    float *points = ours_allocate(2 * w->count * sizeof *points), largest = 0;
    for (uint32_t k = 0; k < w->count; k++)
        for (uint32_t axis = 0; axis < 2; axis++) {
            float *value = &points[2 * k + axis];
            *value = is_free ? w->code.points[2 * k + axis] : (float)w->code.magnitudes[axis * w->count + k] * w->step;
            largest = fmaxf(largest, fabsf(*value));
        }
    // The library's grid sizes: cells about half as wide as the distance of the densest codewords.
    uint32_t side = (is_free ? 4u : 8u) << (((uint32_t)__builtin_ctz(w->count) + 1) / 2);
    float extent = 1.25f * largest;
    w->plane = plane_make(points, w->count, side, is_free ? -extent : 0, extent);
}

// Initialises the code from the library's codebook.
static void read_codebook(ours_weights *w, uint32_t family, uint32_t rate, size_t columns) {
    size_t length;
    const uint8_t *record = qam_codebook_record(family, rate, &length);
    if (!record) {
        fprintf(stderr, "peers: there is no codebook of family %u and rate %u\n", family, rate);
        exit(70);
    }
    uint64_t *signs = ours_allocate((columns + 63) / 64 * sizeof *signs);
    fill_random(signs, (columns + 63) / 64 * sizeof *signs, 2);
    w->code = (qam_code){
        .family = (qam_family)family, .rate = rate, .columns = columns, .block = BLOCK, .signs = signs};
    size_t count = (length - RECORD_HEADER) / (family == QAM_FREE ? 8 : 2);
    w->count = (uint32_t)count;
    w->step = 1;
    w->fixed_unit = 1;
    if (family == QAM_FREE) {
        float *points = ours_allocate(8 * count);
        memcpy(points, record + RECORD_HEADER, 8 * count);
        w->code.points = points;
        w->fixed_points = ours_allocate(2 * count * sizeof *w->fixed_points);
        w->fixed_unit = qam_fix_points(points, count, w->fixed_points);
    } else {
        // A record interleaves the magnitudes of a base point; the kernels expect all larger ones first.
        uint8_t *magnitudes = ours_allocate(2 * count);
        for (size_t k = 0; k < count; k++) {
            magnitudes[k] = record[RECORD_HEADER + 2 * k];
            magnitudes[count + k] = record[RECORD_HEADER + 2 * k + 1];
        }
        w->code.magnitudes = magnitudes;
        memcpy(&w->step, record + 4, sizeof w->step);
    }
    prepare_search(w);
}

ours_weights *ours_weights_make(
    uint32_t family, uint32_t rate, size_t columns, size_t rows, size_t matrices, const float *vector) {
    ours_weights *w = ours_allocate(sizeof *w);
    *w = (ours_weights){.rows = rows, .matrices = matrices, .vector = vector};
    read_codebook(w, family, rate, columns);
    w->row_bytes = qam_row_bytes(w->code.family, rate, columns);
    // Exactly the needed size: kernels must not read beyond it.
    w->symbols = allocate_pages(matrices * rows * w->row_bytes);
    fill_random(w->symbols, matrices * rows * w->row_bytes, family * 100 + rate);
    w->product_factors = ours_allocate(rows * sizeof(float));
    w->row_factors = ours_allocate(rows * sizeof(float));
    for (size_t i = 0; i < rows; i++) {
        float gain = 0.5f + (float)(i % 17) / 16;
        w->product_factors[i] = gain * w->step * w->fixed_unit;
        w->row_factors[i] = gain * w->step;
    }
    return w;
}

size_t ours_weights_bytes(const ours_weights *w) { return w->matrices * w->rows * (w->row_bytes + sizeof(float)); }
