/*
 * orbit/visibility.h - who sees whom: elevation, range, the ray's height above the Earth; passes
 * and windows.
 *
 * Story:   each condition of a link is a margin: positive while it holds, with its rate of change,
 * so that orbit/windows.h finds every edge. Passes are windows of the elevation margin;
 * inter-satellite windows of the graze margin. Units:   kilometres, radians; margins in kilometres,
 * slopes in kilometres per second. Errors:  ERR_FULL when there are more windows than room. Limits:
 * edges are exact to 0.2 ms of the model's truth; a satellite without position is never visible.
 * Threads: pure.
 */
#ifndef NOCT_ORBIT_VISIBILITY_H
#define NOCT_ORBIT_VISIBILITY_H

#include "orbit/frames.h"
#include "orbit/sgp4.h"
#include "orbit/sun.h"
#include "orbit/windows.h"

#define VISIBILITY_STEP_S 30.0

/* Position and velocity in one frame. */
struct motion {
    double r[3], v[3];
};

struct margin {
    double value, slope;
};

/* A place on the ground, prepared. */
struct station {
    struct geodetic place;
    double ecef[3], up[3];
};
struct station station_at(double latitude_deg, double longitude_deg, double altitude_m);

double visibility_elevation_rad(const struct station *s, const double r_ecef[3]);
double visibility_range_km(const double a[3], const double b[3]);
/* Lowest altitude of the straight ray between two points above a sphere of 6378.137 km. */
double visibility_graze_km(const double a[3], const double b[3]);

/* Elevation above a mask: up.d - sin(mask) |d|; `m` Earth-fixed. */
struct margin visibility_elevation_margin(const struct station *s, double sin_mask,
                                          const struct motion *m);
/* Graze height above `least_km`; both motions in one frame, inertial or not. */
struct margin visibility_graze_margin(const struct motion *a, const struct motion *b,
                                      double least_km);
/* Range below `most_km`. */
struct margin visibility_range_margin(const struct motion *a, const struct motion *b,
                                      double most_km);
/* Geocentric latitude below a limit, north and south. */
struct margin visibility_latitude_margin(const struct motion *m, double sin_limit);

/* TEME motion at a time; false when SGP4 has no position. */
bool visibility_motion(const struct sgp4 *s, tai_ns base, double t_s, struct motion *teme);
/* The same motion relative to the turning Earth. */
struct motion visibility_to_ecef(tai_ns t, const struct motion *teme);

struct pass {
    tai_ns start, end, peak; /* edges as nanoseconds, not rounded */
    double max_elevation_rad, range_at_peak_km;
};
err visibility_passes(const struct sgp4 *satellite, const struct station *station, double mask_rad,
                      tai_ns from, tai_ns until, struct pass *out, size_t capacity,
                      size_t *count) MUST_USE;

struct sight {
    tai_ns start, end;
};
/* Windows in which the ray between two satellites stays above `graze_min_km`. */
err visibility_sights(const struct sgp4 *a, const struct sgp4 *b, double graze_min_km, tai_ns from,
                      tai_ns until, struct sight *out, size_t capacity, size_t *count) MUST_USE;

/* Eclipses: times when some (umbra false) or all (umbra true) of the Sun is hidden. */
err visibility_eclipses(const struct sgp4 *satellite, enum shadow_model model, bool umbra,
                        tai_ns from, tai_ns until, struct sight *out, size_t capacity,
                        size_t *count) MUST_USE;

#endif
