/*
 * node/scope.h - which members get a row in the view of a node that has fewer rows than the mission has members.
 *
 * Story:  itself, whom the plan may join with it, the ground, then satellites by hops over inter-satellite links. Fixed at
 *         start; equal skies and rosters give equal scopes (docs/adr/0010-scope.md).
 */
#ifndef NOCT_NODE_SCOPE_H
#define NOCT_NODE_SCOPE_H

#include "core/view.h"
#include "orbit/sky.h"

/* Rows for all of the roster where they fit, else for the scope. `sky` may be NULL. ERR_NO_MEMORY. */
err scope_fill(struct view *v, struct heap *h, const struct sky *sky, const struct roster *roster) MUST_USE;

#endif
