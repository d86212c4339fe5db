/*
 * twin/twin.h - runs a scenario in virtual time and reports what was promised and what was measured.
 *
 * Story:   the same node code as in flight, over simulated orbits, links, power, heat and faults. A run is decided by
 *          scenario and seed: the same pair gives the same closing digest in every build.
 * Output:  a summary for people or JSON on stdout; in the output folder series.csv, events.log, report.json, plots (SVG), a track, and
 *          what else was asked for (twin/outputs.h).
 */
#ifndef NOCT_TWIN_TWIN_H
#define NOCT_TWIN_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stddef.h>
#include <stdint.h>

struct scenario;
struct ranks;
struct fault_plan;

/* For a run that people watch: called every second of virtual time, serially; may wait. */
struct twin_pace {
    void *context;
    void (*wait)(void *context, int64_t wall_tai_ns);
};

struct twin_options {
    double days;
    uint64_t seed;
    bool json, quiet, no_faults;
    const struct ranks *ranks; /* NULL: one process; else no files, and only rank 0 reports */
    unsigned threads;   /* 0: as many as serve */
    size_t shards;      /* 0: as many as serve the threads */
    const char *output; /* folder; NULL: no files */
    const char *commit; /* of this build */
    const struct fault_plan *plan; /* executed instead of a drawn one; NULL: drawn */
    bool beyond;                   /* the plan exceeds the policy: honest detection is demanded, no more */
    const uint32_t *without;       /* nodes that never boot */
    size_t without_count;
    const char *arguments;         /* further arguments of the command that repeats the run; NULL: none */
    unsigned outputs;   /* enum output_bit of twin/outputs.h; 0: the default */
    const struct twin_pace *pace; /* NULL: as fast as it goes */
    const char *pcap;   /* "A:B,C:D": bundles on these links; NULL: none */
};

/* 0: all promises kept; 1: violations. */
int twin_run(const struct scenario *s, const struct twin_options *options);

#endif
