/*
 * orbit/sgp4_deep.h - the deep-space half of SGP4 (periods of 225 minutes and more); used by sgp4.c
 * only.
 *
 * Story:   Sun and Moon pull slowly (secular rates), they make periodic waves, and orbits whose
 * period is one day or half a day resonate with the Earth's shape. Source: Spacetrack Report No. 3,
 * section 10; AIAA 2006-6753, appendix. Invariant: nothing is kept between calls.
 */
#ifndef NOCT_ORBIT_SGP4_DEEP_H
#define NOCT_ORBIT_SGP4_DEEP_H

#include "orbit/sgp4.h"

/* Mean elements on their way through the propagation; radians, radians per minute. */
struct sgp4_mean {
    double e, i, node, argp, m, n;
};

void sgp4_deep_init(struct sgp4 *s); /* needs the near-Earth coefficients of `s` */
void sgp4_deep_secular(const struct sgp4 *s, double minutes, struct sgp4_mean *mean);
void sgp4_deep_periodic(const struct sgp4 *s, double minutes, struct sgp4_mean *mean);

#endif
