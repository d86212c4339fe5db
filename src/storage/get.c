/*
 * GET: a window of chunks is fetched ahead from the nearest holders, verified against the digests of the signed fact, and handed on in order
 * within the reader's credit. A holder that fails, lies or stays silent is followed by the next one.
 */
#include <stdio.h>
#include <string.h>

#include "base/mutation.h"
#include "storage/internal.h"

static struct get *get_find(const struct storage *s, enum service client, uint64_t tag)
{
    struct get *g = s->gets;
    while (g && (g->client != client || g->tag != tag))
        g = g->next;
    return g;
}

static void slot_clear(struct storage *s, struct get_slot *slot)
{
    if (slot->state == SLOT_FETCHING)
        request_end(s, slot->request);
    slice_drop(&slot->data);
    *slot = (struct get_slot){0};
}

static void get_free(struct storage *s, struct get *g)
{
    struct get **at = &s->gets;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    s->stream_count--;
    for (size_t i = 0; i < GET_WINDOW; i++)
        slot_clear(s, &g->slots[i]);
    heap_free(s->port->heap, g);
}

static struct object_reply get_reply(const struct get *g, enum object_op op, err status)
{
    return (struct object_reply){.op = op, .client = g->client, .tag = g->tag, .status = status, .bucket = g->object.bucket,
                                 .key = g->object.key, .offset = g->at};
}

static void get_fail(struct storage *s, struct get *g, err status, const char *reason, tai_ns retry_at)
{
    port_probe(s->port, PROBE_GET_BEGUN_FAILED);
    struct object_reply reply = get_reply(g, g->told ? OBJECT_GET_DATA : OBJECT_GET, status);
    reply.final = true;
    reply.retry_at = retry_at;
    snprintf(reply.reason, sizeof reply.reason, "%s", reason);
    storage_reply(s, &reply);
    get_free(s, g);
}

/* ---- fetching --------------------------------------------------------------------------------------------------- */

static bool tried(const struct get_slot *slot, node_id node)
{
    for (uint8_t i = 0; i < slot->tried_count; i++)
        if (slot->tried[i] == node)
            return true;
    return false;
}

static const struct index_group *holders_of(const struct storage *s, struct chunk_key key)
{
    const struct index_part *p = index_part(&s->index, key.part);
    const struct index_run *r = p ? index_run_of(p, key.index) : NULL;
    return r ? r->group : NULL;
}

static node_id next_holder(const struct storage *s, const struct get_slot *slot)
{
    const struct index_group *h = holders_of(s, slot->key);
    node_id best = NODE_NONE;
    uint64_t best_nearness = 0;
    for (uint8_t i = 0; h && i < h->node_count; i++) {
        duration_ns within = (duration_ns)READ_REACH_S * NS_PER_S;
        uint64_t nearness = placement_nearness(s->port, h->nodes[i], within);
        if (!tried(slot, h->nodes[i]) && nearness > best_nearness) {
            best = h->nodes[i];
            best_nearness = nearness;
        }
    }
    return best;
}

/* When the first of the holders comes into reach, by the contact plan; 0 when not known. */
static tai_ns holder_instant(const struct storage *s, struct chunk_key key)
{
    const struct index_group *h = holders_of(s, key);
    tai_ns best = TIME_NEVER;
    for (uint8_t i = 0; h && i < h->node_count; i++) {
        duration_ns reach;
        tai_ns reach_wall;
        if (!view_alive(s->port->view, h->nodes[i]))
            continue;
        view_reach(s->port->view, h->nodes[i], &reach, &reach_wall);
        best = MIN(best, reach_wall);
    }
    return best == TIME_NEVER ? 0 : MAX(best, s->port->now.wall);
}

static err fetch_from(struct storage *s, struct get *g, uint32_t index, node_id node)
{
    struct get_slot *slot = &g->slots[index];
    struct request *q = request_new(s, REQUEST_GET, g, index, node, &slot->request);
    if (!q)
        return ERR_FULL;
    err e = transfer_fetch(s, q, slot->request, slot->key);
    if (e != ERR_OK)
        request_end(s, slot->request);
    return e;
}

/* Asks the next holder; every one gets a second chance before the reader gives up. Returns false when it is gone. */
static bool slot_fetch(struct storage *s, struct get *g, uint32_t index)
{
    struct get_slot *slot = &g->slots[index];
    for (;;) {
        node_id node = next_holder(s, slot);
        if (node == NODE_NONE && slot->tried_count > 0 && slot->round == 0) {
            port_probe(s->port, PROBE_GET_SECOND_ROUND);
            slot->round = 1;
            slot->tried_count = 0;
            continue;
        }
        if (node == NODE_NONE) {
            port_probe(s->port, PROBE_GET_NOBODY);
            get_fail(s, g, ERR_UNREACHABLE, slot->tried_count ? "no holder gave the data" : "no holder of the data is in reach now",
                     slot->tried_count ? s->port->now.wall + NS_PER_S : holder_instant(s, slot->key));
            return false;
        }
        if (slot->tried_count > 0)
            port_probe(s->port, PROBE_GET_NEXT_HOLDER);
        slot->tried[slot->tried_count++] = node;
        if (fetch_from(s, g, index, node) == ERR_OK) {
            slot->state = SLOT_FETCHING;
            return true;
        }
    }
}

/* Moves the cursor to the part that holds `fetch_at`. */
static err part_seek(struct storage *s, struct get *g)
{
    if (g->part_known && g->fetch_at < g->part_at + g->part.size)
        return ERR_OK;
    struct uid uid;
    uint64_t size, at = g->part_known ? g->part_at + g->part.size : g->part_at;
    while (object_part_next(&g->parts, &uid, &size)) {
        if (g->fetch_at >= at + size) {
            at += size;
            continue;
        }
        const struct index_part *p = index_part(&s->index, uid);
        if (!p || !p->record)
            return ERR_UNREACHABLE; /* its fact is still on the way to this node */
        index_part_record(p, &g->part);
        g->part_at = at;
        g->part_known = true;
        return g->part.size == size ? ERR_OK : ERR_CORRUPT;
    }
    return ERR_CORRUPT;
}

static void slot_plan(struct get *g, struct get_slot *slot)
{
    uint64_t in_part = g->fetch_at - g->part_at;
    uint32_t chunk = (uint32_t)(in_part / CHUNK_DATA_MAX), size = part_chunk_size(g->part.size, chunk);
    slot->key = (struct chunk_key){g->part.uid, chunk};
    slot->digest = part_digest(&g->part, chunk);
    slot->skip = (uint32_t)(in_part % CHUNK_DATA_MAX);
    slot->take = (uint32_t)MIN((uint64_t)(size - slot->skip), g->end - g->fetch_at);
}

/* Fetches ahead. Returns false when the reader is gone. */
static bool fetch_ahead(struct storage *s, struct get *g)
{
    while (g->fetching < GET_WINDOW && g->fetch_at < g->end) {
        err e = part_seek(s, g);
        if (e != ERR_OK) {
            get_fail(s, g, e, e == ERR_CORRUPT ? "the index entry contradicts itself" : "a part of the object is not yet known here", 0);
            return false;
        }
        uint32_t index = (g->head + g->fetching) % GET_WINDOW;
        struct get_slot *slot = &g->slots[index];
        slot_plan(g, slot);
        g->fetching++;
        g->fetch_at += slot->take;
        if (cache_get(s, slot->key, &slot->data))
            slot->state = SLOT_READY;
        else if (!slot_fetch(s, g, index))
            return false;
    }
    return true;
}

/* ---- handing on ----------------------------------------------------------------------------------------------------- */

static void tell_info(struct storage *s, struct get *g)
{
    struct object_reply reply = get_reply(g, OBJECT_GET, ERR_OK);
    info_of(s, &g->object, &reply.info);
    g->told = true;
    storage_reply(s, &reply);
}

static void hand_on(struct storage *s, struct get *g)
{
    struct get_slot *slot = &g->slots[g->head];
    while (g->fetching > 0 && slot->state == SLOT_READY && g->credit > 0) {
        size_t piece = (size_t)MIN(g->credit, (uint64_t)(slot->take - g->sent));
        struct object_reply reply = get_reply(g, OBJECT_GET_DATA, ERR_OK);
        reply.data = slice_part(slot->data, slot->skip + g->sent, piece);
        storage_reply(s, &reply);
        g->credit -= piece;
        g->at += piece;
        g->sent += (uint32_t)piece;
        if (g->sent < slot->take)
            return;
        slot_clear(s, slot);
        g->head = (g->head + 1) % GET_WINDOW;
        g->fetching--;
        g->sent = 0;
        slot = &g->slots[g->head];
    }
}

static void get_pump(struct storage *s, struct get *g)
{
    uint64_t before;
    do {
        before = g->at;
        if (!fetch_ahead(s, g))
            return;
        if (!g->told && (g->begin == g->end || g->slots[g->head].state == SLOT_READY))
            tell_info(s, g);
        hand_on(s, g);
    } while (g->at != before);
    if (g->at < g->end)
        return;
    port_probe(s->port, PROBE_GET_BEGUN_ANSWERED);
    struct object_reply reply = get_reply(g, OBJECT_GET_DATA, ERR_OK);
    reply.final = true;
    storage_reply(s, &reply);
    get_free(s, g);
}

void get_fetched(struct storage *s, struct get *g, uint32_t index, node_id node, err status, struct slice data)
{
    struct get_slot *slot = &g->slots[index];
    ASSERT(slot->state == SLOT_FETCHING);
    slot->state = SLOT_FREE;
    bool wrong = status == ERR_OK && (data.size < (size_t)slot->skip + slot->take || hash128(data.data, data.size).low != slot->digest);
    if (wrong && !MUTATION(READ_UNVERIFIED)) {
        status = ERR_CORRUPT;
        port_probe(s->port, PROBE_GET_DIGEST_WRONG);
        port_trace(s->port, TRACE_REFUSED, node, "a chunk that does not match its signed digest was refused");
    }
    if (status == ERR_OK)
        status = slice_keep(&data, s->port->heap);
    if (status == ERR_OK) {
        slot->data = data;
        slot->state = SLOT_READY;
        if (node != s->port->config->self && s->cache_most > 0)
            cache_put(s, slot->key, data);
    } else if (!slot_fetch(s, g, index)) {
        return;
    }
    get_pump(s, g);
}

/* ---- requests --------------------------------------------------------------------------------------------------------- */

static struct get *get_new(struct storage *s, const struct object_request *r, const struct object_fact *f, uint64_t end)
{
    struct get *g = heap_alloc(s->port->heap, sizeof *g);
    if (!g)
        return NULL;
    g->tag = r->tag;
    g->client = r->client;
    g->object = *f;
    g->begin = g->at = g->fetch_at = r->offset;
    g->end = end;
    g->credit = r->credit;
    g->parts = reader_of(f->parts.data, f->parts.size);
    g->part = f->part;
    g->part_known = f->inline_part;
    g->next = s->gets;
    s->gets = g;
    s->stream_count++;
    return g;
}

static void get_begin(struct storage *s, const struct object_request *r)
{
    const struct index_object *o = index_object(&s->index, r->bucket, r->key);
    if (!o) {
        bool bucket = index_bucket(&s->index, r->bucket) != NULL;
        reply_error(s, r, ERR_NOT_FOUND, bucket ? MISSING_KEY : MISSING_BUCKET, bucket ? "no such key" : "no such bucket");
        return;
    }
    struct object_fact f;
    index_object_fact(o, &f);
    if (condition_check(o, &r->condition) != ERR_OK) {
        reply_error(s, r, ERR_CONFLICT, MISSING_NOTHING, "the condition does not hold");
        return;
    }
    if (r->offset > 0 && r->offset >= f.size) {
        struct object_reply reply = reply_to(r, ERR_RANGE);
        info_of(s, &f, &reply.info);
        snprintf(reply.reason, sizeof reply.reason, "the range begins behind the end");
        storage_reply(s, &reply);
        return;
    }
    uint64_t end = r->size && r->size < f.size - r->offset ? r->offset + r->size : f.size;
    bool room = s->stream_count < MAX(s->port->config->limits.streams_max, 1u) && !get_find(s, r->client, r->tag);
    struct get *g = room ? get_new(s, r, &f, end) : NULL;
    if (!g)
        reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "too many streams; try again");
    else
        get_pump(s, g);
}

void get_request(struct storage *s, const struct object_request *r)
{
    if (r->op == OBJECT_GET) {
        get_begin(s, r);
        return;
    }
    struct get *g = get_find(s, r->client, r->tag);
    if (!g)
        return; /* it ended meanwhile */
    if (r->op == OBJECT_GET_CANCEL) {
        get_free(s, g);
        return;
    }
    g->credit = r->credit > UINT64_MAX - g->credit ? UINT64_MAX : g->credit + r->credit;
    get_pump(s, g);
}
