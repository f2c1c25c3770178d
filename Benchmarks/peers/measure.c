// The rounds and their statistics.

#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int add_contestant(contest *c, contestant one) {
    if (c->count == MOST_CONTESTANTS) {
        fputs("peers: too many contestants\n", stderr);
        exit(70);
    }
    c->contestants[c->count] = one;
    return c->count++;
}

void add_duel(contest *c, int ours, int theirs, double wanted) {
    if (ours < 0 || theirs < 0) return;
    if (c->duel_count == MOST_DUELS) {
        fputs("peers: too many duels\n", stderr);
        exit(70);
    }
    c->duels[c->duel_count++] = (duel){ours, theirs, wanted};
}

int find_contestant(const contest *c, kind_of_work kind, const char *name, const char *place, int threads) {
    for (int i = 0; i < c->count; i++) {
        const contestant *one = &c->contestants[i];
        if (one->kind == kind && one->threads == threads && !strcmp(one->name, name) && !strcmp(one->place, place))
            return i;
    }
    return -1;
}

// The clock is read between batches of about this duration: longer than reading the clock takes, shorter than
// a scheduler time slice.
static const double batch_seconds = 0.002;

// Seconds per pass, in the fastest batch within the given time: slower batches were disturbed by other
// processes.
static double time_passes(contestant *one, double least_seconds) {
    // The first pass wakes threads and warms up caches and page tables.
    double start = seconds_now();
    one->pass(one->context);
    double now = seconds_now(), first = now - start, fastest = first * 1e3, end = now + least_seconds;
    long passes = first < batch_seconds ? (long)(batch_seconds / (first > 1e-7 ? first : 1e-7)) : 1;
    do {
        start = now;
        for (long i = 0; i < passes; i++) one->pass(one->context);
        now = seconds_now();
        double seconds = (now - start) / (double)passes;
        fastest = seconds < fastest ? seconds : fastest;
    } while (now < end);
    return fastest;
}

void run_contest(contest *c, bool progress) {
    for (int round = 0; round < c->rounds; round++) {
        for (int i = 0; i < c->count; i++) {
            contestant *one = &c->contestants[i];
            if (one->wake) one->wake(one->context);
            one->seconds[round] = time_passes(one, c->least_seconds);
            if (one->rest) one->rest(one->context);
            // Waiting threads spin for a moment before they sleep; the next contestant starts on a quiet machine.
            usleep(2000);
        }
        if (progress) fprintf(stderr, "\rround %d of %d", round + 1, c->rounds);
    }
    if (progress) fputs("\r                    \r", stderr);
}

// ---- Statistics -----------------------------------------------------------------------------------------------

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static spread spread_of(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, ascending);
    double median = count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
    return (spread){median, values[0], values[count - 1]};
}

spread rate_of(const contest *c, int index, double amount) {
    double rates[MOST_ROUNDS];
    for (int r = 0; r < c->rounds; r++) rates[r] = amount / c->contestants[index].seconds[r];
    return spread_of(rates, c->rounds);
}

spread ratio_of(const contest *c, int ours, int theirs) {
    const contestant *a = &c->contestants[ours], *b = &c->contestants[theirs];
    double ratios[MOST_ROUNDS];
    for (int r = 0; r < c->rounds; r++) ratios[r] = a->weights / a->seconds[r] / (b->weights / b->seconds[r]);
    return spread_of(ratios, c->rounds);
}

double best_ratio_of(const contest *c, int ours, int theirs) {
    const contestant *a = &c->contestants[ours], *b = &c->contestants[theirs];
    return rate_of(c, ours, a->weights).most / rate_of(c, theirs, b->weights).most;
}
