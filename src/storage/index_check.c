#include <string.h>

#include "base/rng.h"
#include "storage/index.h"

static uint64_t add(uint64_t h, const void *data, size_t size)
{
    return hash_mix(h, hash64(data, size));
}

static uint64_t digest_buckets(const struct index *x, uint64_t h)
{
    for (struct map_node *n = map_first(&x->buckets); n; n = map_next(&x->buckets, n)) {
        const struct index_bucket *b = map_value(n);
        h = add(h, map_key(n).data, map_key(n).size);
        h = add(h, b->deleted.bytes, sizeof b->deleted.bytes);
        for (uint32_t i = 0; i < b->count; i++) {
            const struct index_bucket_instance *in = &b->instances[i];
            h = add(h, in->uid.bytes, sizeof in->uid.bytes);
            h = hash_mix(h, (uint64_t)in->policy.copies << 16 | (uint64_t)in->policy.where << 8 | in->policy.best_effort);
        }
    }
    return h;
}

static uint64_t digest_objects(const struct index *x, uint64_t h)
{
    for (struct map_node *n = map_first(&x->objects); n; n = map_next(&x->objects, n)) {
        const struct index_object *o = map_value(n);
        h = add(h, map_key(n).data, map_key(n).size);
        h = add(h, o->body, o->body_size);
    }
    for (struct map_node *n = map_first(&x->graves); n; n = map_next(&x->graves, n)) {
        h = add(h, map_key(n).data, map_key(n).size);
        h = add(h, map_value(n), sizeof(struct uid));
    }
    return h;
}

static uint64_t digest_uploads(const struct index *x, uint64_t h)
{
    for (struct map_node *n = map_first(&x->uploads); n; n = map_next(&x->uploads, n)) {
        const struct index_upload *u = map_value(n);
        h = add(h, map_key(n).data, map_key(n).size);
        h = hash_mix(h, (uint64_t)u->ended << 1 | (u->body != NULL));
        for (uint32_t i = 0; i < u->count; i++)
            h = add(hash_mix(h, u->parts[i].number), u->parts[i].part.bytes, 16);
    }
    return h;
}

static uint64_t digest_parts(const struct index *x, uint64_t h)
{
    for (struct map_node *n = map_first(&x->parts); n; n = map_next(&x->parts, n)) {
        const struct index_part *p = map_value(n);
        h = add(h, map_key(n).data, map_key(n).size);
        h = hash_mix(h, (uint64_t)p->refs << 32 | (uint64_t)p->copies_wanted << 16 | (uint64_t)p->where << 8 | (p->record != NULL));
        for (const struct index_run *r = p->runs; r; r = r->next) {
            h = hash_mix(h, (uint64_t)r->first << 32 | r->count);
            if (r->group)
                h = add(h, r->group->key.data, r->group->key.size);
        }
    }
    return h;
}

uint64_t index_digest(const struct index *x)
{
    return digest_parts(x, digest_uploads(x, digest_objects(x, digest_buckets(x, 0))));
}

static bool part_check(const struct index_part *p)
{
    if (!index_part_alive(p))
        return p->runs == NULL;
    struct part_record record;
    index_part_record(p, &record);
    uint32_t at = 0;
    for (const struct index_run *r = p->runs; r; r = r->next) {
        if (r->part != p || r->first != at || r->count == 0 || !r->group)
            return false;
        if (r->group->copies != p->copies_wanted || r->group->where != p->where)
            return false;
        at += r->count;
    }
    return at == record.chunk_count;
}

static bool groups_check(const struct index *x)
{
    size_t by_node = 0;
    for (struct map_node *n = map_first(&x->groups); n; n = map_next(&x->groups, n)) {
        const struct index_group *g = map_value(n);
        uint64_t count = 0;
        for (const struct index_run *r = g->first; r; r = r->group_next, count++)
            if (r->group != g || (r->group_next && r->group_next->group_prev != r))
                return false;
        if (count == 0 || count != g->run_count)
            return false;
        by_node += g->node_count;
    }
    return by_node == x->node_groups.count;
}

bool index_check(const struct index *x)
{
    if (x->overflow)
        return true; /* out of memory: the plane refuses writes and says so; the tables are not complete */
    for (struct map_node *n = map_first(&x->parts); n; n = map_next(&x->parts, n))
        if (!part_check(map_value(n)))
            return false;
    uint64_t object_parts = 0, refs = 0;
    for (struct map_node *n = map_first(&x->objects); n; n = map_next(&x->objects, n)) {
        struct object_fact f;
        index_object_fact(map_value(n), &f);
        object_parts += f.part_count;
        if (map_find(&x->graves, map_key(n)))
            return false;
    }
    for (struct map_node *n = map_first(&x->uploads); n; n = map_next(&x->uploads, n))
        object_parts += ((const struct index_upload *)map_value(n))->count;
    for (struct map_node *n = map_first(&x->parts); n; n = map_next(&x->parts, n))
        refs += ((const struct index_part *)map_value(n))->refs;
    return refs == object_parts && groups_check(x);
}
