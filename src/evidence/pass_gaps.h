/*
 * evidence/pass_gaps.h - when no satellite of a scenario is in contact with any ground station.
 *
 * Story:   the complement of the union of all ground windows of the contact plan.
 * Owns:    malloc'd array: free it.
 */
#ifndef NOCT_EVIDENCE_PASS_GAPS_H
#define NOCT_EVIDENCE_PASS_GAPS_H

#include <stddef.h>

struct scenario;

struct pass_gap {
    double from_h, to_h; /* hours after the epoch */
};

/* How many gaps there are in the first `days`; 0 and *out NULL when the plan cannot be made. */
size_t pass_gaps(const struct scenario *s, double days, struct pass_gap **out);

#endif
