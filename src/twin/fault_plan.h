/*
 * twin/fault_plan.h - the fault plan of a run, as data: drawn from the seed, written, read back, shrunk.
 *
 * Story:   a plan is a list of faults in order of time. fault_draw.c draws one from scenario and seed, fault_atlas.c says which
 *          faults are fair beside those that are active, faults.c executes them. Each fault carries its own `draw`, the seed of
 *          everything that is random inside it (which bit, which frame), so that a fault does the same when others are left out.
 * Format:  docs/format/fault-plan.md; the kinds are src/node/fault.def.
 * Owns:    the list (malloc). Errors: ERR_INVALID with line, column and what would be right.
 */
#ifndef NOCT_TWIN_FAULT_PLAN_H
#define NOCT_TWIN_FAULT_PLAN_H

#include "node/scenario.h"

enum { FAULT_PLAN_MAX = 100000, FAULT_LINE_MAX = 400 };

enum fault_target { FAULT_AT_NODE, FAULT_AT_SATELLITE, FAULT_AT_GATEWAY, FAULT_AT_LINK, FAULT_AT_PLANE, FAULT_AT_WORLD };

struct fault {
    mono_ns at;           /* since the start of the run */
    duration_ns duration; /* 0: an instant, or for ever */
    enum fault_kind kind;
    node_id node, peer;   /* LINK: from node to peer; PLANE: node is the number of the plane + 1; WORLD: none */
    int64_t value;        /* the kind's parameter */
    uint32_t choice;      /* disk area, for the kinds that have one */
    uint64_t draw;
};

struct fault_kind_info {
    const char *word, *key, *parameter, *choices, *text;
    enum fault_target target;
    double mean_s; /* 0: the kind takes no duration */
    int64_t low, high, usual;
};
const struct fault_kind_info *fault_kind_info(enum fault_kind kind);

struct fault_plan {
    struct fault *faults;
    size_t count, capacity;
};

void fault_plan_free(struct fault_plan *p);
void fault_plan_add(struct fault_plan *p, const struct fault *f);
void fault_plan_sort(struct fault_plan *p); /* by instant; equal instants keep their order */

/* One line, as docs/format/fault-plan.md says, without its end. */
void fault_line(const struct scenario *s, const struct fault *f, char out[FAULT_LINE_MAX]);
/* The whole file. `remarks` (may be NULL) holds lines that become comments. */
void fault_plan_write(const struct scenario *s, const struct fault_plan *p, const char *remarks, struct text *out);
err fault_plan_read(const struct scenario *s, struct span text, struct fault_plan *out, struct scenario_error *error) MUST_USE;

#endif
