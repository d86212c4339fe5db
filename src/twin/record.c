/*
 * twin/record.c - what observers hear of: traces, frames, broken promises, told serially in order of (instant, node).
 *
 * Story:   with one shard things happen in that order anyway and are told at once. With several, each shard writes records
 *          into its own bytes; after the window they are merged: within a shard they are in order already.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twin/shard.h"

static void tell(struct world *w, const struct record *r, const uint8_t *bytes)
{
    w->now = r->at;
    if (r->kind == RECORD_BROKEN) {
        checks_count(w, (enum promise)r->id, false, "%.*s", (int)r->size, (const char *)bytes);
        return;
    }
    if (r->kind == RECORD_FRAME) {
        for (size_t i = 0; i < w->observer_count; i++)
            if (w->observers[i].on_frame)
                w->observers[i].on_frame(w->observers[i].context, w, r->node, r->about, r->at, bytes, r->size, r->id != 0);
        return;
    }
    if (r->kind == RECORD_REQUEST) {
        struct request_told told;
        memcpy(&told, bytes, sizeof told);
        for (size_t i = 0; i < w->observer_count; i++)
            if (w->observers[i].on_request)
                w->observers[i].on_request(w->observers[i].context, w, &told);
        return;
    }
    struct twin_node *n = world_node(w, r->node);
    if (r->kind == RECORD_RESTART) {
        node_restart(n, r->about);
        return;
    }
    const struct effect_trace t = {.id = (uint16_t)r->id, .about = r->about, .text = span_of(bytes, r->size)};
    w->figures.trace_counts[t.id]++;
    checks_trace(w, n, &t);
    for (size_t i = 0; i < w->observer_count; i++)
        if (w->observers[i].on_trace)
            w->observers[i].on_trace(w->observers[i].context, n, &t);
}

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static void records_room(struct shard *s, size_t size)
{
    if (s->records_size + size <= s->records_capacity)
        return;
    s->records_capacity = MAX(2 * s->records_capacity, s->records_size + size + 4096);
    s->records = realloc(s->records, s->records_capacity);
    ASSERT(s->records != NULL);
}

void records_give(struct shard *s, const uint8_t *bytes, size_t size)
{
    records_room(s, size);
    memcpy(s->records + s->records_size, bytes, size);
    s->records_size += size;
}

static void record_add(struct shard *s, const struct record *r, const void *bytes)
{
    if (!s->world->ranks && (!s->world->engine->in_window || s->world->shard_count == 1)) {
        mono_ns now = s->world->now;
        tell(s->world, r, bytes);
        s->world->now = s->world->engine->in_window ? r->at : now;
        return;
    }
    size_t size = sizeof *r + padded(r->size);
    records_room(s, size);
    memcpy(s->records + s->records_size, r, sizeof *r);
    if (bytes)
        memcpy(s->records + s->records_size + sizeof *r, bytes, r->size);
    s->records_size += size;
}

void record_trace(struct twin_node *n, const struct effect_trace *t)
{
    const struct record r = {.at = n->shard->now, .kind = RECORD_TRACE, .node = n->id, .about = t->about, .id = t->id,
                             .size = (uint32_t)t->text.size};
    record_add(n->shard, &r, t->text.data);
}

void record_restart(struct twin_node *n)
{
    const struct record r = {.at = n->shard->now, .kind = RECORD_RESTART, .node = n->id, .about = n->boot};
    record_add(n->shard, &r, NULL);
}

void record_frame(struct twin_node *from, node_id to, const void *bytes, size_t size, bool lost)
{
    const struct record r = {.at = from->shard->now, .kind = RECORD_FRAME, .node = from->id, .about = to, .id = lost,
                             .size = (uint32_t)size};
    record_add(from->shard, &r, bytes);
}

void record_request(struct twin_node *gateway, const struct request_told *told)
{
    const struct record r = {.at = gateway->shard->now, .kind = RECORD_REQUEST, .node = gateway->id, .size = sizeof *told};
    record_add(gateway->shard, &r, told);
}

void node_promise(struct twin_node *n, enum promise p, bool kept, const char *format, ...)
{
    if (kept) {
        n->shard->kept[p]++;
        return;
    }
    char text[240];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    const struct record r = {.at = n->shard->now, .kind = RECORD_BROKEN, .node = n->id, .id = p,
                             .size = (uint32_t)MIN((size_t)MAX(size, 0), sizeof text - 1)};
    record_add(n->shard, &r, text);
}

/* The shard whose next record comes first; NULL: none has any. */
static struct shard *first_record(struct world *w, struct record *out)
{
    struct shard *best = NULL;
    for (size_t i = 0; i < w->shard_count; i++) {
        struct shard *s = &w->shards[i];
        if (s->records_read == s->records_size)
            continue;
        struct record r;
        memcpy(&r, s->records + s->records_read, sizeof r);
        if (!best || r.at < out->at || (r.at == out->at && r.node < out->node)) {
            best = s;
            *out = r;
        }
    }
    return best;
}

void records_tell(struct world *w)
{
    struct record r;
    for (struct shard *s; (s = first_record(w, &r)) != NULL;) {
        tell(w, &r, s->records + s->records_read + sizeof r);
        s->records_read += sizeof r + padded(r.size);
    }
    for (size_t i = 0; i < w->shard_count; i++)
        w->shards[i].records_size = w->shards[i].records_read = 0;
}
