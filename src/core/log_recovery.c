/*
 * core/log_recovery.c - a log reads itself back: records, holes, and where it ends.
 *
 * Story:    the first pass takes records up to the first place where none begins. If there is only blank space behind, the log
 *           ends there. Else the pass goes on without taking anything, to learn what the hole is. A torn tail: some sector of
 *           it is blank, and no record behind it says that it was written when all in front of it was durable. Then the log
 *           ends there, and what lies behind is blanked, so that it can never be taken for a record. All else is rot, and a
 *           second pass takes the records behind the holes as well. Rot at the very end stays a hole: new records go behind it.
 */
#include <string.h>

#include "base/mutation.h"
#include "core/log.h"

enum { BLANK_PIECE = 64 * 1024 };

static void settle(struct log *l)
{
    l->state = LOG_SETTLING;
    l->op = port_disk_sync(l->port, l->area);
    if (l->op == 0)
        log_wait(l, ERR_NO_MEMORY);
}

/* ---- blanking what a torn write left ------------------------------------------------------------------------------ */

static void blank_more(struct log *l)
{
    struct log_recovery *r = &l->recovery;
    if (r->blank_at >= r->noise_end) {
        settle(l);
        return;
    }
    l->state = LOG_BLANKING;
    size_t size = (size_t)MIN(r->noise_end - r->blank_at, (uint64_t)BLANK_PIECE);
    struct buf *zeros = buf_new_heap(l->port->heap, size);
    l->op = zeros ? port_disk_write(l->port, l->area, r->blank_at, slice_of(zeros, 0, size), (struct slice){0}) : 0;
    buf_unref(zeros);
    if (l->op == 0)
        log_wait(l, ERR_NO_MEMORY);
}

static void finish(struct log *l)
{
    log_walk_close(&l->recovery.walk);
    l->index = l->recovery.walk.index;
    l->epoch = MAX(l->epoch, l->recovery.walk.epoch + 1);
    if (l->damage.torn) {
        port_probe(l->port, PROBE_LOG_TORN_TAIL);
        l->recovery.blank_at = l->at;
        blank_more(l);
    } else {
        settle(l);
    }
}

static void recovered(struct log *l)
{
    l->state = LOG_IDLE;
    l->durable_index = l->index;
    l->durable_at = l->at;
    if (l->damage.mended > 0)
        port_probe(l->port, PROBE_LOG_MENDED);
    if (l->damage.holes > 0)
        port_probe(l->port, PROBE_LOG_HOLE);
    if (l->damage.mended + l->damage.holes > 0)
        port_trace(l->port, TRACE_LOG_ROT, NODE_NONE, "fact log: rot in %u records that could be mended, and %u holes",
                   l->damage.mended, l->damage.holes);
    log_pass_schedule(l, l->damage.mended > 0);
    l->handlers.recovered(l->handlers.context);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void read_more(struct log *l)
{
    const struct log_walk *w = &l->recovery.walk;
    l->op = port_disk_read(l->port, l->area, w->at, MIN(w->end - w->at, l->read_size));
    if (l->op == 0)
        log_wait(l, ERR_NO_MEMORY);
}

static void take(struct log *l, const struct log_found *f)
{
    if (f->mended) {
        l->damage.mended++;
        port_count(l->port, METRIC_LOG_MENDED, 1);
    }
    l->at = f->offset + f->size;
    if (f->header.type != LOG_FILLER)
        l->handlers.record(l->handlers.context, f->header.type, f->payload);
}

/* A hole that is here to stay, until it is healed. */
static void take_hole(struct log *l, const struct log_found *f)
{
    if (f->last && !f->noisy)
        return; /* where nothing was written yet */
    l->damage.holes++;
    port_count(l->port, METRIC_LOG_HOLES, 1);
    l->at = f->last ? MAX((f->reach + 7) & ~(uint64_t)7, f->offset + LOG_RECORD_LEAST) : f->offset + f->size;
}

/* First pass, at a hole: what is it? The walk goes on behind it, and nothing is taken meanwhile. */
static void probe_hole(struct log *l, const struct log_found *f)
{
    struct log_recovery *r = &l->recovery;
    if (l->state == LOG_READING) {
        l->state = LOG_PROBING;
        r->first_hole = f->offset;
        r->torn_at = LOG_NOWHERE;
        r->noise_end = f->offset;
    }
    if (f->last && !f->noisy)
        return;
    if (f->noisy)
        r->noise_end = MAX(r->noise_end, f->noise_end);
    if (f->group_first)
        r->torn_at = LOG_NOWHERE;
    if (f->blank && r->torn_at == LOG_NOWHERE)
        r->torn_at = f->offset;
}

static void probe_record(struct log *l, const struct log_found *f)
{
    struct log_recovery *r = &l->recovery;
    r->behind = true;
    r->noise_end = MAX(r->noise_end, f->offset + f->size);
    if (f->header.flags & LOG_GROUP_FIRST)
        r->torn_at = LOG_NOWHERE; /* what lies in front was durable: this is no torn tail */
}

static void probe_end(struct log *l)
{
    struct log_recovery *r = &l->recovery;
    bool noisy = r->noise_end > r->first_hole;
    uint64_t end = r->torn_at == LOG_NOWHERE ? r->walk.end : r->torn_at;
    log_walk_close(&r->walk);
    l->damage.torn = noisy && r->torn_at != LOG_NOWHERE;
    log_walk_open(&r->walk, l->port->heap, r->first_hole, noisy ? end : r->first_hole, r->index_before, r->epoch_before);
    r->second = true;
    l->state = LOG_READING;
    if (r->walk.at == r->walk.end)
        finish(l);
    else
        read_more(l);
}

/* A seeded bug: as recovery was before it knew rot. */
static void cut_at_rot(struct log *l)
{
    l->recovery.walk.index = l->recovery.index_before;
    l->recovery.walk.epoch = l->recovery.epoch_before;
    l->recovery.noise_end = l->scan_end;
    l->damage.torn = true;
    finish(l);
}

/* Where the walk stood before the first hole, so that the second pass can begin there. */
static void remember(struct log *l)
{
    if (l->state != LOG_READING || l->recovery.second)
        return;
    l->recovery.index_before = l->recovery.walk.index;
    l->recovery.epoch_before = l->recovery.walk.epoch;
}

static void scan(struct log *l, struct span bytes, uint64_t offset)
{
    struct log_recovery *r = &l->recovery;
    struct log_found f;
    bool final = r->limited || bytes.size == LOG_READ_SIZE;
    for (;;) {
        remember(l);
        enum log_item item = log_walk_next(&r->walk, bytes, offset, final, &f);
        bool taking = l->state == LOG_READING && (r->second || item == LOG_ITEM_RECORD);
        if (MUTATION(ROT_IS_TORN) && l->state == LOG_READING && (item == LOG_ITEM_HOLE || f.mended)) {
            cut_at_rot(l);
            return;
        }
        if (item == LOG_ITEM_MORE) {
            read_more(l);
            return;
        }
        if (item == LOG_ITEM_END && l->state == LOG_PROBING) {
            probe_end(l);
            return;
        }
        if (item == LOG_ITEM_END) {
            finish(l);
            return;
        }
        if (item == LOG_ITEM_RECORD)
            taking ? take(l, &f) : probe_record(l, &f);
        else
            taking ? take_hole(l, &f) : probe_hole(l, &f);
    }
}

/* An unreadable sector: come closer to it, then pass over it. */
static void unreadable(struct log *l)
{
    struct log_walk *w = &l->recovery.walk;
    l->recovery.limited = true;
    if (l->read_size > LOG_READ_LEAST)
        l->read_size /= 2;
    else
        log_walk_skip(w, (w->at / LOG_READ_LEAST + 1) * LOG_READ_LEAST);
    if (w->at < w->end)
        read_more(l);
    else
        scan(l, (struct span){0}, w->at);
}

static void read_done(struct log *l, const struct event_done *done)
{
    if (done->status == ERR_CORRUPT) {
        unreadable(l);
        return;
    }
    struct span bytes = slice_span(done->data);
    if (l->recovery.walk.at == 0 && !l->recovery.second && log_record_is_old(bytes)) {
        l->state = LOG_REFUSED;
        port_trace(l->port, TRACE_LOG_VERSION, NODE_NONE, "the log of facts is of version 1, which this program cannot read: "
                   "start the version before, or join this node anew with an empty disk");
        return;
    }
    l->retry_delay = 0;
    scan(l, bytes, l->recovery.walk.at);
    l->recovery.limited = false;
    l->read_size = LOG_READ_SIZE;
}

void log_recovery_begin(struct log *l)
{
    l->state = LOG_READING;
    l->read_size = LOG_READ_SIZE;
    log_walk_open(&l->recovery.walk, l->port->heap, 0, l->scan_end, 0, 0);
    log_recovery_again(l);
}

void log_recovery_again(struct log *l)
{
    if (l->state == LOG_BLANKING)
        blank_more(l);
    else if (l->state == LOG_SETTLING || l->scan_end == 0)
        settle(l);
    else if (l->state != LOG_REFUSED)
        read_more(l);
}

void log_recovery_done(struct log *l, const struct event_done *done)
{
    bool reading = l->state == LOG_READING || l->state == LOG_PROBING;
    if (done->status != ERR_OK && !(reading && done->status == ERR_CORRUPT)) {
        log_wait(l, done->status);
    } else if (reading) {
        read_done(l, done);
    } else if (l->state == LOG_BLANKING) {
        l->recovery.blank_at += BLANK_PIECE;
        blank_more(l);
    } else if (l->state == LOG_SETTLING) {
        l->trouble = ERR_OK;
        l->retry_delay = 0;
        recovered(l);
    }
}
