/* tests/network/hand_plan.h - a contact plan written by hand or drawn at random, in the form that
 * routing reads. */
#ifndef NOCT_TESTS_HAND_PLAN_H
#define NOCT_TESTS_HAND_PLAN_H

#include <string.h>

#include "network/route.h"

enum { HAND_NODES = 12, HAND_CONTACTS = 16 };

struct hand_plan { /* nodes 1..count */
    size_t count;
    node_id peers[HAND_NODES + 1][HAND_NODES];
    size_t peer_count[HAND_NODES + 1];
    struct contact contacts[HAND_NODES + 1][HAND_NODES + 1][HAND_CONTACTS]; /* [smaller][larger] */
    size_t contact_count[HAND_NODES + 1][HAND_NODES + 1];
};

static inline size_t hand_node_count(const void *c)
{
    return ((const struct hand_plan *)c)->count;
}
static inline node_id hand_node_at(const void *c, size_t index)
{
    (void)c;
    return (node_id)(index + 1);
}
static inline const node_id *hand_peers(const void *c, node_id node, size_t *count)
{
    const struct hand_plan *p = c;
    *count = p->peer_count[node];
    return p->peers[node];
}
static inline const struct contact *hand_contacts(const void *c, node_id a, const node_id *peer,
                                                  size_t *count)
{
    const struct hand_plan *p = c;
    node_id low = MIN(a, *peer), high = MAX(a, *peer);
    *count = p->contact_count[low][high];
    return p->contacts[low][high];
}
static inline struct route_sky hand_sky(const struct hand_plan *p)
{
    return (struct route_sky){p, hand_node_count, hand_node_at, hand_peers, hand_contacts};
}

static inline void hand_peer_add(struct hand_plan *p, node_id a, node_id b)
{
    size_t i = 0, n = p->peer_count[a];
    while (i < n && p->peers[a][i] < b)
        i++;
    if (i < n && p->peers[a][i] == b)
        return;
    memmove(&p->peers[a][i + 1], &p->peers[a][i], (n - i) * sizeof(node_id));
    p->peers[a][i] = b;
    p->peer_count[a]++;
}

/* Contacts of a pair must be added in order of time. */
static inline void hand_contact(struct hand_plan *p, node_id a, node_id b, tai_ns start, tai_ns end,
                                uint64_t rate_bps, uint32_t delay_us)
{
    node_id low = MIN(a, b), high = MAX(a, b);
    ASSERT(low >= 1 && high <= p->count && p->contact_count[low][high] < HAND_CONTACTS);
    hand_peer_add(p, a, b);
    hand_peer_add(p, b, a);
    p->contacts[low][high][p->contact_count[low][high]++] =
        (struct contact){.a = low,
                         .b = high,
                         .start = start,
                         .end = end,
                         .rate_bps = rate_bps,
                         .delay_us_mean = delay_us};
}

#endif
