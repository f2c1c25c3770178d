// Our kernels and ggml's in one run: the contestants and the comparisons.

#include "ggml_side.h"
#include "machine.h"
#include "measure.h"
#include "ours.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    COLUMNS = 4096,
    ROWS = 14336,          // a feed-forward matrix of an 8B model
    DOT_ROWS = 4,          // fit into the L1 cache together with the vector
    DEQUANTIZED_ROWS = 16, // at a time from memory; from the cache one row, which stays in L1
    QUANTIZED_ROWS = 16,
    READ_BYTES = 400 << 20,
    READ_PART = 40 << 20 // per pass, about the size of a matrix
};

// The largest allowed error of a matrix-vector product, which is due to rounding the vector to 8 bits.
static const double most_error = 0.03;

// A type of ours and one of ggml's, which run alternately.
typedef struct {
    const char *name;
    uint32_t family, rate;
    double most_error;        // relative squared error for Gaussian rows: slightly above the codebook's
    ours_weights *weights;
} our_type;

typedef struct {
    const char *name, *repacked_name;
    enum ggml_type type;
    ggml_weights *weights, *repacked; // the latter in ggml's preferred layout, if there is one for this processor
} peer_type;

static our_type our_types[] = {
    {"octant 5.5", 2, 8, 1.06e-3, NULL}, {"octant 4.5", 2, 6, 3.3e-3, NULL}, {"octant 6.5", 2, 10, 3e-4, NULL},
    {"octant 3.5", 2, 4, 1.35e-2, NULL}, {"free 5.5", 1, 11, 1.05e-3, NULL}, {"free 4.5", 1, 9, 4.1e-3, NULL},
};

static peer_type peer_types[] = {
    {"Q5_K", "Q5_K repacked", GGML_TYPE_Q5_K, NULL, NULL},
    {"Q4_K", "Q4_K repacked", GGML_TYPE_Q4_K, NULL, NULL},
    {"Q6_K", "Q6_K repacked", GGML_TYPE_Q6_K, NULL, NULL},
    {"Q8_0", "Q8_0 repacked", GGML_TYPE_Q8_0, NULL, NULL},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void require(bool good, const char *name, const char *what, double error) {
    if (good) return;
    fprintf(stderr, "peers: %s: %s is wrong: relative error %g\n", name, what, error);
    exit(70);
}

// ---- Contestants ----------------------------------------------------------------------------------------------

static void add_product(contest *c, const product_shape *shape, contestant one) {
    one.kind = MATVEC;
    one.place = "memory";
    one.weights = (double)shape->columns * (double)shape->rows;
    one.bytes /= (double)shape->matrices;
    add_contestant(c, one);
}

static void add_peer_product(
    contest *c, const product_shape *shape, const char *name, ggml_weights *weights, int threads) {
    if (!weights) return;
    add_product(c, shape, (contestant){
        .name = name, .threads = threads, .bytes = (double)ggml_weights_bytes(weights), .pass = ggml_product_pass,
        .wake = ggml_product_wake, .rest = ggml_product_rest, .context = ggml_product_make(weights, threads)});
}

static void add_products(contest *c, const product_shape *shape, thread_pool *pool) {
    int threads = pool_count(pool);
    for (size_t i = 0; i < COUNT(our_types); i++) {
        add_product(c, shape, (contestant){
            .name = our_types[i].name, .ours = true, .threads = threads,
            .bytes = (double)ours_weights_bytes(our_types[i].weights), .pass = ours_product_pass,
            .context = ours_product_make(our_types[i].weights, pool)});
        if (i >= COUNT(peer_types)) continue;
        add_peer_product(c, shape, peer_types[i].name, peer_types[i].weights, threads);
        add_peer_product(c, shape, peer_types[i].repacked_name, peer_types[i].repacked, threads);
    }
}

static void add_row_work(
    contest *c, kind_of_work kind, const char *place, bool ours, const char *name, size_t rows, size_t bytes,
    void (*pass)(void *), void *context) {
    add_contestant(c, (contestant){
        .kind = kind, .name = name, .place = place, .ours = ours, .threads = 1, .weights = (double)rows * COLUMNS,
        .bytes = (double)bytes, .pass = pass, .context = context});
}

// The kernels on rows of all types, by kind.
static void add_rows(contest *c, const product_shape *shape, const float *gaussian) {
    size_t all = ROWS / DEQUANTIZED_ROWS * DEQUANTIZED_ROWS * shape->matrices;
    struct {
        kind_of_work kind;
        const char *place;
        size_t rows, total_rows;
        void (*ours)(void *), (*theirs)(void *);
    } works[] = {
        {DOT, "cache", DOT_ROWS, DOT_ROWS, ours_dot_pass, ggml_dot_pass},
        {DEQUANTIZE, "cache", 1, 1, ours_dequantize_pass, ggml_dequantize_pass},
        {DEQUANTIZE, "memory", DEQUANTIZED_ROWS, all, ours_dequantize_pass, ggml_dequantize_pass},
        {QUANTIZE, "cache", QUANTIZED_ROWS, QUANTIZED_ROWS, ours_encode_pass, ggml_quantize_pass},
    };
    for (size_t w = 0; w < COUNT(works); w++) {
        size_t rows = works[w].rows;
        for (size_t i = 0; i < COUNT(our_types); i++) {
            size_t bytes = ours_weights_bytes(our_types[i].weights) / ROWS / shape->matrices * rows;
            ours_rows *ours = ours_rows_make(our_types[i].weights, gaussian, rows, works[w].total_rows);
            if (works[w].kind == QUANTIZE) {
                double error = ours_rows_check(ours);
                require(error < our_types[i].most_error, our_types[i].name, "encoding", error);
            }
            add_row_work(c, works[w].kind, works[w].place, true, our_types[i].name, rows, bytes, works[w].ours, ours);
            if (i >= COUNT(peer_types)) continue;
            bytes = ggml_row_size(peer_types[i].type, COLUMNS) * rows;
            ggml_rows *theirs = ggml_rows_make(peer_types[i].type, gaussian, rows, works[w].total_rows, shape);
            add_row_work(
                c, works[w].kind, works[w].place, false, peer_types[i].name, rows, bytes, works[w].theirs, theirs);
        }
    }
}

static void add_reader(contest *c, thread_pool *pool, const uint8_t *bytes) {
    memory_reader *reader = malloc(sizeof *reader);
    if (!reader) exit(71);
    *reader = (memory_reader){pool, bytes, READ_BYTES, READ_PART, 0};
    add_contestant(c, (contestant){
        .kind = READ, .name = "", .place = "memory", .threads = pool_count(pool), .bytes = READ_PART,
        .pass = read_memory, .context = reader});
}

// ---- Duels ----------------------------------------------------------------------------------------------------

// ggml's faster layout of the type, judged by the best rounds.
static int faster_layout(const contest *c, const char *name, int threads) {
    char repacked[32];
    snprintf(repacked, sizeof repacked, "%s repacked", name);
    int a = find_contestant(c, MATVEC, name, "memory", threads);
    int b = find_contestant(c, MATVEC, repacked, "memory", threads);
    return b >= 0 && rate_of(c, b, 1).most > rate_of(c, a, 1).most ? b : a;
}

static void add_product_duels(contest *c, int threads, bool wanted) {
    const struct { const char *ours, *theirs; double wanted; } pairs[] = {
        {"octant 5.5", "Q5_K", 1}, {"octant 4.5", "Q4_K", 1}, {"octant 4.5", "Q5_K", 1},
        {"octant 6.5", "Q6_K", 0}, {"free 5.5", "Q5_K", 0},   {"free 4.5", "Q4_K", 0},
    };
    for (size_t i = 0; i < COUNT(pairs); i++)
        add_duel(c, find_contestant(c, MATVEC, pairs[i].ours, "memory", threads),
                 faster_layout(c, pairs[i].theirs, threads), wanted ? pairs[i].wanted : 0);
}

static void add_row_duels(contest *c) {
    const struct { const char *ours, *theirs; } pairs[] = {
        {"octant 5.5", "Q5_K"}, {"octant 4.5", "Q4_K"}, {"octant 6.5", "Q6_K"}, {"free 5.5", "Q5_K"},
        {"free 4.5", "Q4_K"}};
    const struct { kind_of_work kind; const char *place; } works[] = {
        {DOT, "cache"}, {DEQUANTIZE, "cache"}, {DEQUANTIZE, "memory"}, {QUANTIZE, "cache"}};
    for (size_t w = 0; w < COUNT(works); w++)
        for (size_t i = 0; i < COUNT(pairs); i++)
            add_duel(c, find_contestant(c, works[w].kind, pairs[i].ours, works[w].place, 1),
                     find_contestant(c, works[w].kind, pairs[i].theirs, works[w].place, 1), 0);
}

// ---- The run --------------------------------------------------------------------------------------------------

static ggml_weights *checked_peer(enum ggml_type type, bool repacked, const char *name, const product_shape *shape) {
    ggml_weights *weights = ggml_weights_make(type, repacked, shape);
    double error = weights ? ggml_weights_check(weights) : 0;
    require(error < most_error, name, "the product", error);
    return weights;
}

static void make_weights(const product_shape *shape) {
    for (size_t i = 0; i < COUNT(peer_types); i++) {
        peer_type *p = &peer_types[i];
        p->weights = checked_peer(p->type, false, p->name, shape);
        p->repacked = checked_peer(p->type, true, p->repacked_name, shape);
    }
    for (size_t i = 0; i < COUNT(our_types); i++) {
        our_type *o = &our_types[i];
        o->weights = ours_weights_make(o->family, o->rate, shape->columns, shape->rows, shape->matrices, shape->vector);
        double error = ours_weights_check(o->weights);
        require(error < most_error, o->name, "the product", error);
    }
}

typedef struct {
    double rounds, seconds, matrices, threads;
    bool json, products_only, small_pages;
} options;

static options parse(int count, char **words) {
    options o = {9, 0.15, 10, (double)sysconf(_SC_NPROCESSORS_ONLN), false, false, false};
    const struct {
        const char *name;
        double *value, least, most;
    } numbers[] = {
        {"--rounds", &o.rounds, 1, MOST_ROUNDS}, {"--seconds", &o.seconds, 0.001, 60},
        {"--matrices", &o.matrices, 1, 100}, {"--threads", &o.threads, 1, 512}};
    const struct {
        const char *name;
        bool *value;
    } switches[] = {
        {"--json", &o.json}, {"--products-only", &o.products_only}, {"--small-pages", &o.small_pages}};
    for (int i = 1; i < count; i++) {
        bool known = false;
        for (size_t n = 0; n < COUNT(switches) && !known; n++) {
            known = strcmp(words[i], switches[n].name) == 0;
            *switches[n].value |= known;
        }
        for (size_t n = 0; n < COUNT(numbers) && !known; n++) {
            if (strcmp(words[i], numbers[n].name) != 0) continue;
            char *end = NULL, *word = i + 1 < count ? words[i + 1] : "";
            double value = strtod(word, &end);
            known = end != word && *end == 0 && value >= numbers[n].least && value <= numbers[n].most;
            *numbers[n].value = value;
            i += known;
        }
        if (known) continue;
        fprintf(stderr, "peers: %s: unknown, or without a sensible number\n", words[i]);
        exit(64);
    }
    return o;
}

int main(int count, char **words) {
    options o = parse(count, words);
    static contest c;
    c.rounds = (int)o.rounds;
    c.least_seconds = o.seconds;
    small_pages = o.small_pages;

    float *vector = malloc(COLUMNS * sizeof *vector), *gaussian = malloc(QUANTIZED_ROWS * COLUMNS * sizeof *gaussian);
    uint8_t *read_bytes = allocate_pages(READ_BYTES);
    if (!vector || !gaussian) return 71;
    fill_gaussian(vector, COLUMNS, 3);
    fill_gaussian(gaussian, QUANTIZED_ROWS * COLUMNS, 4);
    fill_random(read_bytes, READ_BYTES, 5);
    product_shape shape = {COLUMNS, ROWS, (size_t)o.matrices, vector};
    make_weights(&shape);

    int thread_counts[] = {1, (int)o.threads}, kinds = thread_counts[1] > 1 ? 2 : 1;
    for (int t = 0; t < kinds; t++) {
        thread_pool *pool = pool_make(thread_counts[t]);
        add_reader(&c, pool, read_bytes);
        add_products(&c, &shape, pool);
    }
    if (!o.products_only) add_rows(&c, &shape, gaussian);
    run_contest(&c, !o.json && isatty(2));
    // The targets apply to all cores.
    for (int t = kinds; t-- > 0;) add_product_duels(&c, thread_counts[t], t == kinds - 1);
    add_row_duels(&c);

    char machine[300];
    snprintf(machine, sizeof machine, "%s, %s", machine_name(), ours_instruction_set());
    (o.json ? print_json : print_table)(&c, machine, ggml_side_version());
}
