/*
 * network/plane.h - what the files of the network plane share: links, queued bundles, the spool.
 * Not for other rooms.
 *
 * network.c  opens, ticks, reports reach        links.c  points terminals, folds link facts
 * near.c     news of links that stays near
 * frame.c    bundles that come in                queue.c  bundles that wait and go out
 * cast.c     messages to neighbours that nobody keeps
 * spool.c    bundles on disk: written, recovered, loaded
 */
#ifndef NOCT_NETWORK_PLANE_H
#define NOCT_NETWORK_PLANE_H

#include "network/bundle.h"
#include "network/network.h"
#include "network/route.h"

enum { MESSAGE_HEAD = 14 /* u16 type, u64 request, u32 size of the body */ };
enum { PRIORITIES = 3, UPSTREAM_MAX = 2, SEEN_SETS = 512, SEEN_WAYS = 4 };
enum { LINK_WINDOW_BYTES = 16 * 1024 * 1024, LINK_WINDOW_COUNT = 64, LINK_WINDOW_CONTROL = 96 };
#define TICK_NS NS_PER_S
#define TICK_REST_NS (30 * NS_PER_S) /* large sky, nothing under way */
#define CUSTODY_WAIT_NS NS_PER_S          /* longer on its way: write it to disk and acknowledge */
#define CUSTODY_REFUSE_NS (10 * NS_PER_S) /* nowhere to go and no disk: give it back */
#define BRIEF_WAIT_NS (5 * NS_PER_S)      /* how long a bundle without custody waits */
#define POINT_AHEAD_NS NS_PER_S           /* wall */
#define ACQUIRE_GRACE_NS                                                                           \
    (120 * NS_PER_S) /* mono: a link that never came up in this contact: lasers slew and search, from cold a minute and more */
#define LOST_INTERVAL_NS (30 * NS_PER_S) /* mono, between facts about one link */
#define LASTS_NS (60 * NS_PER_S) /* mono: large missions: a link that was lost for so long is told to everybody */
#define NEAR_FOR_NS (300 * NS_PER_S) /* wall: news of a link is good for so long */
enum { NETWORK_NEAR = 1 /* message type */, NEAR_HOPS = 3 };
#define LIFETIME_DEFAULT_NS NS_PER_DAY

enum item_state { ITEM_WAITING, ITEM_LOADING, ITEM_FLYING };
enum spool_state { SPOOL_NONE, SPOOL_WANTED, SPOOL_WRITING, SPOOL_DURABLE };

struct link;
struct item {         /* one bundle that this node is responsible for, or tries to pass on */
    uint64_t id, key; /* id is also the transfer number */
    struct item *previous, *next;         /* in its queue */
    struct item *all_previous, *all_next; /* of all, by age */
    struct link *link; /* whose queue it is in or over which it flies; NULL: parked */
    enum item_state state;
    enum spool_state spool;
    node_id destination, from; /* from: the hop it came from; self for our own */
    tai_ns expiry, received;
    mono_ns queued_at, retry_at;
    uint64_t size;
    uint64_t resident; /* bytes of it in memory */
    struct slice
        parts[3]; /* our own: head, payload, tail; else or once spooled: parts[0] is all of it */
    uint32_t slot, slot_count, body_crc;
    uint8_t priority, tries;
    bool own, no_custody, link_only, queued;
    uint8_t upstream_count;
    struct {
        node_id peer;
        uint64_t receipt;
    } upstream[UPSTREAM_MAX]; /* who waits for our acknowledgement */
};

struct queue {
    struct item *first, *last;
};

struct link {
    node_id peer;
    bool up, pointed, open, was_up;
    bool lost; /* ended, not as planned, and not up again since */
    uint64_t rate_bps, flying_bytes;
    uint32_t flying_count;
    tai_ns edge; /* when the plan is to be looked at again */
    tai_ns contact_end;
    mono_ns open_since, down_since, lost_at;
    bool laser;      /* the contact that the plan shows is between satellites */
    bool told_near;  /* neighbours were told that it does not stand */
    mono_ns near_at; /* when they were last told anything of it */
    struct queue queues[PRIORITIES];
};

struct link_fact { /* folded: what an author says of its link to a peer; the highest (incarnation,
                      seq) counts */
    uint32_t incarnation;
    uint64_t seq;
    tai_ns until; /* 0: found */
};

struct near_word { /* the same, told to those around only; the highest version counts */
    tai_ns version, until;
};

enum spool_op_kind { SPOOL_OP_RECOVER, SPOOL_OP_CYCLE, SPOOL_OP_SYNC, SPOOL_OP_LOAD };
struct spool_op {
    enum spool_op_kind kind;
    uint64_t item;
};

struct spool {
    uint64_t capacity;
    uint32_t slots, slots_used, hint;
    uint64_t *bitmap;
    struct map ops;      /* op → struct spool_op */
    struct map records;  /* first slot → struct item * */
    struct map dirty;    /* table sector's offset → nothing */
    struct map deferred; /* first slot → u32 count: freed when the running cycle ends */
    uint32_t groups, group_next, group_tries;
    uint32_t cycle_pending;
    bool recovered, cycle_running, cycle_failed;
    mono_ns retry_at;
};

struct cast { /* the last words sent to neighbours, encoded */
    struct buf *block;
    size_t size;
    uint16_t type;
    uint64_t request;
    struct span body; /* in the block */
};

struct network {
    struct port *port;
    void (*deliver)(void *context, const struct message *m);
    void *context;
    struct heap *heap;
    bool ready;
    struct route route;
    struct map links;    /* peer → struct link */
    struct map items;    /* id → struct item * */
    struct map keys;     /* key → struct item *, of all but link-only bundles */
    struct queue parked; /* no way, or waiting for a retry */
    struct item *oldest, *newest;
    struct cast cast;
    struct map link_facts; /* author << 32 | peer → struct link_fact */
    struct map near;       /* the same → struct near_word; large missions */
    struct spool spool;
    uint64_t next_id, next_sequence, seen_salt;
    uint64_t memory_bytes, memory_max;
    uint32_t items_max;
    size_t flying_count, spooled_count;
    uint64_t *seen; /* SEEN_SETS × SEEN_WAYS keys of delivered bundles */
    uint8_t *seen_turn;
    mono_ns tick_at, reach_mono, reach_asked; /* of reach: last computed, last asked for; 0: never */
    tai_ns next_edge;
    uint32_t sky_generation; /* of which `links` have the peers */
    uint64_t routed_builds, reach_builds;
    bool reach_moves; /* some member's reach changes with time alone */
    bool reach_due;
    bool watching; /* some link is not as the plan wants it, or was called lost: the tick looks after it */
};

/* network.c */
void network_tick_soon(struct network *n); /* there is something to look after */

/* queue.c */
/* Takes a checked bundle for another node: it will be answered. FULL: it was not taken. */
err queue_relay(struct network *n, const struct event_frame *e, const struct bundle *b,
                uint64_t key);
err queue_send(struct network *n, const struct message *m);
void queue_sent(struct network *n, const struct event_sent *e);
void queue_pump(struct network *n, struct link *l);
void queue_route(struct network *n,
                 struct item *item); /* finds the queue where it belongs now; does not pump */
void queue_reroute_all(struct network *n);
void queue_tick(struct network *n);
void queue_loaded(struct network *n, struct item *item, err status, struct slice data);
void queue_durable(struct network *n, struct item *item);
struct item *item_new(struct network *n);              /* NULL: a limit is reached */
bool item_index(struct network *n, struct item *item); /* enters id and key; false: no memory */
void item_free(struct network *n, struct item *item);
void item_drop_bytes(struct network *n, struct item *item);

/* What a bundle of our own says of itself; takes the next sequence. */
void bundle_own(struct network *n, const struct message *m, struct bundle *out);

/* cast.c */
err cast_send(struct network *n, const struct message *m); /* over the link to m->to, which stands. FULL */
void cast_close(struct network *n);

/* frame.c */
void frame_take(struct network *n, const struct event_frame *e);
void network_accept(struct network *n, node_id peer, uint64_t receipt, err status);

/* links.c */
struct link *link_find(const struct network *n, node_id peer);
struct link *link_add(struct network *n, node_id peer); /* NULL: no memory */
void network_links_open(struct network *n);
bool network_links_point(struct network *n); /* looks at the plan where an edge is due; true: at any */
void network_links_watch(struct network *n); /* unpredicted losses */
void network_links_event(struct network *n, const struct event_link *e);
void network_links_fact(struct network *n, const struct fact *f);
void network_links_member(struct network *n, node_id member);
void network_links_lost(struct network *n, node_id a, node_id b); /* what is said of this link changed: routes */

/* near.c */
void near_tell(struct network *n, node_id peer, tai_ns until); /* our link to it; 0: it stands again */
void near_take(struct network *n, const struct message *m);
tai_ns near_until(const struct network *n, node_id author, node_id peer); /* 0: nothing stands */

/* spool.c */
err spool_open(struct network *n);
void spool_want(struct network *n, struct item *item);
void spool_kick(struct network *n);
void spool_release(struct network *n, struct item *item);
bool spool_load(struct network *n, struct item *item);
void spool_done(struct network *n, const struct event_done *done);
bool spool_rests(const struct network *n); /* nothing under way on the disk */
bool spool_check(const struct network *n);

#endif
