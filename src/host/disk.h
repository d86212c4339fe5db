/*
 * host/disk.h - performs a node's EFFECT_DISK on files, in its own threads, and answers on the loop.
 *
 * Story:    each area has a writer thread that takes everything queued so far, writes it in order, syncs once for all
 *           the SYNCs in that batch (group commit), and answers. Two reader threads serve READs of all areas; a READ
 *           that overlaps a queued WRITE goes behind it through the writer. A further thread prepares segments ahead.
 * Durable:  a SYNC is answered OK only when every WRITE queued before it in its area is on the medium. A failed sync is
 *           sticky: from then on every WRITE and SYNC of that area fails with IO, until the process starts again.
 * Owns:     DIR/{facts,chunks,spool}/. Slices of an effect are taken over by disk_submit and dropped on the loop.
 * Errors:   in DONE: NO_SPACE, IO, CORRUPT (unreadable sector), RANGE (a READ outside the capacity).
 * Threads:  all functions from the loop's thread. DISCARD answers at once: bytes stay until they are overwritten.
 */
#ifndef NOCT_HOST_DISK_H
#define NOCT_HOST_DISK_H

#include <uv.h>

#include "core/machine.h"

struct disk;

struct disk_config {
    const char *directory; /* made when missing */
    uint64_t capacity_bytes[AREA_COUNT];
    uint64_t segment_bytes[AREA_COUNT]; /* 0: the default (chunks 64 MiB, facts and spool 4 MiB) */
    bool prepare;                       /* write segments ahead of need */
    uv_loop_t *loop;
    /* Called on the loop, once per submitted effect. A READ's data is the receiver's to drop. */
    void (*done)(void *context, const struct event_done *done);
    void *context;
    int (*fail)(void *context, const char *call); /* tests only, see host/segments.h */
    void *fail_context;
};

err disk_open(struct disk **out, const struct disk_config *config) MUST_USE;
uint64_t disk_used_bytes(const struct disk *d, enum disk_area area); /* as found when it was opened */
void disk_submit(struct disk *d, const struct effect_disk *effect);
size_t disk_pending(const struct disk *d); /* submitted and not yet answered */
/* Performs what is queued, then ends the threads; unanswered effects are answered before it returns. The loop must run
 * once more for the handle to close. */
void disk_close(struct disk *d);

#endif
