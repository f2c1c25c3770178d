// Who is measured and how: contestants take turns, round after round, so that whatever else the machine does hits all
// of them alike; medians and the spread over the rounds are what counts.

#ifndef PEERS_MEASURE_H
#define PEERS_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_ROUNDS = 101, MOST_CONTESTANTS = 96, MOST_DUELS = 48 };

typedef enum { MATVEC, DOT, DEQUANTIZE, QUANTIZE, READ } kind_of_work;

typedef struct {
    kind_of_work kind;
    const char *name;   // "octant 5.5", "Q5_K repacked"
    const char *place;  // where its data lie: "memory" or "cache"
    bool ours;
    int threads;
    double weights;     // of one pass; 0 where there are none
    double bytes;       // of weights read in one pass, as stored
    void (*pass)(void *context);
    void *context;
    // Wakes and puts to sleep the threads of this contestant, which must not spin while another one runs; may be null.
    void (*wake)(void *context);
    void (*rest)(void *context);
    double seconds[MOST_ROUNDS]; // of a pass, in the fastest batch of passes of each round
} contestant;

// A comparison of two contestants by the speeds of the same rounds.
typedef struct {
    int ours, theirs;   // indices
    double wanted;      // the least ratio wanted; 0 where none is named
} duel;

typedef struct {
    contestant contestants[MOST_CONTESTANTS];
    int count;
    duel duels[MOST_DUELS];
    int duel_count;
    int rounds;
    double least_seconds; // that a contestant runs in each round
} contest;

typedef struct {
    double median, least, most;
} spread;

double seconds_now(void);

// Adds a contestant and returns its index.
int add_contestant(contest *c, contestant one);

void add_duel(contest *c, int ours, int theirs, double wanted);

// Index of the contestant, or -1.
int find_contestant(const contest *c, kind_of_work kind, const char *name, const char *place, int threads);

void run_contest(contest *c, bool progress);

// Of `amount` a second over the rounds.
spread rate_of(const contest *c, int index, double amount);

// Of ours divided by theirs, in weights a second, round by round.
spread ratio_of(const contest *c, int ours, int theirs);

// Of the best rounds of both: what a machine tells that is never quiet.
double best_ratio_of(const contest *c, int ours, int theirs);

void print_table(const contest *c, const char *machine, const char *peer);
void print_json(const contest *c, const char *machine, const char *peer);

#endif
