/*
 * LIST and its kin: byte order, prefix, delimiter, resume strictly after a name. Common prefixes are passed by one seek each, so a
 * page costs what it shows, whatever lies between.
 */
#include <string.h>

#include "storage/internal.h"

struct lister {
    struct storage *s;
    const struct object_request *r;
    struct object_entry *entries;
    size_t count, most;
    bool truncated;
};

static bool starts_with(struct span s, struct span prefix)
{
    return s.size >= prefix.size && (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

/* The end of the first delimiter behind the prefix; 0 when there is none. */
static size_t rolled_size(struct span key, struct span prefix, struct span delimiter)
{
    if (delimiter.size == 0)
        return 0;
    for (size_t at = prefix.size; at + delimiter.size <= key.size; at++)
        if (memcmp(key.data + at, delimiter.data, delimiter.size) == 0)
            return at + delimiter.size;
    return 0;
}

/* The first string greater than all that begin with `s`; false when there is none. */
static bool successor(struct span s, uint8_t *out, size_t *size)
{
    memcpy(out, s.data, s.size);
    while (s.size > 0 && out[s.size - 1] == 0xff)
        s.size--;
    if (s.size == 0)
        return false;
    out[s.size - 1]++;
    *size = s.size;
    return true;
}

static struct map_node *seek_past(const struct map *m, struct span stem)
{
    uint8_t next[OBJECT_NAME_MAX + 32];
    size_t size;
    return successor(stem, next, &size) ? map_seek(m, span_of(next, size)) : NULL;
}

static struct map_node *first_of(const struct map *m, struct span stem, struct span bucket, struct span prefix, struct span after)
{
    uint8_t bytes[OBJECT_NAME_MAX];
    if (after.size == 0 || span_compare(after, prefix) < 0)
        return map_seek(m, stem);
    struct span at = index_name(bucket, after, bytes);
    return at.size ? map_after(m, at) : NULL;
}

static struct object_entry *entry_add(struct lister *l)
{
    if (l->count == l->most) {
        l->truncated = true;
        return NULL;
    }
    return &l->entries[l->count++];
}

static struct span last_name(const struct lister *l)
{
    return l->count ? l->entries[l->count - 1].name : (struct span){0};
}

static void list_finish(struct lister *l)
{
    struct object_reply reply = reply_to(l->r, ERR_OK);
    reply.entries = l->entries;
    reply.entry_count = l->count;
    reply.truncated = l->truncated && l->count > 0;
    if (reply.truncated)
        reply.next = last_name(l);
    storage_reply(l->s, &reply);
    heap_free(l->s->port->heap, l->entries);
}

static bool list_start(struct lister *l, struct storage *s, const struct object_request *r)
{
    *l = (struct lister){.s = s, .r = r, .most = MIN(r->most, (uint32_t)OBJECT_LIST_MAX)};
    l->entries = heap_alloc(s->port->heap, MAX(l->most, (size_t)1) * sizeof *l->entries);
    if (!l->entries)
        reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "no memory for the list");
    return l->entries != NULL;
}

static void list_objects(struct lister *l, struct span stem)
{
    const struct object_request *r = l->r;
    const struct map *m = &l->s->index.objects;
    size_t skip = r->bucket.size + 1;
    struct map_node *n = first_of(m, stem, r->bucket, r->prefix, r->after);
    while (n && starts_with(map_key(n), stem)) {
        struct span name = map_key(n), key = {name.data + skip, name.size - skip};
        size_t rolled = rolled_size(key, r->prefix, r->delimiter);
        struct span common = {key.data, rolled};
        bool wanted = rolled == 0 || r->after.size == 0 || span_compare(common, r->after) > 0;
        struct object_entry *e = wanted ? entry_add(l) : NULL;
        if (wanted && !e)
            return;
        if (rolled) {
            if (e)
                *e = (struct object_entry){.name = common, .is_prefix = true};
            n = seek_past(m, (struct span){name.data, skip + rolled});
            continue;
        }
        struct object_fact f;
        index_object_fact(map_value(n), &f);
        e->name = key;
        info_of(l->s, &f, &e->info);
        n = map_next(m, n);
    }
}

static void list_buckets(struct lister *l)
{
    const struct map *m = &l->s->index.buckets;
    for (struct map_node *n = l->r->after.size ? map_after(m, l->r->after) : map_first(m); n; n = map_next(m, n)) {
        const struct index_bucket_instance *b = index_bucket(&l->s->index, map_key(n));
        if (!b || !starts_with(map_key(n), l->r->prefix))
            continue;
        struct object_entry *e = entry_add(l);
        if (!e)
            return;
        e->name = map_key(n);
        e->info.modified = b->created;
        e->info.policy = b->policy;
        e->info.version = b->uid;
    }
}

/* Uploads come by key, then by age. `after` and `upload` name the last one seen; without `upload` all of that key are passed. */
static struct map_node *uploads_first(const struct lister *l, struct span stem)
{
    const struct object_request *r = l->r;
    uint8_t bytes[OBJECT_NAME_MAX + 17];
    if (r->after.size == 0)
        return map_seek(&l->s->index.upload_names, stem);
    struct writer w = writer_of(bytes, sizeof bytes);
    write_bytes(&w, r->bucket.data, r->bucket.size);
    write_u8(&w, 0);
    write_bytes(&w, r->after.data, r->after.size);
    write_u8(&w, uid_is_zero(r->upload) ? 1 : 0);
    if (!uid_is_zero(r->upload))
        write_bytes(&w, r->upload.bytes, sizeof r->upload.bytes);
    return writer_ok(&w) ? map_after(&l->s->index.upload_names, writer_span(&w)) : NULL;
}

static void list_uploads(struct lister *l, struct span stem)
{
    const struct map *m = &l->s->index.upload_names;
    size_t skip = l->r->bucket.size + 1;
    for (struct map_node *n = uploads_first(l, stem); n && starts_with(map_key(n), stem); n = map_next(m, n)) {
        struct span name = map_key(n);
        struct uid uid;
        memcpy(uid.bytes, name.data + name.size - sizeof uid.bytes, sizeof uid.bytes);
        const struct index_upload *u = index_upload(&l->s->index, uid);
        struct upload_fact f;
        struct object_entry *e = entry_add(l);
        if (!e)
            return;
        ASSERT(u && upload_fact_decode(span_of(u->body, u->body_size), &f) == ERR_OK);
        e->name = span_of(name.data + skip, name.size - skip - 17);
        e->upload = uid;
        e->info.modified = f.created;
        e->info.metadata = f.metadata;
        e->info.policy = f.policy;
    }
}

static void list_parts(struct lister *l, const struct index_upload *u)
{
    for (uint32_t i = 0; i < u->count; i++) {
        struct part_fact f;
        if (u->parts[i].number <= l->r->part)
            continue;
        struct object_entry *e = entry_add(l);
        if (!e)
            return;
        ASSERT(part_fact_decode(span_of(u->parts[i].body, u->parts[i].body_size), &f) == ERR_OK);
        e->part = f.number;
        e->upload = f.upload;
        e->info.size = f.part.size;
        e->info.modified = f.modified;
        e->info.policy = f.part.policy;
        etag_text(f.md5, 0, e->info.etag);
    }
}

void request_list(struct storage *s, const struct object_request *r)
{
    struct lister l;
    uint8_t bytes[OBJECT_NAME_MAX];
    if (r->op != OBJECT_BUCKET_LIST && !index_bucket(&s->index, r->bucket)) {
        reply_error(s, r, ERR_NOT_FOUND, MISSING_BUCKET, "no such bucket");
        return;
    }
    const struct index_upload *u = r->op == OBJECT_PART_LIST ? index_upload(&s->index, r->upload) : NULL;
    if (r->op == OBJECT_PART_LIST && !u) {
        reply_error(s, r, ERR_NOT_FOUND, MISSING_UPLOAD, "no such upload");
        return;
    }
    if (!list_start(&l, s, r))
        return;
    struct span stem = index_name(r->bucket, r->prefix, bytes); /* empty when the prefix is longer than any key */
    if (r->op == OBJECT_BUCKET_LIST)
        list_buckets(&l);
    else if (r->op == OBJECT_LIST && stem.size)
        list_objects(&l, stem);
    else if (r->op == OBJECT_UPLOAD_LIST && stem.size)
        list_uploads(&l, stem);
    else if (u)
        list_parts(&l, u);
    list_finish(&l);
}
