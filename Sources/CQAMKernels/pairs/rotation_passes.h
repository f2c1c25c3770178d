// The rotation for all instruction sets with vectors of floats: the passes over blocks, in terms of what each
// rotation.c defines before including this: `vector` of LANES floats; REGISTERS, the number of vectors in the first
// pass; `load`, `store`, `add`, `sub`, `times` (a float), `load_first`, `store_first` (some lanes), `times_signed` (a
// float, negated where bits are set), and `hadamard_lanes`, the butterflies within a vector.
//
// The first pass over a block does the distances below CHUNK at once, the others three, two or one each, so that a
// block is loaded and stored two or three times. The scaling before and after the transform is done when the first pass
// loads and the last one stores.

enum { CHUNK = LANES * REGISTERS };

typedef enum { FORWARD, BACK } direction;

typedef struct {
    const uint8_t *signs; // bit j % 8 of byte j / 8: words are little-endian
    float before, after;
} rotation;

static inline __attribute__((always_inline)) vector enter(vector x, direction way, const rotation *r, size_t j) {
    return way == FORWARD ? times_signed(x, r->signs + j / 8, r->before) : x;
}

static inline __attribute__((always_inline)) vector leave(vector x, direction way, const rotation *r, size_t j) {
    return way == BACK ? times_signed(x, r->signs + j / 8, r->after) : times(x, r->after);
}

// The butterflies at distances of 1, 2, 4, ... vectors; `count` is a power of two.
static inline __attribute__((always_inline)) void hadamard_vectors(vector *v, size_t count) {
#pragma clang loop unroll(full)
    for (size_t h = 1; h < count; h *= 2)
#pragma clang loop unroll(full)
        for (size_t i = 0; i < count; i++)
            if ((i & h) == 0) {
                vector a = v[i], b = v[i + h];
                v[i] = add(a, b);
                v[i + h] = sub(a, b);
            }
}

// Blocks smaller than a vector, of 2^levels floats.
static inline __attribute__((always_inline)) void small_blocks(
    float *x, size_t count, int levels, direction way, const rotation *r) {
    size_t j = 0;
    for (; j + LANES <= count; j += LANES)
        store(x + j, leave(hadamard_lanes(enter(load(x + j), way, r, j), levels), way, r, j));
    if (j < count) {
        vector v = hadamard_lanes(enter(load_first(x + j, count - j), way, r, j), levels);
        store_first(x + j, count - j, leave(v, way, r, j));
    }
}

// The distances below LANES * vectors, for as many floats from j on.
static inline __attribute__((always_inline)) void first_pass(
    float *x, size_t j, size_t vectors, bool last, direction way, const rotation *r) {
    vector v[REGISTERS];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < vectors; i++)
        v[i] = hadamard_lanes(enter(load(x + j + i * LANES), way, r, j + i * LANES), LANE_LEVELS);
    hadamard_vectors(v, vectors);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < vectors; i++)
        store(x + j + i * LANES, last ? leave(v[i], way, r, j + i * LANES) : v[i]);
}

// Blocks of up to CHUNK floats.
static inline __attribute__((always_inline)) void middle_blocks(
    float *x, size_t count, size_t vectors, direction way, const rotation *r) {
    for (size_t j = 0; j < count; j += vectors * LANES) first_pass(x, j, vectors, true, way, r);
}

// The distances h, 2 * h, ... h * vectors / 2 of the block at j.
static inline __attribute__((always_inline)) void next_pass(
    float *x, size_t j, size_t block, size_t h, size_t vectors, bool last, direction way, const rotation *r) {
    for (size_t end = j + block; j < end; j += (vectors - 1) * h)
        for (size_t stop = j + h; j < stop; j += LANES) {
            vector v[8];
#pragma clang loop unroll(full)
            for (size_t i = 0; i < vectors; i++) v[i] = load(x + j + i * h);
            hadamard_vectors(v, vectors);
#pragma clang loop unroll(full)
            for (size_t i = 0; i < vectors; i++) store(x + j + i * h, last ? leave(v[i], way, r, j + i * h) : v[i]);
        }
}

static inline __attribute__((always_inline)) void large_blocks(
    float *x, size_t count, size_t block, direction way, const rotation *r) {
    for (size_t j = 0; j < count; j += block) {
        for (size_t at = j; at < j + block; at += CHUNK) first_pass(x, at, REGISTERS, false, way, r);
        size_t h = CHUNK;
        // At most eight vectors: more loads at a distance of a large power of two would exceed the cache's
        // associativity.
        for (; h * 8 < block; h *= 8) next_pass(x, j, block, h, 8, false, way, r);
        switch (block / h) {
        case 2: next_pass(x, j, block, h, 2, true, way, r); break;
        case 4: next_pass(x, j, block, h, 4, true, way, r); break;
        default: next_pass(x, j, block, h, 8, true, way, r); break;
        }
    }
}

static inline __attribute__((always_inline)) void run(
    float *x, size_t count, size_t block, direction way, const rotation *r) {
    if (block > CHUNK) {
        large_blocks(x, count, block, way, r);
    } else if (block < LANES) {
        switch (block) {
        case 2: small_blocks(x, count, 1, way, r); break;
        case 4: small_blocks(x, count, 2, way, r); break;
        default: small_blocks(x, count, 3, way, r); break;
        }
    } else {
        switch (block / LANES) {
        case 1: middle_blocks(x, count, 1, way, r); break;
        case 2: middle_blocks(x, count, 2, way, r); break;
        case 4: middle_blocks(x, count, 4, way, r); break;
        case 8: middle_blocks(x, count, 8, way, r); break;
        default: middle_blocks(x, count, REGISTERS, way, r); break;
        }
    }
}
