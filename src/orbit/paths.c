#include "orbit/paths.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *take(struct heap *heap, size_t size)
{
    return heap ? heap_alloc(heap, size) : calloc(1, size);
}

static void give(struct heap *heap, void *block)
{
    if (heap)
        heap_free(heap, block);
    else
        free(block);
}

err paths_init(struct paths *p, struct heap *heap, uint32_t node_count, size_t link_capacity)
{
    *p = (struct paths){.heap = heap, .node_count = node_count, .link_capacity = link_capacity, .root = PATHS_NONE};
    size_t nodes = (size_t)node_count + 1;
    p->links = take(heap, (link_capacity + 1) * sizeof *p->links);
    p->edges = take(heap, (2 * link_capacity + 1) * sizeof *p->edges);
    p->first = take(heap, (nodes + 1) * sizeof *p->first);
    p->relay = take(heap, nodes);
    p->distance_km = take(heap, nodes * sizeof *p->distance_km);
    p->toward = take(heap, nodes * sizeof *p->toward);
    p->after = take(heap, nodes * sizeof *p->after);
    p->before = take(heap, nodes * sizeof *p->before);
    p->bucket = take(heap, nodes);
    if (!p->links || !p->edges || !p->first || !p->relay || !p->distance_km || !p->toward || !p->after || !p->before || !p->bucket) {
        paths_free(p);
        return ERR_NO_MEMORY;
    }
    memset(p->relay, true, nodes);
    paths_clear(p);
    return ERR_OK;
}

void paths_free(struct paths *p)
{
    void *const blocks[] = {p->links, p->edges, p->first, p->relay, p->distance_km, p->toward, p->after, p->before, p->bucket};
    for (size_t k = 0; k < COUNT_OF(blocks); k++)
        give(p->heap, blocks[k]);
    *p = (struct paths){.heap = p->heap};
}

void paths_set_relay(struct paths *p, uint32_t node, bool relay)
{
    ASSERT(node < p->node_count);
    p->relay[node] = relay;
}

void paths_clear(struct paths *p)
{
    p->link_count = 0;
    p->shortest_km = INFINITY;
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

/* Links become slices by node (counting sort). */
static void build(struct paths *p)
{
    memset(p->first, 0, ((size_t)p->node_count + 2) * sizeof *p->first);
    uint32_t *count = p->first + 1;
    for (size_t k = 0; k < p->link_count; k++) {
        count[p->links[k].a]++;
        count[p->links[k].b]++;
    }
    for (uint32_t n = 1; n <= p->node_count; n++)
        p->first[n] += p->first[n - 1];
    memcpy(p->after, p->first, (size_t)p->node_count * sizeof *p->after); /* where each node's next edge goes */
    for (size_t k = 0; k < p->link_count; k++) {
        const struct paths_link *l = &p->links[k];
        p->edges[p->after[l->a]++] = (struct paths_edge){l->km, l->b};
        p->edges[p->after[l->b]++] = (struct paths_edge){l->km, l->a};
    }
    p->built = true;
}

struct search {
    struct paths *p;
    double buckets_per_km;
    uint64_t waiting; /* a bit per bucket that holds nodes */
};

static void leave(struct search *s, uint32_t node)
{
    struct paths *p = s->p;
    uint32_t before = p->before[node], after = p->after[node], bucket = p->bucket[node];
    if (before == PATHS_NONE)
        p->head[bucket] = after;
    else
        p->after[before] = after;
    if (after != PATHS_NONE)
        p->before[after] = before;
    if (p->head[bucket] == PATHS_NONE)
        s->waiting &= ~(1ull << bucket);
    p->bucket[node] = PATHS_BUCKETS;
}

static void enter(struct search *s, uint32_t node)
{
    struct paths *p = s->p;
    uint32_t bucket = (uint32_t)((uint64_t)(p->distance_km[node] * s->buckets_per_km) % PATHS_BUCKETS);
    if (p->bucket[node] == bucket) /* it may stay: within a bucket there is no order */
        return;
    if (p->bucket[node] < PATHS_BUCKETS)
        leave(s, node);
    p->bucket[node] = (uint8_t)bucket;
    p->before[node] = PATHS_NONE;
    p->after[node] = p->head[bucket];
    if (p->after[node] != PATHS_NONE)
        p->before[p->after[node]] = node;
    p->head[bucket] = node;
    s->waiting |= 1ull << bucket;
}

static void expand(struct search *s, uint32_t node)
{
    struct paths *p = s->p;
    double distance = p->distance_km[node];
    for (uint32_t k = p->first[node]; k < p->first[node + 1]; k++) {
        uint32_t target = p->edges[k].target;
        double longer = distance + p->edges[k].km;
        if (longer >= p->distance_km[target])
            continue;
        p->distance_km[target] = longer;
        p->toward[target] = node;
        if (p->relay[target])
            enter(s, target);
    }
}

void paths_from(struct paths *p, uint32_t root)
{
    ASSERT(root < p->node_count);
    if (!p->built)
        build(p);
    p->root = root;
    for (uint32_t n = 0; n < p->node_count; n++)
        p->distance_km[n] = INFINITY;
    memset(p->toward, 0xff, (size_t)p->node_count * sizeof *p->toward);
    memset(p->bucket, PATHS_BUCKETS, p->node_count);
    memset(p->head, 0xff, sizeof p->head);
    /* The longest link must not reach round the ring: 62 buckets and one for rounding. */
    double width = fmax(p->link_count ? p->shortest_km : 1.0, p->longest_km / (PATHS_BUCKETS - 2));
    struct search s = {.p = p, .buckets_per_km = width > 0.0 ? 1.0 / width : 1.0};
    p->distance_km[root] = 0.0;
    enter(&s, root);
    for (unsigned now = 0; s.waiting;) {
        uint64_t turned = now ? s.waiting >> now | s.waiting << (PATHS_BUCKETS - now) : s.waiting;
        now = (now + (unsigned)__builtin_ctzll(turned)) % PATHS_BUCKETS;
        uint32_t node = p->head[now];
        leave(&s, node);
        expand(&s, node);
    }
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
        ASSERT(p->bucket[n] == PATHS_BUCKETS);
        ASSERT(isinf(p->distance_km[n]) == (p->toward[n] == PATHS_NONE && n != p->root));
        if (!p->relay[n] && n != p->root)
            continue;
        for (uint32_t k = p->first[n]; k < p->first[n + 1]; k++) /* no edge is left that would shorten a way */
            ASSERT(!(p->distance_km[n] + p->edges[k].km < p->distance_km[p->edges[k].target]));
    }
}
