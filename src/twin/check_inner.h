/*
 * twin/check_inner.h - the inside of the checkers, shared by check*.c only.
 */
#ifndef NOCT_TWIN_CHECK_INNER_H
#define NOCT_TWIN_CHECK_INNER_H

#include "twin/audit.h"
#include "twin/world.h"

struct crash_watch { /* one crash whose conviction is awaited */
    node_id victim;
    mono_ns at, bound;
    node_id observers[2];
    bool *known;  /* by node index */
    bool *joined; /* by node index: connected to the observers at the crash and at each sample since */
    bool open;
};

struct knowledge { /* in which order one node came to hold what: own to its shard */
    uint32_t chain; /* its own */
    struct audit_step *steps;
    size_t count, capacity, capacity_max;
    uint32_t *held; /* by chain */
    size_t chains;  /* rows of `held` */
    uint64_t facts;
    uint32_t boot, turn;
    struct knowledge_seen { /* whose signature was checked or made in this step, in order */
        node_id author;
        uint32_t incarnation;
        uint64_t seq;
    } *seen;
    size_t seen_count, seen_capacity;
};

struct checks {
    struct promise_result results[PROMISE_COUNT];
    struct crash_watch watch;
    struct audit_chain *chains;   /* audit.h; grows in serial code */
    size_t chain_count;
    struct knowledge **knowledge; /* by node index; NULL: not audited */
    struct knowledge **former;    /* of those that were replaced since */
    size_t former_count;
    struct check_tasks *tasks;
    struct shelf **shelves;       /* by node index; NULL: no chunk was ever written here */
    struct deletions *deletions;
    uint64_t probes[PROBE_COUNT];
    uint64_t audit_facts, audit_cuts_exact;
};

/* A small world in one process: all that the checkers ask can be asked at once. */
static inline bool check_deep(const struct world *w)
{
    return w->node_count <= CHECK_NODES_MAX && !w->ranks;
}

/* check_knowledge.c */
void check_knowledge_open(struct world *w);
void check_knowledge_close(struct world *w);
bool check_audited(const struct world *w, const struct twin_node *n);
/* check_facts.c */
void check_facts_sample(struct world *w);
void check_facts_final(struct world *w);
bool check_fact_of(void *world, uint32_t chain, uint64_t seq, struct fact *out); /* the chains as they ended up */
/* check_shelf.c */
void check_shelf_replaced(struct twin_node *n); /* serial: it has got another disk */
/* check_objects.c */
void check_objects_open(struct world *w);
void check_objects_close(struct world *w);
void check_objects_sample(struct world *w);
void check_objects_final(struct world *w);
/* check_tasks.c */
void check_tasks_open(struct world *w);
void check_tasks_close(struct world *w);
void check_tasks_sample(struct world *w, uint64_t minute);
void check_tasks_final(struct world *w);
/* check_recovery.c */
void check_recovery_open(struct world *w);
void check_recovery_sample(struct world *w);
void check_recovery_close(struct world *w);

#endif
