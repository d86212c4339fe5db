/*
 * network/route_far.h - ways in a large sky: looked for when asked, no further than needed.
 *
 * Story:   a tree to all of ten thousand nodes costs megabytes and milliseconds, and most nodes never ask for most of it. Here
 *          the search (Dijkstra by arrival over the contact plan) stops as soon as the asked node is settled; the next question goes on
 *          from there. First only over contacts that stand or begin within a minute; when that does not get there, over all.
 * Owns:    labels of the nodes touched, in the route's heap; given back by route_far_rest.
 * Errors:  a search that finds no memory forgets all and answers "no way"; it is tried again at the next question.
 */
#ifndef NOCT_NETWORK_ROUTE_FAR_H
#define NOCT_NETWORK_ROUTE_FAR_H

#include "network/route.h"

bool route_far_to(struct route *r, tai_ns now, node_id node, struct route_way *out);
void route_far_rest(struct route *r); /* gives the memory back; the next question begins anew */
bool route_far_check(const struct route *r);

#endif
