/* bench/route.c - one tree to all nodes of a +Grid constellation with ground stations; prints JSON
 * lines. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "network/route.h"

enum {
    PLANES = 25,
    SLOTS = 40,
    STATIONS = 20,
    SATELLITES = PLANES * SLOTS,
    NODES = SATELLITES + STATIONS,
    PASSES = 6
};

struct pair {
    struct contact contacts[PASSES];
    size_t count;
};
struct edge_list {
    node_id *peers;
    uint32_t *pairs;
    size_t count, capacity;
};
static struct edge_list edges[NODES + 1];
static struct pair *pairs;
static size_t pair_count, contact_count;

static size_t node_count(const void *c)
{
    (void)c;
    return NODES;
}
static node_id node_at(const void *c, size_t i)
{
    (void)c;
    return (node_id)(i + 1);
}
static const node_id *peers_of(const void *c, node_id n, size_t *count)
{
    (void)c;
    *count = edges[n].count;
    return edges[n].peers;
}
static const struct contact *contacts_of(const void *c, node_id n, const node_id *peer,
                                         size_t *count)
{
    (void)c;
    const struct pair *p = &pairs[edges[n].pairs[peer - edges[n].peers]];
    *count = p->count;
    return p->contacts;
}

static void add_half(node_id a, node_id b, uint32_t pair)
{
    struct edge_list *e = &edges[a];
    if (e->count == e->capacity) {
        e->capacity = e->capacity ? e->capacity * 2 : 32;
        e->peers = realloc(e->peers, e->capacity * sizeof *e->peers);
        e->pairs = realloc(e->pairs, e->capacity * sizeof *e->pairs);
    }
    e->peers[e->count] = b;
    e->pairs[e->count++] = pair;
}

static struct pair *add_pair(node_id a, node_id b)
{
    pairs = realloc(pairs, (pair_count + 1) * sizeof *pairs);
    pairs[pair_count] = (struct pair){.count = 0};
    add_half(a, b, (uint32_t)pair_count);
    add_half(b, a, (uint32_t)pair_count);
    return &pairs[pair_count++];
}

static void add_contact(struct pair *p, node_id a, node_id b, tai_ns start, tai_ns end,
                        uint32_t delay_us)
{
    p->contacts[p->count++] = (struct contact){.a = a,
                                               .b = b,
                                               .start = start,
                                               .end = end,
                                               .rate_bps = 10000000000,
                                               .delay_us_mean = delay_us};
    contact_count += 2; /* both directions, as contact plans count */
}

static node_id satellite(int plane, int slot)
{
    return (node_id)((plane + PLANES) % PLANES * SLOTS + (slot + SLOTS) % SLOTS + 1);
}

static void build_plan(void)
{
    struct rng rng = rng_stream(1, 1);
    const tai_ns horizon = 95 * NS_PER_MINUTE;
    for (int p = 0; p < PLANES; p++)
        for (int s = 0; s < SLOTS; s++) {
            node_id here = satellite(p, s);
            add_contact(add_pair(here, satellite(p, s + 1)), here, satellite(p, s + 1), 0, horizon,
                        3600 + (uint32_t)rng_below(&rng, 50));
            struct pair *across = add_pair(here, satellite(p + 1, s)); /* off near the poles */
            tai_ns phase = (tai_ns)(s * 95 / SLOTS) * NS_PER_MINUTE;
            for (tai_ns t = -phase, i = 0; t < horizon && i < 4; t += horizon / 2, i++)
                if (t + 30 * NS_PER_MINUTE > 0)
                    add_contact(across, here, satellite(p + 1, s), MAX(t, 0),
                                MIN(t + 30 * NS_PER_MINUTE, horizon),
                                3000 + (uint32_t)rng_below(&rng, 3000));
        }
    for (int g = 0; g < STATIONS; g++)
        for (int s = 0; s < SATELLITES; s++) {
            if (!rng_chance(&rng, 0.16))
                continue;
            node_id station = (node_id)(SATELLITES + g + 1), sat = (node_id)(s + 1);
            tai_ns t = (tai_ns)rng_below(&rng, 90 * 60) * NS_PER_S;
            add_contact(add_pair(sat, station), sat, station, t, t + 5 * NS_PER_MINUTE, 3000);
        }
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct order {
    node_id peer;
    uint32_t pair;
};
static int by_peer(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    return x->peer < y->peer ? -1 : x->peer > y->peer;
}

static void sort_edges(void)
{
    for (size_t n = 1; n <= NODES; n++) {
        struct edge_list *e = &edges[n];
        struct order *o = malloc((e->count + 1) * sizeof *o);
        for (size_t i = 0; i < e->count; i++)
            o[i] = (struct order){e->peers[i], e->pairs[i]};
        qsort(o, e->count, sizeof *o, by_peer);
        for (size_t i = 0; i < e->count; i++) {
            e->peers[i] = o[i].peer;
            e->pairs[i] = o[i].pair;
        }
        free(o);
    }
}

int main(void)
{
    build_plan();
    sort_edges();
    size_t size = 16u << 20;
    void *memory = aligned_alloc(16, size);
    struct heap heap;
    heap_init(&heap, memory, size);
    struct route_sky sky = {NULL, node_count, node_at, peers_of, contacts_of};
    struct route r;
    ASSERT(route_init(&r, &heap, &sky, 1, NS_PER_MS, 0) == ERR_OK);
    enum { ROUNDS = 200 };
    uint64_t best = UINT64_MAX, total = 0, reached = 0;
    struct route_way way;
    for (int i = 0; i < ROUNDS; i++) {
        route_stale(&r);
        uint64_t from = cpu_ns();
        (void)route_to(&r, ROUTE_SMALL, (tai_ns)i * 10 * NS_PER_S, NODES, &way);
        uint64_t took = cpu_ns() - from;
        total += took;
        best = MIN(best, took);
        for (node_id n = 1; n <= NODES; n++)
            reached += route_to(&r, ROUTE_SMALL, (tai_ns)i * 10 * NS_PER_S, n, &way);
    }
    printf("{\"name\":\"route_tree_%d_nodes_%zu_contacts\",\"unit\":\"ms\",\"value\":%.3f,\"best\":"
           "%.3f,\"reached\":%.1f,\"heap_kb\":%zu,\"n\":%d}\n",
           NODES, contact_count, (double)total / ROUNDS / 1e6, (double)best / 1e6,
           (double)reached / ROUNDS, heap.peak_bytes / 1024, ROUNDS);
    return 0;
}
