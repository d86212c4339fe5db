/*
 * twin/shard.h - a part of the world that runs by itself for a window: some nodes, their queue, their clock.
 *
 * Story:   satellites in order of (plane, slot) are cut into pieces, gateways with their customers go to the first one. In
 *          a window each shard takes what stands in its queue before the window's end; what it sends elsewhere waits in
 *          an outbox and is put into the other's queue when the next window begins. What observers want to hear is
 *          written down and told after the window, in order of (instant, node).
 * Window:  the earliest next event of all shards, plus the least delay of anything that crosses shards: the framing of
 *          modems plus the least light time over links that stand or come up now (light.c). node_post() asserts it.
 * Owns:    queues, outboxes, records, free lists (malloc).
 * Threads: a shard belongs to one thread within a window, to the caller of world_run between windows.
 */
#ifndef NOCT_TWIN_SHARD_H
#define NOCT_TWIN_SHARD_H

#include "twin/world.h"

enum { SHARDS_MAX = 64, BLOCK_CLASSES = 8 };

struct outbox {
    struct queue_entry *entries;
    size_t count, capacity;
};

struct record { /* one thing that observers hear of; the bytes follow, padded to 8 */
    mono_ns at;
    enum { RECORD_TRACE, RECORD_BROKEN, RECORD_FRAME, RECORD_REQUEST, RECORD_RESTART } kind;
    node_id node, about; /* FRAME: from, to */
    uint32_t id;         /* TRACE: trace id; BROKEN: promise; FRAME: lost or not */
    uint32_t size;
};

struct memo { /* verdicts on signatures: (digest, verdict), open addressing */
    struct memo_entry {
        uint64_t low, high;
    } *entries;
    size_t count, capacity;
};

struct shard {
    struct world *world;
    uint32_t index;
    unsigned rank; /* who runs it */
    bool here;
    mono_ns now, window_end;
    struct queue queue;
    struct outbox *outboxes[2]; /* by parity of the window; shard_count each */
    uint64_t posted_to[2];      /* a bit per shard that has something in the outbox */
    mono_ns posted_first;       /* the earliest entry in outboxes that nobody has taken yet */
    duration_ns light_min;      /* over links of this shard's nodes to other shards */
    struct figures figures;
    uint64_t kept[PROMISE_COUNT];
    uint8_t *records;
    size_t records_size, records_capacity, records_read;
    struct memo memo;
    void *blocks[BLOCK_CLASSES]; /* free lists */
};

struct lights;
struct pool;
struct engine { /* what runs the shards; changes in serial code only */
    struct queue serial; /* of world_serially() */
    uint64_t serial_sequence;
    bool in_window;
    unsigned parity;       /* of the outboxes that are being filled */
    bool tell_frames;      /* somebody listens to frames */
    bool modelled;         /* signatures */
    struct memo known;     /* verdicts of all shards */
    struct lights *lights;
    struct pool *pool;     /* NULL: one thread */
    struct ranks_state *ranks_state; /* ranks.c */
    struct figures own_figures;      /* with ranks: what this one alone has counted */
    uint64_t own_kept[PROMISE_COUNT];
    uint64_t end_digest;
    uint64_t steps_expected; /* in the next window */
    uint64_t windows, crowded_windows; /* all; those that were given to threads */
};

/* shard.c */
void shards_open(struct world *w);                    /* one shard with all nodes */
void shards_partition(struct world *w, size_t count); /* at least one per rank; before anything ran: moves nodes and what stands in queues */
void shards_close(struct world *w);
mono_ns shards_next(const struct world *w);           /* earliest event, in queues and outboxes; TIME_NEVER: none */
void shards_window(struct world *w, mono_ns end);     /* runs everything before `end`, tells observers */
void shards_stand_at(struct world *w, mono_ns at);    /* a serial point: clocks, figures, verdicts */
duration_ns shards_lookahead(const struct world *w);  /* TIME_NEVER: nothing crosses */
void figures_fold(struct figures *into, struct figures *from); /* and empties `from` */
void ranks_free(struct world *w);                     /* ranks.c */
void *shard_alloc(struct shard *s, size_t size);      /* not zeroed; aborts when the machine has no more */
void shard_free(struct shard *s, void *block);        /* of any shard's; NULL is allowed */

/* record.c: what observers hear of */
void record_trace(struct twin_node *n, const struct effect_trace *t);
void record_restart(struct twin_node *n); /* it wants to start anew: node_restart, serially */
void record_frame(struct twin_node *from, node_id to, const void *bytes, size_t size, bool lost);
void record_request(struct twin_node *gateway, const struct request_told *told);
void records_give(struct shard *s, const uint8_t *bytes, size_t size); /* records of a shard that another rank runs */
void records_tell(struct world *w);                   /* serial: everything written down in the last window, in order */

/* step.c */
void node_happen(struct twin_node *n, const struct queue_entry *q);
void entry_drop(struct twin_node *n, const struct queue_entry *q);  /* frees what an entry that never came holds */

/* signing.c, world.c */
err signer_from(uint64_t seed, uint64_t stream, struct signer **out, uint8_t public_key[32]) MUST_USE;
struct fact_crypto node_crypto(struct twin_node *n);
struct fact_crypto root_crypto(struct world *w);
void memos_share(struct world *w); /* serial: verdicts of all shards become known to all */
void memos_free(struct world *w);

/* light.c */
void lights_open(struct world *w);  /* serial: computes the first slice and keeps on */
void lights_close(struct world *w);
uint64_t light_slice(const struct world *w);          /* number of the present slice */
void light_pair(const struct world *w, node_id a, node_id b, duration_ns ends[2]); /* at begin and end of the slice */
duration_ns light_between(const struct world *w, const duration_ns ends[2], mono_ns now);

/* links.c */
duration_ns links_light_min(struct twin_node *n); /* over links to other shards that stand or come up; TIME_NEVER: none */

struct host_buf { /* a buffer lent to a node; as a frame it carries what the receiving end must know */
    struct buf buf;
    struct host_buf *next, *previous;
    struct twin_node *node;
    uint32_t serial, epoch;
};
struct host_buf *host_buf_frame(struct twin_node *from, size_t size); /* belongs to nobody yet */
void host_buf_lend(struct host_buf *h, struct twin_node *n);
void host_bufs_drop(struct twin_node *n);

#endif
