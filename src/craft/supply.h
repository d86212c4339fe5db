/*
 * craft/supply.h - can a member feed itself? What its orbit gives over a revolution and takes in the dark, against what never stops.
 *
 * Story:   base load, terminals and, where the base load is too small to keep the core warm, the heater must be carried in the mean
 *          of a revolution by the array, and through the longest darkness by what the battery holds above its floor. Otherwise the
 *          member falls below its floor whatever its node does. Lanes do not count: compute takes no task that the battery cannot
 *          carry. supply_orbit_of bounds what an orbit may bring in a year, in closed form; supply_of makes the sums.
 * Model:   docs/model/power.md. Darkness: the longest crossing of the shadow's cylinder widened by the penumbra, at the apoapsis, with the
 *          Sun in the orbit's plane; about the Moon also the Earth's shadow. The Sun at its farthest. An array that turns about one
 *          axis gives cos(beta), which falls faster than the darkness shrinks: the caller says the largest angle that occurs. The array has
 *          aged by a year, the battery by a year of such cycles.
 * Owns:    nothing; plain values. Units: as named. Errors: none; values without meaning give a supply that is not enough. Threads: pure.
 */
#ifndef NOCT_CRAFT_SUPPLY_H
#define NOCT_CRAFT_SUPPLY_H

#include "craft/member.h"
#include "orbit/body.h"

struct supply_orbit {
    enum body body;
    double semi_major_km, eccentricity;
    double period_s;
    double dark_s;      /* the longest eclipse by its own body: at beta 0 */
    double rare_dark_s; /* longer, but not in every revolution: the Earth's shadow on the Moon's orbit; else 0 */
    double sun_au;      /* at most */
    double beta_rad;    /* the angle of the Sun for the mean of a revolution; 0 is the worst for an array that tracks */
    double contact_s;   /* per revolution and in the dark: at most so long something on the ground is in sight */
};

/* `stations` on the same body may be met once a revolution each, above `elevation_rad`. */
struct supply_orbit supply_orbit_of(enum body body, double semi_major_km, double eccentricity, size_t stations, double elevation_rad);
double supply_eclipse_s(const struct supply_orbit *o, double beta_rad); /* of a circular orbit of that size */

struct supply {
    double base_w, heater_w, terminals_w; /* terminals: in the mean of a revolution */
    double need_w, have_w;                /* in the mean of a revolution; what the array can carry */
    double dark_s;                        /* the longest */
    double dark_wh, margin_wh;            /* what it takes from the battery; what that holds above its floor, full */
    double array_m2, battery_wh;          /* sizes that would do */
    bool array_enough, battery_enough;
};
struct supply supply_of(const struct member *m, const struct supply_orbit *o);
/* How many terminals draw power at the same time: links beyond them share. */
uint32_t supply_terminals(const struct member *m);

#endif
