/*
 * twin/queue.h - virtual time: what happens next, in an order that comes from the entries alone.
 *
 * Story:   a 4-ary heap of small entries, ordered by (instant, order). The caller makes `order` from destination, source and
 *          the source's count, so that the order of two entries does not depend on which of several queues held them.
 *          Entries are values; what they point to belongs to whoever put them in. The first few stand sorted before the heap: who takes
 *          the entries sees whose turn comes soon.
 * Owns:    its array (malloc).   Threads: single owner.
 */
#ifndef NOCT_TWIN_QUEUE_H
#define NOCT_TWIN_QUEUE_H

#include "base/time.h"

struct queue_entry {
    mono_ns at;
    uint64_t order;  /* queue_order(); equal ones at one instant must not exist */
    void *data;
    uint32_t number; /* a boot count, a link's epoch, … */
    uint16_t kind;
    uint16_t told;   /* hints that were given for it: the taker's */
};

enum { QUEUE_FRONT = 8 };
struct queue {
    struct queue_entry front[QUEUE_FRONT]; /* none in the heap comes before any of these */
    size_t front_count;                    /* less than QUEUE_FRONT: the heap is empty */
    struct queue_entry *entries;           /* the heap */
    size_t count, capacity;
};

/* Destination and source below 2^17; of `sequence` the low 30 bits count: it grows with each entry of one source. */
static inline uint64_t queue_order(uint32_t to, uint32_t from, uint32_t sequence)
{
    return (uint64_t)to << 47 | (uint64_t)from << 30 | (sequence & 0x3fffffffu);
}
static inline uint32_t queue_order_to(uint64_t order)
{
    return (uint32_t)(order >> 47);
}
static inline uint32_t queue_order_from(uint64_t order)
{
    return (uint32_t)(order >> 30) & 0x1ffffu;
}

static inline bool queue_before(const struct queue_entry *a, const struct queue_entry *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void queue_add(struct queue *q, const struct queue_entry *e);
bool queue_take(struct queue *q, struct queue_entry *out); /* false: empty */
static inline mono_ns queue_next(const struct queue *q)    /* TIME_NEVER: empty */
{
    return q->front_count ? q->front[0].at : TIME_NEVER;
}
void queue_free(struct queue *q);

#endif
