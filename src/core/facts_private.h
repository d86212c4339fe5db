/*
 * core/facts_private.h - the inside of the fact store, shared by facts_*.c only.
 *
 * Story:    a `chain` is all facts of one author and incarnation: an index of pointers into append-only blocks of memory.
 *           Facts enter through facts_take (checked, from outside), facts_publish (own) or the log (facts_recovery.c).
 */
#ifndef NOCT_CORE_FACTS_PRIVATE_H
#define NOCT_CORE_FACTS_PRIVATE_H

#include "core/fact_codec.h"
#include "core/log.h"

enum {
    FACTS_BUCKETS = 16,
    FACTS_BATCH_MAX = 256 * 1024,     /* payload of one message, unless a single fact is larger */
    FACTS_CAST_MAX = 4096,            /* facts in one cast */
    FACTS_SERVED_MAX = 1024 * 1024,   /* in answer to one VECTOR */
    FACTS_EARLY_MAX = 256,            /* facts that wait for a predecessor or a key */
    FACTS_EARLY_BYTES_MAX = 512 * 1024,
    FACTS_HELD_MAX = 1024,            /* distinct (peer, chain) that wait for our sync */
    FACTS_WATCHES_MAX = 4096,
    FACTS_WATCH_NODES_MAX = 16,
    RECORD_FACT = 1, /* in the log */
};

enum facts_message_type { FACTS_DIGEST = 1, FACTS_VECTOR, FACTS_PUSH, FACTS_WATCHED, FACTS_SERVED, FACTS_HELD };
enum { VECTOR_ANSWER = 1, VECTOR_PARTIAL = 2, VECTOR_SHOW = 4 };

struct chain {
    node_id author;
    uint32_t incarnation;
    bool key_known;
    uint8_t public_key[32];
    uint64_t seq;      /* facts held */
    uint64_t durable;  /* of these in our log, synced */
    uint64_t limit;    /* nothing beyond is valid; UINT64_MAX while in good standing */
    uint64_t cut;      /* facts behind the limit that the log holds: left out at recovery */
    uint64_t doubted;  /* recovery: facts from here on were read behind a hole, their signatures are checked again; 0: none */
    uint64_t proven;   /* the lowest sequence used twice by a folded proof; 0: none */
    uint8_t head[FACT_HASH_SIZE]; /* hash of fact `seq` */
    const uint8_t *const *base;   /* encoded, by sequence - 1: of the roster, shared */
    uint64_t base_count;
    const uint8_t **facts;        /* encoded, those behind them */
    uint64_t contribution;        /* to its bucket's digest */
    node_id gap_from;             /* asked once gap_at is reached; NODE_NONE: no gap known */
    mono_ns gap_at;
};

struct peer {
    node_id id;
    mono_ns asked_at; /* when we last sent it a DIGEST because of an unknown author */
    mono_ns told_at;  /* when we last sent it a DIGEST */
    mono_ns up_at;    /* when its link came up */
    bool shown;       /* while publishing is held: it knows no more of our chain than we do */
};

struct watch { /* key: own sequence */
    enum service owner;
    uint64_t tag;
    uint8_t node_count;
    bool told[FACTS_WATCH_NODES_MAX];
    node_id nodes[FACTS_WATCH_NODES_MAX];
    mono_ns sent_at[FACTS_WATCH_NODES_MAX]; /* the last push to each; 0: none yet */
    mono_ns due; /* of the next push to those not told */
    duration_ns backoff;
};

struct early { /* key: author, incarnation, sequence */
    uint8_t *encoded;
    size_t size;
    node_id from;
    mono_ns until;
};

struct batch { /* a growing payload of facts */
    struct heap *heap;
    uint8_t *data;
    size_t size;
};

struct stray { /* read from the log behind a hole: its predecessor is missing; key as that of early facts */
    uint8_t *encoded;
    size_t size;
};

struct rot { /* facts_rot.c: what follows when the log lost records */
    struct map strays;
    bool held;            /* publishing waits until a neighbour has shown our head */
    bool readmitting;     /* the fact at hand lies in the log already */
    bool telling;         /* healing: what a census missed is being appended */
    uint64_t appended;    /* the last record that was */
    struct map seen;      /* census: chain -> bits of sequences that the log holds */
};

struct facts {
    struct port *port;
    struct facts_config config;
    struct facts_handlers handlers;
    struct log log;
    bool ready, folding;
    uint64_t fold_key, fold_seq; /* recovery: the chain that is being folded, and up to where */
    uint64_t refold_index;       /* a proof cut what is folded: starts anew once this record is durable; 0: no */
    bool refold_asked;
    struct map chains; /* key: author << 32 | incarnation */
    struct chain *own; /* NULL until our JOIN is folded */
    uint64_t buckets[FACTS_BUCKETS];
    uint64_t sum; /* of the buckets */
    uint64_t count, memory_bytes;
    hlc clock;
    uint8_t *block;    /* where new facts go */
    size_t block_size, block_used;
    struct { /* appended to the log, in order, not yet durable: a ring */
        struct chain *chain;
        uint64_t seq, index; /* of its record */
    } *unsynced;
    size_t unsynced_head, unsynced_count, unsynced_capacity;
    struct rot rot;
    /* sync: */
    struct map peers;   /* neighbours whose link stands; key: node */
    struct map early;
    size_t early_bytes;
    struct map wanted;  /* key: peer, author, incarnation -> u64 sequence: HELD is owed once durable */
    struct batch fresh; /* taken from the message at hand, to be passed on */
    node_id fresh_from;
    mono_ns sync_at, spread_at, gaps_at; /* TIME_NEVER: not set */
    uint64_t pushed;    /* own facts up to here were pushed */
    /* watches: */
    struct map watches; /* key: own sequence */
    mono_ns watch_at;
};

/* facts_store.c */
uint64_t chain_key(node_id author, uint32_t incarnation);
struct chain *facts_chain(const struct facts *s, node_id author, uint32_t incarnation); /* NULL: unknown */
uint64_t chain_valid(const struct chain *c);                     /* min(seq, limit) */
uint64_t chain_tellable(const struct facts *s, const struct chain *c); /* what others may see */
const uint8_t *chain_hash(const struct chain *c, uint64_t seq);  /* of fact `seq` <= c->seq; zeros for 0 */
uint64_t chain_contribution(const struct chain *c, uint64_t seq);
void chain_shorten(struct facts *s, struct chain *c, uint64_t seq); /* recovery: what lies behind was not to be taken */
void chain_stop(struct facts *s, struct chain *c, uint64_t limit);
struct span chain_encoded(const struct chain *c, uint64_t seq);
enum take { TAKE_ACCEPTED, TAKE_KNOWN, TAKE_EARLY, TAKE_FORKED, TAKE_REFUSED, TAKE_FULL };
/* Checks an encoded fact from outside and accepts it when it is the next of its chain; f and chain (may be NULL) are outputs. */
enum take facts_take(struct facts *s, struct span encoded, struct fact *f, struct chain **chain);

uint8_t *store_room(struct facts *s, size_t size);               /* for one encoded fact: not taken until it is kept */
bool store_index_room(struct facts *s, struct chain *c);
void store_keep(struct facts *s, struct chain *c, struct fact *f); /* the checked fact in store_room joins the set */
void store_fold(struct facts *s, const struct fact *f);
/* Two facts that hold as a proof: the liar's chain and the sequence that it used twice. Changes nothing. */
err store_proof(struct facts *s, struct span fact_a, struct span fact_b, struct chain **chain, uint64_t *seq) MUST_USE;

/* facts_recovery.c */
void recovery_record(void *context, uint16_t type, struct span payload); /* of the log, in order */
void recovery_end(void *context);                                       /* of the log; `ready` comes when all is folded */
void recovery_alarm(struct facts *s);

/* facts_rot.c */
void rot_open(struct facts *s);
void rot_stray_add(struct facts *s, const struct fact *f, struct span encoded); /* silently stops at memory's end: sync repairs */
/* The stray that continues the chain, taken out; the caller frees `encoded`. False: there is none. */
bool rot_stray_next(struct facts *s, const struct chain *c, struct stray *out);
bool rot_stray_take(struct facts *s, struct chain *c);                /* the same, and accepts it; false: there was none, or it was no good */
void rot_begin(struct facts *s);                                      /* recovery is over */
void rot_link_up(struct facts *s, node_id peer);
void rot_shown(struct facts *s, node_id peer, uint64_t seq);          /* a peer's VECTOR: so much of our chain it holds */
void rot_alarm(struct facts *s);                                      /* each sync interval */
void rot_durable(struct facts *s, uint64_t index);
void rot_census(void *context, uint16_t type, struct span payload);   /* of the log */
void rot_passed(void *context, enum log_pass_kind kind, bool whole);  /* of the log */

/* facts_watch.c */
void batch_add(struct batch *b, struct span encoded); /* silently stops at memory's end: sync repairs */
void batch_send(struct facts *s, struct batch *b, enum facts_message_type type, node_id to); /* keeps the batch */
void batch_clear(struct batch *b);
bool facts_linked(const struct facts *s, node_id node);
duration_ns facts_way(const struct facts *s, node_id node); /* light there and back, where it counts; else 0 */
void watch_durable(struct facts *s);               /* own facts became durable: tells self, pushes */
void watch_alarm(struct facts *s);
void watch_held(struct facts *s, node_id from, uint64_t seq);
bool watch_names(const struct facts *s, uint64_t first, uint64_t last, node_id node);
void facts_send(struct facts *s, node_id to, enum facts_message_type type, struct span body, struct slice payload);

/* facts_sync.c */
enum { EARLY_KEY = 16 };
struct span early_key(node_id author, uint32_t incarnation, uint64_t seq, uint8_t out[EARLY_KEY]);
void sync_ask_own(struct facts *s, node_id peer);  /* what do you hold of our chain? */
void sync_open(struct facts *s);
void sync_begin(struct facts *s);                  /* recovery is over */
void sync_durable(struct facts *s);                /* the log moved on: push own facts, send HELD */
void sync_drain(struct facts *s, struct chain *c); /* early facts that fit now */
void sync_message(struct facts *s, const struct message *m);
void sync_alarm(struct facts *s);

#endif
