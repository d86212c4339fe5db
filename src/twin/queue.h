/*
 * twin/queue.h - virtual time: what happens next, in the order (instant, sequence).
 *
 * Story:   a 4-ary heap of small entries. Equal instants come out in the order they went in, so that a run is one
 *          history. Entries are values; what they point to belongs to whoever put them in.
 * Owns:    its array (malloc).
 */
#ifndef NOCT_TWIN_QUEUE_H
#define NOCT_TWIN_QUEUE_H

#include "base/time.h"

struct queue_entry {
    mono_ns at;
    uint64_t sequence;
    uint32_t kind;
    uint32_t subject; /* usually a node id */
    uint64_t number;  /* an alarm's version, a link's epoch, … */
    void *data;
};

struct queue {
    struct queue_entry *entries;
    size_t count, capacity;
    uint64_t sequence;
};

void queue_add(struct queue *q, mono_ns at, uint32_t kind, uint32_t subject, uint64_t number, void *data);
bool queue_take(struct queue *q, struct queue_entry *out); /* false: empty */
void queue_free(struct queue *q);

#endif
