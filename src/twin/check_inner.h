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
    struct audit_step *steps;
    size_t count, capacity;
    uint32_t *held; /* by author */
    uint64_t facts;
    uint32_t boot, turn;
};

struct checks {
    struct promise_result results[PROMISE_COUNT];
    struct crash_watch watch;
    struct knowledge *knowledge; /* by node index; NULL above CHECK_NODES_MAX */
    struct check_tasks *tasks;
    struct shelf **shelves;       /* by node index; NULL above CHECK_NODES_MAX */
    struct deletions *deletions;
    uint64_t probes[PROBE_COUNT];
    uint64_t audit_facts, audit_cuts_exact;
};

/* Do the checkers that look into many nodes' memory run? */
static inline bool check_deep(const struct world *w)
{
    return w->node_count <= CHECK_NODES_MAX && !w->ranks;
}

/* check_facts.c */
void check_knowledge_open(struct world *w);
void check_knowledge_close(struct world *w);
void check_facts_sample(struct world *w);
void check_facts_final(struct world *w);
bool check_fact_of(void *world, node_id author, uint64_t seq, struct fact *out); /* the chains as they ended up */
/* check_shelf.c */
void check_disk_booted(struct twin_node *n); /* in its shard, once ready */
/* check_objects.c */
void check_objects_open(struct world *w);
void check_objects_close(struct world *w);
void check_objects_sample(struct world *w);
void check_objects_final(struct world *w);
/* check_tasks.c */
void check_tasks_open(struct world *w);
uint32_t check_tasks_owed(struct world *w, const struct twin_node *n, uint32_t open); /* of its open tasks, those promised to anybody */
void check_tasks_close(struct world *w);
void check_tasks_sample(struct world *w, uint64_t minute);
void check_tasks_final(struct world *w);
/* check_recovery.c */
void check_recovery_open(struct world *w);
void check_recovery_sample(struct world *w);
void check_recovery_close(struct world *w);

#endif
