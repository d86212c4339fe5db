/*
 * Requests that are answered at once or after one fact: buckets, HEAD, DELETE, SHOW.
 */
#include <stdio.h>
#include <string.h>

#include "storage/internal.h"

struct object_reply reply_to(const struct object_request *r, err status)
{
    return (struct object_reply){.op = r->op, .client = r->client, .tag = r->tag, .final = true, .status = status,
                                 .bucket = r->bucket, .key = r->key, .upload = r->upload};
}

void reply_error(struct storage *s, const struct object_request *r, err status, enum object_missing missing, const char *reason)
{
    struct object_reply reply = reply_to(r, status);
    reply.missing = missing;
    snprintf(reply.reason, sizeof reply.reason, "%s", reason);
    storage_reply(s, &reply);
}

/* A fact was published or not; when it was, `reply` follows once it is durable. */
static void after_publish(struct storage *s, const struct object_request *r, err e)
{
    if (e != ERR_OK)
        reply_error(s, r, e == ERR_TOO_LARGE ? e : ERR_BUSY, MISSING_NOTHING, "the fact could not be written");
}

err condition_check(const struct index_object *current, const struct object_condition *c)
{
    if (c->if_absent && current)
        return ERR_CONFLICT;
    if (!c->if_match)
        return ERR_OK;
    if (!current)
        return ERR_CONFLICT;
    struct object_fact f;
    char etag[40];
    index_object_fact(current, &f);
    etag_text(f.md5, f.etag_parts, etag);
    return strncmp(etag, c->etag, sizeof etag) == 0 ? ERR_OK : ERR_CONFLICT;
}

/* ---- what is known of an object ------------------------------------------------------------------------------- */

uint8_t run_alive(const struct storage *s, const struct index_run *r, uint8_t *satellites)
{
    uint8_t alive = 0, in_orbit = 0;
    for (uint8_t i = 0; r->group && i < r->group->node_count; i++) {
        if (!view_alive(s->port->view, r->group->nodes[i]))
            continue;
        alive++;
        in_orbit = (uint8_t)(in_orbit + (view_role(s->port->view, r->group->nodes[i]) == ROLE_SATELLITE));
    }
    if (satellites)
        *satellites = in_orbit;
    return alive;
}

static uint8_t part_copies_now(const struct storage *s, struct uid part)
{
    const struct index_part *p = index_part(&s->index, part);
    uint8_t least = p && p->runs ? UINT8_MAX : 0;
    for (const struct index_run *r = p ? p->runs : NULL; r; r = r->next)
        least = MIN(least, run_alive(s, r, NULL));
    return least;
}

static uint8_t copies_now(const struct storage *s, const struct object_fact *f)
{
    if (f->part_count == 0)
        return f->policy.copies; /* an empty object is its index entry */
    if (f->inline_part)
        return part_copies_now(s, f->part.uid);
    struct reader parts = reader_of(f->parts.data, f->parts.size);
    struct uid part;
    uint64_t size;
    uint8_t least = UINT8_MAX;
    while (least > 0 && object_part_next(&parts, &part, &size))
        least = MIN(least, part_copies_now(s, part));
    return least;
}

void info_of(const struct storage *s, const struct object_fact *f, struct object_info *out)
{
    *out = (struct object_info){.size = f->size, .modified = f->modified, .version = f->version, .metadata = f->metadata,
                                .part_count = f->etag_parts, .policy = f->policy, .copies_now = copies_now(s, f)};
    etag_text(f->md5, f->etag_parts, out->etag);
}

/* ---- buckets ---------------------------------------------------------------------------------------------------- */

static void bucket_create(struct storage *s, const struct object_request *r)
{
    uint8_t body[128];
    if (index_bucket(&s->index, r->bucket)) {
        reply_error(s, r, ERR_EXISTS, MISSING_NOTHING, "the bucket exists already");
        return;
    }
    struct bucket_fact f = {.name = r->bucket, .policy = r->policy, .created = s->port->now.wall};
    if (f.policy.copies == 0)
        f.policy = (struct policy){.copies = 2, .where = PLACE_ORBIT, .best_effort = f.policy.best_effort};
    if (r->bucket.size == 0 || r->bucket.size > BUCKET_NAME_MAX || memchr(r->bucket.data, 0, r->bucket.size) ||
        f.policy.copies > OBJECT_COPIES_MAX || f.policy.where > PLACE_ORBIT) {
        reply_error(s, r, ERR_INVALID, MISSING_NOTHING, "a bucket's name has 1 to 63 bytes, its policy 1 to 8 copies");
        return;
    }
    f.uid = facts_uid(s->port->facts);
    struct writer w = writer_of(body, sizeof body);
    bucket_fact_encode(&w, &f);
    ASSERT(writer_ok(&w));
    struct object_reply reply = reply_to(r, ERR_OK);
    reply.bucket = (struct span){0}; /* the request's bytes are gone when the fact is durable */
    reply.key = (struct span){0};
    after_publish(s, r, publish_near(s, FACT_BUCKET, writer_span(&w), &reply));
}

static err name_end_publish(struct storage *s, const struct object_request *r, enum fact_type type, struct uid upto)
{
    uint8_t body[OBJECT_NAME_MAX + 64];
    struct writer w = writer_of(body, sizeof body);
    name_end_fact_encode(&w, &(struct name_end_fact){r->bucket, r->key, upto});
    ASSERT(writer_ok(&w));
    struct object_reply reply = reply_to(r, ERR_OK);
    reply.bucket = reply.key = (struct span){0};
    reply.info.version = upto;
    return publish_near(s, type, writer_span(&w), &reply);
}

static void bucket_delete(struct storage *s, const struct object_request *r)
{
    const struct index_bucket *b = map_find(&s->index.buckets, r->bucket);
    if (!index_bucket_empty(&s->index, r->bucket)) {
        reply_error(s, r, ERR_CONFLICT, MISSING_NOTHING, "the bucket is not empty");
        return;
    }
    struct object_request bare = *r;
    bare.key = (struct span){0};
    after_publish(s, r, name_end_publish(s, &bare, FACT_BUCKET_DELETE, b->instances[b->count - 1].uid));
}

static void bucket_head(struct storage *s, const struct object_request *r)
{
    const struct index_bucket_instance *b = index_bucket(&s->index, r->bucket);
    struct object_reply reply = reply_to(r, ERR_OK);
    reply.info.policy = b->policy;
    reply.info.modified = b->created;
    reply.info.version = b->uid;
    storage_reply(s, &reply);
}

/* ---- objects ---------------------------------------------------------------------------------------------------- */

static void object_head(struct storage *s, const struct object_request *r, const struct index_object *o)
{
    struct object_fact f;
    struct object_reply reply = reply_to(r, ERR_OK);
    index_object_fact(o, &f);
    info_of(s, &f, &reply.info);
    if (condition_check(o, &r->condition) != ERR_OK) {
        reply.status = ERR_CONFLICT;
        snprintf(reply.reason, sizeof reply.reason, "the condition does not hold");
    }
    storage_reply(s, &reply);
}

static void object_delete(struct storage *s, const struct object_request *r)
{
    const struct index_object *o = index_object(&s->index, r->bucket, r->key);
    if (condition_check(o, &r->condition) != ERR_OK) {
        reply_error(s, r, ERR_CONFLICT, MISSING_NOTHING, "the condition does not hold");
        return;
    }
    struct object_reply done = reply_to(r, ERR_OK);
    if (!o) { /* deleting what is not there succeeds */
        storage_reply(s, &done);
        return;
    }
    port_trace(s->port, TRACE_OBJECT_DELETE, NODE_NONE, "%.*s/%.*s", (int)r->bucket.size, (const char *)r->bucket.data,
               (int)MIN(r->key.size, (size_t)200), (const char *)r->key.data);
    after_publish(s, r, name_end_publish(s, r, FACT_OBJECT_DELETE, o->version));
}

/* ---- SHOW ------------------------------------------------------------------------------------------------------- */

struct show {
    struct object_holder *rows;
    size_t count, most;
    uint32_t chunk; /* chunks of earlier parts */
};

static void show_run(const struct storage *s, struct show *show, const struct index_run *r)
{
    if (show->count == show->most)
        return;
    uint8_t satellites;
    struct object_holder *row = &show->rows[show->count++];
    *row = (struct object_holder){.chunk_first = show->chunk + r->first, .chunk_count = r->count, .alive_count = run_alive(s, r, &satellites)};
    for (uint8_t i = 0; i < r->group->node_count && row->node_count < OBJECT_COPIES_MAX; i++)
        row->nodes[row->node_count++] = r->group->nodes[i];
    row->bridging = r->group->where == PLACE_ORBIT && satellites < r->group->copies && satellites < row->alive_count;
}

static void show_part(const struct storage *s, struct show *show, struct uid uid, uint64_t size)
{
    const struct index_part *p = index_part(&s->index, uid);
    for (const struct index_run *r = p ? p->runs : NULL; r; r = r->next)
        if (r->group)
            show_run(s, show, r);
    show->chunk += part_chunk_count(size);
}

static void object_show(struct storage *s, const struct object_request *r, const struct index_object *o)
{
    struct object_fact f;
    struct object_reply reply = reply_to(r, ERR_OK);
    index_object_fact(o, &f);
    info_of(s, &f, &reply.info);
    struct show show = {.most = OBJECT_LIST_MAX};
    show.rows = heap_alloc(s->port->heap, show.most * sizeof *show.rows);
    if (!show.rows) {
        reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "no memory for the answer");
        return;
    }
    if (f.inline_part)
        show_part(s, &show, f.part.uid, f.size);
    struct reader parts = reader_of(f.parts.data, f.parts.size);
    struct uid part;
    uint64_t size;
    while (object_part_next(&parts, &part, &size))
        show_part(s, &show, part, size);
    reply.holders = show.rows;
    reply.holder_count = show.count;
    reply.truncated = show.count == show.most;
    storage_reply(s, &reply);
    heap_free(s->port->heap, show.rows);
}

static void object_one(struct storage *s, const struct object_request *r)
{
    const struct index_object *o = index_object(&s->index, r->bucket, r->key);
    if (r->op == OBJECT_DELETE)
        object_delete(s, r);
    else if (!o)
        reply_error(s, r, ERR_NOT_FOUND, MISSING_KEY, "no such key");
    else if (r->op == OBJECT_HEAD)
        object_head(s, r, o);
    else
        object_show(s, r, o);
}

void request_simple(struct storage *s, const struct object_request *r)
{
    if (r->op == OBJECT_BUCKET_CREATE)
        bucket_create(s, r);
    else if (!index_bucket(&s->index, r->bucket))
        reply_error(s, r, ERR_NOT_FOUND, MISSING_BUCKET, "no such bucket");
    else if (r->op == OBJECT_BUCKET_DELETE)
        bucket_delete(s, r);
    else if (r->op == OBJECT_BUCKET_HEAD)
        bucket_head(s, r);
    else
        object_one(s, r);
}
