/*
 * twin/check_reach.h - which idle lanes a node could reach over the links that stand at this instant, in truth.
 *
 * Story:   every node tells which of its links stand and whether its lane is willing: up, idle, charged at least half between floor
 *          and full, ten kelvin below its limit. A link counts where both ends say so. Ranks tell each other.
 * Owns:    the rows of one instant. Threads: serial code; check_reach_open is collective.
 */
#ifndef NOCT_TWIN_CHECK_REACH_H
#define NOCT_TWIN_CHECK_REACH_H

#include "twin/world.h"

struct reach;

struct reach *check_reach_open(struct world *w);
void check_reach_close(struct reach *r);
/* Light to the nearest willing lane in the part of the mesh where `from` is: 0 where it is near; -1: there is none. */
duration_ns check_reach_willing(const struct reach *r, node_id from);

#endif
