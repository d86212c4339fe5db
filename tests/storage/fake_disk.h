/*
 * fake_disk.h - a disk for tests: writes that were not synced survive a cut in any subset of their sectors; the Nth operation
 * can fail; bits can flip. Operations queue and complete one by one, in order or drawn at random.
 */
#ifndef NOCT_TESTS_STORAGE_FAKE_DISK_H
#define NOCT_TESTS_STORAGE_FAKE_DISK_H

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "core/port.h"

enum { FAKE_DISK_QUEUE = 4096 };

struct fake_op {
    struct effect_disk e;
};

struct fake_disk {
    uint8_t *durable, *now;  /* what surely survives; what reads see */
    uint8_t *dirty;          /* per sector: written since the last sync */
    uint64_t size, used;
    struct fake_op queue[FAKE_DISK_QUEUE];
    size_t queued;
    struct rng rng;
    bool shuffle;            /* complete in any order */
    bool plain;              /* benchmarks: no power will be cut, nothing is tracked */
    uint64_t completed, fail_at; /* the fail_at-th completion reports `fail_with`, counted from 1 */
    err fail_with;
    uint64_t writes, syncs;
};

static inline void fake_disk_init(struct fake_disk *d, uint64_t size, uint64_t seed)
{
    memset(d, 0, sizeof *d);
    d->size = size;
    d->durable = calloc(1, size);
    d->now = calloc(1, size);
    d->dirty = calloc(1, size / DISK_SECTOR);
    d->rng = rng_stream(seed, 77);
}

static inline void fake_disk_free(struct fake_disk *d)
{
    for (size_t i = 0; i < d->queued; i++)
        for (size_t p = 0; p < 2; p++)
            slice_drop(&d->queue[i].e.parts[p]);
    free(d->durable);
    free(d->now);
    free(d->dirty);
}

static inline void fake_disk_put(struct fake_disk *d, const struct effect_disk *e)
{
    if (d->queued == FAKE_DISK_QUEUE)
        abort();
    d->queue[d->queued++].e = *e;
}

static inline void fake_disk_write(struct fake_disk *d, const struct effect_disk *e)
{
    uint64_t at = e->offset;
    for (size_t p = 0; p < 2; p++) {
        if (e->parts[p].size == 0)
            continue;
        if (at + e->parts[p].size > d->size)
            abort(); /* beyond the capacity: the store must never do that */
        memcpy(d->now + at, e->parts[p].data, e->parts[p].size);
        for (uint64_t s = at / DISK_SECTOR; !d->plain && s <= (at + e->parts[p].size - 1) / DISK_SECTOR; s++)
            d->dirty[s] = 1;
        at += e->parts[p].size;
    }
    d->used = at > d->used ? at : d->used;
}

/* Takes one operation off the queue and performs it. Returns false when none waits. The caller drops done->data. */
static inline bool fake_disk_step(struct fake_disk *d, struct event_done *done)
{
    if (d->queued == 0)
        return false;
    size_t pick = d->shuffle ? (size_t)rng_below(&d->rng, d->queued) : 0;
    struct effect_disk e = d->queue[pick].e;
    memmove(d->queue + pick, d->queue + pick + 1, (d->queued - pick - 1) * sizeof d->queue[0]);
    d->queued--;
    *done = (struct event_done){.op = e.op};
    if (++d->completed == d->fail_at)
        done->status = d->fail_with;
    if (done->status == ERR_OK && e.kind == DISK_WRITE) {
        fake_disk_write(d, &e);
        d->writes++;
    } else if (done->status == ERR_OK && e.kind == DISK_SYNC) {
        for (uint64_t s = 0; !d->plain && s < d->size / DISK_SECTOR; s++)
            if (d->dirty[s])
                memcpy(d->durable + s * DISK_SECTOR, d->now + s * DISK_SECTOR, DISK_SECTOR), d->dirty[s] = 0;
        d->syncs++;
    } else if (done->status == ERR_OK && e.kind == DISK_READ) {
        struct buf *b = buf_new_malloc(e.size);
        memset(b->data, 0, e.size);
        if (e.offset < d->size)
            memcpy(b->data, d->now + e.offset, MIN(e.size, d->size - e.offset));
        done->data = slice_of(b, 0, e.size);
    }
    slice_drop(&e.parts[0]);
    slice_drop(&e.parts[1]);
    return true;
}

/* The power goes: what was not synced survives sector by sector as a coin says. Queued writes count as under way. */
static inline void fake_disk_cut(struct fake_disk *d)
{
    for (size_t i = 0; i < d->queued; i++) {
        if (d->queue[i].e.kind == DISK_WRITE && rng_chance(&d->rng, 0.5))
            fake_disk_write(d, &d->queue[i].e);
        slice_drop(&d->queue[i].e.parts[0]);
        slice_drop(&d->queue[i].e.parts[1]);
    }
    d->queued = 0;
    uint64_t style = rng_below(&d->rng, 3); /* coins, mostly lost, mostly kept */
    double kept = style == 0 ? 0.5 : style == 1 ? 0.1 : 0.9;
    for (uint64_t s = 0; s < d->size / DISK_SECTOR; s++) {
        if (!d->dirty[s])
            continue;
        if (rng_chance(&d->rng, kept))
            memcpy(d->durable + s * DISK_SECTOR, d->now + s * DISK_SECTOR, DISK_SECTOR);
        d->dirty[s] = 0;
    }
    memcpy(d->now, d->durable, d->size);
}

#endif
