/*
 * network/route.h - earliest arrival over the predicted contacts: one tree from this node to all
 * others.
 *
 * Story:   links are intervals and waiting never hurts, so the best way to everybody at once is a
 * shortest-path tree over nodes whose edges know when they are up. The search goes by number of
 * hops: layer k holds the earliest arrival with at most k hops, so that of all ways with the
 * earliest arrival the one with the fewest hops wins exactly (CCSDS 734.3-B-1 §3.2.8.1.4, keys 1
 * and 2); among the labels of a layer the later termination and then the smaller first hop win
 * (keys 3 and 4, as far as the labels that are kept tell them apart). Corrections to the plan: what
 * this node's links really do, edges that a node reported as lost, nodes through which nothing
 * shall go. Owns:    index, corrections, labels (in `heap`; about 60 bytes per node and 8 per
 * directed pair). Borrows the plan. Units:   TAI ns (wall), bytes, bit/s. Errors:  NO_MEMORY.
 * Limits: 65,535 hops. Threads: single owner.   Invariant: route_check(). Source:  docs/protocol/routing.md
 * (measurements); Bellman 1958 layers with copies of labels instead of a heap.
 */
#ifndef NOCT_NETWORK_ROUTE_H
#define NOCT_NETWORK_ROUTE_H

#include "base/map.h"
#include "core/ids.h"
#include "orbit/sky.h"

/* The contact plan as routing sees it; hand-made in tests. Peers and contacts are sorted (by id, by
 * start), contacts of a pair disjoint; edges exist in both directions. */
struct route_sky {
    const void *context;
    size_t (*node_count)(const void *context);
    node_id (*node_at)(const void *context, size_t index); /* ascending */
    const node_id *(*peers)(const void *context, node_id node, size_t *count);
    const struct contact *(*contacts)(const void *context, node_id node, const node_id *peer,
                                      size_t *count); /* `peer` points into peers() */
    uint32_t (*generation)(const void *context); /* changes when peers do; NULL: they never do */
};
struct route_sky route_sky_of(const struct sky *sky); /* NULL: an empty sky */

/* Wall: when a contact fails, a bundle gets on its way again so much later on average. A contact with doubt d counts as arriving
 * d times that later, so surer contacts win unless they are that much later: never more than half an hour. Doubt ends where a
 * link stands, or would have been called lost. */
#define ROUTE_AGAIN_NS (30 * NS_PER_MINUTE)

enum route_class {
    ROUTE_SMALL,
    ROUTE_BULK,
    ROUTE_CLASSES
}; /* bundles of up to 64 KiB, and larger ones */
enum { ROUTE_SMALL_BYTES = 64 * 1024, ROUTE_BULK_BYTES = 1024 * 1024 };

struct route_label {
    tai_ns arrival; /* TIME_NEVER: no way within the plan */
    tai_ns slack; /* the way stays as it is (one without waiting: shifted) while leaving up to this
                     much later */
    tai_ns end;   /* termination: the first contact on the way to close */
    uint32_t first; /* node id of the first hop */
    uint16_t hops;
    bool open; /* no waiting on the way */
};

struct route_tree {
    struct route_label *labels; /* by node index; NULL: never built */
    tai_ns built_at, valid_until;
    bool valid;
};

struct route {
    struct heap *heap;
    struct route_sky sky;
    node_id self;
    duration_ns hop_ns; /* wall time that a node takes to pass a bundle on */
    duration_ns
        acquire_ns; /* wall time until an own link that should stand but does not may come up */
    size_t node_count;
    node_id *nodes;        /* ascending; this and the edges: NULL in a far sky, where the plan is asked instead */
    uint32_t *edge_first;  /* node_count + 1 */
    uint32_t *edge_target; /* index of the peer's node */
    uint32_t generation;   /* of the sky's peers that are indexed */
    uint64_t *closed;      /* bits by index: nothing goes through this node */
    uint64_t *linked;      /* this node's direct link to it stands now */
    struct map lost;       /* (a, b) with a < b → tai_ns: not usable until then */
    struct route_tree trees[ROUTE_CLASSES];
    uint64_t builds;
    bool patient; /* a large sky: no trees but searches on demand (route_far.h); corrections far away wait a little (`dirty`) */
    bool dirty;
    struct far_search { /* of route_far.c: one over contacts that stand or begin soon, one over all */
        struct far_label *labels;
        uint32_t *heap, *table; /* the table: label + 1, by hash of the node's index */
        size_t count, capacity;
        uint32_t heap_count;
        tai_ns built_at;
        duration_ns wait_ns;
        bool valid;
    } far[2];
};

struct route_way {
    tai_ns arrival;
    node_id first;
    uint16_t hops;
    bool open;
};

err route_init(struct route *r, struct heap *heap, const struct route_sky *sky, node_id self,
               duration_ns hop_ns, duration_ns acquire_ns) MUST_USE;
/* The same for a large sky: a patient route, a few bits per node until it is asked. */
err route_init_far(struct route *r, struct heap *heap, const struct route_sky *sky, node_id self,
                   duration_ns hop_ns, duration_ns acquire_ns) MUST_USE;
void route_free(struct route *r);
/* Corrections; each makes the trees stale if it changes anything (a patient route's: if it is about
 * an own link). */
void route_set_closed(struct route *r, node_id node, bool closed);
void route_set_linked(struct route *r, node_id peer, bool up);
err route_set_lost(struct route *r, node_id a, node_id b,
                   tai_ns until) MUST_USE; /* until 0: not lost */
void route_stale(struct route *r);
/* The way to a node by a tree that is still good at `now`, or is built now. False: none. NO_MEMORY
 * counts as none. */
bool route_to(struct route *r, enum route_class class, tai_ns now, node_id node,
              struct route_way *out);
bool route_is_fresh(const struct route *r, enum route_class class, tai_ns now);
enum route_class route_class_of(uint64_t size_bytes);
bool route_knows(const struct route *r, node_id node);
/* Earliest arrival over one pair's contacts for `bits` ready at `t`, doubts counted; TIME_NEVER if none. `used` may
 * be NULL. */
tai_ns route_cross(const struct contact *contacts, size_t count, tai_ns t, uint64_t bits,
                   const struct contact **used, tai_ns *departure);
bool route_check(const struct route *r);

#endif
