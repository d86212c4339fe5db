/*
 * orbit/formation.h - satellites that fly within kilometres of each other: offsets from a chief.
 *
 * Story:   SGP4 is good to a kilometre, a cluster's spacing is a hundred metres. So a cluster is
 * one chief with elements, and for each deputy an offset by the linear theory of relative motion.
 * The offset is described by relative orbital elements (scaled by the semi-major axis, in metres);
 * without J2 their motion is exactly Hill's / Clohessy & Wiltshire's closed ellipse, with J2 the
 * ellipse turns and shears slowly.
 * Source:  Clohessy & Wiltshire 1960; D'Amico 2010 (PhD thesis, TU Delft), sections 2.2-2.3.
 * Units:   metres in the elements, kilometres in the offset. Axes: radial, along-track,
 * cross-track. Limits:  near-circular chief; offsets below a percent of the radius (errors grow
 * with the square: 0.1 m at 1 km). Threads: pure.
 */
#ifndef NOCT_ORBIT_FORMATION_H
#define NOCT_ORBIT_FORMATION_H

#include "orbit/sgp4.h"

struct formation {
    double da_m; /* difference of semi-major axes: drifts along track, 0 for a closed orbit */
    double dl_m; /* mean along-track offset */
    double ex_m,
        ey_m; /* relative eccentricity vector: ellipse of half axes e and 2 e in the plane */
    double ix_m, iy_m; /* relative inclination vector: cross-track swing */
    bool j2;           /* secular drift by the Earth's flattening */
};

/* A deputy on a closed ellipse, from where it is at the chief's node: radial, along-track and
 * cross-track offset, and the centre of its ellipse along track. */
struct formation formation_at_node(double radial_m, double along_m, double cross_m,
                                   double centre_along_m, bool j2);

/* Offset [km] and its rate in the turning frame [km/s] after `u` radians of the chief's mean
 * argument of latitude, `turned` of them since the elements hold. `n` = rate of u, rad/s. */
struct offset {
    double r_km[3], v_km_s[3];
};
struct offset formation_offset(const struct formation *f, double u, double turned, double n_rad_s,
                               double inclination_rad, double semi_major_axis_km);

/* The deputy's TEME state at `minutes` after the epoch of the chief. */
enum sgp4_status formation_propagate(const struct sgp4 *chief, const struct formation *f,
                                     double minutes, double r_km[3], double v_km_s[3]) MUST_USE;

/*
 * A lattice in the orbital plane, as of Suncatcher: spacing radially `spacing_m`, along track twice
 * that. The lattice turns into itself twice per orbit, and neighbours swing between one and two
 * spacings. Points are taken from the middle outwards, so that n satellites fill an ellipse: 81 of
 * them at 100 m reach 1 km along track. `index` < FORMATION_LATTICE_MAX.
 */
enum { FORMATION_LATTICE_MAX = 4096 };
struct formation formation_lattice(double spacing_m, uint32_t index, bool j2);

/* A ring that looks circular from below: `count` satellites on the projected circular orbit. */
struct formation formation_ring(uint32_t count, double radius_m, uint32_t index, bool j2);

#endif
