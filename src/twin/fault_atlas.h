/*
 * twin/fault_atlas.h - which faults are fair: those that the region promises to survive beside the ones still active.
 *
 * Story:   the faults of a plan are shown to the atlas in order of time. It keeps who is down or resting, whose disk holds rot
 *          that no scrub has found yet, who is Byzantine, whose clock or craft is disturbed; and admits a fault or says which
 *          promise it would exceed. A run within the atlas is a safety run: whatever breaks in it is a bug. Beyond the atlas
 *          (`beyond`) only nonsense is refused, and honest detection is all that may be demanded.
 * Rules:   docs/format/fault-plan.md, "Fair faults".
 * Owns:    tables per node (malloc). Invariant: instants never fall from one call to the next.
 */
#ifndef NOCT_TWIN_FAULT_ATLAS_H
#define NOCT_TWIN_FAULT_ATLAS_H

#include "twin/fault_plan.h"

#define FAULT_FIRST (10 * NS_PER_MINUTE) /* the region has formed by then */
#define FAULT_REST (20 * NS_PER_MINUTE)  /* a node that returned has caught up by then */
#define FAULT_REBUILD (60 * NS_PER_MINUTE) /* the copies of a lost node have been made anew by then */

struct fault_atlas_node {
    mono_ns down_until;  /* with its rest */
    mono_ns clock_until, load_until;
    bool gone;           /* its copies count no more */
};

struct fault_atlas {
    const struct scenario *scenario;
    bool beyond;
    mono_ns end;         /* of the safety phase */
    uint32_t losses_max; /* at once: copies - 1 */
    uint32_t copies_max;
    size_t satellites_left;
    struct fault_atlas_node *nodes; /* index = id - 1 */
    node_id rot_node;    /* whose disk may hold rot that nobody has found */
    mono_ns rot_until;
    node_id liar;
    mono_ns liar_until;
};

void fault_atlas_open(struct fault_atlas *a, const struct scenario *s, duration_ns duration, bool beyond);
void fault_atlas_close(struct fault_atlas *a);
/* NULL: admitted and noted. Else the reason; nothing is changed. */
const char *fault_atlas_admit(struct fault_atlas *a, const struct fault *f);

#endif
