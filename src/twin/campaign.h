/*
 * twin/campaign.h - many seeds of one scenario, some at a time, each in a process of its own.
 *
 * Story:   campaign_run forks a child per seed; the child runs the twin and leaves its report as JSON; the parent collects one
 *          line per seed into DIR/results-P.jsonl and goes on where an earlier call stopped. A share of the seeds runs twice
 *          and must give the same digest. campaign_summary puts the lines of all parts together.
 * Format:  docs/format/campaign.md.
 * Owns:    its folder; ends only the children it started. Errors are sentences on stderr.
 */
#ifndef NOCT_TWIN_CAMPAIGN_H
#define NOCT_TWIN_CAMPAIGN_H


#include <stdbool.h>
#include <stdint.h>

struct scenario;

struct campaign_options {
    const char *scenario_path, *output; /* output: the folder */
    uint64_t scenario_hash;             /* of the scenario's text and the files that it names */
    uint64_t first, last;               /* seeds, both included */
    double days;
    double repeat_share; /* 0..1 of the seeds run twice */
    uint32_t jobs;       /* children at a time */
    uint32_t timeout_s;  /* per run; 0: none */
    uint32_t part, parts;
    bool no_faults, quiet, restart;
    const char *commit;
};

/* Runs what has no result yet. 0: all kept; 1: failures, interrupted, or the folder cannot be used. */
int campaign_run(const struct scenario *s, const struct campaign_options *options);

/* Sums up all parts in `folder`: a table for people or JSON on stdout; summary.json and seeds.csv in the folder. 0: all kept and,
 * with `require_probes`, each rare branch taken in some seed (edges of state machines are only listed). */
int campaign_summary(const char *folder, bool json, bool require_probes);

/* Whether a seed is one of those that run twice. */
bool campaign_repeats(uint64_t seed, double share);

/* Part and number of parts from the environment of a launcher; false: none there. */
bool campaign_part_of_launcher(uint32_t *part, uint32_t *parts);

#endif
