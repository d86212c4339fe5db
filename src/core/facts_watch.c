#include <string.h>

#include "core/facts_private.h"

#define WATCH_POLL NS_PER_S
#define BACKOFF_FIRST NS_PER_S
#define BACKOFF_MOST (16 * NS_PER_S)
enum { NODES_MAX = 64 };

/* ---- messages of facts ------------------------------------------------------------------------------------------ */

bool facts_linked(const struct facts *s, node_id node)
{
    return map_find_u64(&s->peers, node) != NULL;
}

duration_ns facts_way(const struct facts *s, node_id node)
{
    return s->handlers.light ? 2 * s->handlers.light(s->handlers.context, node) : 0;
}

/* Nothing here is worth keeping on a disk on the way: whatever is lost is asked for or sent again. */
void facts_send(struct facts *s, node_id to, enum facts_message_type type, struct span body, struct slice payload)
{
    struct message m = {.to = to, .type = (uint16_t)type, .body = body, .payload = payload, .no_custody = true};
    m.link_only = facts_linked(s, to);
    bool cast = type == FACTS_DIGEST || (type == FACTS_PUSH && body.size > 0); /* there is another in a moment */
    m.unanswered = m.link_only && cast;
    m.priority = type == FACTS_SERVED ? 1 : 0;
    err e = port_send(s->port, &m);
    (void)e; /* no memory: the next digest finds the difference */
}

void batch_add(struct batch *b, struct span encoded)
{
    size_t need = b->size + 4 + encoded.size, have = b->data ? heap_block_size(b->data) : 0;
    if (need > have) {
        uint8_t *wider = heap_grow(b->heap, b->data, MAX(need, 2 * have));
        if (!wider)
            return;
        b->data = wider;
    }
    struct writer w = writer_of(b->data + b->size, 4 + encoded.size);
    write_blob(&w, encoded);
    b->size = need;
}

/* A few fresh facts to a neighbour whose heartbeats show what it lacks: nobody needs to answer. */
static bool may_cast(const struct facts *s, const struct batch *b, enum facts_message_type type, node_id to)
{
    return s->config.casts && type == FACTS_PUSH && b->size > 0 && b->size <= FACTS_CAST_MAX && facts_linked(s, to);
}

void batch_send(struct facts *s, struct batch *b, enum facts_message_type type, node_id to)
{
    if (may_cast(s, b, type, to)) {
        facts_send(s, to, type, span_of(b->data, b->size), (struct slice){0});
        return;
    }
    struct buf *payload = b->size > 0 ? buf_new_heap(s->port->heap, b->size) : NULL;
    if (!payload)
        return;
    memcpy(payload->data, b->data, b->size);
    facts_send(s, to, type, (struct span){0}, slice_of(payload, 0, b->size));
    buf_unref(payload);
}

void batch_clear(struct batch *b)
{
    heap_free(b->heap, b->data);
    b->data = NULL;
    b->size = 0;
}

/* Room for one more fact without exceeding the size of a message? */
static bool batch_fits(const struct batch *b, struct span encoded)
{
    return b->size == 0 || b->size + 4 + encoded.size <= FACTS_BATCH_MAX;
}

/* ---- watches ------------------------------------------------------------------------------------------------------ */

static struct watch *watch_at_or_after(const struct facts *s, uint64_t seq, uint64_t *found)
{
    uint8_t key[8];
    struct writer w = writer_of(key, sizeof key);
    write_u64_be(&w, seq);
    struct map_node *n = map_seek(&s->watches, span_of(key, sizeof key));
    if (!n)
        return NULL;
    *found = map_key_u64(n);
    return map_value(n);
}

err facts_publish_watched(struct facts *s, enum fact_type type, struct span body, const node_id *nodes, size_t node_count,
                          enum service owner, uint64_t tag)
{
    if (!s->ready || !s->own)
        return ERR_BUSY;
    if (node_count > FACTS_WATCH_NODES_MAX || s->watches.count >= FACTS_WATCHES_MAX)
        return ERR_FULL;
    uint64_t seq = s->own->seq + 1;
    struct watch *w = map_put_u64(&s->watches, seq, NULL);
    if (!w)
        return ERR_FULL;
    *w = (struct watch){.owner = owner, .tag = tag, .due = TIME_NEVER, .backoff = BACKOFF_FIRST};
    for (size_t i = 0; i < node_count; i++)
        if (nodes[i] != s->config.self && nodes[i] != NODE_NONE)
            w->nodes[w->node_count++] = nodes[i];
    err e = facts_publish(s, type, body, NULL);
    if (e != ERR_OK)
        map_remove_u64(&s->watches, seq);
    return e;
}

void facts_unwatch(struct facts *s, enum service owner, uint64_t tag)
{
    uint64_t seq = 0;
    for (struct watch *w = watch_at_or_after(s, 0, &seq); w; w = watch_at_or_after(s, seq + 1, &seq))
        if (w->owner == owner && w->tag == tag)
            map_remove_u64(&s->watches, seq);
}

bool watch_names(const struct facts *s, uint64_t first, uint64_t last, node_id node)
{
    uint64_t seq = 0;
    for (const struct watch *w = watch_at_or_after(s, first, &seq); w && seq <= last; w = watch_at_or_after(s, seq + 1, &seq))
        for (size_t i = 0; i < w->node_count; i++)
            if (w->nodes[i] == node)
                return true;
    return false;
}

static bool all_told(const struct facts *s, const struct watch *w, uint64_t seq)
{
    for (size_t i = 0; i < w->node_count; i++)
        if (!w->told[i])
            return false;
    return seq <= s->pushed;
}

void watch_held(struct facts *s, node_id from, uint64_t until)
{
    uint64_t seq = 0;
    for (struct watch *w = watch_at_or_after(s, 0, &seq); w && seq <= until; w = watch_at_or_after(s, seq + 1, &seq)) {
        struct watch before = *w;
        for (size_t i = 0; i < before.node_count; i++) {
            if (before.nodes[i] != from || before.told[i])
                continue;
            w->told[i] = true;
            if (all_told(s, w, seq))
                map_remove_u64(&s->watches, seq);
            s->handlers.held(s->handlers.context, before.owner, before.tag, from); /* may unwatch */
            break;
        }
    }
}

/* Its answer to the last push may still be on its way. */
static bool may_answer_yet(const struct watch *w, size_t i, duration_ns way, mono_ns now)
{
    return way > 0 && w->sent_at[i] != 0 && now < w->sent_at[i] + way + BACKOFF_FIRST;
}

static bool waits_for(const struct watch *w, node_id node, duration_ns way, mono_ns now)
{
    for (size_t i = 0; i < w->node_count; i++)
        if (w->nodes[i] == node && !w->told[i] && !may_answer_yet(w, i, way, now))
            return true;
    return false;
}

static void watch_sent(struct watch *w, node_id node, mono_ns now)
{
    for (size_t i = 0; i < w->node_count; i++)
        if (w->nodes[i] == node)
            w->sent_at[i] = now;
}

/* Sends `node` all due watched facts it has not confirmed. */
static void push_due(struct facts *s, node_id node)
{
    struct batch b = {.heap = s->port->heap};
    uint64_t seq = 0;
    const duration_ns way = facts_way(s, node);
    for (struct watch *w = watch_at_or_after(s, 0, &seq); w && seq <= s->own->durable; w = watch_at_or_after(s, seq + 1, &seq)) {
        if (w->due > s->port->now.mono || !waits_for(w, node, way, s->port->now.mono))
            continue;
        watch_sent(w, node, s->port->now.mono);
        if (w->backoff > BACKOFF_FIRST)
            port_probe(s->port, PROBE_WATCH_REPEATED);
        struct span encoded = chain_encoded(s->own, seq);
        if (!batch_fits(&b, encoded)) {
            batch_send(s, &b, FACTS_WATCHED, node);
            b.size = 0;
        }
        batch_add(&b, encoded);
    }
    batch_send(s, &b, FACTS_WATCHED, node);
    batch_clear(&b);
}

/* The distinct nodes that due watches wait for; at most NODES_MAX, the others have their turn a poll later. */
static size_t nodes_due(const struct facts *s, bool skip_linked, node_id nodes[NODES_MAX])
{
    size_t count = 0;
    uint64_t seq = 0;
    for (const struct watch *w = watch_at_or_after(s, 0, &seq); w && seq <= s->own->durable; w = watch_at_or_after(s, seq + 1, &seq)) {
        if (w->due > s->port->now.mono)
            continue;
        for (size_t i = 0; i < w->node_count; i++) {
            bool known = w->told[i] || (skip_linked && facts_linked(s, w->nodes[i]));
            for (size_t j = 0; j < count && !known; j++)
                known = nodes[j] == w->nodes[i];
            if (!known && count < NODES_MAX)
                nodes[count++] = w->nodes[i];
        }
    }
    return count;
}

static void watches_push(struct facts *s, bool skip_linked)
{
    node_id nodes[NODES_MAX];
    size_t count = nodes_due(s, skip_linked, nodes);
    for (size_t i = 0; i < count; i++)
        push_due(s, nodes[i]);
    uint64_t seq = 0;
    for (struct watch *w = watch_at_or_after(s, 0, &seq); w && seq <= s->own->durable; w = watch_at_or_after(s, seq + 1, &seq))
        if (w->due <= s->port->now.mono) {
            w->due = s->port->now.mono + w->backoff;
            w->backoff = MIN(2 * w->backoff, BACKOFF_MOST);
        }
}

/* Own facts first..last go to a neighbour; it is asked to confirm when a watch names it. */
static void push_range(struct facts *s, node_id peer, uint64_t first, uint64_t last)
{
    enum facts_message_type type = watch_names(s, first, last, peer) ? FACTS_WATCHED : FACTS_PUSH;
    struct batch b = {.heap = s->port->heap};
    for (uint64_t seq = first; seq <= last; seq++) {
        struct span encoded = chain_encoded(s->own, seq);
        if (!batch_fits(&b, encoded)) {
            batch_send(s, &b, type, peer);
            b.size = 0;
        }
        batch_add(&b, encoded);
    }
    batch_send(s, &b, type, peer);
    batch_clear(&b);
    uint64_t seq = 0;
    for (struct watch *w = watch_at_or_after(s, first, &seq); w && seq <= last && type == FACTS_WATCHED; w = watch_at_or_after(s, seq + 1, &seq))
        watch_sent(w, peer, s->port->now.mono);
}

/* A fresh watched fact: those of its nodes that are no neighbours get it by route, now. */
static void push_routed(struct facts *s, uint64_t first, uint64_t last)
{
    uint64_t seq = 0;
    bool any = false;
    for (struct watch *w = watch_at_or_after(s, first, &seq); w && seq <= last; w = watch_at_or_after(s, seq + 1, &seq)) {
        bool routed = false;
        for (size_t i = 0; i < w->node_count; i++)
            routed = routed || !facts_linked(s, w->nodes[i]);
        w->due = s->port->now.mono + (routed ? 0 : w->backoff);
        any = any || routed;
    }
    if (any)
        watches_push(s, true); /* neighbours have it already */
}

void watch_durable(struct facts *s)
{
    uint64_t first = s->pushed + 1, last = s->own->durable, seq = 0;
    if (first > last)
        return;
    s->pushed = last;
    for (struct map_node *n = map_first(&s->peers); n; n = map_next(&s->peers, n))
        push_range(s, (node_id)map_key_u64(n), first, last);
    push_routed(s, first, last);
    for (struct watch *w = watch_at_or_after(s, first, &seq); w && seq <= last; w = watch_at_or_after(s, seq + 1, &seq)) {
        struct watch told = *w;
        if (all_told(s, w, seq))
            map_remove_u64(&s->watches, seq);
        s->handlers.held(s->handlers.context, told.owner, told.tag, s->config.self);
    }
    if (s->watches.count > 0 && s->watch_at == TIME_NEVER) {
        s->watch_at = s->port->now.mono + WATCH_POLL;
        port_alarm(s->port, s->watch_at);
    }
}

void watch_alarm(struct facts *s)
{
    if (s->watch_at == TIME_NEVER)
        return;
    if (s->port->now.mono >= s->watch_at) {
        s->watch_at = TIME_NEVER;
        if (s->watches.count == 0)
            return;
        watches_push(s, false);
        s->watch_at = s->port->now.mono + WATCH_POLL;
    }
    port_alarm(s->port, s->watch_at);
}
