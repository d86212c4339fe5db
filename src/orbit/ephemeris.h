/*
 * orbit/ephemeris.h - where one satellite is, whatever describes its motion.
 *
 * Story:   a `struct trajectory` says how a satellite moves: by its elements (SGP4), at an offset
 * from a chief (formation), on a circular orbit about another body, or by a table (OEM). It is
 * prepared once into a `struct ephemeris`; ephemeris_state then answers for any time, in geocentric
 * TEME, so that links, plans and light times need not know which kind it is.
 * Owns:    nothing. Borrows: the table of TRAJECTORY_TABLE, which must outlive the ephemeris.
 * Units:   kilometres, kilometres per second. Errors: ERR_INVALID for values outside their range.
 * Threads: pure.
 */
#ifndef NOCT_ORBIT_EPHEMERIS_H
#define NOCT_ORBIT_EPHEMERIS_H

#include "orbit/body.h"
#include "orbit/formation.h"
#include "orbit/oem.h"

enum trajectory_kind {
    TRAJECTORY_ELEMENTS,  /* SGP4 on the site's elements */
    TRAJECTORY_FORMATION, /* the site's elements are the chief's */
    TRAJECTORY_ORBITER,   /* circular about `body` */
    TRAJECTORY_TABLE,     /* a segment of an ephemeris message */
};

/* A circular orbit about a body: angles refer to body_axes (node from x along the equator). */
struct orbiter {
    double altitude_km, inclination_deg, raan_deg, phase_deg;
    tai_ns epoch; /* when node and phase hold; both drift by the body's J2 */
};

struct trajectory {
    enum trajectory_kind kind;
    enum body body; /* about which it moves: occultations, shadow */
    struct formation formation;
    struct orbiter orbiter;
    const struct oem *table;
    uint32_t segment;
};

struct ephemeris {
    enum trajectory_kind kind;
    enum body body;
    struct sgp4 sgp4; /* ELEMENTS, FORMATION */
    struct formation formation;
    struct orbiter orbiter;
    double radius_km, u_rate, node_rate; /* ORBITER: rad/s */
    const struct oem *table;             /* TABLE */
    uint32_t segment;
};

err ephemeris_init(struct ephemeris *e, const struct elements *elements,
                   const struct trajectory *trajectory) MUST_USE;

/* State at base + t_s seconds; false when there is none (decayed, outside the table). */
bool ephemeris_state(const struct ephemeris *e, tai_ns base, double t_s, double r_km[3],
                     double v_km_s[3]);

/* Visible fraction of the Sun at a geocentric place: the Earth's shadow, and that of `body`. */
double ephemeris_sun_fraction(enum body body, tai_ns t, const double r_km[3],
                              const double sun_km[3]);

#endif
