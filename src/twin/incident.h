/*
 * twin/incident.h - replays a field incident: the journal of a real node drives a fresh node in virtual time.
 *
 * Story:    the node is made from the scenario, the seed and the boot of the journal; each recorded event is fed with its recorded
 *           time; signatures come from the journal, checks are real. After each step the effects must have the recorded digest; every
 *           1,024 steps the whole state. The first difference ends the replay and is told with step, instant, event and effects.
 * Owns:     everything (malloc, one mapping for the node). Threads: one.
 * Errors:   a journal that cannot be replayed gives a sentence in `why` with segment and offset.
 * Limits:   docs/format/journal.md. What a forged journal feeds to the node is the node's own border.
 */
#ifndef NOCT_TWIN_INCIDENT_H
#define NOCT_TWIN_INCIDENT_H

#include <stdio.h>

#include "twin/journal_reader.h"

struct incident_result {
    bool good;             /* replayed to the end without a difference */
    bool diverged;
    bool died;             /* the last event has no result: the node ended in this step, or was ended right after */
    char node[32], commit[48];
    uint32_t boot;
    uint64_t steps, states, signatures; /* compared */
    uint64_t bytes_in;
    tai_ns first_wall, last_wall;
    mono_ns first_mono, last_mono;
    uint64_t end_state;    /* digest of the node's state at the end; 0 when there was no node */
    char why[640];         /* a difference, or why it cannot be replayed; else how the journal ended */
};

struct incident_options {
    uint64_t print_step; /* the effects of this step go to `out`; 0: none */
    uint64_t stop_step;  /* after this one; 0: all */
    FILE *out;
};

void incident_replay(struct journal_reader *reader, const struct incident_options *options, struct incident_result *result);

#endif
