#include "storage/internal.h"

err publish(struct storage *s, enum fact_type type, struct span body)
{
    struct fact out;
    return facts_publish(s->port->facts, type, body, &out);
}

static void watch_done(struct storage *s, uint64_t tag, err status)
{
    struct watch *found = map_find_u64(&s->watches, tag);
    struct watch w = *found;
    map_remove_u64(&s->watches, tag);
    facts_unwatch(s->port->facts, SERVICE_STORAGE, tag);
    if (w.stream) {
        put_published(s, w.stream, status);
        return;
    }
    w.reply.status = status;
    storage_reply(s, &w.reply);
}

/* How long the named nodes may take: light there and back, twice, since the first message may be lost. */
static duration_ns patience(const struct storage *s, const node_id *nodes, uint8_t count)
{
    duration_ns light = 0;
    for (uint8_t i = 0; i < count; i++)
        light = MAX(light, placement_far_light(s->port, nodes[i]));
    return INDEX_TIMEOUT_S * NS_PER_S + 2 * light;
}

err publish_watched(struct storage *s, enum fact_type type, struct span body, const node_id *nodes, uint8_t count, uint8_t need,
                    struct stream *stream, const struct object_reply *reply)
{
    ASSERT(need > 0 && need <= count);
    uint64_t tag = ++s->next_watch;
    struct watch *w = map_put_u64(&s->watches, tag, NULL);
    if (!w)
        return ERR_NO_MEMORY;
    w->stream = stream;
    if (reply)
        w->reply = *reply;
    w->need = need;
    w->deadline = s->port->now.mono + patience(s, nodes, count);
    if (stream)
        stream->watch = tag;
    storage_tick_soon(s);
    err e = facts_publish_watched(s->port->facts, type, body, nodes, count, SERVICE_STORAGE, tag);
    if (e != ERR_OK) {
        map_remove_u64(&s->watches, tag);
        if (stream)
            stream->watch = 0;
    }
    return e;
}

/* The nearest reachable neighbours: a name survives this node with one of them. */
static uint8_t near_nodes(const struct storage *s, node_id nodes[4])
{
    uint64_t best[4] = {UINT64_MAX};
    uint8_t count = 1;
    nodes[0] = s->port->config->self;
    for (size_t i = 0; i < s->port->view->count; i++) {
        const struct view_member *m = &s->port->view->members[i];
        uint64_t nearness = m->id == nodes[0] ? 0 : placement_nearness(s->port, m->id, (duration_ns)PLACEMENT_REACH_S * NS_PER_S);
        if (nearness == 0 || (count == 4 && nearness <= best[3]))
            continue;
        uint8_t at = count < 4 ? count++ : 3;
        while (at > 1 && best[at - 1] < nearness) {
            best[at] = best[at - 1];
            nodes[at] = nodes[at - 1];
            at--;
        }
        best[at] = nearness;
        nodes[at] = m->id;
    }
    return count;
}

err publish_near(struct storage *s, enum fact_type type, struct span body, const struct object_reply *reply)
{
    node_id nodes[4];
    uint8_t count = near_nodes(s, nodes);
    return publish_watched(s, type, body, nodes, count, MIN(count, (uint8_t)2), NULL, reply);
}

void publish_held(struct storage *s, uint64_t tag, node_id node)
{
    struct watch *w = map_find_u64(&s->watches, tag);
    if (!w)
        return;
    for (uint8_t i = 0; i < w->have; i++)
        if (w->nodes[i] == node)
            return;
    if (w->have < PLACEMENT_MAX)
        w->nodes[w->have++] = node;
    if (w->have >= w->need)
        watch_done(s, tag, ERR_OK);
}

void publish_tick(struct storage *s)
{
    for (struct map_node *n = map_first(&s->watches), *next; n; n = next) {
        next = map_next(&s->watches, n);
        const struct watch *w = map_value(n);
        if (w->deadline <= s->port->now.mono) {
            watch_done(s, map_key_u64(n), ERR_TIMEOUT);
            return; /* its owner may have changed the table; the next tick goes on */
        }
    }
}

void publish_forget(struct storage *s, uint64_t tag)
{
    if (tag && map_remove_u64(&s->watches, tag))
        facts_unwatch(s->port->facts, SERVICE_STORAGE, tag);
}

void publish_copy(struct storage *s, struct uid part, uint32_t first, uint32_t count, node_id node, bool added)
{
    uint8_t body[64];
    struct writer w = writer_of(body, sizeof body);
    copy_fact_encode(&w, &(struct copy_fact){part, facts_uid(s->port->facts), first, count, node, added});
    ASSERT(writer_ok(&w));
    err e = publish(s, FACT_COPY, writer_span(&w));
    if (e != ERR_OK)
        port_trace(s->port, TRACE_REFUSED, node, "the holders of a part could not be recorded: %s", err_name(e));
}
