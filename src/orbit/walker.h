/*
 * orbit/walker.h - designed constellations: Walker delta and star, and strings of pearls.
 *
 * Story:   a few numbers describe a constellation; the generators turn them into ordinary elements
 * (drag-free, bstar = 0), which then go through the same SGP4 as everything else. Units: kilometres
 * above the mean equatorial radius of WGS72 (6378.135 km), degrees. Source:  Walker 1984; Ballard
 * 1980. Local time of the node: mean Sun. Errors:  ERR_RANGE for parameters outside their range.
 * Threads: pure.
 */
#ifndef NOCT_ORBIT_WALKER_H
#define NOCT_ORBIT_WALKER_H

#include "orbit/elements.h"

enum { WALKER_SATELLITES_MAX = 100000 };

struct walker {
    bool star;              /* planes spread over 180 degrees of node instead of 360 */
    double inclination_deg; /* i */
    uint32_t total;         /* T, a multiple of planes */
    uint32_t planes;        /* P */
    uint32_t phasing;       /* F, 0..P-1: the phase step between planes is F * 360 / T */
    double altitude_km;     /* 120..60000 */
    double raan_deg;        /* of plane 0 */
    double phase_deg;       /* of slot 0 in plane 0 */
    tai_ns epoch;
};

/* "53:72/6/1" fills i, T, P, F. */
err walker_parse(const char *text, struct walker *w) MUST_USE;
err walker_check(const struct walker *w) MUST_USE;
/* Satellite `index` (plane-major: plane = index / (T/P)); names "sat-<index+1>", catalogue number
 * 0. */
err walker_elements(const struct walker *w, uint32_t index, struct elements *out) MUST_USE;

struct pearls {
    double altitude_km, inclination_deg;
    double raan_deg; /* used unless `use_local_time` */
    bool use_local_time;
    double local_time_h; /* mean local time of the ascending node at epoch, 0..24 */
    double spacing_deg;  /* from one satellite to the next, along the orbit; satellite 0 leads */
    double phase_deg;    /* argument of latitude of satellite 0 */
    uint32_t count;
    tai_ns epoch;
};

err pearls_elements(const struct pearls *p, uint32_t index, struct elements *out) MUST_USE;

/* Inclination at which a circular orbit's node follows the mean Sun; ERR_RANGE where none exists (>
 * 5,970 km). */
err sun_synchronous_inclination_deg(double altitude_km, double *out) MUST_USE;

#endif
