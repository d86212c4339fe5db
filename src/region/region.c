#include "region/region.h"

#include <openssl/crypto.h>
#include <string.h>

#include "region/inside.h"

static void set_defaults(struct region_config *c)
{
    c->connections_max = c->connections_max ? c->connections_max : 1024;
    c->header_bytes_max = c->header_bytes_max ? c->header_bytes_max : 32 * 1024;
    c->xml_bytes_max = c->xml_bytes_max ? c->xml_bytes_max : 1 << 20;
    c->json_bytes_max = c->json_bytes_max ? c->json_bytes_max : 256 * 1024;
    c->get_window_bytes = c->get_window_bytes ? c->get_window_bytes : 4 << 20;
    c->request_timeout_ns = c->request_timeout_ns ? c->request_timeout_ns : 120 * NS_PER_S;
    c->idle_timeout_ns = c->idle_timeout_ns ? c->idle_timeout_ns : 60 * NS_PER_S;
}

static bool config_ok(const struct region_config *c)
{
    return c->name && c->name[0] && c->access_key && c->access_key[0] && c->secret_key && c->secret_key[0] &&
           strlen(c->secret_key) <= 128 && strlen(c->name) <= 63;
}

err region_open(struct region **out, struct heap *heap, const struct region_config *config, const struct region_host *host,
                const struct view *view, const struct sky *sky, const uint64_t *metrics)
{
    if (!config_ok(config))
        return ERR_INVALID;
    struct region *r = heap_alloc(heap, sizeof *r);
    struct region_event *events = heap_alloc(heap, EVENTS_KEPT * sizeof *events);
    if (!r || !events) {
        heap_free(heap, r);
        heap_free(heap, events);
        return ERR_NO_MEMORY;
    }
    r->heap = heap;
    r->config = *config;
    r->host = *host;
    r->view = view;
    r->sky = sky;
    r->metrics = metrics;
    r->events = events;
    set_defaults(&r->config);
    map_init(&r->connections, heap, sizeof(struct connection *));
    map_init(&r->tags, heap, sizeof(struct request *));
    *out = r;
    return ERR_OK;
}

static struct connection *find(struct region *r, uint64_t id)
{
    struct connection **c = map_find_u64(&r->connections, id);
    return c ? *c : NULL;
}

static void enter(struct region *r, const struct region_time *t)
{
    r->time = *t;
    r->depth++;
}

/* Connections die at the end of the outermost input, when nobody can be inside them. */
static void leave(struct region *r)
{
    if (--r->depth)
        return;
    while (r->dead_list) {
        struct connection *c = r->dead_list;
        r->dead_list = c->dead_next;
        connection_free(c);
        heap_free(r->heap, c);
    }
}

void region_close(struct region *r)
{
    for (struct map_node *n = map_first(&r->connections); n; n = map_next(&r->connections, n)) {
        struct connection *c = *(struct connection **)map_value(n);
        connection_free(c);
        heap_free(r->heap, c);
    }
    map_clear(&r->connections);
    map_clear(&r->tags);
    outbox_clear(r);
    OPENSSL_cleanse(&r->keys, sizeof r->keys);
    heap_free(r->heap, r->events);
    heap_free(r->heap, r);
}

void region_connected(struct region *r, const struct region_time *t, uint64_t id)
{
    r->time = *t;
    struct connection *c = NULL, **slot = NULL;
    if (r->connections.count < r->config.connections_max && !find(r, id))
        c = heap_alloc(r->heap, sizeof *c);
    if (c && connection_open(c, r, id) == ERR_OK)
        slot = map_put_u64(&r->connections, id, NULL);
    if (slot) {
        *slot = c;
        return;
    }
    heap_free(r->heap, c);
    r->refused_connections++;
    r->host.close(r->host.context, id, false);
}

void region_bytes(struct region *r, const struct region_time *t, uint64_t id, struct slice data)
{
    struct connection *c = find(r, id);
    enter(r, t);
    if (c)
        connection_input(c, data);
    leave(r);
    outbox_flush(r);
}

void region_closed(struct region *r, const struct region_time *t, uint64_t id)
{
    struct connection *c = find(r, id);
    enter(r, t);
    if (c) {
        map_remove_u64(&r->connections, id);
        c->dead = true;
        c->dead_next = r->dead_list;
        r->dead_list = c;
    }
    leave(r);
    outbox_flush(r);
}

void region_sent(struct region *r, const struct region_time *t, uint64_t id, size_t bytes)
{
    struct connection *c = find(r, id);
    enter(r, t);
    if (c) {
        c->unsent -= MIN(c->unsent, bytes);
        c->last_output = t->now.mono;
        if (c->request.on_room && !c->closing)
            c->request.on_room(&c->request);
        connection_run(c);
    }
    leave(r);
    outbox_flush(r);
}

static struct request *owner_of(struct region *r, uint64_t tag, bool final)
{
    struct request **owner = map_find_u64(&r->tags, tag);
    struct request *q = owner ? *owner : NULL;
    if (!q)
        return NULL;
    q->plane_since = r->time.now.mono;
    if (final)
        request_forget(q, tag);
    return q->connection->dead || q->connection->closing ? NULL : q;
}

void region_object(struct region *r, const struct region_time *t, const struct object_reply *reply)
{
    enter(r, t);
    struct request *q = owner_of(r, reply->tag, reply->final);
    if (q && q->on_object && !q->response_ended) {
        q->on_object(q, reply);
        connection_run(q->connection);
    }
    leave(r);
}

void region_task(struct region *r, const struct region_time *t, const struct task_reply *reply)
{
    enter(r, t);
    struct request *q = owner_of(r, reply->tag, true);
    if (q && q->on_task && !q->response_ended) {
        q->on_task(q, reply);
        connection_run(q->connection);
    }
    leave(r);
}

void region_trace(struct region *r, const struct region_time *t, const struct effect_trace *trace)
{
    enter(r, t);
    events_add(r, trace);
    leave(r);
}

void region_tick(struct region *r, const struct region_time *t)
{
    enter(r, t);
    for (struct map_node *n = map_first(&r->connections); n; n = map_next(&r->connections, n))
        connection_tick(*(struct connection **)map_value(n));
    events_tick(r);
    leave(r);
    outbox_flush(r);
}

void region_flush(struct region *r)
{
    outbox_flush(r);
}

size_t region_connection_count(const struct region *r)
{
    return r->connections.count;
}

static bool connection_check(const struct connection *c)
{
    size_t bytes = 0;
    for (size_t i = 0; i < c->pending_count; i++)
        bytes += c->pending[i].size;
    const struct request *q = &c->request;
    return bytes == c->pending_bytes && c->pending_count <= PENDING_MAX && q->connection == c && q->region == c->region &&
           (!q->response_ended || q->responded || c->closing) && (c->stage != STAGE_HEAD || !q->responded || c->closing);
}

bool region_check(const struct region *r)
{
    size_t tags = 0;
    for (struct map_node *n = map_first(&r->connections); n; n = map_next(&r->connections, n)) {
        const struct connection *c = *(struct connection **)map_value(n);
        if (c->id != map_key_u64(n) || !connection_check(c))
            return false;
        tags += c->request.tags_live;
    }
    return tags == r->tags.count && r->connections.count <= r->config.connections_max && r->depth == 0;
}
