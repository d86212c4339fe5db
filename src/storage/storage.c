#include "storage/storage.h"

#include <string.h>

#include "storage/internal.h"

static void chunks_ready(void *context)
{
    struct storage *s = context;
    s->chunks_ready = true;
    upkeep_audit_soon(s);
    storage_tick_soon(s);
}

err storage_open(struct storage **out, struct port *port)
{
    struct storage *s = heap_alloc(port->heap, sizeof *s);
    if (!s)
        return ERR_NO_MEMORY;
    s->port = port;
    map_init(&s->requests, port->heap, sizeof(struct request));
    map_init(&s->watches, port->heap, sizeof(struct watch));
    map_init(&s->endangered, port->heap, sizeof(struct repair_entry));
    /* Ids begin where no earlier boot's can be: late answers find nothing. */
    s->next_request = s->next_watch = (uint64_t)(port->config->boot & 0xffffff) << 40;
    if (port->config->role == ROLE_GATEWAY)
        s->cache_most = MIN(port->heap->capacity / 8, (size_t)CACHE_SLOTS << 20);
    struct index_watcher watcher = {s, repair_group_changed, repair_group_removed};
    index_init(&s->index, port->heap, &watcher);
    struct chunk_handlers handlers = {s, chunks_ready, transfer_written, transfer_loaded, upkeep_corrupt};
    *out = s;
    return chunk_store_open(&s->chunks, port, &handlers);
}

uint64_t storage_window_bytes(const struct storage *s)
{
    uint64_t chunks = s->port->heap->capacity / 16 / CHUNK_SPAN_MAX;
    return MIN(MAX(chunks, (uint64_t)1), (uint64_t)PUT_WINDOW) * CHUNK_DATA_MAX;
}

bool storage_idle_memory(const struct storage *s)
{
    const struct heap *h = s->port->heap;
    return h->used_bytes < h->capacity / 8 * 7 && !s->index.overflow;
}

bool storage_serving(const struct storage *s)
{
    return s->chunks_ready && s->facts_ready;
}

void storage_tick_soon(struct storage *s)
{
    mono_ns at = s->port->now.mono + TICK_BUSY_MS * NS_PER_MS;
    if (s->tick_at <= at && s->tick_at > s->port->now.mono)
        return;
    s->tick_at = at;
    port_alarm(s->port, at);
}

void storage_reply(struct storage *s, const struct object_reply *r)
{
    if (r->client == SERVICE_STORAGE)
        copy_reply(s, r);
    else
        port_object_reply(s->port, r);
}

void storage_ready(struct storage *s)
{
    s->facts_ready = true;
    repair_all(s);
    upkeep_audit_soon(s);
    storage_tick_soon(s);
}

static void dispatch(struct storage *s, const struct object_request *r)
{
    switch (r->op) {
    case OBJECT_PUT_BEGIN:
    case OBJECT_PUT_DATA:
    case OBJECT_PUT_END:
    case OBJECT_PUT_ABORT:
        put_request(s, r);
        break;
    case OBJECT_GET:
    case OBJECT_GET_CREDIT:
    case OBJECT_GET_CANCEL:
        get_request(s, r);
        break;
    case OBJECT_COPY:
        copy_request(s, r);
        break;
    case OBJECT_LIST:
    case OBJECT_BUCKET_LIST:
    case OBJECT_UPLOAD_LIST:
    case OBJECT_PART_LIST:
        request_list(s, r);
        break;
    case OBJECT_UPLOAD_CREATE:
    case OBJECT_UPLOAD_COMPLETE:
    case OBJECT_UPLOAD_ABORT:
        request_multipart(s, r);
        break;
    case OBJECT_BUCKET_CREATE:
    case OBJECT_BUCKET_DELETE:
    case OBJECT_BUCKET_HEAD:
    case OBJECT_HEAD:
    case OBJECT_DELETE:
    case OBJECT_SHOW:
        request_simple(s, r);
        break;
    case OBJECT_GET_DATA:
    case OBJECT_OP_COUNT:
        reply_error(s, r, ERR_UNSUPPORTED, MISSING_NOTHING, "no such operation");
        break;
    }
}

/* Operations that get no reply of their own, or belong to a stream that was begun. */
static bool continues(enum object_op op)
{
    return op == OBJECT_PUT_DATA || op == OBJECT_PUT_END || op == OBJECT_PUT_ABORT || op == OBJECT_GET_CREDIT || op == OBJECT_GET_CANCEL;
}

void storage_request(struct storage *s, const struct object_request *r)
{
    if (!storage_serving(s)) {
        if (!continues(r->op))
            reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "this node is still recovering its tables");
        return;
    }
    if (r->bucket.size > BUCKET_NAME_MAX || r->key.size > OBJECT_KEY_MAX || r->source_bucket.size > BUCKET_NAME_MAX ||
        r->source_key.size > OBJECT_KEY_MAX) {
        if (!continues(r->op))
            reply_error(s, r, ERR_INVALID, MISSING_NOTHING, "a name is too long");
        return;
    }
    dispatch(s, r);
    copy_run(s);
    storage_tick_soon(s);
}

void storage_message(struct storage *s, const struct message *m)
{
    transfer_message(s, m);
    copy_run(s);
}

void storage_done(struct storage *s, const struct event_done *done)
{
    chunk_store_done(&s->chunks, done);
    copy_run(s);
}

static bool busy(const struct storage *s)
{
    if (s->streams || s->gets || s->copies || s->watches.count || s->endangered.count || s->upkeep.sweeping || s->upkeep.auditing)
        return true;
    return s->requests.count > 0;
}

void storage_alarm(struct storage *s)
{
    if (s->port->now.mono < s->tick_at) {
        port_alarm(s->port, s->tick_at);
        return;
    }
    transfer_tick(s);
    publish_tick(s);
    if (storage_serving(s)) {
        repair_tick(s);
        upkeep_tick(s);
    }
    copy_run(s);
    port_gauge(s->port, METRIC_OBJECTS, s->index.objects.count);
    int64_t wait_ms = busy(s) ? TICK_BUSY_MS : s->chunks.table.count > 0 ? TICK_IDLE_MS : TICK_EMPTY_MS;
    s->tick_at = s->port->now.mono + wait_ms * NS_PER_MS;
    port_alarm(s->port, s->tick_at);
}

void storage_fact(struct storage *s, const struct fact *f)
{
    uint64_t refused = s->index.refused;
    bool overflow = s->index.overflow;
    index_fold(&s->index, f, s->port->now.wall);
    if (s->index.refused != refused)
        port_trace(s->port, TRACE_REFUSED, f->author, "a %s fact does not decode; left out", fact_type_name(f->type));
    if (s->index.overflow && !overflow)
        port_trace(s->port, TRACE_REFUSED, NODE_NONE, "the index does not fit into memory: this node refuses writes from now on");
}

void storage_held(struct storage *s, uint64_t tag, node_id node)
{
    publish_held(s, tag, node);
    copy_run(s);
}

void storage_member(struct storage *s, node_id id)
{
    if (id != s->port->config->self && !view_alive(s->port->view, id))
        transfer_member_lost(s, id);
    if (s->facts_ready)
        repair_member(s, id);
    copy_run(s);
}

uint64_t storage_digest(const struct storage *s)
{
    return index_digest(&s->index);
}

uint64_t storage_object_count(const struct storage *s)
{
    return s->index.objects.count;
}

uint64_t storage_repairs_queued(const struct storage *s)
{
    return s->repairs;
}

bool storage_check(const struct storage *s)
{
    return chunk_store_check(&s->chunks) && index_check(&s->index) && put_check(s) && s->cache_bytes <= s->cache_most;
}
