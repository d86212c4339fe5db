/*
 * COPY on the server's side. When the parts already satisfy the target's policy the new object refers to them: one fact, no bytes. Otherwise the bytes flow
 * through a reader and a stream of this plane, which are its own clients here.
 */
#include <stdio.h>
#include <string.h>

#include "storage/internal.h"

enum { COPY_QUEUE = 16, COPY_CREDIT = 2 * CHUNK_DATA_MAX };

struct copy {
    struct copy *next;
    struct object_request request; /* spans point into `names` */
    uint8_t *names;
    uint64_t tag; /* of the inner reader and stream */
    uint64_t put_credit, read_back;
    struct slice queue[COPY_QUEUE];
    uint32_t head, count;
    uint8_t md5[16];
    uint32_t etag_parts;
    struct object_reply outcome;
    bool began, read_all, ended, failed, done;
};

/* ---- sharing ------------------------------------------------------------------------------------------------------ */

static bool part_suffices(const struct storage *s, struct uid part, struct policy policy)
{
    const struct index_part *p = index_part(&s->index, part);
    return index_part_alive(p) && p->copies_wanted >= policy.copies && p->where >= policy.where;
}

static bool parts_suffice(const struct storage *s, const struct object_fact *f, struct policy policy)
{
    if (f->inline_part)
        return part_suffices(s, f->part.uid, policy);
    struct reader parts = reader_of(f->parts.data, f->parts.size);
    struct uid part;
    uint64_t size;
    while (object_part_next(&parts, &part, &size))
        if (!part_suffices(s, part, policy))
            return false;
    return true;
}

/* All holders in reach must know of the new reference before the answer: none of them frees the chunks when the source goes. */
static uint8_t part_holders(const struct storage *s, struct uid part, node_id nodes[PLACEMENT_MAX], uint8_t count)
{
    const struct index_part *p = index_part(&s->index, part);
    for (const struct index_run *r = p ? p->runs : NULL; r; r = r->next)
        for (uint8_t i = 0; r->group && i < r->group->node_count && count < PLACEMENT_MAX; i++) {
            bool skip = !view_reachable(s->port->view, r->group->nodes[i], (duration_ns)PLACEMENT_REACH_S * NS_PER_S);
            for (uint8_t k = 0; k < count; k++)
                skip = skip || nodes[k] == r->group->nodes[i];
            if (!skip)
                nodes[count++] = r->group->nodes[i];
        }
    return count;
}

static uint8_t holders_all(const struct storage *s, const struct object_fact *f, node_id nodes[PLACEMENT_MAX])
{
    uint8_t count = 1;
    nodes[0] = s->port->config->self;
    if (f->inline_part)
        return part_holders(s, f->part.uid, nodes, count);
    struct reader parts = reader_of(f->parts.data, f->parts.size);
    struct uid part;
    uint64_t size;
    while (count < PLACEMENT_MAX && object_part_next(&parts, &part, &size))
        count = part_holders(s, part, nodes, count);
    return count;
}

static void share(struct storage *s, const struct object_request *r, const struct object_fact *source, struct policy policy)
{
    port_probe(s->port, PROBE_COPY_SHARED);
    struct object_fact f = *source;
    f.bucket = r->bucket;
    f.key = r->key;
    f.metadata = r->metadata.data ? r->metadata : source->metadata;
    f.version = facts_uid(s->port->facts);
    f.upload = (struct uid){{0}};
    f.modified = s->port->now.wall;
    f.policy = policy;
    f.inline_part = false;
    size_t most = 256 + f.bucket.size + f.key.size + f.metadata.size + (size_t)f.part_count * 24;
    uint8_t *body = heap_alloc(s->port->heap, most);
    err e = ERR_NO_MEMORY;
    if (body) {
        struct writer w = writer_of(body, most);
        object_fact_encode_head(&w, &f);
        if (source->inline_part)
            object_part_encode(&w, source->part.uid, source->part.size);
        else
            write_bytes(&w, source->parts.data, source->parts.size);
        ASSERT(writer_ok(&w));
        node_id nodes[PLACEMENT_MAX];
        uint8_t count = holders_all(s, source, nodes);
        struct object_reply reply = reply_to(r, ERR_OK);
        info_of(s, source, &reply.info);
        reply.bucket = reply.key = reply.info.metadata = (struct span){0};
        reply.info.version = f.version;
        reply.info.modified = f.modified;
        reply.info.policy = policy;
        e = publish_watched(s, FACT_OBJECT, writer_span(&w), nodes, count, count, NULL, &reply);
    }
    heap_free(s->port->heap, body);
    if (e != ERR_OK)
        reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "the fact could not be written");
}

/* ---- copying bytes -------------------------------------------------------------------------------------------------- */

static struct copy *copy_find(const struct storage *s, uint64_t tag)
{
    struct copy *c = s->copies;
    while (c && c->tag != tag)
        c = c->next;
    return c;
}

static void copy_free(struct storage *s, struct copy *c)
{
    struct copy **at = &s->copies;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    for (size_t i = 0; i < COPY_QUEUE; i++)
        slice_drop(&c->queue[i]);
    heap_free(s->port->heap, c->names);
    heap_free(s->port->heap, c);
}

static struct span keep_name(struct writer *w, struct span name)
{
    const uint8_t *at = w->data + w->at;
    write_bytes(w, name.data, name.size);
    return span_of(at, name.size);
}

static struct copy *copy_new(struct storage *s, const struct object_request *r, const struct object_fact *f)
{
    struct span metadata = r->metadata.data ? r->metadata : f->metadata;
    size_t most = r->bucket.size + r->key.size + metadata.size + r->source_bucket.size + r->source_key.size + 1;
    struct copy *c = heap_alloc(s->port->heap, sizeof *c);
    uint8_t *names = heap_alloc(s->port->heap, most);
    if (!c || !names) {
        heap_free(s->port->heap, c);
        heap_free(s->port->heap, names);
        return NULL;
    }
    struct writer w = writer_of(names, most);
    c->names = names;
    c->request = *r;
    c->request.bucket = keep_name(&w, r->bucket);
    c->request.key = keep_name(&w, r->key);
    c->request.metadata = keep_name(&w, metadata);
    c->request.source_bucket = keep_name(&w, r->source_bucket);
    c->request.source_key = keep_name(&w, r->source_key);
    c->tag = ++s->next_request;
    memcpy(c->md5, f->md5, sizeof c->md5);
    c->etag_parts = f->etag_parts;
    c->next = s->copies;
    s->copies = c;
    return c;
}

static void inner(struct storage *s, struct copy *c, struct object_request r)
{
    r.client = SERVICE_STORAGE;
    r.tag = c->tag;
    if (r.op == OBJECT_GET || r.op == OBJECT_GET_CREDIT || r.op == OBJECT_GET_CANCEL)
        get_request(s, &r);
    else
        put_request(s, &r);
}

static void pump(struct storage *s, const struct object_request *r, const struct object_fact *f, struct policy policy)
{
    struct copy *c = copy_new(s, r, f);
    if (!c) {
        reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "no memory for the copy");
        return;
    }
    inner(s, c, (struct object_request){.op = OBJECT_PUT_BEGIN, .bucket = c->request.bucket, .key = c->request.key, .policy = policy,
                                        .policy_given = true, .metadata = c->request.metadata, .condition = r->condition, .size = f->size});
    if (!c->failed)
        inner(s, c, (struct object_request){.op = OBJECT_GET, .bucket = c->request.source_bucket, .key = c->request.source_key, .credit = COPY_CREDIT});
}

/* Replies of the inner reader and stream are only noted here; copy_run acts on them, never deeper in the same call. */
void copy_reply(struct storage *s, const struct object_reply *r)
{
    struct copy *c = copy_find(s, r->tag);
    if (!c)
        return;
    bool reader = r->op == OBJECT_GET || r->op == OBJECT_GET_DATA;
    if (r->status != ERR_OK || (r->final && !reader)) {
        c->failed = c->failed || r->status != ERR_OK;
        c->done = true;
        c->outcome = *r;
    } else if (!reader) {
        c->put_credit += r->credit;
    } else if (r->op == OBJECT_GET_DATA && r->data.size > 0) {
        ASSERT(c->count < COPY_QUEUE && r->data.buf);
        buf_ref(r->data.buf);
        c->queue[(c->head + c->count++) % COPY_QUEUE] = r->data;
    }
    c->read_all = c->read_all || (reader && r->final);
    storage_tick_soon(s);
}

static void copy_finish(struct storage *s, struct copy *c)
{
    struct object_reply reply = reply_to(&c->request, c->outcome.status);
    reply.info = c->outcome.info;
    reply.info.metadata = (struct span){0};
    reply.missing = c->outcome.missing;
    reply.retry_at = c->outcome.retry_at;
    memcpy(reply.reason, c->outcome.reason, sizeof reply.reason);
    if (c->failed) {
        inner(s, c, (struct object_request){.op = OBJECT_GET_CANCEL});
        inner(s, c, (struct object_request){.op = OBJECT_PUT_ABORT});
    }
    storage_reply(s, &reply);
    copy_free(s, c);
}

/* Moves what has come as far as the stream's credit lets it. */
static void copy_move(struct storage *s, struct copy *c)
{
    while (!c->done && c->count > 0 && c->put_credit > 0) {
        struct slice *head = &c->queue[c->head];
        size_t piece = (size_t)MIN((uint64_t)head->size, c->put_credit);
        c->put_credit -= piece;
        c->read_back += piece;
        inner(s, c, (struct object_request){.op = OBJECT_PUT_DATA, .data = slice_part(*head, 0, piece)});
        if (piece < head->size) {
            *head = slice_part(*head, piece, head->size - piece);
            continue;
        }
        slice_drop(head);
        c->head = (c->head + 1) % COPY_QUEUE;
        c->count--;
    }
    if (c->read_back > 0 && !c->done && !c->read_all) {
        uint64_t credit = c->read_back;
        c->read_back = 0;
        inner(s, c, (struct object_request){.op = OBJECT_GET_CREDIT, .credit = credit});
    }
    if (c->read_all && c->count == 0 && !c->ended && !c->done) {
        c->ended = true;
        struct object_request end = {.op = OBJECT_PUT_END, .part = c->etag_parts};
        memcpy(end.md5, c->md5, sizeof end.md5);
        inner(s, c, end);
    }
}

void copy_run(struct storage *s)
{
    for (struct copy *c = s->copies, *next; c; c = next) {
        next = c->next;
        uint64_t before;
        do { /* each round moves bytes or ends */
            before = c->read_back + c->put_credit + c->count;
            copy_move(s, c);
        } while (!c->done && before != c->read_back + c->put_credit + c->count && c->count > 0);
        if (c->done)
            copy_finish(s, c);
    }
}

void copy_request(struct storage *s, const struct object_request *r)
{
    const struct index_object *o = index_object(&s->index, r->source_bucket, r->source_key);
    const struct index_bucket_instance *b = index_bucket(&s->index, r->bucket);
    if (!b || !o) {
        bool no_bucket = !b || !index_bucket(&s->index, r->source_bucket);
        reply_error(s, r, ERR_NOT_FOUND, no_bucket ? MISSING_BUCKET : MISSING_KEY, no_bucket ? "no such bucket" : "no such key");
        return;
    }
    struct object_fact f;
    index_object_fact(o, &f);
    struct policy policy = r->policy_given ? r->policy : b->policy;
    if (r->key.size == 0 || r->key.size > OBJECT_KEY_MAX || r->metadata.size > OBJECT_METADATA_MAX || policy.copies == 0 ||
        policy.copies > OBJECT_COPIES_MAX || policy.where > PLACE_ORBIT)
        reply_error(s, r, ERR_INVALID, MISSING_NOTHING, "the key, its metadata or the policy is out of range");
    else if (condition_check(index_object(&s->index, r->bucket, r->key), &r->condition) != ERR_OK)
        reply_error(s, r, ERR_CONFLICT, MISSING_NOTHING, "the condition does not hold");
    else if (parts_suffice(s, &f, policy))
        share(s, r, &f, policy);
    else
        pump(s, r, &f, policy);
}
