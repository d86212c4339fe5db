/*
 * orbit/paths.h - shortest ways through a constellation as it stands at one instant.
 *
 * Story:   for questions about geometry alone (latency between cities, forwarding tables of a snapshot) the network is a
 *          graph whose edges weigh kilometres. The owner clears it, links who sees whom, and asks for the tree of shortest
 *          ways from any root. Nodes wait in 64 buckets by distance, a ring that turns with the search (Dial 1969; in one
 *          bucket labels are corrected, as in delta-stepping, Meyer & Sanders 2003), so no heap is needed: a root costs
 *          one look at each edge. Ground stations end ways and do not pass on, unless they are made relays.
 *          (network/route.h is another matter: it searches contacts over time, from one node, with waiting.)
 * Owns:    its tables (in `heap`, or malloc where NULL).   Units: kilometres; nodes are numbers from 0.
 * Errors:  ERR_NO_MEMORY; ERR_FULL for more links than room; ERR_INVALID for a link that is none.
 * Threads: single owner.   Invariant: paths_check().
 */
#ifndef NOCT_ORBIT_PATHS_H
#define NOCT_ORBIT_PATHS_H

#include "base/heap.h"

#define PATHS_NONE UINT32_MAX
enum { PATHS_BUCKETS = 64, PATHS_LANES = 8 };

struct paths_link {
    uint32_t a, b;
    double km;
};

struct paths_edge {
    double km;
    uint32_t target;
};

struct paths_entry {
    uint32_t node, after;
};

struct paths {
    struct heap *heap;
    uint32_t node_count;
    size_t link_count, link_capacity;
    struct paths_link *links;
    uint32_t *first;          /* by node, and one more: slices of `edges`; a relay's lead to relays only */
    struct paths_edge *edges; /* both directions */
    bool *relay, built;
    double shortest_km, longest_km;
    /* The last tree. */
    uint32_t root;
    double *distance_km; /* HUGE_VAL: no way */
    uint32_t *toward;    /* the next node on the way to the root; PATHS_NONE at the root and where there is no way */
    /* Nodes that wait: lists of entries; one that was overtaken stays and is passed over. */
    struct paths_entry *entries;
    uint32_t *free_entries, free_count, head[PATHS_BUCKETS];
    bool *done; /* expanded with the distance that it has */
    /* Many roots. */
    double (*lanes_km)[PATHS_LANES]; /* by node, from paths_from_each; NULL before */
    uint32_t *second_order;          /* the second order of sweeps; NULL: none */
};

err paths_init(struct paths *p, struct heap *heap, uint32_t node_count, size_t link_capacity) MUST_USE;
void paths_free(struct paths *p);
void paths_set_relay(struct paths *p, uint32_t node, bool relay); /* all nodes are at first */
void paths_clear(struct paths *p);                                /* no links; relays stay */
err paths_link(struct paths *p, uint32_t a, uint32_t b, double km) MUST_USE;
/* Fills distance_km and toward for all nodes. */
void paths_from(struct paths *p, uint32_t root);
/* Fills lanes_km[node][lane] with the distance from roots[lane]. `count` is at most PATHS_LANES. */
err paths_from_each(struct paths *p, const uint32_t *roots, size_t count) MUST_USE;
/* A permutation of the nodes along which ways are expected to run, besides the order of their numbers; copied. It decides
 * how fast paths_from_each is, never what it finds. */
err paths_set_order(struct paths *p, const uint32_t *order) MUST_USE;
/* The way from `node` to the root, both included; 0 if there is none or it has more than `capacity` nodes. */
size_t paths_way(const struct paths *p, uint32_t node, uint32_t *out, size_t capacity);
void paths_build(struct paths *p); /* what the searches do first: links become edges */
void paths_check(const struct paths *p);

#endif
