#include <string.h>

#include "storage/index_internal.h"

/* ---- groups ------------------------------------------------------------------------------------------------- */

static struct span node_group_key(node_id node, struct span group, uint8_t out[4 + GROUP_KEY_MAX])
{
    struct writer w = writer_of(out, 4 + GROUP_KEY_MAX);
    write_u32_be(&w, node);
    write_bytes(&w, group.data, group.size);
    return writer_span(&w);
}

static struct span group_key(uint8_t copies, uint8_t where, const node_id *nodes, uint8_t count, uint8_t out[GROUP_KEY_MAX])
{
    struct writer w = writer_of(out, GROUP_KEY_MAX);
    write_u8(&w, copies);
    write_u8(&w, where);
    for (uint8_t i = 0; i < count; i++)
        write_u32_be(&w, nodes[i]);
    return writer_span(&w);
}

static void group_by_node(struct index *x, struct index_group *g, bool add)
{
    uint8_t key[4 + GROUP_KEY_MAX];
    for (uint8_t i = 0; i < g->node_count; i++) {
        struct span k = node_group_key(g->nodes[i], g->key, key);
        if (!add) {
            map_remove(&x->node_groups, k);
            continue;
        }
        struct index_group **slot = map_put(&x->node_groups, k, NULL);
        if (slot)
            *slot = g;
        else
            x->overflow = true;
    }
}

static struct index_group *group_get(struct index *x, uint8_t copies, uint8_t where, const node_id *nodes, uint8_t count)
{
    uint8_t key[GROUP_KEY_MAX];
    bool added;
    struct span k = group_key(copies, where, nodes, count, key);
    struct index_group *g = map_put(&x->groups, k, &added);
    if (!g || !added)
        return g;
    g->key = map_key(map_seek(&x->groups, k));
    g->copies = copies;
    g->where = where;
    g->node_count = count;
    memcpy(g->nodes, nodes, count * sizeof *nodes);
    group_by_node(x, g, true);
    return g;
}

static void run_link(struct index *x, struct index_run *r, const node_id *nodes, uint8_t count)
{
    struct index_group *g = group_get(x, r->part->copies_wanted, r->part->where, nodes, count);
    if (!g) {
        x->overflow = true;
        return;
    }
    r->group = g;
    r->group_prev = g->last;
    if (g->last)
        g->last->group_next = r;
    else
        g->first = r;
    g->last = r;
    if (g->run_count++ == 0)
        x->watcher.group_changed(x->watcher.context, g);
}

static void run_unlink(struct index *x, struct index_run *r)
{
    struct index_group *g = r->group;
    if (!g)
        return;
    if (r->group_prev)
        r->group_prev->group_next = r->group_next;
    else
        g->first = r->group_next;
    if (r->group_next)
        r->group_next->group_prev = r->group_prev;
    else
        g->last = r->group_prev;
    r->group = NULL;
    if (--g->run_count == 0) {
        uint8_t key[GROUP_KEY_MAX];
        x->watcher.group_removed(x->watcher.context, g);
        group_by_node(x, g, false);
        struct span k = group_key(g->copies, g->where, g->nodes, g->node_count, key);
        map_remove(&x->groups, k);
    }
}

bool index_group_holds(const struct index_group *g, node_id node)
{
    for (uint8_t i = 0; i < g->node_count; i++)
        if (g->nodes[i] == node)
            return true;
    return false;
}

/* ---- runs of a part ------------------------------------------------------------------------------------------- */

static void runs_drop(struct index *x, struct index_part *p)
{
    while (p->runs) {
        struct index_run *r = p->runs;
        p->runs = r->next;
        run_unlink(x, r);
        heap_free(x->heap, r);
    }
}

struct holders {
    node_id nodes[HOLDERS_MAX];
    uint8_t count;
};

static void holders_set(struct holders *h, node_id node, bool there)
{
    uint8_t at = 0;
    while (at < h->count && h->nodes[at] < node)
        at++;
    bool have = at < h->count && h->nodes[at] == node;
    if (there && !have && h->count < HOLDERS_MAX) {
        memmove(h->nodes + at + 1, h->nodes + at, (size_t)(h->count - at) * sizeof h->nodes[0]);
        h->nodes[at] = node;
        h->count++;
    } else if (!there && have) {
        h->count--;
        memmove(h->nodes + at, h->nodes + at + 1, (size_t)(h->count - at) * sizeof h->nodes[0]);
    }
}

/* Who holds the chunks from `at` on, and up to which chunk that stays so. `end` is the end of the record's run. */
static struct holders holders_at(const struct index_part *p, const struct part_run *base, uint32_t at, uint32_t *end)
{
    struct holders h = {.count = base->node_count};
    memcpy(h.nodes, base->nodes, base->node_count * sizeof base->nodes[0]);
    for (const struct index_copy *c = p->copies; c; c = c->next) {
        if (at < c->first) {
            *end = MIN(*end, c->first);
        } else if (at - c->first < c->count) {
            *end = MIN(*end, c->first + c->count);
            holders_set(&h, c->node, c->added);
        }
    }
    return h;
}

static bool run_same(const struct index_run *r, const struct holders *h)
{
    return r->group && r->group->node_count == h->count && memcmp(r->group->nodes, h->nodes, h->count * sizeof h->nodes[0]) == 0;
}

static struct index_run *run_add(struct index *x, struct index_part *p, struct index_run *last, uint32_t first, uint32_t count,
                                 const struct holders *h)
{
    if (last && run_same(last, h)) {
        last->count += count;
        return last;
    }
    struct index_run *r = heap_alloc(x->heap, sizeof *r);
    if (!r) {
        x->overflow = true;
        return last;
    }
    *r = (struct index_run){.part = p, .first = first, .count = count};
    if (last)
        last->next = r;
    else
        p->runs = r;
    run_link(x, r, h->nodes, h->count);
    return r;
}

static void runs_build(struct index *x, struct index_part *p)
{
    runs_drop(x, p);
    if (!index_part_alive(p))
        return;
    struct part_record record;
    index_part_record(p, &record);
    struct reader runs = reader_of(record.runs.data, record.runs.size);
    struct part_run base;
    struct index_run *last = NULL;
    uint32_t at = 0;
    while (part_run_next(&runs, &base)) {
        uint32_t base_end = at + base.count;
        while (at < base_end) {
            uint32_t end = base_end;
            struct holders h = holders_at(p, &base, at, &end);
            last = run_add(x, p, last, at, end - at, &h);
            at = end;
        }
    }
}

/* ---- parts ---------------------------------------------------------------------------------------------------- */

bool index_part_alive(const struct index_part *p)
{
    return p && p->record && p->refs > 0;
}

void index_part_record(const struct index_part *p, struct part_record *out)
{
    ASSERT(p->record);
    struct reader r = reader_of(p->record, p->record_size);
    ASSERT(part_record_decode(&r, out) == ERR_OK);
}

struct index_part *index_part(const struct index *x, struct uid part)
{
    return map_find(&x->parts, uid_span(&part));
}

struct index_part *index_part_get(struct index *x, struct uid part)
{
    struct index_part *p = map_put(&x->parts, uid_span(&part), NULL);
    if (!p)
        x->overflow = true;
    else if (p->refs == 0 && p->dead_since == 0)
        p->dead_since = x->now;
    return p;
}

void index_part_define(struct index *x, const struct part_record *record)
{
    struct index_part *p = index_part_get(x, record->uid);
    if (!p)
        return;
    /* Two records for one uid can only come from a liar: all nodes keep the same one, the bytewise smaller. */
    struct span have = {p->record, p->record_size};
    index_part_want(x, record->uid, record->policy);
    if (p->record && span_compare(have, record->whole) <= 0)
        return;
    p->record = record->whole.data;
    p->record_size = (uint32_t)record->whole.size;
    runs_build(x, p);
}

void index_part_want(struct index *x, struct uid part, struct policy policy)
{
    struct index_part *p = index_part_get(x, part);
    if (!p || (p->copies_wanted >= policy.copies && p->where >= policy.where))
        return;
    p->copies_wanted = MAX(p->copies_wanted, policy.copies);
    p->where = MAX(p->where, policy.where);
    runs_build(x, p);
}

void index_part_ref(struct index *x, struct uid part)
{
    struct index_part *p = index_part_get(x, part);
    if (!p)
        return;
    p->dead_since = 0;
    if (p->refs++ == 0)
        runs_build(x, p);
}

void index_part_unref(struct index *x, struct uid part)
{
    struct index_part *p = index_part(x, part);
    ASSERT(x->overflow || (p && p->refs > 0));
    if (!p || p->refs == 0)
        return;
    if (--p->refs == 0) {
        p->dead_since = x->now;
        runs_drop(x, p);
    }
}

const struct index_run *index_run_of(const struct index_part *p, uint32_t chunk)
{
    for (const struct index_run *r = p->runs; r; r = r->next)
        if (chunk - r->first < r->count && chunk >= r->first)
            return r;
    return NULL;
}

/* ---- copies --------------------------------------------------------------------------------------------------- */

/* By stamp; a liar's equal stamps by what they say. */
static int copy_compare(const struct index_copy *c, const struct copy_fact *f)
{
    int order = uid_compare(c->stamp, f->stamp);
    const uint32_t mine[] = {c->node, c->first, c->count, c->added}, other[] = {f->node, f->first, f->count, f->added};
    for (size_t i = 0; i < COUNT_OF(mine) && order == 0; i++)
        order = (mine[i] > other[i]) - (mine[i] < other[i]);
    return order;
}

/* `later` decides for every chunk that `c` speaks of. */
static bool copy_covered(const struct index_copy *c, const struct copy_fact *later)
{
    return c->node == later->node && copy_compare(c, later) < 0 && later->first <= c->first &&
           later->first + later->count >= c->first + c->count;
}

static bool copy_known(const struct index_copy *c, const struct copy_fact *f)
{
    return c->node == f->node && copy_compare(c, f) >= 0 && c->first <= f->first && c->first + c->count >= f->first + f->count;
}

void index_copy_fold(struct index *x, const struct copy_fact *f)
{
    struct index_part *p = index_part_get(x, f->part);
    if (!p)
        return;
    for (struct index_copy *c = p->copies; c; c = c->next)
        if (copy_known(c, f))
            return;
    struct index_copy **at = &p->copies;
    while (*at && copy_compare(*at, f) < 0) {
        struct index_copy *c = *at;
        if (copy_covered(c, f)) {
            *at = c->next;
            heap_free(x->heap, c);
        } else {
            at = &c->next;
        }
    }
    struct index_copy *fresh = heap_alloc(x->heap, sizeof *fresh);
    if (!fresh) {
        x->overflow = true;
        return;
    }
    *fresh = (struct index_copy){.next = *at, .stamp = f->stamp, .first = f->first, .count = f->count, .node = f->node, .added = f->added};
    *at = fresh;
    runs_build(x, p);
}
