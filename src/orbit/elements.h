/*
 * orbit/elements.h - one set of mean orbital elements, as a TLE or an OMM carries it.
 *
 * Story:   whatever the source (TLE, OMM in four notations, a constellation generator), an orbit
 * becomes a `struct elements`; SGP4 takes it from there. The fields keep the units of the published
 * formats, so that reading and writing lose nothing. Owns:    nothing; plain values. Units:
 * degrees, revolutions per day, TAI nanoseconds (from UTC by the constant of base/time.h). Errors:
 * elements_check returns ERR_INVALID and says which field; parsers fill a `struct parse_error`.
 * Threads: pure.
 */
#ifndef NOCT_ORBIT_ELEMENTS_H
#define NOCT_ORBIT_ELEMENTS_H

#include "base/time.h"

enum {
    ELEMENTS_NAME_SIZE = 32,
    ELEMENTS_DESIGNATOR_SIZE = 16,
    ELEMENTS_CATALOG_MAX = 999999999, /* nine digits, CCSDS 502 OMM */
    TLE_CATALOG_MAX = 339999,         /* alpha-5: Z9999 */
};

struct elements {
    uint32_t catalog; /* catalogue number; 0 for designed satellites */
    uint32_t element_set, revolution;
    char classification; /* U, C or S */
    uint8_t ephemeris_type;
    char name[ELEMENTS_NAME_SIZE];
    char designator[ELEMENTS_DESIGNATOR_SIZE]; /* international designator, "1998-067A" or "98067A"
                                                  as found */
    tai_ns epoch;
    double mean_motion_rev_day; /* Kozai mean, as in the TLE */
    double eccentricity;
    double inclination_deg, raan_deg, argument_of_perigee_deg, mean_anomaly_deg;
    double bstar;            /* 1 / Earth radius */
    double mean_motion_dot;  /* as printed in a TLE: half the first derivative, rev/day^2 */
    double mean_motion_ddot; /* as printed: a sixth of the second derivative, rev/day^3 */
};

/* Where a text was wrong: 1-based line and column (0: not tied to one), and a sentence for people.
 */
struct parse_error {
    int line, column;
    char text[160];
};

/* Fills `error` (may be NULL) and returns `code`, so that parsers can say `return parse_fail(...)`.
 */
err parse_fail(struct parse_error *error, err code, int line, int column, const char *format, ...)
    PRINTF_LIKE(5, 6);

/* ERR_INVALID unless every number is finite and in its range and the orbit is an ellipse that SGP4
 * can take. */
err elements_check(const struct elements *e, struct parse_error *error) MUST_USE;

/* Mean motion of a circular orbit whose unperturbed (Kepler, WGS72) radius is Earth's 6378.135 km +
 * altitude. */
double elements_mean_motion_rev_day(double altitude_km);

/* Semi-major axis from the Kozai mean motion without J2 correction (km); good to some kilometres.
 */
double elements_semi_major_axis_km(const struct elements *e);

#endif
