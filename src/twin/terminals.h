/*
 * twin/terminals.h - what the terminals of both ends make of a contact: rate, time to point, losses, clouds, jamming.
 *
 * Story:   the contact plan says that two nodes see each other; this says what their terminals (craft/optical.h, radio.h), the
 *          weather over an optical station (cloud.h) and jammers of the scenario make of it. Everything random is keyed
 *          by (seed, pair of nodes, attempt) or (seed, station, hour), so neither order nor shards matter.
 * Use:     terminals_open once the nodes are there; then pure questions from any thread.
 * Models:  docs/model/optical.md, radio.md, cloud.md. Scenario keys: docs/format/scenario.md, section `terminals`.
 */
#ifndef NOCT_TWIN_TERMINALS_H
#define NOCT_TWIN_TERMINALS_H

#include <stdio.h>

#include "twin/world.h"

struct aim { /* where a telescope looks: radial, along the track, across it */
    double axis[3];
};

/* Whether light or radio goes through; *next is when that may change (TIME_NEVER: never; wall time). */
bool terminal_open(const struct world *w, node_id a, node_id b, enum link_kind kind, tai_ns wall, tai_ns *next);

/* NULL: the plan's rate counts. The caller frees it. */
struct rate_ladder *terminal_steps_of(const struct world *w, node_id a, node_id b, enum link_kind kind);
uint64_t terminal_rate_bps(const struct rate_ladder *steps, uint64_t plan_bps, duration_ns light);

bool terminal_is_optical(const struct world *w, node_id a, node_id b, enum link_kind kind);
/* The search until the beams meet, after the telescopes have turned for *slew. `aims` hold where they looked, and will. */
struct optical_acquisition terminal_acquire(const struct world *w, node_id a, node_id b, uint64_t attempt, tai_ns wall, struct aim aims[2],
                                            duration_ns *slew);
duration_ns terminal_reacquire(const struct world *w, node_id a, node_id b, uint64_t attempt);
tai_ns terminal_loss(const struct world *w, node_id a, node_id b, tai_ns from, tai_ns until); /* TIME_NEVER: none */

/* What is reported: figures of acquisition, a line for people, the distribution as CSV (seconds from, to, count, share beyond). */
void terminals_json(struct text *t, const struct world *w);
void terminals_print(const struct world *w);
void terminals_csv(const struct world *w, FILE *out);

#endif
