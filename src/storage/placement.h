/*
 * storage/placement.h - on which nodes the copies of a part go.
 *
 * Story:    of the members that the policy allows and that can be reached within seconds, the writer takes the best by weighted
 *           rendezvous: every (part, node) pair has a fixed draw, bent by free space, battery and nearness; distinct planes and
 *           launch batches come before second copies in the same one. The writer itself comes first when it is allowed,
 *           so that a sensor's first copy is local. Ground nodes follow satellites in reach: they bridge a gap, and spare the
 *           customer the wait for the next pass.
 * Units:    none leave; decisions use integers only.
 * Errors:   UNREACHABLE when even with bridges there are too few; `retry_at` is the wall instant when there will be enough.
 */
#ifndef NOCT_STORAGE_PLACEMENT_H
#define NOCT_STORAGE_PLACEMENT_H

#include "core/object_api.h"
#include "core/port.h"

/* A writer waits 10 s (mono) for a holder to come into reach; a reader has no other choice and waits longer. */
enum { PLACEMENT_MAX = 16, PLACEMENT_REACH_S = 10, READ_REACH_S = 45 };

struct places {
    node_id nodes[PLACEMENT_MAX]; /* best first */
    uint8_t count;
    tai_ns retry_at;  /* 0 unknown */
    bool space_short; /* some node was left out because it is full */
};

struct placement_query {
    struct uid part;
    struct policy policy;
    uint64_t bytes;             /* 0 unknown */
    const node_id *exclude;
    size_t exclude_count;
    bool self_has_room;
    bool no_bridges;            /* repairs towards satellites */
};

/* Fills `out` with up to PLACEMENT_MAX candidates; UNREACHABLE or NO_SPACE when fewer than `least`. */
err placement_choose(const struct port *port, const struct placement_query *q, uint8_t least, struct places *out) MUST_USE;

/* How good a source this member is now; greater is better, 0: not reachable. */
uint64_t placement_nearness(const struct port *port, node_id node, duration_ns within);

/* Twice the light time to a node so far away that it counts (whole milliseconds: every machine decides alike), else 0. */
duration_ns placement_far_light(const struct port *port, node_id node);

#endif
