/*
 * orbit/sky_floor.h - a lower bound of the light time between two groups of sites over an interval.
 *
 * Story:   shards of a parallel run may go ahead of each other by the least time that anything takes from one to the
 *          other. The bound here can be relied on: the interval is sampled every SKY_FLOOR_STEP_S; around each sample
 *          both sites are taken to fly straight, and what gravity may bend within a step is taken off
 *          (1/2 (mu / r_a^2 + mu / r_b^2) h^2, with r the lowest radius that the elements allow, less 1 %).
 * Units:   site nodes; TAI ns; the result in whole ns, rounded down.
 * Errors:  none; where memory fails the bound is 0, which is always true.
 * Threads: pure.
 */
#ifndef NOCT_ORBIT_SKY_FLOOR_H
#define NOCT_ORBIT_SKY_FLOOR_H

#include "orbit/sky.h"

#define SKY_FLOOR_STEP_S 10.0

/* Least one way delay over all links that the rules allow (candidate pairs) between a node of `a` and a node of `b` at
 * any instant of [from, until]. TIME_NEVER: no such pair. Unknown nodes are skipped. Linear in candidate pairs and in
 * the interval's length. */
duration_ns sky_light_time_floor(const struct sky *sky, const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count,
                                 tai_ns from, tai_ns until);

#endif
