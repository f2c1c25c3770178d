// Output: a table, or JSON.

#include "measure.h"

#include <stdio.h>
#include <string.h>

static const char *const kinds[] = {"matrix x vector", "dot", "dequantize", "quantize", "read memory"};

// Bytes per second of plain reads on the same number of threads, in the best round; 0 if not measured.
static double memory_rate(const contest *c, int threads) {
    for (int i = 0; i < c->count; i++)
        if (c->contestants[i].kind == READ && c->contestants[i].threads == threads)
            return rate_of(c, i, c->contestants[i].bytes).most;
    return 0;
}

static const char *side(const contestant *one) { return one->kind == READ ? "" : one->ours ? "qamw" : "ggml"; }

void print_table(const contest *c, const char *machine, const char *peer) {
    printf("%s; ggml %s; %d rounds; median (least to most); of read: in the best rounds\n\n", machine, peer, c->rounds);
    printf("%-39s data in thr  %8s %-19s  %6s  of read\n", "", "Gw/s", "", "GB/s");
    int previous = -1;
    for (int i = 0; i < c->count; i++) {
        const contestant *one = &c->contestants[i];
        if (previous >= 0 && (int)one->kind != previous) puts("");
        previous = (int)one->kind;
        printf("%-16s %-5s %-16s %-7s %3d  ", kinds[one->kind], side(one), one->name, one->place, one->threads);
        if (one->weights > 0) {
            spread w = rate_of(c, i, one->weights * 1e-9);
            char range[32];
            snprintf(range, sizeof range, "(%.3g to %.3g)", w.least, w.most);
            printf("%8.3g %-19s", w.median, range);
        } else {
            spread b = rate_of(c, i, one->bytes * 1e-9);
            char range[32];
            snprintf(range, sizeof range, "(%.3g to %.3g GB/s)", b.least, b.most);
            printf("%8s %-19s", "", range);
        }
        printf("  %6.1f", rate_of(c, i, one->bytes * 1e-9).median);
        double read = memory_rate(c, one->threads);
        if (read > 0 && one->kind == MATVEC) printf(" %6.0f%%", 100 * rate_of(c, i, one->bytes).most / read);
        puts("");
    }
    printf("\nqamw against ggml in the same rounds: median ratio (least to most), and of the best rounds of both\n\n");
    for (int i = 0; i < c->duel_count; i++) {
        const duel *d = &c->duels[i];
        const contestant *a = &c->contestants[d->ours], *b = &c->contestants[d->theirs];
        spread r = ratio_of(c, d->ours, d->theirs);
        char pair[64], wanted[32] = "";
        snprintf(pair, sizeof pair, "%s : %s", a->name, b->name);
        if (d->wanted > 0) snprintf(wanted, sizeof wanted, "wanted: %.2f", d->wanted);
        printf("%-16s %-28s %-7s %3d  %5.2f (%.2f to %.2f)  best %.2f  %s\n", kinds[a->kind], pair, a->place,
               a->threads, r.median, r.least, r.most, best_ratio_of(c, d->ours, d->theirs), wanted);
    }
}

// ---- JSON -----------------------------------------------------------------------------------------------------

static void print_spread(const char *key, spread s) {
    printf(", \"%s\": {\"median\": %.6g, \"min\": %.6g, \"max\": %.6g}", key, s.median, s.least, s.most);
}

void print_json(const contest *c, const char *machine, const char *peer) {
    printf("{\"machine\": \"%s\", \"ggml\": \"%s\", \"rounds\": %d, \"kernels\": [", machine, peer, c->rounds);
    for (int i = 0; i < c->count; i++) {
        const contestant *one = &c->contestants[i];
        printf("%s\n  {\"kind\": \"%s\", \"side\": \"%s\", \"name\": \"%s\", \"dataIn\": \"%s\", \"threads\": %d",
               i ? "," : "", kinds[one->kind], side(one), one->name, one->place, one->threads);
        if (one->weights > 0) print_spread("weightsPerSecond", rate_of(c, i, one->weights));
        print_spread("bytesPerSecond", rate_of(c, i, one->bytes));
        printf("}");
    }
    printf("],\n \"ratios\": [");
    for (int i = 0; i < c->duel_count; i++) {
        const duel *d = &c->duels[i];
        const contestant *a = &c->contestants[d->ours], *b = &c->contestants[d->theirs];
        printf("%s\n  {\"kind\": \"%s\", \"ours\": \"%s\", \"theirs\": \"%s\", \"dataIn\": \"%s\", \"threads\": %d",
               i ? "," : "", kinds[a->kind], a->name, b->name, a->place, a->threads);
        print_spread("ratio", ratio_of(c, d->ours, d->theirs));
        printf(", \"bestRatio\": %.6g", best_ratio_of(c, d->ours, d->theirs));
        if (d->wanted > 0) printf(", \"wanted\": %.2f", d->wanted);
        printf("}");
    }
    printf("]}\n");
}
