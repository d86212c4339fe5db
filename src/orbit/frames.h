/*
 * orbit/frames.h - frames and angles: Greenwich sidereal time, TEME to Earth-fixed, WGS84 geodetic
 * coordinates.
 *
 * Story:   SGP4 speaks TEME; stations and maps speak Earth-fixed. The Earth-fixed frame here is the
 * pseudo Earth-fixed one: PEF = Rz(GMST82) TEME, with UT1 = UTC and no polar motion (both below 50
 * m on the ground). Units:   kilometres, radians (angles ending in _rad), degrees (ending in _deg).
 * Source:  Vallado 2013, chapter 3; IAU 1982 sidereal time (Aoki et al.); WGS84.
 * Errors:  none; every function is total on finite input.
 * Threads: pure.
 */
#ifndef NOCT_ORBIT_FRAMES_H
#define NOCT_ORBIT_FRAMES_H

#include "base/time.h"

#define WGS84_RADIUS_KM 6378.137
#define WGS84_FLATTENING (1.0 / 298.257223563)
#define EARTH_RATE_RAD_S 7.292115146706979e-5
#define LIGHT_KM_S 299792.458
#define DEGREE_RAD (3.14159265358979323846 / 180.0)

struct geodetic {
    double latitude_rad, longitude_rad, altitude_km; /* longitude in -pi..pi */
};

/* Greenwich mean sidereal time of 1982, 0 <= angle < 2 pi. */
double frames_gmst(tai_ns t);

/* Julian centuries of 36525 days since 2000-01-01T12:00 in Terrestrial Time. */
double frames_tt_centuries(tai_ns t);

/* Turns a TEME vector into the Earth-fixed frame, and back. In and out may be the same array. */
void frames_teme_to_ecef(double gmst_rad, const double teme[3], double ecef[3]);
void frames_ecef_to_teme(double gmst_rad, const double ecef[3], double teme[3]);

/* Mean equator of J2000 (EME2000; ICRF within 1 m in low orbit) to TEME: IAU 1976 precession and the
 * four largest terms of IAU 1980 nutation; good to 0.3". In and out may be the same array. */
void frames_j2000_to_teme(tai_ns t, const double j2000[3], double teme[3]);
/* The precession alone: mean equator and equinox of date. */
void frames_precess(double tt_centuries, double r[3]);

/* Velocity relative to the turning Earth, in Earth-fixed axes; `r_ecef` is the Earth-fixed
 * position. */
void frames_velocity_to_ecef(double gmst_rad, const double v_teme[3], const double r_ecef[3],
                             double v_ecef[3]);

/* WGS84. The inverse is good to a micrometre for altitudes above -5,000 km. */
void frames_geodetic_to_ecef(const struct geodetic *g, double ecef[3]);
struct geodetic frames_ecef_to_geodetic(const double ecef[3]);

/* Unit vector of the ellipsoid's normal: local up. */
void frames_up(const struct geodetic *g, double up[3]);

/* Great-circle distance on a sphere of 6371.0088 km (the mean Earth radius). */
double frames_great_circle_km(const struct geodetic *a, const struct geodetic *b);

/* Small vector helpers shared by the room. */
static inline double vector_dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
double vector_length(const double a[3]);

#endif
