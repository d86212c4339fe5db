/*
 * network/route_inner.h - what route.c (trees) and route_far.c (searches on demand) share; not for other files.
 */
#ifndef NOCT_NETWORK_ROUTE_INNER_H
#define NOCT_NETWORK_ROUTE_INNER_H

#include "network/route.h"

node_id route_node_of(const struct route *r, uint32_t index);
uint32_t route_index_of(const struct route *r, node_id node); /* UINT32_MAX: unknown */
bool route_is_closed(const struct route *r, uint32_t index);
/* Arrival over this node's own link (it stands, or should and may come up soon), or over one between others; the search leaves at `start`. */
tai_ns route_cross_own(const struct route *r, uint32_t target, tai_ns start, uint64_t bits, const struct contact *contacts, size_t count,
                       const struct contact **used, tai_ns *departure);
tai_ns route_cross_other(const struct route *r, node_id from, node_id to, tai_ns start, tai_ns t, uint64_t bits,
                         const struct contact *contacts, size_t count, const struct contact **used, tai_ns *departure);

#endif
