/*
 * orbit/sgp4.h - SGP4 and SDP4: where a satellite is, from its mean elements.
 *
 * Story:   sgp4_init turns elements into coefficients once; sgp4_propagate evaluates them at any
 * time, in any order, from any thread, because nothing is remembered between calls (the deep-space
 * resonance integration starts at the epoch each time). Model: Hoots & Roehrich, Spacetrack Report
 * No. 3 (1980), with the corrections of Vallado, Crawford, Hujsak & Kelso, AIAA 2006-6753
 * ("improved" mode), WGS72 constants. Owns:    nothing; `struct sgp4` is a plain value that may be
 * copied. Units:   kilometres and kilometres per second in TEME; minutes from the epoch of the
 * elements. Errors:  the codes of the published verification set, and SGP4_OUT_OF_RANGE for times
 * beyond a century. Threads: pure.
 */
#ifndef NOCT_ORBIT_SGP4_H
#define NOCT_ORBIT_SGP4_H

#include "orbit/elements.h"

enum sgp4_status {
    SGP4_OK = 0,
    SGP4_ECCENTRICITY = 1,           /* mean eccentricity outside 0 <= e < 1 */
    SGP4_MEAN_MOTION = 2,            /* mean motion not positive */
    SGP4_PERTURBED_ECCENTRICITY = 3, /* eccentricity with lunar-solar terms outside 0..1 */
    SGP4_SEMI_LATUS_RECTUM = 4,      /* semi-latus rectum negative */
    SGP4_SUB_ORBITAL = 5,  /* elements describe no orbit (never returned for valid elements) */
    SGP4_DECAYED = 6,      /* below one Earth radius */
    SGP4_OUT_OF_RANGE = 7, /* |minutes| above SGP4_MINUTES_MAX, or not a number */
};

#define SGP4_EARTH_RADIUS_KM 6378.135 /* WGS72 */
#define SGP4_MU_KM3_S2 398600.8
#define SGP4_MINUTES_MAX 52596000.0 /* a century; bounds the work of one call */

/* Periodic lunar-solar coefficients of one body (Spacetrack Report 3, section 10). */
struct sgp4_body {
    double e2, e3, i2, i3, l2, l3, l4, gh2, gh3, gh4, h2, h3;
    double longitude_at_epoch;
};

struct sgp4_deep {
    struct sgp4_body sun, moon;
    double e_dot, i_dot, m_dot, node_dot, argp_dot; /* secular lunar-solar rates, rad/min */
    double gmst_at_epoch;
    uint8_t resonance; /* 0 none, 1 one day, 2 half day */
    double lambda, factor;
    double d[10]; /* resonance amplitudes: [0..2] one day; all ten half day */
};

struct sgp4 {
    tai_ns epoch;
    bool deep_space, simple;
    double e, i, node, argp, m, n, bstar; /* epoch values, radians and radians per minute */
    double a, m_dot, argp_dot, node_dot, node_cf;
    double cc1, cc4, cc5, d2, d3, d4, t2, t3, t4, t5; /* drag */
    double argp_cf, m_cf, eta, delta_m, sin_m;
    double sin_i, cos_i, con41, x1mth2, x7thm1, xl_cf, ay_cf;
    struct sgp4_deep deep;
};

/* ERR_INVALID when elements_check refuses them. */
err sgp4_init(struct sgp4 *s, const struct elements *e) MUST_USE;

/* On success fills position and velocity; on an error of the model both hold the last values
 * computed or zeros. */
enum sgp4_status sgp4_propagate(const struct sgp4 *s, double minutes, double r_km[3],
                                double v_km_s[3]) MUST_USE;

/* The same at an absolute time. */
enum sgp4_status sgp4_at(const struct sgp4 *s, tai_ns t, double r_km[3], double v_km_s[3]) MUST_USE;

const char *sgp4_status_text(enum sgp4_status status);

#endif
