/*
 * Chunks to and from nodes. This node is one of them: then the disk answers instead of a message. Each operation has an id in
 * `requests`; its answer, its timeout or the loss of the other node ends it exactly once.
 */
#include "storage/internal.h"

struct request *request_new(struct storage *s, enum request_kind kind, void *owner, uint32_t slot, node_id node, uint64_t *id)
{
    if (s->requests.count >= REQUESTS_MAX)
        return NULL;
    uint64_t fresh = ++s->next_request;
    struct request *q = map_put_u64(&s->requests, fresh, NULL);
    if (!q)
        return NULL;
    *q = (struct request){.owner = owner, .slot = slot, .node = node, .deadline = TIME_NEVER, .kind = (uint8_t)kind};
    *id = fresh;
    storage_tick_soon(s);
    return q;
}

void request_end(struct storage *s, uint64_t id)
{
    map_remove_u64(&s->requests, id);
}

/* How long a node may take: two seconds, four times the way (but no more than 10 s beyond it), its bytes at a slow 2 MB/s, light there and back. */
static duration_ns patience(const struct storage *s, node_id node, size_t bytes)
{
    duration_ns reach;
    tai_ns reach_wall;
    view_reach(s->port->view, node, &reach, &reach_wall);
    reach = view_knows(s->port->view, node) ? MIN(MAX(reach, 0), 60 * NS_PER_S) : 0;
    return TIMEOUT_S * NS_PER_S + MIN(4 * reach, reach + 10 * NS_PER_S) + (duration_ns)bytes * 500 + placement_far_light(s->port, node);
}

static err ask(struct storage *s, struct request *q, uint64_t id, enum wire_type type, struct span body, struct slice payload, bool bulk)
{
    duration_ns wait = patience(s, q->node, CHUNK_DATA_MAX);
    q->deadline = s->port->now.mono + wait;
    return port_send(s->port, &(struct message){.from = s->port->config->self,
                                                .to = q->node,
                                                .service = SERVICE_STORAGE,
                                                .type = (uint16_t)type,
                                                .request = id,
                                                .body = body,
                                                .payload = payload,
                                                .priority = bulk ? 2 : 1,
                                                .no_custody = true,
                                                .lifetime_ns = time_mono_to_wall(&s->port->now, wait)});
}

err transfer_store(struct storage *s, struct request *q, uint64_t id, const struct wire_store *m, struct slice data)
{
    uint8_t body[WIRE_BODY_MAX];
    if (q->node == s->port->config->self)
        return chunk_store_write(&s->chunks, m->key, m->digest, m->name_hash, data, m->urgent, id);
    return ask(s, q, id, WIRE_STORE, wire_store_encode(m, body), data, m->urgent);
}

err transfer_fetch(struct storage *s, struct request *q, uint64_t id, struct chunk_key key)
{
    uint8_t body[WIRE_BODY_MAX];
    if (q->node == s->port->config->self)
        return chunk_store_read(&s->chunks, key, id);
    return ask(s, q, id, WIRE_FETCH, wire_fetch_encode(key, body), (struct slice){0}, false);
}

/* Whether another node has the chunk, whole: it reads all of it and says so. */
err transfer_confirm(struct storage *s, struct request *q, uint64_t id, struct chunk_key key)
{
    uint8_t body[WIRE_BODY_MAX];
    ASSERT(q->node != s->port->config->self);
    return ask(s, q, id, WIRE_CONFIRM, wire_fetch_encode(key, body), (struct slice){0}, true);
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

static void answer(struct storage *s, node_id to, uint64_t request, enum wire_type type, err status, struct slice payload)
{
    uint8_t body[WIRE_BODY_MAX];
    err e = port_send(s->port, &(struct message){.from = s->port->config->self,
                                                 .to = to,
                                                 .service = SERVICE_STORAGE,
                                                 .type = (uint16_t)type,
                                                 .request = request,
                                                 .body = wire_status_encode(status, body),
                                                 .payload = payload,
                                                 .priority = type == WIRE_STORED ? 0 : 1,
                                                 .no_custody = true,
                                                 .lifetime_ns = time_mono_to_wall(&s->port->now, 30 * NS_PER_S + placement_far_light(s->port, to))});
    if (e != ERR_OK)
        port_trace(s->port, TRACE_REFUSED, to, "an answer could not be queued: %s", err_name(e));
}

/* Ends a request and tells its owner. */
static void finish(struct storage *s, uint64_t id, err status, struct slice data)
{
    struct request *found = map_find_u64(&s->requests, id);
    if (!found)
        return; /* given up meanwhile */
    struct request q = *found;
    map_remove_u64(&s->requests, id);
    switch ((enum request_kind)q.kind) {
    case REQUEST_PUT:
        put_stored(s, q.owner, q.slot, q.node, status);
        break;
    case REQUEST_GET:
        get_fetched(s, q.owner, q.slot, q.node, status, data);
        break;
    case REQUEST_REPAIR_READ:
        repair_loaded(s, q.owner, q.generation, q.slot, status, data);
        break;
    case REQUEST_REPAIR_STORE:
        repair_stored(s, q.owner, q.generation, status);
        break;
    case REQUEST_CONFIRM:
        release_confirmed(s, q.generation, status);
        break;
    case REQUEST_SCRUB:
        upkeep_scrubbed(s, status);
        break;
    case REQUEST_SERVE_STORE:
        answer(s, q.node, q.remote, WIRE_STORED, status, (struct slice){0});
        break;
    case REQUEST_SERVE_FETCH:
        answer(s, q.node, q.remote, WIRE_FETCHED, status, status == ERR_OK ? data : (struct slice){0});
        break;
    case REQUEST_SERVE_CONFIRM:
        answer(s, q.node, q.remote, WIRE_STORED, status, (struct slice){0});
        break;
    }
}

void transfer_written(void *context, uint64_t cookie, err status)
{
    finish(context, cookie, status, (struct slice){0});
}

void transfer_loaded(void *context, uint64_t cookie, err status, struct slice data)
{
    finish(context, cookie, status, data);
}

/* ---- serving others ------------------------------------------------------------------------------------------- */

static bool known_member(const struct storage *s, node_id node)
{
    enum member_state state = view_state(s->port->view, node);
    return state != MEMBER_QUARANTINED && state != MEMBER_LEFT;
}

static void serve_store(struct storage *s, const struct message *m)
{
    struct wire_store w;
    uint64_t id;
    err e = wire_store_decode(m->body, &w);
    if (e == ERR_OK && (m->payload.size == 0 || m->payload.size > CHUNK_DATA_MAX || w.key.index >= PART_CHUNKS_MAX))
        e = ERR_INVALID;
    if (e == ERR_OK && !digest128_equal(hash128(m->payload.data, m->payload.size), w.digest))
        e = ERR_CORRUPT; /* damaged on the way: the sender tries again or elsewhere */
    if (e == ERR_OK && !storage_idle_memory(s))
        e = ERR_FULL;
    if (e == ERR_OK) {
        struct request *q = request_new(s, REQUEST_SERVE_STORE, NULL, 0, m->from, &id);
        if (q)
            q->remote = m->request;
        e = q ? chunk_store_write(&s->chunks, w.key, w.digest, w.name_hash, m->payload, w.urgent, id) : ERR_FULL;
        if (e == ERR_OK)
            return;
        if (q)
            request_end(s, id);
    }
    if (e == ERR_INVALID)
        port_trace(s->port, TRACE_REFUSED, m->from, "a STORE that does not decode");
    answer(s, m->from, m->request, WIRE_STORED, e == ERR_EXISTS ? ERR_OK : e, (struct slice){0});
}

static void serve_read(struct storage *s, const struct message *m, bool fetch)
{
    struct chunk_key key;
    uint64_t id;
    err e = wire_fetch_decode(m->body, &key);
    if (e == ERR_OK) {
        struct request *q = request_new(s, fetch ? REQUEST_SERVE_FETCH : REQUEST_SERVE_CONFIRM, NULL, 0, m->from, &id);
        if (q)
            q->remote = m->request;
        e = q ? chunk_store_read(&s->chunks, key, id) : ERR_FULL;
        if (e == ERR_OK)
            return;
        if (q)
            request_end(s, id);
    }
    if (e == ERR_NOT_FOUND && !fetch)
        upkeep_corrupt(s, key); /* others go by facts that say it is here */
    answer(s, m->from, m->request, fetch ? WIRE_FETCHED : WIRE_STORED, e, (struct slice){0});
}

static void drop_local(struct storage *s, struct uid part)
{
    uint8_t bytes[CHUNK_KEY_SIZE];
    if (index_part(&s->index, part))
        return; /* a fact speaks of it: then the facts decide */
    struct map_node *n = map_seek(&s->chunks.table, chunk_key_encode((struct chunk_key){part, 0}, bytes));
    while (n) {
        struct chunk_key key = chunk_key_decode(map_key(n));
        if (!uid_equal(key.part, part))
            break;
        n = map_next(&s->chunks.table, n);
        chunk_store_erase(&s->chunks, key);
    }
}

/* Only the author of a part's uid may drop it, and only before any fact names it. */
static void serve_drop(struct storage *s, const struct message *m)
{
    struct uid part;
    if (wire_drop_decode(m->body, &part) == ERR_OK && uid_node(part) == m->from)
        drop_local(s, part);
}

void transfer_drop(struct storage *s, node_id node, struct uid part)
{
    uint8_t body[WIRE_BODY_MAX];
    if (node == s->port->config->self) {
        drop_local(s, part);
        return;
    }
    err e = port_send(s->port, &(struct message){.from = s->port->config->self, .to = node, .service = SERVICE_STORAGE,
                                                 .type = WIRE_DROP, .body = wire_drop_encode(part, body), .priority = 1});
    if (e != ERR_OK)
        port_trace(s->port, TRACE_REFUSED, node, "chunks of an aborted stream stay there until the sweep: %s", err_name(e));
}

static void answered(struct storage *s, const struct message *m)
{
    const struct request *q = map_find_u64(&s->requests, m->request);
    err status;
    bool fetch = q && q->kind == REQUEST_GET;
    bool store = q && (q->kind == REQUEST_PUT || q->kind == REQUEST_REPAIR_STORE || q->kind == REQUEST_CONFIRM);
    if (!q || q->node != m->from || wire_status_decode(m->body, &status) != ERR_OK)
        return; /* late, or not from whom we asked */
    if ((m->type == WIRE_FETCHED && fetch) || (m->type == WIRE_STORED && store))
        finish(s, m->request, status, m->payload);
}

void transfer_message(struct storage *s, const struct message *m)
{
    if (!known_member(s, m->from))
        return;
    switch (m->type) {
    case WIRE_STORE:
        serve_store(s, m);
        break;
    case WIRE_FETCH:
        serve_read(s, m, true);
        break;
    case WIRE_CONFIRM:
        serve_read(s, m, false);
        break;
    case WIRE_STORED:
    case WIRE_FETCHED:
        answered(s, m);
        break;
    case WIRE_DROP:
        serve_drop(s, m);
        break;
    default:
        port_trace(s->port, TRACE_REFUSED, m->from, "unknown storage message %u", m->type);
    }
}

/* Ends those that match; the owners may add new requests, whose ids are greater than any seen here. */
static void fail_where(struct storage *s, node_id node, err status)
{
    uint64_t last = s->next_request;
    struct map_node *n = map_first(&s->requests);
    while (n) {
        uint64_t id = map_key_u64(n);
        const struct request *q = map_value(n);
        if (id > last)
            break;
        bool ours = q->kind <= REQUEST_CONFIRM && q->deadline != TIME_NEVER;
        if (ours && (node ? q->node == node : q->deadline <= s->port->now.mono))
            finish(s, id, status, (struct slice){0});
        uint8_t key[8];
        struct writer w = writer_of(key, sizeof key);
        write_u64_be(&w, id);
        n = map_after(&s->requests, writer_span(&w));
    }
}

void transfer_tick(struct storage *s)
{
    fail_where(s, NODE_NONE, ERR_TIMEOUT);
}

void transfer_member_lost(struct storage *s, node_id node)
{
    fail_where(s, node, ERR_UNREACHABLE);
}
