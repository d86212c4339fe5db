/*
 * orbit/body.h - Earth, Moon and Mars: where they are, how they turn, how big they are.
 *
 * Story:   a mission may have satellites about another body and stations on it. Everything in the
 * sky is geocentric TEME; this file gives each body's centre and axes in that frame. Light times
 * and occultations need minutes of arc and thousandths of the distance, not an almanac.
 * Source:  Moon: truncated lunar series, Montenbruck & Gill 2000, eq. 3.47-3.51 (some arc minutes,
 * 500 km). Planets: Standish's approximate elements (JPL, 1800-2050; Mars 100" and 40,000 km).
 * Axes: IAU Working Group on Cartographic Coordinates 2009. Precession: IAU 1976.
 * Units:   kilometres, kilometres per second, radians. Mean equator and equinox of date stands for
 * TEME (they differ by the nutation, below 0.005 degrees).
 * Limits:  dates 1800-2050; beyond them errors grow, nothing fails. Threads: pure.
 */
#ifndef NOCT_ORBIT_BODY_H
#define NOCT_ORBIT_BODY_H

#include "orbit/frames.h"

enum body { BODY_EARTH, BODY_MOON, BODY_MARS };
enum { BODY_COUNT = 3 };

struct body_constants {
    const char *name;     /* as in scenario files */
    double radius_km;     /* equatorial */
    double limb_km;       /* rays lower than this above the sphere are blocked (air, relief) */
    double mu_km3_s2, j2; /* gravity; J2 refers to radius_km */
};
const struct body_constants *body_constants(enum body b);
/* ERR_NOT_FOUND for a name that is none of "earth", "moon", "mars". */
err body_parse(const char *name, enum body *out) MUST_USE;

/* Geocentric centre of the body, and its velocity (zero for the Earth). */
void body_position(enum body b, tai_ns t, double r_km[3]);
void body_state(enum body b, tai_ns t, double r_km[3], double v_km_s[3]);

/*
 * Axes of the body's equator in TEME. z: north pole. x: the ascending node of the equator on the
 * Earth's equator of J2000 (for the Earth: the equinox); it does not turn with the body. The prime
 * meridian is `meridian_rad` east of x and advances by `rate_rad_s`.
 */
struct body_axes {
    double x[3], y[3], z[3];
    double meridian_rad, rate_rad_s;
};
struct body_axes body_axes(enum body b, tai_ns t);

/* A point of the surface (spherical body-centred latitude and longitude; WGS84 on the Earth):
 * position and velocity in geocentric TEME, local up and its rate of change. */
struct body_site {
    double r_km[3], v_km_s[3], up[3], up_rate[3];
};
struct body_site body_site(enum body b, double latitude_rad, double longitude_rad,
                           double altitude_km, tai_ns t);

#endif
