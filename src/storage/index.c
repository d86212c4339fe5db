#include "storage/index.h"

#include <string.h>

#include "storage/index_internal.h"

void index_init(struct index *x, struct heap *heap, const struct index_watcher *watcher)
{
    *x = (struct index){.heap = heap, .watcher = *watcher};
    map_init(&x->buckets, heap, sizeof(struct index_bucket));
    map_init(&x->objects, heap, sizeof(struct index_object));
    map_init(&x->graves, heap, sizeof(struct uid));
    map_init(&x->uploads, heap, sizeof(struct index_upload));
    map_init(&x->upload_names, heap, 1);
    map_init(&x->parts, heap, sizeof(struct index_part));
    map_init(&x->groups, heap, sizeof(struct index_group));
    map_init(&x->node_groups, heap, sizeof(struct index_group *));
}

struct span index_name(struct span bucket, struct span key, uint8_t out[OBJECT_NAME_MAX])
{
    struct writer w = writer_of(out, OBJECT_NAME_MAX);
    write_bytes(&w, bucket.data, bucket.size);
    write_u8(&w, 0);
    write_bytes(&w, key.data, key.size);
    return writer_ok(&w) ? writer_span(&w) : (struct span){0};
}

struct span index_upload_name(struct span bucket, struct span key, struct uid upload, uint8_t *out)
{
    struct writer w = writer_of(out, OBJECT_NAME_MAX + 1 + sizeof upload.bytes);
    write_bytes(&w, bucket.data, bucket.size);
    write_u8(&w, 0);
    write_bytes(&w, key.data, key.size);
    write_u8(&w, 0);
    write_bytes(&w, upload.bytes, sizeof upload.bytes);
    return writer_span(&w);
}

/* Two facts that claim one uid can only come from a liar; so that all nodes still agree, the bytewise smaller body counts. */
static bool body_wins(struct span fresh, const uint8_t *have, uint32_t have_size)
{
    return span_compare(fresh, (struct span){have, have_size}) < 0;
}

/* ---- buckets -------------------------------------------------------------------------------------------------- */

static void instance_insert(struct index *x, struct index_bucket *b, const struct bucket_fact *f)
{
    uint32_t at = 0;
    while (at < b->count && uid_compare(b->instances[at].uid, f->uid) < 0)
        at++;
    if (at < b->count && uid_equal(b->instances[at].uid, f->uid)) {
        struct index_bucket_instance *have = &b->instances[at]; /* a liar's second one: the stricter policy counts */
        have->policy.copies = MAX(have->policy.copies, f->policy.copies);
        have->policy.where = MAX(have->policy.where, f->policy.where);
        have->policy.best_effort = have->policy.best_effort && f->policy.best_effort;
        have->created = MIN(have->created, f->created);
        return;
    }
    struct index_bucket_instance *wider = heap_grow(x->heap, b->instances, (b->count + 1) * sizeof *wider);
    if (!wider) {
        x->overflow = true;
        return;
    }
    b->instances = wider;
    memmove(wider + at + 1, wider + at, (b->count - at) * sizeof *wider);
    wider[at] = (struct index_bucket_instance){f->uid, f->policy, f->created};
    b->count++;
}

static err bucket_fold(struct index *x, struct span body)
{
    struct bucket_fact f;
    TRY(bucket_fact_decode(body, &f));
    struct index_bucket *b = map_put(&x->buckets, f.name, NULL);
    if (!b)
        return ERR_FULL;
    if (uid_compare(f.uid, b->deleted) > 0)
        instance_insert(x, b, &f);
    return ERR_OK;
}

static err bucket_delete_fold(struct index *x, struct span body)
{
    struct name_end_fact f;
    TRY(name_end_fact_decode(body, &f));
    struct index_bucket *b = map_put(&x->buckets, f.bucket, NULL);
    if (!b)
        return ERR_FULL;
    if (uid_compare(f.upto, b->deleted) <= 0)
        return ERR_OK;
    b->deleted = f.upto;
    uint32_t gone = 0;
    while (gone < b->count && uid_compare(b->instances[gone].uid, f.upto) <= 0)
        gone++;
    b->count -= gone;
    if (gone)
        memmove(b->instances, b->instances + gone, b->count * sizeof *b->instances);
    return ERR_OK;
}

const struct index_bucket_instance *index_bucket(const struct index *x, struct span name)
{
    const struct index_bucket *b = map_find(&x->buckets, name);
    return b && b->count ? &b->instances[0] : NULL;
}

/* ---- uploads -------------------------------------------------------------------------------------------------- */

static struct index_upload *upload_get(struct index *x, struct uid upload)
{
    struct index_upload *u = map_put(&x->uploads, uid_span(&upload), NULL);
    if (!u)
        x->overflow = true;
    return u;
}

static void upload_name_remove(struct index *x, const struct index_upload *u)
{
    struct upload_fact f;
    uint8_t name[OBJECT_NAME_MAX + 1 + 16];
    if (u->body && upload_fact_decode((struct span){u->body, u->body_size}, &f) == ERR_OK)
        map_remove(&x->upload_names, index_upload_name(f.bucket, f.key, f.uid, name));
}

static void upload_end(struct index *x, struct uid upload)
{
    struct index_upload *u = upload_get(x, upload);
    if (!u || u->ended)
        return;
    u->ended = true;
    upload_name_remove(x, u);
    for (uint32_t i = 0; i < u->count; i++)
        index_part_unref(x, u->parts[i].part);
    heap_free(x->heap, u->parts);
    u->parts = NULL;
    u->count = u->capacity = 0;
}

static err upload_fold(struct index *x, struct span body)
{
    struct upload_fact f;
    uint8_t name[OBJECT_NAME_MAX + 1 + 16];
    TRY(upload_fact_decode(body, &f));
    struct index_upload *u = upload_get(x, f.uid);
    if (!u)
        return ERR_FULL;
    if (u->body && !body_wins(body, u->body, u->body_size))
        return ERR_OK;
    if (!u->ended)
        upload_name_remove(x, u);
    u->body = body.data;
    u->body_size = (uint32_t)body.size;
    if (!u->ended && !map_put(&x->upload_names, index_upload_name(f.bucket, f.key, f.uid, name), NULL))
        return ERR_FULL;
    return ERR_OK;
}

static uint32_t upload_part_at(const struct index_upload *u, uint32_t number)
{
    uint32_t low = 0, high = u->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (u->parts[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static err upload_part_insert(struct index *x, struct index_upload *u, uint32_t at)
{
    if (u->count == u->capacity) {
        uint32_t capacity = MAX(4u, u->capacity * 2);
        struct index_upload_part *wider = heap_grow(x->heap, u->parts, capacity * sizeof *wider);
        if (!wider)
            return ERR_FULL;
        u->parts = wider;
        u->capacity = capacity;
    }
    memmove(u->parts + at + 1, u->parts + at, (u->count - at) * sizeof *u->parts);
    u->count++;
    return ERR_OK;
}

static err part_fold(struct index *x, struct span body)
{
    struct part_fact f;
    TRY(part_fact_decode(body, &f));
    struct index_upload *u = upload_get(x, f.upload);
    if (!u)
        return ERR_FULL;
    index_part_define(x, &f.part);
    if (u->ended)
        return ERR_OK;
    uint32_t at = upload_part_at(u, f.number);
    bool there = at < u->count && u->parts[at].number == f.number;
    int order = there ? uid_compare(u->parts[at].part, f.part.uid) : -1;
    if (order > 0 || (order == 0 && !body_wins(body, u->parts[at].body, u->parts[at].body_size)))
        return ERR_OK;
    if (there)
        index_part_unref(x, u->parts[at].part);
    else
        TRY(upload_part_insert(x, u, at));
    u->parts[at] = (struct index_upload_part){body.data, (uint32_t)body.size, f.number, f.part.uid};
    index_part_ref(x, f.part.uid);
    return ERR_OK;
}

static err upload_end_fold(struct index *x, struct span body)
{
    struct uid upload;
    TRY(upload_end_decode(body, &upload));
    upload_end(x, upload);
    return ERR_OK;
}

struct index_upload *index_upload(const struct index *x, struct uid upload)
{
    struct index_upload *u = map_find(&x->uploads, uid_span(&upload));
    return u && u->body && !u->ended ? u : NULL;
}

const struct index_upload_part *index_upload_part(const struct index_upload *u, uint32_t number)
{
    uint32_t at = upload_part_at(u, number);
    return at < u->count && u->parts[at].number == number ? &u->parts[at] : NULL;
}

/* ---- objects -------------------------------------------------------------------------------------------------- */

enum part_action { PART_REF, PART_UNREF, PART_WANT };

static void parts_each(struct index *x, const struct object_fact *f, enum part_action action)
{
    struct reader parts = reader_of(f->parts.data, f->parts.size);
    struct uid part = f->part.uid;
    uint64_t size;
    for (bool more = f->inline_part; more || object_part_next(&parts, &part, &size); more = false) {
        if (action == PART_REF)
            index_part_ref(x, part);
        else if (action == PART_UNREF)
            index_part_unref(x, part);
        else
            index_part_want(x, part, f->policy);
    }
}

void index_object_fact(const struct index_object *o, struct object_fact *out)
{
    ASSERT(object_fact_decode((struct span){o->body, o->body_size}, out) == ERR_OK);
}

static void object_unref(struct index *x, const struct index_object *o)
{
    struct object_fact f;
    index_object_fact(o, &f);
    parts_each(x, &f, PART_UNREF);
}

static err object_fold(struct index *x, struct span body)
{
    struct object_fact f;
    uint8_t bytes[OBJECT_NAME_MAX];
    TRY(object_fact_decode(body, &f));
    struct span name = index_name(f.bucket, f.key, bytes);
    parts_each(x, &f, PART_WANT);
    if (f.inline_part)
        index_part_define(x, &f.part);
    const struct uid *grave = map_find(&x->graves, name);
    struct index_object *o = grave && uid_compare(*grave, f.version) >= 0 ? NULL : map_put(&x->objects, name, NULL);
    int order = o ? uid_compare(o->version, f.version) : 0;
    if (o && (order < 0 || (order == 0 && body_wins(body, o->body, o->body_size)))) {
        struct index_object old = *o;
        *o = (struct index_object){f.version, body.data, (uint32_t)body.size};
        parts_each(x, &f, PART_REF);
        if (old.body)
            object_unref(x, &old);
        map_remove(&x->graves, name);
    } else if (!o && !grave) {
        return ERR_FULL;
    }
    if (!uid_is_zero(f.upload))
        upload_end(x, f.upload); /* after its parts found their object */
    return ERR_OK;
}

static err object_delete_fold(struct index *x, struct span body)
{
    struct name_end_fact f;
    uint8_t bytes[OBJECT_NAME_MAX];
    TRY(name_end_fact_decode(body, &f));
    if (f.key.size == 0)
        return ERR_INVALID;
    struct span name = index_name(f.bucket, f.key, bytes);
    struct index_object *o = map_find(&x->objects, name);
    if (o && uid_compare(o->version, f.upto) > 0)
        return ERR_OK; /* a later version hides all that this one would */
    if (o) {
        object_unref(x, o);
        map_remove(&x->objects, name);
    }
    struct uid *grave = map_put(&x->graves, name, NULL);
    if (!grave)
        return ERR_FULL;
    if (uid_compare(*grave, f.upto) < 0)
        *grave = f.upto;
    return ERR_OK;
}

const struct index_object *index_object(const struct index *x, struct span bucket, struct span key)
{
    uint8_t bytes[OBJECT_NAME_MAX];
    if (!index_bucket(x, bucket))
        return NULL;
    return map_find(&x->objects, index_name(bucket, key, bytes));
}

bool index_bucket_empty(const struct index *x, struct span bucket)
{
    uint8_t bytes[OBJECT_NAME_MAX];
    struct span name = index_name(bucket, (struct span){0}, bytes);
    struct map_node *n = map_seek(&x->objects, name);
    if (!n)
        return true;
    struct span key = map_key(n);
    return key.size < name.size || memcmp(key.data, name.data, name.size) != 0;
}

/* ---- the fold --------------------------------------------------------------------------------------------------- */

static err copy_fold(struct index *x, struct span body)
{
    struct copy_fact f;
    TRY(copy_fact_decode(body, &f));
    index_copy_fold(x, &f);
    return ERR_OK;
}

void index_fold(struct index *x, const struct fact *f, tai_ns wall)
{
    err e = ERR_OK;
    x->now = wall > 0 ? wall : 1;
    switch (f->type) {
    case FACT_BUCKET:
        e = bucket_fold(x, f->body);
        break;
    case FACT_BUCKET_DELETE:
        e = bucket_delete_fold(x, f->body);
        break;
    case FACT_OBJECT:
        e = object_fold(x, f->body);
        break;
    case FACT_OBJECT_DELETE:
        e = object_delete_fold(x, f->body);
        break;
    case FACT_PART:
        e = part_fold(x, f->body);
        break;
    case FACT_UPLOAD:
        e = upload_fold(x, f->body);
        break;
    case FACT_UPLOAD_END:
        e = upload_end_fold(x, f->body);
        break;
    case FACT_COPY:
        e = copy_fold(x, f->body);
        break;
    default:
        return;
    }
    if (e == ERR_FULL)
        x->overflow = true;
    else if (e != ERR_OK)
        x->refused++;
}
