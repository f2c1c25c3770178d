// How contestants are measured: they take turns, round after round, so that other load on the machine affects all
// of them alike; the results are medians and the spread over the rounds.

#ifndef PEERS_MEASURE_H
#define PEERS_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_ROUNDS = 101, MOST_CONTESTANTS = 96, MOST_DUELS = 48 };

typedef enum { MATVEC, DOT, DEQUANTIZE, QUANTIZE, READ } kind_of_work;

typedef struct {
    kind_of_work kind;
    const char *name;   // "octant 5.5", "Q5_K repacked"
    const char *place;  // where its data are: "memory" or "cache"
    bool ours;
    int threads;
    double weights;     // per pass; 0 if it has none
    double bytes;       // of stored weights read per pass
    void (*pass)(void *context);
    void *context;
    // Wakes and suspends the threads of this contestant, which must not spin while another one runs; may be NULL.
    void (*wake)(void *context);
    void (*rest)(void *context);
    double seconds[MOST_ROUNDS]; // per pass, in the fastest batch of each round
} contestant;

// A comparison of two contestants by their speeds in the same rounds.
typedef struct {
    int ours, theirs;   // indices
    double wanted;      // the target ratio; 0 if there is none
} duel;

typedef struct {
    contestant contestants[MOST_CONTESTANTS];
    int count;
    duel duels[MOST_DUELS];
    int duel_count;
    int rounds;
    double least_seconds; // of each contestant per round
} contest;

typedef struct {
    double median, least, most;
} spread;

double seconds_now(void);

// Adds a contestant and returns its index.
int add_contestant(contest *c, contestant one);

void add_duel(contest *c, int ours, int theirs, double wanted);

// The index of the contestant, or -1.
int find_contestant(const contest *c, kind_of_work kind, const char *name, const char *place, int threads);

void run_contest(contest *c, bool progress);

// `amount` per second, over the rounds.
spread rate_of(const contest *c, int index, double amount);

// Our weights per second divided by theirs, round by round.
spread ratio_of(const contest *c, int ours, int theirs);

// The same for the best rounds of both, which are meaningful on a busy machine too.
double best_ratio_of(const contest *c, int ours, int theirs);

void print_table(const contest *c, const char *machine, const char *peer);
void print_json(const contest *c, const char *machine, const char *peer);

#endif
