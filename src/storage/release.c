/*
 * A ground node with little room gives back copies that satellites have. Facts may be older than the disks they speak of (a satellite was
 * replaced, a write was lost), so the satellites are asked first: each reads its chunk and says that it is whole. One run at a time; what could
 * not be confirmed stays until the next walk, and a holder that lacks a chunk says so in a COPY fact.
 */
#include <string.h>

#include "storage/internal.h"

enum { RUNS_PER_WALK = 64 };

/* The first group behind the walk's place whose ground copy here is only a cache by the facts. */
static struct index_group *releasable(const struct storage *s)
{
    uint8_t key[4];
    struct writer w = writer_of(key, sizeof key);
    write_u32_be(&w, s->port->config->self);
    const struct release *l = &s->release;
    struct map_node *n = l->after_size > 0 ? map_after(&s->index.node_groups, span_of(l->after, l->after_size))
                                           : map_seek(&s->index.node_groups, writer_span(&w));
    for (; n; n = map_next(&s->index.node_groups, n)) {
        struct index_group *g = *(struct index_group **)map_value(n);
        uint8_t satellites;
        if (memcmp(map_key(n).data, key, sizeof key) != 0)
            break;
        run_alive(s, g->first, &satellites);
        if (g->where == PLACE_ORBIT && satellites >= g->copies)
            return g;
    }
    return NULL;
}

/* The run as it was when it was chosen, and still held by enough satellites; or NULL. */
static const struct index_run *run_stands(const struct storage *s)
{
    const struct release *l = &s->release;
    const struct index_part *p = index_part(&s->index, l->part);
    const struct index_run *r = p ? index_run_of(p, l->first) : NULL;
    uint8_t satellites;
    if (!r || !r->group || r->first != l->first || r->count != l->count || !index_group_holds(r->group, s->port->config->self))
        return NULL;
    run_alive(s, r, &satellites);
    return satellites >= r->group->copies ? r : NULL;
}

static bool tight(const struct storage *s)
{
    return chunk_store_free_bytes(&s->chunks) < chunk_store_capacity_bytes(&s->chunks) / 8;
}

/* Asks all satellites that hold the run for its chunk `next`. */
static bool chunk_ask(struct storage *s)
{
    struct release *l = &s->release;
    const struct index_run *r = run_stands(s);
    struct chunk_key key = {l->part, l->first + l->next};
    l->asked = l->answered = l->good = 0;
    l->wanted = r ? r->group->copies : 0;
    for (uint8_t i = 0; r && i < r->group->node_count; i++) {
        node_id node = r->group->nodes[i];
        uint64_t id;
        if (view_role(s->port->view, node) != ROLE_SATELLITE || !view_alive(s->port->view, node))
            continue;
        struct request *q = request_new(s, REQUEST_CONFIRM, NULL, key.index, node, &id);
        if (!q)
            break;
        q->generation = l->generation;
        if (transfer_confirm(s, q, id, key) == ERR_OK)
            l->asked++;
        else
            request_end(s, id);
    }
    return r && l->asked >= l->wanted;
}

static bool give_back(struct storage *s)
{
    const struct release *l = &s->release;
    publish_copy(s, l->part, l->first, l->count, s->port->config->self, false);
    if (run_stands(s))
        return false; /* the fact could not be written */
    port_probe(s->port, PROBE_BRIDGE_RELEASED);
    for (uint32_t i = 0; i < l->count; i++)
        chunk_store_erase(&s->chunks, (struct chunk_key){l->part, l->first + i});
    return true;
}

/* Nothing more of this group in this walk. */
static void group_pass(struct storage *s, const struct index_group *g)
{
    struct release *l = &s->release;
    struct writer w = writer_of(l->after, sizeof l->after);
    write_u32_be(&w, s->port->config->self);
    write_bytes(&w, g->key.data, g->key.size);
    l->after_size = (uint8_t)writer_span(&w).size;
}

/* The next run of the walk for which satellites could be asked; none: the walk is over. */
static void run_next(struct storage *s)
{
    struct release *l = &s->release;
    struct index_group *g;
    l->active = false;
    while (l->runs_left > 0 && tight(s) && (g = releasable(s)) != NULL) {
        struct part_record record;
        index_part_record(g->first->part, &record);
        l->runs_left--;
        l->part = record.uid;
        l->first = g->first->first;
        l->count = g->first->count;
        l->next = 0;
        l->generation++;
        l->active = chunk_ask(s);
        if (l->active)
            return;
        group_pass(s, g);
    }
}

void release_walk(struct storage *s)
{
    if (s->release.active || s->port->config->role != ROLE_GATEWAY)
        return;
    s->release.runs_left = RUNS_PER_WALK;
    s->release.after_size = 0;
    run_next(s);
}

void release_confirmed(struct storage *s, uint32_t generation, err status)
{
    struct release *l = &s->release;
    if (!l->active || l->generation != generation)
        return; /* enough others had answered */
    l->answered++;
    l->good = (uint8_t)(l->good + (status == ERR_OK));
    if (l->good < l->wanted && l->answered < l->asked)
        return;
    bool whole = l->good >= l->wanted && run_stands(s) != NULL;
    l->generation++;
    if (whole && ++l->next < l->count && chunk_ask(s))
        return;
    if (!whole || l->next < l->count || !give_back(s)) {
        const struct index_part *p = index_part(&s->index, l->part);
        const struct index_run *r = p ? index_run_of(p, l->first) : NULL;
        if (r && r->group && index_group_holds(r->group, s->port->config->self))
            group_pass(s, r->group);
    }
    run_next(s);
}
