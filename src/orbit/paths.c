#include "orbit/paths.h"

#include <math.h>
#include <string.h>

#include "orbit/memory.h"

err paths_init(struct paths *p, struct heap *heap, uint32_t node_count, size_t link_capacity)
{
    *p = (struct paths){.heap = heap, .node_count = node_count, .link_capacity = link_capacity, .root = PATHS_NONE};
    size_t nodes = (size_t)node_count + 1;
    p->links = memory_take(heap, (link_capacity + 1) * sizeof *p->links);
    p->edges = memory_take(heap, (2 * link_capacity + 1) * sizeof *p->edges);
    p->first = memory_take(heap, (nodes + 1) * sizeof *p->first);
    p->relay = memory_take(heap, nodes);
    p->distance_km = memory_take(heap, nodes * sizeof *p->distance_km);
    p->toward = memory_take(heap, nodes * sizeof *p->toward);
    p->free_count = (uint32_t)(4 * link_capacity + 2);
    p->entries = memory_take(heap, p->free_count * sizeof *p->entries);
    p->free_entries = memory_take(heap, p->free_count * sizeof *p->free_entries);
    p->done = memory_take(heap, nodes);
    if (!p->links || !p->edges || !p->first || !p->relay || !p->distance_km || !p->toward || !p->entries ||
        !p->free_entries || !p->done) {
        paths_free(p);
        return ERR_NO_MEMORY;
    }
    memset(p->relay, true, nodes);
    for (uint32_t k = 0; k < p->free_count; k++)
        p->free_entries[k] = k;
    paths_clear(p);
    return ERR_OK;
}

void paths_free(struct paths *p)
{
    void *const blocks[] = {p->links, p->edges, p->first, p->relay, p->distance_km, p->toward, p->entries, p->free_entries, p->done, p->lanes_km,
                            p->second_order};
    for (size_t k = 0; k < COUNT_OF(blocks); k++)
        memory_give(p->heap, blocks[k]);
    *p = (struct paths){.heap = p->heap};
}

void paths_set_relay(struct paths *p, uint32_t node, bool relay)
{
    ASSERT(node < p->node_count);
    p->built = p->built && p->relay[node] == relay;
    p->relay[node] = relay;
}

void paths_clear(struct paths *p)
{
    p->link_count = 0;
    p->shortest_km = HUGE_VAL;
    p->longest_km = 0.0;
    p->built = false;
}

err paths_link(struct paths *p, uint32_t a, uint32_t b, double km)
{
    if (a >= p->node_count || b >= p->node_count || a == b || !(km >= 0.0) || isinf(km))
        return ERR_INVALID;
    if (p->link_count == p->link_capacity)
        return ERR_FULL;
    p->links[p->link_count++] = (struct paths_link){a, b, km};
    p->shortest_km = fmin(p->shortest_km, km);
    p->longest_km = fmax(p->longest_km, km);
    p->built = false;
    return ERR_OK;
}

/* Whether the search needs the edge from one node to another: relays do not ask where ways only end, ends ask back. */
static bool is_wanted(const struct paths *p, uint32_t from, uint32_t to)
{
    return p->relay[to] || !p->relay[from];
}

/* Links become slices by node (counting sort). */
void paths_build(struct paths *p)
{
    if (p->built)
        return;
    p->root = PATHS_NONE; /* the last tree was of other links */
    memset(p->first, 0, ((size_t)p->node_count + 2) * sizeof *p->first);
    uint32_t *count = p->first + 1;
    for (size_t k = 0; k < p->link_count; k++) {
        count[p->links[k].a] += is_wanted(p, p->links[k].a, p->links[k].b);
        count[p->links[k].b] += is_wanted(p, p->links[k].b, p->links[k].a);
    }
    for (uint32_t n = 1; n <= p->node_count; n++)
        p->first[n] += p->first[n - 1];
    memcpy(p->toward, p->first, (size_t)p->node_count * sizeof *p->toward); /* scratch: where a node's next edge goes */
    for (size_t k = 0; k < p->link_count; k++) {
        const struct paths_link *l = &p->links[k];
        if (is_wanted(p, l->a, l->b))
            p->edges[p->toward[l->a]++] = (struct paths_edge){l->km, l->b};
        if (is_wanted(p, l->b, l->a))
            p->edges[p->toward[l->b]++] = (struct paths_edge){l->km, l->a};
    }
    p->built = true;
}

struct search {
    struct paths *p;
    double buckets_per_km;
    uint64_t waiting; /* a bit per bucket that holds entries */
};

/*
 * A node waits in the bucket of its distance. It is expanded only while that bucket is the current one, and only with
 * distances of that bucket; so an edge can leave at most two entries that wait (the target's distances differ by less than a
 * bucket's width), and four per link are enough. The body has no branch, as nobody could predict it.
 */
static void expand(struct search *s, uint32_t node)
{
    struct paths *p = s->p;
    double *restrict distances = p->distance_km;
    uint32_t *restrict towards = p->toward, *restrict heads = p->head;
    const uint32_t *restrict free_entries = p->free_entries;
    struct paths_entry *restrict entries = p->entries;
    bool *restrict done = p->done;
    const double distance = distances[node], buckets_per_km = s->buckets_per_km;
    const struct paths_edge *restrict edges = p->edges;
    uint64_t waiting = s->waiting;
    uint32_t free_count = p->free_count;
    for (uint32_t k = p->first[node]; k < p->first[node + 1]; k++) {
        uint32_t target = edges[k].target;
        double longer = distance + edges[k].km, known = distances[target];
        uint32_t better = longer < known, mask = 0u - better;
        uint32_t bucket = (uint32_t)(int32_t)(longer * buckets_per_km) % PATHS_BUCKETS;
        uint32_t entry = free_entries[free_count - 1], head = heads[bucket];
        distances[target] = longer < known ? longer : known;
        towards[target] ^= (towards[target] ^ node) & mask;
        done[target] = done[target] & (better ^ 1u);
        entries[entry] = (struct paths_entry){target, head};
        heads[bucket] = head ^ ((head ^ entry) & mask);
        waiting |= (uint64_t)better << bucket;
        free_count -= better;
    }
    s->waiting = waiting;
    p->free_count = free_count;
}

/* The root may be an end itself: what it reaches and passes on waits, other ends do not. */
static void expand_root(struct search *s, uint32_t root)
{
    struct paths *p = s->p;
    for (uint32_t k = p->first[root]; k < p->first[root + 1]; k++) {
        const struct paths_edge *e = &p->edges[k];
        if (!(e->km < p->distance_km[e->target]))
            continue;
        p->distance_km[e->target] = e->km;
        p->toward[e->target] = root;
        if (!p->relay[e->target])
            continue;
        uint32_t bucket = (uint32_t)(e->km * s->buckets_per_km) % PATHS_BUCKETS, entry = p->free_entries[--p->free_count];
        p->done[e->target] = false;
        p->entries[entry] = (struct paths_entry){e->target, p->head[bucket]};
        p->head[bucket] = entry;
        s->waiting |= 1ull << bucket;
    }
}

/* Where ways end: the best of the neighbours. */
static void finish_ends(struct paths *p)
{
    for (uint32_t n = 0; n < p->node_count; n++) {
        if (p->relay[n] || n == p->root)
            continue;
        for (uint32_t k = p->first[n]; k < p->first[n + 1]; k++) {
            const struct paths_edge *e = &p->edges[k];
            if (!p->relay[e->target] && e->target != p->root)
                continue;
            double longer = p->distance_km[e->target] + e->km;
            if (longer < p->distance_km[n]) {
                p->distance_km[n] = longer;
                p->toward[n] = e->target;
            }
        }
    }
}

void paths_from(struct paths *p, uint32_t root)
{
    ASSERT(root < p->node_count);
    paths_build(p);
    p->root = root;
    for (uint32_t n = 0; n < p->node_count; n++)
        p->distance_km[n] = HUGE_VAL;
    memset(p->toward, 0xff, (size_t)p->node_count * sizeof *p->toward);
    memset(p->head, 0xff, sizeof p->head);
    p->distance_km[root] = 0.0;
    p->done[root] = true;
    /* The longest link must not reach round the ring: 62 buckets and one for rounding. */
    double width = fmax(p->link_count ? p->shortest_km : 1.0, p->longest_km / (PATHS_BUCKETS - 2));
    struct search s = {.p = p, .buckets_per_km = width > 0.0 ? 1.0 / width : 1.0};
    expand_root(&s, root);
    for (unsigned now = 0; s.waiting;) {
        uint64_t turned = now ? s.waiting >> now | s.waiting << (PATHS_BUCKETS - now) : s.waiting;
        now = (now + (unsigned)__builtin_ctzll(turned)) % PATHS_BUCKETS;
        uint32_t entry = p->head[now], node = p->entries[entry].node;
        p->head[now] = p->entries[entry].after;
        s.waiting ^= (uint64_t)(p->head[now] == PATHS_NONE) << now;
        p->free_entries[p->free_count++] = entry;
        if (p->done[node])
            continue;
        p->done[node] = true;
        expand(&s, node);
    }
    finish_ends(p);
}

size_t paths_way(const struct paths *p, uint32_t node, uint32_t *out, size_t capacity)
{
    ASSERT(node < p->node_count && p->root != PATHS_NONE);
    if (isinf(p->distance_km[node]))
        return 0;
    size_t count = 0;
    for (uint32_t at = node; at != PATHS_NONE; at = p->toward[at]) {
        if (count == capacity)
            return 0;
        out[count++] = at;
    }
    return count;
}

void paths_check(const struct paths *p)
{
    ASSERT(p->link_count <= p->link_capacity);
    if (p->root == PATHS_NONE || !p->built)
        return;
    for (uint32_t n = 0; n < p->node_count; n++) {
        ASSERT(isinf(p->distance_km[n]) == (p->toward[n] == PATHS_NONE && n != p->root));
        if (!p->relay[n] && n != p->root)
            continue;
        for (uint32_t k = p->first[n]; k < p->first[n + 1]; k++) /* no edge is left that would shorten a way */
            ASSERT(!(p->distance_km[n] + p->edges[k].km < p->distance_km[p->edges[k].target]));
    }
}
