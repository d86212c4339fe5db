/*
 * compute/table.h - the task table: the fold of all compute facts.
 *
 * Story:    every function of the fold commutes between authors: the highest lease wins (epoch, then the lowest author),
 *           attempts are kept as the TASK_ATTEMPTS_MAX highest (epoch, node), cancelling is a flag. The sink's first receipt
 *           counts (its chain is ordered); without one, that of the lowest member who stood in for a sink that is gone
 *           (decide.c says when). Ended tasks beyond `ended_max` are
 *           forgotten, lowest id first: the kept ones are the highest ids of the ended, whatever the order of arrival.
 *           A node that was replaced writes a second chain. Of its leases of one epoch and its receipts of one task those of the
 *           lowest incarnation count; of its reports on one attempt those of the highest, which works on it now.
 * Owns:     the rows and the ids of forgotten tasks (in the heap). Borrows: fact bodies, for the life of the node.
 * Invariant: compute_table_check().
 */
#ifndef NOCT_COMPUTE_TABLE_H
#define NOCT_COMPUTE_TABLE_H

#include "base/map.h"
#include "compute/wire.h"
#include "core/facts.h"

struct lease { /* epoch 0: none */
    uint32_t epoch;
    node_id author, owner, successors[2];
    uint32_t incarnation; /* of the author */
    tai_ns promised;
    duration_ns duration; /* wall */
    hlc time;
};

struct attempt { /* one node's try under one epoch */
    uint32_t epoch;
    node_id node;
    uint32_t incarnation;  /* of the node, as it reported last; 0: no report came */
    bool awarded;          /* an AWARD names it; without one it never counts */
    bool ended;            /* a TASK_RESULT came */
    uint8_t state;         /* enum task_state */
    tai_ns started;
    struct span result;    /* body of its TASK_RESULT */
    uint64_t result_hash;
};

struct task {
    struct uid id;
    struct span body; /* of the TASK fact; empty until it came */
    uint32_t incarnation; /* of the sink when it wrote that fact */
    uint64_t body_hash;
    struct lease lease;
    struct attempt *attempts; /* ascending (epoch, node) */
    uint8_t attempt_count;
    bool cancelled;
    uint32_t receipts; /* that count: the sink's (the first; more would break I3), else 1 where somebody stood in for it */
    uint32_t sink_receipts, receipt_incarnation; /* of one incarnation of the sink */
    struct stand_in { /* whose receipt counts while the sink has none; node NODE_NONE: nobody's */
        node_id node;
        uint32_t incarnation;
        uint64_t seq;
    } stand_in;
    uint32_t receipt_epoch;
    node_id receipt_node;
    uint8_t receipt_state;
    struct span receipt_reason;
    /* from the specification, for decisions without decoding it: */
    uint8_t priority;
    uint32_t cpu_millis;
    uint64_t memory_bytes;
    tai_ns deadline;
    duration_ns expected_ns;
    mono_ns lease_seen; /* local: when this boot learned of the lease; not part of the digest */
    tai_ns sink_missed;  /* local: since when this boot sees the sink convicted, 0: it is not */
    uint64_t watch_tag;  /* local: of the fact of this node that is on its way to others; 0 none */
};

struct task_table {
    struct heap *heap;
    struct map tasks;     /* inverted id -> struct task: newest first */
    struct map forgotten; /* id -> nothing */
    struct map ended;     /* id -> nothing: those kept */
    size_t ended_max, open_count;
};

/* Inverted ids as keys, so that a walk goes from the newest to the oldest. */
struct task_key {
    uint8_t bytes[16];
};
struct task_key compute_task_key(struct uid id);

void compute_table_init(struct task_table *t, struct heap *heap, size_t ended_max);
struct task *compute_table_find(const struct task_table *t, struct uid id); /* NULL: unknown or forgotten */

/* Folds a fact of a type of this plane. OK: `touched` is the task that changed (it may be forgotten already).
 * INVALID: malformed. DENIED: the author may not say this. EXPIRED: about a forgotten task. NO_MEMORY: not folded. */
err compute_table_fold(struct task_table *t, const struct fact *f, mono_ns now, struct uid *touched) MUST_USE;

struct attempt *compute_attempt_find(const struct task *t, uint32_t epoch, node_id node); /* NULL */
struct attempt *compute_attempt_current(const struct task *t);                            /* the lease owner's */
node_id compute_task_sink(const struct task *t);
enum task_state compute_task_state(const struct task *t);
size_t compute_task_failures(const struct task *t); /* awarded attempts that ended in SYSTEM_ERROR */
bool compute_task_failed_on(const struct task *t, node_id node);

uint64_t compute_table_digest(const struct task_table *t);
bool compute_table_check(const struct task_table *t);

#endif
