/*
 * twin/report.h - what a run leaves behind: a summary, JSON, a time series as CSV, an event log, plots.
 */
#ifndef NOCT_TWIN_REPORT_H
#define NOCT_TWIN_REPORT_H

#include <stdio.h>

#include "node/scenario.h"
#include "twin/twin.h"
#include "twin/world.h"

struct report {
    const struct twin_options *options;
    FILE *series, *events, *requests;
    uint64_t event_count;
    int progress_permille;
    bool broken; /* a file could not be written */
};

err report_open(struct report *r, const struct twin_options *options) MUST_USE; /* IO: the folder cannot be written */
bool report_close(struct report *r); /* false: a file is not whole; said */
void report_trace(void *report, const struct twin_node *n, const struct effect_trace *t);
void report_request(void *report, struct world *w, const struct request_told *told);
void report_progress(void *report, double share);
void report_sample(struct report *r, struct world *w);
struct effort { /* what the run cost */
    double cpu_s, wall_s;
};
void report_print(struct report *r, struct world *w, struct effort effort);
void report_plots(const struct report *r, const struct world *w);

#endif
