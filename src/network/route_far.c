#include "network/route_far.h"

#include <string.h>

#include "network/route_inner.h"

#define FAR_AGE_NS (30 * NS_PER_S)   /* wall: how long a search is gone on with */
#define FAR_DIRTY_NS NS_PER_S        /* the same, when something changed far away */
#define FAR_WAIT_NS (60 * NS_PER_S)  /* wall: waiting for a contact in the first search */
enum { LABELS_FIRST = 64, FAR_BITS = 8 * ROUTE_SMALL_BYTES };

struct far_label {
    tai_ns arrival;
    node_id first;    /* hop */
    uint32_t node;    /* index */
    uint32_t place;   /* in the heap; SETTLED: final */
    uint16_t hops;
    bool open;
};
#define SETTLED UINT32_MAX

static void search_free(struct route *r, struct far_search *s)
{
    heap_free(r->heap, s->labels);
    heap_free(r->heap, s->heap);
    heap_free(r->heap, s->table);
    *s = (struct far_search){0};
}

void route_far_rest(struct route *r)
{
    for (size_t i = 0; i < COUNT_OF(r->far); i++)
        search_free(r, &r->far[i]);
}

/* ---- labels: found by node through an open table ------------------------------------------------------------------- */

static size_t table_slot(const struct far_search *s, uint32_t node)
{
    size_t mask = s->capacity * 2 - 1, at = node * 2654435761u & mask;
    while (s->table[at] && s->labels[s->table[at] - 1].node != node)
        at = (at + 1) & mask;
    return at;
}

/* Room for one label more. */
static bool search_room(struct route *r, struct far_search *s)
{
    if (s->count < s->capacity)
        return true;
    size_t wider = s->capacity ? 2 * s->capacity : LABELS_FIRST;
    heap_free(r->heap, s->table);
    s->table = NULL;
    struct far_label *labels = heap_grow(r->heap, s->labels, wider * sizeof *labels);
    if (!labels)
        return false;
    s->labels = labels;
    uint32_t *heap = heap_grow(r->heap, s->heap, wider * sizeof *heap);
    if (!heap)
        return false;
    s->heap = heap;
    s->table = heap_alloc(r->heap, 2 * wider * sizeof *s->table);
    if (!s->table)
        return false;
    s->capacity = wider;
    for (uint32_t i = 0; i < s->count; i++)
        s->table[table_slot(s, s->labels[i].node)] = i + 1;
    return true;
}

/* ---- the heap, by arrival; ties by hops, first hop, node: equal everywhere ---------------------------------------- */

static bool sooner(const struct far_label *a, const struct far_label *b)
{
    if (a->arrival != b->arrival)
        return a->arrival < b->arrival;
    if (a->hops != b->hops)
        return a->hops < b->hops;
    return a->first != b->first ? a->first < b->first : a->node < b->node;
}

static void heap_set(struct far_search *s, uint32_t place, uint32_t label)
{
    s->heap[place] = label;
    s->labels[label].place = place;
}

static void heap_up(struct far_search *s, uint32_t place)
{
    uint32_t label = s->heap[place];
    while (place > 0 && sooner(&s->labels[label], &s->labels[s->heap[(place - 1) / 2]])) {
        heap_set(s, place, s->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    heap_set(s, place, label);
}

static uint32_t heap_take(struct far_search *s)
{
    uint32_t best = s->heap[0], last = s->heap[--s->heap_count], place = 0;
    for (uint32_t child; (child = 2 * place + 1) < s->heap_count; place = child) {
        if (child + 1 < s->heap_count && sooner(&s->labels[s->heap[child + 1]], &s->labels[s->heap[child]]))
            child++;
        if (!sooner(&s->labels[s->heap[child]], &s->labels[last]))
            break;
        heap_set(s, place, s->heap[child]);
    }
    if (s->heap_count > 0)
        heap_set(s, place, last);
    s->labels[best].place = SETTLED;
    return best;
}

/* ---- the search ------------------------------------------------------------------------------------------------------ */

static bool offer(struct route *r, struct far_search *s, const struct far_label *fresh)
{
    if (!search_room(r, s))
        return false;
    size_t slot = table_slot(s, fresh->node);
    uint32_t at = s->table[slot] - 1;
    if (s->table[slot] == 0) {
        at = (uint32_t)s->count++;
        s->table[slot] = at + 1;
        s->labels[at] = *fresh;
        heap_set(s, s->heap_count++, at);
    } else if (s->labels[at].place == SETTLED || !sooner(fresh, &s->labels[at])) {
        return true;
    } else {
        uint32_t place = s->labels[at].place;
        s->labels[at] = *fresh;
        s->labels[at].place = place;
    }
    heap_up(s, s->labels[at].place);
    return true;
}

static bool expand(struct route *r, struct far_search *s, uint32_t label)
{
    const struct far_label from = s->labels[label];
    bool own = from.hops == 0;
    node_id id = route_node_of(r, from.node);
    size_t count, contact_count;
    if (!own && route_is_closed(r, from.node))
        return true;
    const node_id *peers = r->sky.peers(r->sky.context, id, &count);
    tai_ns ready = own ? s->built_at : from.arrival + r->hop_ns;
    for (size_t i = 0; i < count; i++) {
        const struct contact *contacts = r->sky.contacts(r->sky.context, id, &peers[i], &contact_count), *used = NULL;
        if (contact_count == 0 && !own)
            continue;
        tai_ns departure = 0;
        uint32_t target = route_index_of(r, peers[i]);
        tai_ns arrival = own ? route_cross_own(r, target, s->built_at, FAR_BITS, contacts, contact_count, &used, &departure)
                             : route_cross_other(r, id, peers[i], s->built_at, ready, FAR_BITS, contacts, contact_count, &used, &departure);
        if (arrival == TIME_NEVER || departure - ready > s->wait_ns)
            continue;
        struct far_label fresh = {.arrival = arrival, .first = own ? peers[i] : from.first, .node = target,
                                  .hops = (uint16_t)(from.hops + 1), .open = from.open && departure == ready};
        if (!offer(r, s, &fresh))
            return false;
    }
    return true;
}

static bool begin(struct route *r, struct far_search *s, tai_ns now, duration_ns wait_ns)
{
    if (s->table)
        memset(s->table, 0, 2 * s->capacity * sizeof *s->table);
    s->count = s->heap_count = 0;
    s->built_at = now;
    s->wait_ns = wait_ns;
    s->valid = true;
    r->builds++;
    uint32_t self = route_index_of(r, r->self);
    if (self != UINT32_MAX && offer(r, s, &(struct far_label){.arrival = now, .first = r->self, .node = self, .open = true}))
        return true;
    search_free(r, s);
    return false;
}

/* Goes on until `node` is settled. NULL: no way, or no memory (then the search is given up). */
static const struct far_label *settle(struct route *r, struct far_search *s, uint32_t node)
{
    size_t slot = s->count ? table_slot(s, node) : 0;
    if (s->count && s->table[slot] && s->labels[s->table[slot] - 1].place == SETTLED)
        return &s->labels[s->table[slot] - 1];
    while (s->heap_count > 0) {
        uint32_t at = heap_take(s);
        if (!expand(r, s, at)) {
            search_free(r, s);
            return NULL;
        }
        if (s->labels[at].node == node)
            return &s->labels[at];
    }
    return NULL;
}

static bool fresh(const struct route *r, const struct far_search *s, tai_ns now)
{
    duration_ns age = now - s->built_at;
    return s->valid && age >= 0 && age <= FAR_AGE_NS && (!r->dirty || age <= FAR_DIRTY_NS);
}

bool route_far_to(struct route *r, tai_ns now, node_id node, struct route_way *out)
{
    uint32_t index = route_index_of(r, node);
    if (index == UINT32_MAX)
        return false;
    if (!fresh(r, &r->far[0], now)) {
        r->dirty = false;
        r->far[1].valid = false;
        if (!begin(r, &r->far[0], now, FAR_WAIT_NS))
            return false;
    }
    struct far_search *s = &r->far[0];
    const struct far_label *l = settle(r, s, index);
    if (!l && s->valid) {
        s = &r->far[1];
        if (!fresh(r, s, now) && !begin(r, s, now, TIME_NEVER))
            return false;
        l = settle(r, s, index);
    }
    if (!l)
        return false;
    tai_ns later = l->open && now > s->built_at ? now - s->built_at : 0; /* a way without waiting moves with the time of leaving */
    *out = (struct route_way){.arrival = l->arrival + later, .first = l->first, .hops = l->hops, .open = l->open};
    return true;
}

bool route_far_check(const struct route *r)
{
    for (size_t i = 0; i < COUNT_OF(r->far); i++) {
        const struct far_search *s = &r->far[i];
        for (uint32_t k = 0; k < s->heap_count; k++)
            if (s->labels[s->heap[k]].place != k || (k > 0 && sooner(&s->labels[s->heap[k]], &s->labels[s->heap[(k - 1) / 2]])))
                return false;
        for (size_t k = 0; k < s->count; k++)
            if (s->table[table_slot(s, s->labels[k].node)] != k + 1)
                return false;
    }
    return true;
}
