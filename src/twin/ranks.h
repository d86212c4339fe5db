/*
 * twin/ranks.h - one world on several processes: what they tell each other at the edges of windows.
 *
 * Story:   each rank owns some of the shards and keeps the memory of their nodes; all run the same serial code at the same
 *          instants. Before each window they agree on the earliest next event and on the least light time; after it, and after
 *          serial code, they exchange what crosses (frames with their bytes) and what observers hear of, so that
 *          everybody tells its observers the same in the same order. The digest is that of one process.
 * Engine:  three collective operations, given by the host (cli/mpi_main.c has them over MPI); a rank that fails ends all.
 * Limits:  who was connected to whom at a crash is not compared with convictions; faults that need one node's memory at
 *          all ranks (replacement, equivocation) are refused; there are no files, only the report of rank 0.
 * Threads: the caller of world_run.
 */
#ifndef NOCT_TWIN_RANKS_H
#define NOCT_TWIN_RANKS_H

#include "base/time.h"

struct ranks {
    unsigned rank, count;
    void *context;
    void (*least)(void *context, int64_t *values, size_t count); /* in: mine; out: the least of all ranks, each by itself */
    /* Everybody gives sizes[r] bytes for each rank r, back to back; gets what all gave to it, in order of ranks. The answer holds
     * until the next call; `sizes` becomes the sizes of what came. */
    const uint8_t *(*exchange)(void *context, const uint8_t *bytes, uint64_t *sizes);
};

struct world;
struct twin_node;
struct record;

/* Each becomes the least of all ranks. */
void ranks_least(struct world *w, mono_ns *next, mono_ns *serial, duration_ns *ahead);
bool ranks_agree(struct world *w, bool mine);                 /* true at all */
int64_t ranks_most(struct world *w, int64_t mine);
/* Gives the same bytes to everybody and takes theirs, back to back in order of ranks; sizes[SHARDS_MAX] becomes their sizes. */
const uint8_t *ranks_share(struct world *w, const void *bytes, size_t size, uint64_t *sizes);
void ranks_flush(struct world *w);                            /* messages into queues, records into shards; then tells observers */
void ranks_total(struct world *w);                            /* at the end: figures, kept promises, probes of all */

/* What serial code may know of every node, here or elsewhere. */
struct node_summary {
    bool ready; /* up and recovered */
    uint64_t facts_digest, state_digest, steps_digest; /* state: only where asked for */
    uint64_t facts;
    uint32_t tasks_open, tasks_ended, repairs_queued;
};
/* Collective: all ranks call it at the same points. Index = id - 1; holds until the next call. */
const struct node_summary *world_summaries(struct world *w, bool with_state);

#endif
