/*
 * orbit/sun.h - where the Sun is, and how much of it a satellite sees.
 *
 * Story:   a short series for the Sun (0.0125 degrees at worst over 2000-2040) and a cone of shadow
 * behind an oblate Earth: all z coordinates are stretched by 1/(1-f), which turns the Earth into a
 * sphere and the shadow test into one of angles (agrees with STK to 0.4 s). The cylinder is offered
 * as the cheap and rough mode. Units:   kilometres, radians; fraction 0..1 of the solar disc.
 * Source:  Astronomical Almanac low-precision Sun (Vallado 2013, algorithm 29); Montenbruck & Gill
 * 2000, 3.4. Threads: pure.
 */
#ifndef NOCT_ORBIT_SUN_H
#define NOCT_ORBIT_SUN_H

#include "orbit/frames.h"

#define SUN_RADIUS_KM 695700.0
#define ASTRONOMICAL_UNIT_KM 149597870.7

enum shadow_model { SHADOW_CONE_OBLATE, SHADOW_CONE_SPHERE, SHADOW_CYLINDER };

/* Sun, mean equator of date, used as TEME. `tt_centuries` since J2000. */
void sun_position_at(double tt_centuries, double r_km[3]);
void sun_position(tai_ns t, double r_km[3]);

/* Angles that decide: negative `penumbra` means some of the disc is hidden, negative `umbra` all of
 * it (radians; for the cylinder both are the distance from the shadow's edge in kilometres). */
struct shadow_margin {
    double penumbra, umbra;
};
struct shadow_margin sun_shadow_margin(enum shadow_model model, const double r_km[3],
                                       const double sun_km[3]);

/* Part of the solar disc that is visible: 1 in sunlight, 0 in the umbra. */
double sun_fraction(enum shadow_model model, const double r_km[3], const double sun_km[3]);

/* The same behind a sphere of any radius at the origin: another body's shadow. */
double sun_fraction_behind(double radius_km, const double r_km[3], const double sun_km[3]);

/* Angle between the Sun and the orbital plane, positive towards the angular momentum. */
double sun_beta_angle(const double r_km[3], const double v_km_s[3], const double sun_km[3]);

#endif
