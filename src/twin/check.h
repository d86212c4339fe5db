/*
 * twin/check.h - the promises of ARCHITECTURE.md, checked while a run goes on and after it.
 *
 * Story:   the engine tells the checkers what happens to a node in the step in which it happens (check_step, check_disk_*: own tables
 *          per node, so that shards may run side by side); at serial points, once a virtual minute, and at the end the
 *          checkers look at all nodes, in a fixed order. They read; they never act on the world.
 * Files:   check.c (the table and its counting), check_facts.c over check_knowledge.c (I5, and the auditor: I2 I3 I4 I6 I9),
 *          check_tasks.c over check_reach.c (I3, I11), check_objects.c over check_shelf.c (I1, I10), check_recovery.c (I12),
 *          check_probes.c (rare branches). I1 of reads: customers.c; I7: step.c.
 * Ranks:   each judges the nodes that it has; what concerns disks, lanes and links of others it asks at serial points.
 * Limits:  above CHECK_NODES_MAX nodes the acts of a sample are judged (I2, I4, I6, I9 and the auditor's half of I3): `sampled` says
 *          of how many. Over ranks a conviction after a crash is not measured (I12).
 */
#ifndef NOCT_TWIN_CHECK_H
#define NOCT_TWIN_CHECK_H

#include "core/port.h"

struct world;
struct twin_node;
struct effect_disk;
struct effect_trace;
struct text;

enum { CHECK_NODES_MAX = 100 };

enum promise {
    PROMISE_I1, PROMISE_I2, PROMISE_I3, PROMISE_I4, PROMISE_I5, PROMISE_I6, PROMISE_I7, PROMISE_I8, PROMISE_I9, PROMISE_I10,
    PROMISE_I11, PROMISE_I12, PROMISE_OWN, PROMISE_COUNT
};
struct promise_result {
    const char *id, *text;
    const char *not_checked; /* why there is nothing to check in this run; NULL: it is checked */
    char sampled[64];        /* of which nodes, where it is not all; else empty */
    uint64_t evaluated, violations, excused; /* excused: in runs beyond the policy */
    char first[240]; /* the first violation, with its time */
};

void checks_open(struct world *w);
void checks_close(struct world *w);
void checks_count(struct world *w, enum promise p, bool kept, const char *format, ...) PRINTF_LIKE(4, 5);
void checks_kept(struct world *w, enum promise p, uint64_t count); /* that many were evaluated and kept */
const struct promise_result *checks_results(const struct world *w); /* PROMISE_COUNT */
uint64_t checks_violations(const struct world *w);

void check_step(struct twin_node *n);                   /* after each step of the node; in its shard, touches only its own tables */
void check_fact_signed(struct twin_node *n, struct span message); /* it checked or made this signature; likewise */
bool check_disk_write(struct twin_node *n, const struct effect_disk *e); /* before the disk takes it; likewise. A whole chunk lies there */
void check_disk_written(struct twin_node *n, const struct effect_disk *e, err status, bool was_whole); /* and after it; likewise */
void check_disk_synced(struct twin_node *n, enum disk_area area, uint64_t until); /* likewise */
void check_put_acknowledged(struct twin_node *gateway, struct uid version);       /* likewise */
bool check_object_held(struct world *w, struct span key); /* in truth, the newest of this name whole on live disks; small worlds only, else false */
/* All else is serial. */
void check_replaced(struct twin_node *n);                     /* its next incarnation begins, with an empty disk */
void check_disk_crashed(struct twin_node *n);                  /* after its unsynced sectors were torn */
void checks_sample(struct world *w);                    /* every minute of virtual time */
void checks_trace(struct world *w, struct twin_node *n, const struct effect_trace *t);
void checks_crash(struct world *w, struct twin_node *n);       /* it is about to lose its memory */
duration_ns check_heal_bound(struct world *w);            /* from heal to converged, by the contact plan and the open work */
bool checks_facts_equal(struct world *w);               /* all nodes hold the same facts */
bool checks_converged(struct world *w);                 /* all nodes hold the same facts, and nothing is left to do */
void checks_final(struct world *w);

/* check_probes.c: rare branches and edges (core/probe.def), summed over nodes and boots. */
void check_probes_fold(const struct twin_node *n);  /* before its memory is gone, and at the end */
void check_probes_add(struct world *w, const uint64_t counts[PROBE_COUNT]); /* those of another rank */
const uint64_t *check_probes(const struct world *w);                 /* PROBE_COUNT sums, after checks_final */
void check_probes_json(struct text *t, const struct world *w);       /* "probes": {name: count}, "probes_never": [name] */
void check_audit_counts(const struct world *w, uint64_t counts[2]);
void check_audit_add(struct world *w, const uint64_t counts[2]); /* those of another rank */
void check_audit_json(struct text *t, const struct world *w);        /* how many facts the auditor judged, how many exactly */

#endif
