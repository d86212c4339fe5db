#include "storage/internal.h"

static bool key_equal(struct chunk_key a, struct chunk_key b)
{
    return a.index == b.index && uid_equal(a.part, b.part);
}

static void slot_clear(struct storage *s, struct cache_slot *c)
{
    s->cache_bytes -= c->data.size;
    slice_drop(&c->data);
    *c = (struct cache_slot){0};
}

static struct cache_slot *oldest(struct storage *s)
{
    struct cache_slot *best = &s->cache[0];
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        if (s->cache[i].used < best->used)
            best = &s->cache[i];
    return best;
}

void cache_put(struct storage *s, struct chunk_key key, struct slice data)
{
    if (data.size > s->cache_most / 4 || !data.buf)
        return;
    struct cache_slot *c = oldest(s);
    slot_clear(s, c);
    while (s->cache_bytes + data.size > s->cache_most) {
        struct cache_slot *used = NULL;
        for (size_t i = 0; i < CACHE_SLOTS; i++)
            if (s->cache[i].data.buf && (!used || s->cache[i].used < used->used))
                used = &s->cache[i];
        ASSERT(used != NULL);
        slot_clear(s, used);
    }
    buf_ref(data.buf);
    *c = (struct cache_slot){key, data, ++s->cache_clock};
    s->cache_bytes += data.size;
}

bool cache_get(struct storage *s, struct chunk_key key, struct slice *out)
{
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        struct cache_slot *c = &s->cache[i];
        if (!c->data.buf || !key_equal(c->key, key))
            continue;
        c->used = ++s->cache_clock;
        buf_ref(c->data.buf);
        *out = c->data;
        return true;
    }
    return false;
}
