/*
 * twin/shrink.h - finds a smaller run that still breaks the same promise.
 *
 * Story:   delta debugging (ddmin; Zeller and Hildebrandt 2002): leave parts of the fault plan out, ever smaller ones, and keep
 *          what still fails in the same way. Then the run is made shorter, nodes and kinds of work are left out, and lengths of
 *          faults halved, as long as it fails. Each attempt runs in a child, so that a failed ASSERT is a failure like others.
 * Owns:    plans it returns (fault_plan_free). Errors: ERR_NOT_FOUND when the whole plan does not fail.
 */
#ifndef NOCT_TWIN_SHRINK_H
#define NOCT_TWIN_SHRINK_H

#include "twin/fault_plan.h"

/* Does a run with this plan fail in the way that is looked for? */
typedef bool shrink_fails(void *context, const struct fault_plan *plan);

/* Makes `plan` minimal: without any one of its faults it does not fail. It must fail as it is. */
void fault_plan_minimise(struct fault_plan *plan, shrink_fails *fails, void *context);

enum { SHRINK_WITHOUT_MAX = 64 };
enum shrink_work { WORK_PUTS, WORK_GETS, WORK_DELETES, WORK_TASKS, WORK_KINDS };
extern const char *const shrink_work_names[WORK_KINDS];

struct shrink_run { /* what decides a run */
    const struct scenario *scenario;
    uint64_t seed;
    duration_ns duration;
    bool beyond;
    struct fault_plan plan;
    node_id without[SHRINK_WITHOUT_MAX]; /* never booted */
    size_t without_count;
    bool idle[WORK_KINDS]; /* this kind of work is left out */
};

struct shrink_result {
    char broke[16];   /* the promise, or "ASSERT" */
    char first[240];  /* its first case */
    size_t attempts, faults_before;
};

/* Shrinks `run` in place, keeping what breaks `promise` (NULL: the first that breaks), telling progress on stderr unless `quiet`. */
err shrink_run(struct shrink_run *run, const char *promise, bool quiet, struct shrink_result *out) MUST_USE;
/* What is said of a violation, without instants, numbers and names: the same bug elsewhere has the same shape. */
void shrink_shape(const struct scenario *s, const char *text, char out[240]);
/* The scenario with the run's kinds of work left out; shares all memory with it. */
struct scenario shrink_scenario(const struct shrink_run *run);

#endif
