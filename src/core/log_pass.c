/*
 * core/log_pass.c - passes over a log that is in use: rot is found while it can still be mended, and holes are covered.
 *
 * Story:    a pass reads all that is durable, one piece at a time, beside the appends. A record with a wrong bit is written
 *           back in place: a write that is torn there leaves it mendable as before. A hole is covered with filler records once
 *           the user of the log says that what it held lies elsewhere in the log. What was written is synced at the end.
 * Limits:   one pass and one operation at a time.
 */
#include <string.h>

#include "base/mutation.h"
#include "core/log.h"

#define TROUBLE_DELAY NS_PER_MINUTE
enum { FILL_PIECE = 512 * 1024, FILL_BYTE = 0xf1 /* no blank sector: a torn filler must not look like a torn tail */ };

void log_pass_schedule(struct log *l, bool soon)
{
    duration_ns interval = l->port->config->scrub_interval_ns;
    l->pass.due = interval > 0 ? l->port->now.mono + time_wall_to_mono(&l->port->now, interval) : TIME_NEVER;
    if (soon)
        l->pass.due = l->port->now.mono;
    if (MUTATION(ROT_IS_TORN))
        l->pass.due = TIME_NEVER;
    port_alarm(l->port, l->pass.due);
}

static void pass_end(struct log *l, bool whole)
{
    enum log_pass_kind kind = l->pass.kind;
    log_walk_close(&l->pass.walk);
    l->pass.kind = LOG_PASS_NONE;
    log_pass_schedule(l, false);
    if (l->handlers.passed)
        l->handlers.passed(l->handlers.context, kind, whole);
}

/* The disk or the memory has no room for it now. */
static void pass_give_up(struct log *l)
{
    log_walk_close(&l->pass.walk);
    l->pass.kind = LOG_PASS_NONE;
    l->pass.due = l->port->now.mono + TROUBLE_DELAY;
    port_alarm(l->port, l->pass.due);
}

static void operation(struct log *l, enum log_pass_step step, uint64_t op)
{
    l->pass.step = step;
    l->pass.op = op;
    if (op == 0)
        pass_give_up(l);
}

static void pass_read(struct log *l)
{
    const struct log_walk *w = &l->pass.walk;
    operation(l, LOG_PASS_READS, port_disk_read(l->port, l->area, w->at, MIN(w->end - w->at, l->pass.read_size)));
}

static void write_back(struct log *l, const struct log_found *f)
{
    struct buf *b = buf_new_heap(l->port->heap, (size_t)f->size);
    if (!b) {
        pass_give_up(l);
        return;
    }
    memcpy(b->data, f->mended, (size_t)f->size);
    l->pass.wrote = true;
    operation(l, LOG_PASS_WRITES, port_disk_write(l->port, l->area, f->offset, slice_of(b, 0, (size_t)f->size), (struct slice){0}));
    buf_unref(b);
}

/* One filler; a long hole takes several. */
static void fill(struct log *l)
{
    struct log_pass *p = &l->pass;
    uint64_t left = p->hole_end - p->hole;
    size_t size = (size_t)(left > 2 * FILL_PIECE - 1 ? FILL_PIECE : left);
    struct buf *b = buf_new_heap(l->port->heap, size), *payload = b ? buf_new_heap(l->port->heap, size) : NULL;
    if (payload) {
        struct log_header h = {.type = LOG_FILLER, .epoch = p->walk.epoch, .index = p->walk.index};
        memset(payload->data, FILL_BYTE, size);
        log_record_write(b->data, p->hole, &h, span_of(payload->data, size - LOG_HEADER_SIZE));
        p->hole += size;
        p->wrote = true;
        operation(l, LOG_PASS_WRITES, port_disk_write(l->port, l->area, p->hole - size, slice_of(b, 0, size), (struct slice){0}));
    } else {
        pass_give_up(l);
    }
    buf_unref(payload);
    buf_unref(b);
}

static void pass_finish(struct log *l)
{
    if (l->pass.wrote)
        operation(l, LOG_PASS_SYNCS, port_disk_sync(l->port, l->area));
    else
        pass_end(l, !l->pass.hole_left);
}

/* True when an operation must be awaited first. */
static bool record_seen(struct log *l, const struct log_found *f)
{
    if (l->pass.kind == LOG_PASS_CENSUS && f->header.type != LOG_FILLER)
        l->handlers.census(l->handlers.context, f->header.type, f->payload);
    if (!f->mended)
        return false;
    port_probe(l->port, PROBE_LOG_MENDED);
    port_count(l->port, METRIC_LOG_MENDED, 1);
    write_back(l, f);
    return true;
}

static bool hole_seen(struct log *l, const struct log_found *f)
{
    if (l->pass.kind == LOG_PASS_CHECK)
        port_probe(l->port, PROBE_LOG_HOLE);
    if (l->pass.kind != LOG_PASS_FILL || f->size < LOG_RECORD_LEAST) {
        l->pass.hole_left = true;
        port_count(l->port, METRIC_LOG_HOLES, l->pass.kind == LOG_PASS_CHECK);
        return false;
    }
    l->pass.hole = f->offset;
    l->pass.hole_end = f->offset + f->size;
    fill(l);
    return true;
}

static void pass_scan(struct log *l, struct span bytes, uint64_t offset, bool final)
{
    struct log_found f;
    for (;;) {
        switch (log_walk_next(&l->pass.walk, bytes, offset, final, &f)) {
        case LOG_ITEM_RECORD:
            if (record_seen(l, &f))
                return;
            break;
        case LOG_ITEM_HOLE:
            if (hole_seen(l, &f))
                return;
            break;
        case LOG_ITEM_MORE:
            pass_read(l);
            return;
        case LOG_ITEM_END:
            pass_finish(l);
            return;
        }
    }
}

static void pass_read_done(struct log *l, const struct event_done *done)
{
    struct log_pass *p = &l->pass;
    if (done->status == ERR_OK) {
        bool limited = p->read_size < LOG_READ_SIZE;
        p->read_size = LOG_READ_SIZE;
        pass_scan(l, slice_span(done->data), p->walk.at, limited || done->data.size == LOG_READ_SIZE);
    } else if (done->status == ERR_CORRUPT && p->read_size > LOG_READ_LEAST) {
        p->read_size /= 2;
        pass_read(l);
    } else if (done->status == ERR_CORRUPT) {
        log_walk_skip(&p->walk, (p->walk.at / LOG_READ_LEAST + 1) * LOG_READ_LEAST);
        pass_scan(l, (struct span){0}, p->walk.at, false);
    } else {
        pass_give_up(l);
    }
}

void log_pass_done(struct log *l, const struct event_done *done)
{
    struct log_pass *p = &l->pass;
    p->op = 0;
    if (p->step == LOG_PASS_READS)
        pass_read_done(l, done);
    else if (done->status != ERR_OK)
        pass_give_up(l);
    else if (p->step == LOG_PASS_SYNCS)
        pass_end(l, !p->hole_left);
    else if (p->hole < p->hole_end)
        fill(l);
    else
        pass_scan(l, (struct span){0}, p->walk.at, false); /* reads on, or ends */
}

bool log_pass_begin(struct log *l, enum log_pass_kind kind)
{
    struct log_pass *p = &l->pass;
    if (p->kind != LOG_PASS_NONE || l->state < LOG_IDLE || l->durable_at == 0)
        return false;
    *p = (struct log_pass){.kind = kind, .read_size = LOG_READ_SIZE, .due = TIME_NEVER};
    log_walk_open(&p->walk, l->port->heap, 0, l->durable_at, 0, 0);
    pass_read(l);
    return true;
}

void log_pass_alarm(struct log *l)
{
    if (l->pass.due > l->port->now.mono)
        port_alarm(l->port, l->pass.due);
    else if (!log_pass_begin(l, LOG_PASS_CHECK))
        log_pass_schedule(l, false);
}
