/*
 * A region with a fake host behind it, for tests and fuzzing: objects and tasks live in plain memory, replies come back
 * from inside the callback (or later, when `hold` is set), what the region sends is kept as text per connection.
 */
#ifndef NOCT_TESTS_FAKE_STORE_H
#define NOCT_TESTS_FAKE_STORE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/view.h"
#include "region/checksum.h"
#include "region/region.h"

enum { FAKE_OBJECTS = 128, FAKE_BUCKETS = 16, FAKE_STREAMS = 16, FAKE_CONNECTIONS = 8, FAKE_PARTS = 32, FAKE_UPLOADS = 8,
       FAKE_TASKS = 16, FAKE_HEAP = 64 << 20 };

struct fake_blob {
    uint8_t *data;
    size_t size;
};
struct fake_object {
    bool used;
    char bucket[64], key[1100];
    struct fake_blob blob;
    struct object_info info;
    uint8_t metadata[OBJECT_METADATA_MAX];
};
struct fake_stream {
    uint64_t tag;
    struct object_request begin;
    struct fake_object object; /* under construction */
};
struct fake_upload {
    bool used;
    struct uid id;
    struct fake_object object;
    struct {
        struct fake_blob blob;
        char etag[40];
    } parts[FAKE_PARTS + 1];
};
struct fake_reader {
    uint64_t tag, credit;
    struct fake_object *object;
    size_t at, end;
};
struct fake_task {
    struct uid id;
    char name[64];
    char *document;
    enum task_state state;
    struct task_spec spec;
};
struct fake_connection {
    char *out;
    size_t size, capacity;
    bool open, closed, paused;
};

struct fake {
    struct region *region;
    struct heap heap;
    void *memory;
    struct view view;
    uint64_t metrics[METRIC_COUNT];
    struct region_time time;
    struct fake_connection connections[FAKE_CONNECTIONS];
    char buckets[FAKE_BUCKETS][64];
    struct policy bucket_policy[FAKE_BUCKETS];
    size_t bucket_count;
    struct fake_object *objects; /* sorted by bucket, key */
    size_t object_count;
    struct fake_stream *streams[FAKE_STREAMS];
    struct fake_upload *uploads;
    struct fake_reader readers[FAKE_STREAMS];
    struct fake_task tasks[FAKE_TASKS];
    size_t task_count;
    uint64_t put_credit;  /* granted at a time */
    size_t piece_size;    /* of GET data */
    bool keep_unsent;     /* region_sent is called by the test */
    bool silent;          /* never answer objects */
    err fail;             /* the next operation fails so */
    tai_ns retry_at;
    size_t aborts, cancels, puts;
    struct object_request last; /* without its spans */
};

static void fake_reply(struct fake *f, const struct object_request *q, struct object_reply r)
{
    r.op = q->op;
    r.client = SERVICE_REGION;
    r.tag = q->tag;
    region_object(f->region, &f->time, &r);
}

static void fake_status(struct fake *f, const struct object_request *q, err status, enum object_missing missing)
{
    fake_reply(f, q, (struct object_reply){.final = true, .status = status, .missing = missing, .retry_at = f->retry_at});
}

static int fake_bucket(const struct fake *f, struct span name)
{
    for (size_t i = 0; i < f->bucket_count; i++)
        if (span_equal_text(name, f->buckets[i]))
            return (int)i;
    return -1;
}

static int fake_order(const struct fake_object *o, struct span bucket, struct span key)
{
    int order = span_compare(span_text(o->bucket), bucket);
    return order ? order : span_compare(span_text(o->key), key);
}

static struct fake_object *fake_find(struct fake *f, struct span bucket, struct span key)
{
    for (size_t i = 0; i < f->object_count; i++)
        if (fake_order(&f->objects[i], bucket, key) == 0)
            return &f->objects[i];
    return NULL;
}

static void fake_remove(struct fake *f, struct fake_object *o)
{
    free(o->blob.data);
    size_t at = (size_t)(o - f->objects);
    memmove(o, o + 1, (--f->object_count - at) * sizeof *o);
    for (size_t i = 0; i < f->object_count; i++)
        f->objects[i].info.metadata.data = f->objects[i].metadata;
}

static struct fake_object *fake_insert(struct fake *f, const struct fake_object *fresh)
{
    struct fake_object *old = fake_find(f, span_text(fresh->bucket), span_text(fresh->key));
    if (old)
        fake_remove(f, old);
    size_t at = 0;
    if (f->object_count == FAKE_OBJECTS)
        fake_remove(f, &f->objects[0]);
    while (at < f->object_count && fake_order(&f->objects[at], span_text(fresh->bucket), span_text(fresh->key)) < 0)
        at++;
    memmove(f->objects + at + 1, f->objects + at, (f->object_count - at) * sizeof *f->objects);
    f->objects[at] = *fresh;
    f->object_count++;
    for (size_t i = 0; i < f->object_count; i++)
        f->objects[i].info.metadata.data = f->objects[i].metadata;
    return &f->objects[at];
}

static void fake_set_metadata(struct fake_object *o, struct span metadata)
{
    if (!metadata.data)
        return;
    o->info.metadata.size = MIN(metadata.size, sizeof o->metadata);
    memcpy(o->metadata, metadata.data, o->info.metadata.size);
}

static void fake_init_object(struct fake *f, struct fake_object *o, const struct object_request *q)
{
    memset(o, 0, sizeof *o);
    text_copy(o->bucket, sizeof o->bucket, q->bucket);
    text_copy(o->key, sizeof o->key, q->key);
    fake_set_metadata(o, q->metadata);
    o->info.modified = f->time.now.wall;
    o->info.policy = q->policy_given ? q->policy : (struct policy){.copies = 2, .where = PLACE_ORBIT};
    o->info.copies_now = o->info.policy.copies;
}

static void fake_append(struct fake_blob *b, struct span s)
{
    b->data = realloc(b->data, b->size + s.size + 1);
    if (s.size)
        memcpy(b->data + b->size, s.data, s.size);
    b->size += s.size;
}

static bool fake_condition_ok(struct fake *f, const struct object_request *q)
{
    struct fake_object *o = fake_find(f, q->bucket, q->key);
    if (q->condition.if_absent)
        return o == NULL;
    return !q->condition.if_match || (o && strcmp(o->info.etag, q->condition.etag) == 0);
}

static struct fake_upload *fake_upload(struct fake *f, struct uid id)
{
    for (size_t i = 0; i < FAKE_UPLOADS; i++)
        if (f->uploads[i].used && uid_equal(f->uploads[i].id, id))
            return &f->uploads[i];
    return NULL;
}

/* ---- put --------------------------------------------------------------------------------------------------------------------- */

static int fake_stream(const struct fake *f, uint64_t tag)
{
    for (int i = 0; i < FAKE_STREAMS; i++)
        if (f->streams[i] && f->streams[i]->tag == tag)
            return i;
    return -1;
}

static void fake_put_begin(struct fake *f, const struct object_request *q)
{
    int slot = 0;
    while (slot < FAKE_STREAMS && f->streams[slot])
        slot++;
    if (!uid_is_zero(q->upload) && !fake_upload(f, q->upload)) {
        fake_status(f, q, ERR_NOT_FOUND, MISSING_UPLOAD);
    } else if (q->condition.if_match && !fake_find(f, q->bucket, q->key)) {
        fake_status(f, q, ERR_NOT_FOUND, MISSING_KEY);
    } else if (!fake_condition_ok(f, q)) {
        fake_status(f, q, ERR_CONFLICT, MISSING_NOTHING);
    } else if (slot == FAKE_STREAMS) {
        fake_status(f, q, ERR_BUSY, MISSING_NOTHING);
    } else {
        struct fake_stream *s = f->streams[slot] = calloc(1, sizeof *s);
        s->tag = q->tag;
        s->begin = *q;
        fake_init_object(f, &s->object, q);
        fake_reply(f, q, (struct object_reply){.credit = f->put_credit});
    }
}

static void fake_put_end(struct fake *f, const struct object_request *q, struct fake_stream *s)
{
    struct object_reply r = {.final = true};
    hex_encode(q->md5, 16, s->object.info.etag);
    s->object.info.size = s->object.blob.size;
    if (!uid_is_zero(s->begin.upload)) {
        struct fake_upload *u = fake_upload(f, s->begin.upload);
        uint32_t part = MIN(s->begin.part, (uint32_t)FAKE_PARTS);
        if (u) {
            free(u->parts[part].blob.data);
            u->parts[part].blob = s->object.blob;
            memcpy(u->parts[part].etag, s->object.info.etag, 40);
        }
        r.info = s->object.info;
        r.info.metadata = (struct span){0};
    } else {
        fake_set_metadata(&s->object, q->metadata);
        r.info = fake_insert(f, &s->object)->info;
    }
    f->puts++;
    fake_reply(f, q, r);
}

static void fake_put(struct fake *f, const struct object_request *q)
{
    int at = fake_stream(f, q->tag);
    if (q->op == OBJECT_PUT_BEGIN) {
        fake_put_begin(f, q);
    } else if (at < 0) {
        return;
    } else if (q->op == OBJECT_PUT_DATA) {
        fake_append(&f->streams[at]->object.blob, slice_span(q->data));
        fake_reply(f, q, (struct object_reply){.credit = q->data.size});
    } else {
        struct fake_stream *s = f->streams[at];
        f->streams[at] = NULL;
        if (q->op == OBJECT_PUT_END) {
            fake_put_end(f, q, s);
        } else {
            f->aborts++;
            free(s->object.blob.data);
        }
        free(s);
    }
}

/* ---- get --------------------------------------------------------------------------------------------------------------------- */

static void fake_pump(struct fake *f, struct fake_reader *r, const struct object_request *q)
{
    uint64_t tag = r->tag;
    while (r->tag == tag && r->credit && r->at < r->end) {
        size_t n = MIN(MIN(r->end - r->at, f->piece_size), (size_t)r->credit);
        struct object_reply reply = {.op = OBJECT_GET_DATA, .client = SERVICE_REGION, .tag = tag, .offset = r->at};
        struct buf *b = buf_new_malloc(n);
        memcpy(b->data, r->object->blob.data + r->at, n);
        reply.data = slice_of(b, 0, n);
        r->at += n;
        r->credit -= n;
        reply.final = r->at == r->end;
        if (reply.final)
            r->tag = 0;
        region_object(f->region, &f->time, &reply);
        buf_unref(b);
    }
    (void)q;
}

static void fake_get(struct fake *f, const struct object_request *q)
{
    struct fake_object *o = fake_find(f, q->bucket, q->key);
    struct fake_reader *r = NULL;
    for (size_t i = 0; i < FAKE_STREAMS; i++)
        if (f->readers[i].tag == 0)
            r = &f->readers[i];
    if (!r) {
        fake_status(f, q, ERR_BUSY, MISSING_NOTHING);
        return;
    }
    if (!fake_condition_ok(f, q)) {
        fake_status(f, q, ERR_CONFLICT, MISSING_NOTHING);
        return;
    }
    *r = (struct fake_reader){.tag = q->tag, .credit = q->credit, .object = o, .at = q->offset};
    r->end = q->size == 0 && q->offset == 0 ? o->blob.size : (size_t)MIN(q->offset + q->size, o->blob.size);
    fake_reply(f, q, (struct object_reply){.info = o->info, .final = false});
    if (r->tag == q->tag && r->at >= r->end) {
        r->tag = 0;
        struct object_reply end = {.op = OBJECT_GET_DATA, .client = SERVICE_REGION, .tag = q->tag, .final = true};
        region_object(f->region, &f->time, &end);
    } else if (r->tag == q->tag) {
        fake_pump(f, r, q);
    }
}

static void fake_reading(struct fake *f, const struct object_request *q)
{
    for (size_t i = 0; i < FAKE_STREAMS; i++) {
        struct fake_reader *r = &f->readers[i];
        if (r->tag != q->tag)
            continue;
        if (q->op == OBJECT_GET_CANCEL) {
            f->cancels++;
            r->tag = 0;
        } else {
            r->credit += q->credit;
            fake_pump(f, r, q);
        }
        return;
    }
}

/* ---- index ------------------------------------------------------------------------------------------------------------------- */

static void fake_list(struct fake *f, const struct object_request *q)
{
    static struct object_entry entries[1001];
    struct object_reply r = {.final = true, .entries = entries};
    memset(entries, 0, sizeof entries);
    for (size_t i = 0; i < f->object_count; i++) {
        struct fake_object *o = &f->objects[i];
        struct span key = span_text(o->key);
        if (!span_equal_text(q->bucket, o->bucket) || span_compare(key, q->after) <= 0 || key.size < q->prefix.size ||
            (q->prefix.size && memcmp(key.data, q->prefix.data, q->prefix.size) != 0))
            continue;
        struct object_entry e = {.name = key, .info = o->info};
        const uint8_t *at = q->delimiter.size ? memmem(key.data + q->prefix.size, key.size - q->prefix.size,
                                                       q->delimiter.data, q->delimiter.size)
                                              : NULL;
        if (at) {
            e.name.size = (size_t)(at - key.data) + q->delimiter.size;
            e.is_prefix = true;
            if (r.entry_count && entries[r.entry_count - 1].is_prefix && span_equal(entries[r.entry_count - 1].name, e.name))
                continue;
        }
        if (r.entry_count == q->most) {
            r.truncated = true;
            r.next = entries[r.entry_count - 1].name;
            break;
        }
        entries[r.entry_count++] = e;
    }
    fake_reply(f, q, r);
}

static void fake_bucket_op(struct fake *f, const struct object_request *q)
{
    int at = fake_bucket(f, q->bucket);
    if (q->op == OBJECT_BUCKET_LIST) {
        static struct object_entry entries[FAKE_BUCKETS];
        for (size_t i = 0; i < f->bucket_count; i++)
            entries[i] = (struct object_entry){.name = span_text(f->buckets[i]), .info.modified = f->time.now.wall};
        fake_reply(f, q, (struct object_reply){.final = true, .entries = entries, .entry_count = f->bucket_count});
    } else if (q->op == OBJECT_BUCKET_CREATE) {
        if (at >= 0 || f->bucket_count == FAKE_BUCKETS) {
            fake_status(f, q, ERR_EXISTS, MISSING_NOTHING);
            return;
        }
        f->bucket_policy[f->bucket_count] = q->policy;
        text_copy(f->buckets[f->bucket_count++], 64, q->bucket);
        fake_status(f, q, ERR_OK, MISSING_NOTHING);
    } else if (q->op == OBJECT_BUCKET_DELETE) {
        for (size_t i = 0; i < f->object_count; i++)
            if (span_equal_text(q->bucket, f->objects[i].bucket)) {
                fake_status(f, q, ERR_CONFLICT, MISSING_NOTHING);
                return;
            }
        memmove(f->buckets[at], f->buckets[at + 1], (f->bucket_count - (size_t)at - 1) * 64);
        f->bucket_count--;
        fake_status(f, q, ERR_OK, MISSING_NOTHING);
    } else {
        fake_status(f, q, ERR_OK, MISSING_NOTHING);
    }
}

/* ---- uploads ----------------------------------------------------------------------------------------------------------------- */

static void fake_upload_free(struct fake_upload *u)
{
    for (size_t i = 0; i <= FAKE_PARTS; i++)
        free(u->parts[i].blob.data);
    memset(u, 0, sizeof *u);
}

static void fake_complete(struct fake *f, const struct object_request *q, struct fake_upload *u)
{
    struct fake_object o = u->object;
    for (size_t i = 0; i < q->part_count; i++) {
        if (q->parts[i].part > FAKE_PARTS || strcmp(q->parts[i].etag, u->parts[q->parts[i].part].etag) != 0) {
            free(o.blob.data);
            fake_status(f, q, ERR_INVALID, MISSING_NOTHING);
            return;
        }
        fake_append(&o.blob, span_of(u->parts[q->parts[i].part].blob.data, u->parts[q->parts[i].part].blob.size));
    }
    o.info.size = o.blob.size;
    o.info.part_count = (uint32_t)q->part_count;
    snprintf(o.info.etag, sizeof o.info.etag, "%032x-%zu", 7, q->part_count);
    fake_upload_free(u);
    fake_reply(f, q, (struct object_reply){.final = true, .info = fake_insert(f, &o)->info});
}

static void fake_upload_list(struct fake *f, const struct object_request *q)
{
    static struct object_entry entries[FAKE_UPLOADS];
    struct object_reply r = {.final = true, .entries = entries};
    for (size_t i = 0; i < FAKE_UPLOADS; i++)
        if (f->uploads[i].used && span_equal_text(q->bucket, f->uploads[i].object.bucket))
            entries[r.entry_count++] = (struct object_entry){.name = span_text(f->uploads[i].object.key), .upload = f->uploads[i].id};
    fake_reply(f, q, r);
}

static void fake_part_list(struct fake *f, const struct object_request *q, struct fake_upload *u)
{
    static struct object_entry entries[FAKE_PARTS];
    struct object_reply r = {.final = true, .entries = entries};
    for (uint32_t i = q->part + 1; i <= FAKE_PARTS; i++) {
        if (!u->parts[i].etag[0])
            continue;
        if (r.entry_count == q->most) {
            r.truncated = true;
            break;
        }
        entries[r.entry_count] = (struct object_entry){.part = i, .info.size = u->parts[i].blob.size};
        memcpy(entries[r.entry_count++].info.etag, u->parts[i].etag, 40);
    }
    fake_reply(f, q, r);
}

static void fake_upload_op(struct fake *f, const struct object_request *q)
{
    struct fake_upload *u = fake_upload(f, q->upload);
    if (q->op == OBJECT_UPLOAD_CREATE) {
        for (size_t i = 0; i < FAKE_UPLOADS; i++) {
            u = &f->uploads[i];
            if (u->used)
                continue;
            u->used = true;
            u->id.bytes[0] = (uint8_t)(i + 1);
            fake_init_object(f, &u->object, q);
            fake_reply(f, q, (struct object_reply){.final = true, .upload = u->id});
            return;
        }
        fake_status(f, q, ERR_FULL, MISSING_NOTHING);
    } else if (q->op == OBJECT_UPLOAD_LIST) {
        fake_upload_list(f, q);
    } else if (!u) {
        fake_status(f, q, ERR_NOT_FOUND, MISSING_UPLOAD);
    } else if (q->op == OBJECT_UPLOAD_COMPLETE) {
        fake_complete(f, q, u);
    } else if (q->op == OBJECT_UPLOAD_ABORT) {
        fake_upload_free(u);
        fake_status(f, q, ERR_OK, MISSING_NOTHING);
    } else {
        fake_part_list(f, q, u);
    }
}

/* ---- objects ----------------------------------------------------------------------------------------------------------------- */

static void fake_copy(struct fake *f, const struct object_request *q)
{
    struct fake_object *source = fake_find(f, q->source_bucket, q->source_key);
    struct fake_object fresh;
    if (!source) {
        fake_status(f, q, ERR_NOT_FOUND, MISSING_KEY);
        return;
    }
    fake_init_object(f, &fresh, q);
    fake_append(&fresh.blob, span_of(source->blob.data, source->blob.size));
    fresh.info.size = source->info.size;
    memcpy(fresh.info.etag, source->info.etag, 40);
    if (!q->metadata.data)
        fake_set_metadata(&fresh, source->info.metadata);
    fake_reply(f, q, (struct object_reply){.final = true, .info = fake_insert(f, &fresh)->info});
}

static void fake_object_op(struct fake *f, const struct object_request *q)
{
    struct fake_object *o = fake_find(f, q->bucket, q->key);
    static const struct object_holder holders[] = {{0, 1, {1, 2}, 2, 2, false}, {1, 3, {1, 3}, 2, 1, true}};
    if (!o) {
        fake_status(f, q, ERR_NOT_FOUND, MISSING_KEY);
    } else if (q->op == OBJECT_DELETE && !fake_condition_ok(f, q)) {
        fake_status(f, q, ERR_CONFLICT, MISSING_NOTHING);
    } else if (q->op == OBJECT_DELETE) {
        fake_remove(f, o);
        fake_status(f, q, ERR_OK, MISSING_NOTHING);
    } else if (q->op == OBJECT_SHOW) {
        fake_reply(f, q, (struct object_reply){.final = true, .info = o->info, .holders = holders, .holder_count = 2,
                                               .reason = "two satellites"});
    } else {
        fake_reply(f, q, (struct object_reply){.final = true, .info = o->info});
    }
}

static void fake_object(void *context, const struct object_request *q)
{
    struct fake *f = context;
    bool more = q->op == OBJECT_PUT_DATA || q->op == OBJECT_PUT_END || q->op == OBJECT_PUT_ABORT ||
                q->op == OBJECT_GET_CREDIT || q->op == OBJECT_GET_CANCEL;
    bool needs_bucket = !more && q->op != OBJECT_BUCKET_LIST && q->op != OBJECT_BUCKET_CREATE;
    err fail = f->fail;
    f->last = *q;
    if (f->silent)
        return;
    if (!more)
        f->fail = ERR_OK;
    if (!more && fail != ERR_OK)
        fake_status(f, q, fail, MISSING_NOTHING);
    else if (needs_bucket && fake_bucket(f, q->bucket) < 0)
        fake_status(f, q, ERR_NOT_FOUND, MISSING_BUCKET);
    else if (q->op <= OBJECT_BUCKET_LIST)
        fake_bucket_op(f, q);
    else if (q->op <= OBJECT_PUT_ABORT)
        fake_put(f, q);
    else if (q->op == OBJECT_GET_CREDIT || q->op == OBJECT_GET_CANCEL)
        fake_reading(f, q);
    else if (q->op == OBJECT_LIST)
        fake_list(f, q);
    else if (q->op == OBJECT_COPY)
        fake_copy(f, q);
    else if (q->op >= OBJECT_UPLOAD_CREATE && q->op <= OBJECT_PART_LIST)
        fake_upload_op(f, q);
    else if (q->op == OBJECT_GET && fake_find(f, q->bucket, q->key))
        fake_get(f, q);
    else
        fake_object_op(f, q);
}

/* ---- tasks ------------------------------------------------------------------------------------------------------------------- */

static void fake_view(const struct fake *f, size_t i, struct task_view *v)
{
    const struct fake_task *t = &f->tasks[i];
    *v = (struct task_view){.id = t->id, .state = t->state, .created = f->time.now.wall, .name = span_text(t->name),
                            .document = span_text(t->document), .owner = 1, .successors = {2, 0}, .epoch = 1};
    if (t->state != TASK_COMPLETE)
        return;
    v->attempt_count = 1;
    v->attempts[0] = (struct task_attempt){.node = 1, .epoch = 1, .started = f->time.now.wall, .ended = f->time.now.wall,
                                           .state = TASK_COMPLETE, .output = SPAN_LITERAL("hello\xff\n"),
                                           .error_output = SPAN_LITERAL(""), .reason = SPAN_LITERAL("done")};
    v->output_count = 1;
    v->outputs[0].bucket = SPAN_LITERAL("alerts");
    v->outputs[0].key = SPAN_LITERAL("a.json");
    v->outputs[0].path = SPAN_LITERAL("/work/a.json");
    v->outputs[0].size = 42;
}

static void fake_task(void *context, const struct task_request *q)
{
    static struct task_view views[FAKE_TASKS];
    struct fake *f = context;
    struct task_reply r = {.op = q->op, .client = SERVICE_REGION, .tag = q->tag, .views = views};
    if (f->silent)
        return;
    if (q->op == TASK_CREATE && f->task_count == FAKE_TASKS) {
        r.status = ERR_FULL;
    } else if (q->op == TASK_CREATE) {
        struct fake_task *t = &f->tasks[f->task_count++];
        *t = (struct fake_task){.state = TASK_QUEUED, .spec = *q->spec};
        t->id.bytes[15] = (uint8_t)f->task_count;
        text_copy(t->name, sizeof t->name, q->spec->name);
        t->document = strndup((const char *)q->spec->document.data, q->spec->document.size);
        r.id = t->id;
    } else if (q->op == TASK_LIST) {
        for (size_t i = 0; i < f->task_count && r.view_count < q->most; i++)
            if (q->state_filter == TASK_UNKNOWN || q->state_filter == f->tasks[i].state)
                fake_view(f, i, &views[r.view_count++]);
        r.more = r.view_count == q->most;
    } else {
        r.status = ERR_NOT_FOUND;
        for (size_t i = 0; i < f->task_count; i++) {
            if (!uid_equal(q->id, f->tasks[i].id))
                continue;
            r.status = ERR_OK;
            if (q->op == TASK_CANCEL)
                f->tasks[i].state = TASK_CANCELED;
            fake_view(f, i, &views[0]);
            r.view_count = 1;
        }
    }
    region_task(f->region, &f->time, &r);
}

/* ---- sockets ----------------------------------------------------------------------------------------------------------------- */

static void fake_send(void *context, uint64_t id, struct slice data)
{
    struct fake *f = context;
    struct fake_connection *c = &f->connections[id % FAKE_CONNECTIONS];
    if (c->size + data.size + 1 > c->capacity) {
        c->capacity = 2 * (c->size + data.size + 1);
        c->out = realloc(c->out, c->capacity);
    }
    memcpy(c->out + c->size, data.data, data.size);
    c->size += data.size;
    c->out[c->size] = 0;
    slice_drop(&data);
}

static void fake_close(void *context, uint64_t id, bool after_flush)
{
    struct fake *f = context;
    (void)after_flush;
    f->connections[id % FAKE_CONNECTIONS].closed = true;
}

static void fake_pause(void *context, uint64_t id, bool paused)
{
    struct fake *f = context;
    f->connections[id % FAKE_CONNECTIONS].paused = paused;
}

static void fake_open(struct fake *f)
{
    static const char *const suffixes[] = {"localhost", "s3.noct"};
    static const struct region_file files[] = {{"index.html", "text/html; charset=utf-8", {(const uint8_t *)"<p>globe", 8}}};
    const struct region_config config = {.name = "noct-1", .access_key = "AKIDEXAMPLE", .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                         .host_suffixes = suffixes, .host_suffix_count = 2, .files = files, .file_count = 1,
                                         .console_open = true, .get_window_bytes = 1 << 20};
    const struct region_host host = {f, fake_send, fake_close, fake_pause, fake_object, fake_task};
    static const char *const names[] = {"", "sat-1", "sat-2", "sat-3", "sat-4", "gate-1", "gate-2"};
    memset(f, 0, sizeof *f);
    static void *memory; /* kept: clearing it for every run would take most of the time */
    if (!memory)
        memory = aligned_alloc(16, FAKE_HEAP);
    f->memory = memory;
    f->objects = calloc(FAKE_OBJECTS + 1, sizeof *f->objects);
    f->uploads = calloc(FAKE_UPLOADS, sizeof *f->uploads);
    heap_init(&f->heap, f->memory, FAKE_HEAP);
    f->put_credit = 256 * 1024;
    f->piece_size = 64 * 1024;
    f->time = (struct region_time){{.mono = NS_PER_S, .wall = time_from_utc(2026, 11, 21, 6, 0, 0), .wall_rate = 60}, 1795240800};
    ASSERT(view_init(&f->view, &f->heap, 8, 5) == ERR_OK);
    for (node_id n = 1; n <= 6; n++) {
        struct view_member *m;
        ASSERT(view_add(&f->view, n, &m) == ERR_OK);
        text_copy(m->name, sizeof m->name, span_text(names[n]));
        m->role = n > 4 ? ROLE_GATEWAY : ROLE_SATELLITE;
    }
    ASSERT(region_open(&f->region, &f->heap, &config, &host, &f->view, NULL, f->metrics) == ERR_OK);
}

static void fake_close_all(struct fake *f)
{
    region_close(f->region);
    while (f->object_count)
        fake_remove(f, &f->objects[0]);
    for (size_t i = 0; i < FAKE_UPLOADS; i++)
        fake_upload_free(&f->uploads[i]);
    for (size_t i = 0; i < FAKE_STREAMS; i++) {
        if (f->streams[i])
            free(f->streams[i]->object.blob.data);
        free(f->streams[i]);
    }
    for (size_t i = 0; i < f->task_count; i++)
        free(f->tasks[i].document);
    for (size_t i = 0; i < FAKE_CONNECTIONS; i++)
        free(f->connections[i].out);
    free(f->objects);
    free(f->uploads);
}

static inline void fake_connect(struct fake *f, uint64_t id)
{
    f->connections[id % FAKE_CONNECTIONS].open = true;
    f->connections[id % FAKE_CONNECTIONS].closed = false;
    f->connections[id % FAKE_CONNECTIONS].size = 0;
    region_connected(f->region, &f->time, id);
}

static inline void fake_bytes(struct fake *f, uint64_t id, const void *data, size_t size)
{
    region_bytes(f->region, &f->time, id, slice_borrowed(span_of(data, size)));
    struct fake_connection *c = &f->connections[id % FAKE_CONNECTIONS];
    if (!f->keep_unsent && c->open)
        region_sent(f->region, &f->time, id, c->size);
}

#endif
