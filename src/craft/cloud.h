/*
 * craft/cloud.h - clouds and air over an optical ground station.
 *
 * Story:   a station's sky is blocked or open, hour by hour. The probability follows the season; the state persists: at
 *          each hour the weather renews itself with probability 1 / persistence and is then drawn afresh, which is a
 *          two-state Markov chain with that stationary probability. The state of an hour is a function of (seed, station,
 *          hour): one looks back to the last renewal, a few hashes away. Open sky costs a loss that grows towards the horizon.
 * Units:   hours of TAI, shares, dB. Source: docs/model/cloud.md. Errors: ERR_RANGE. Threads: pure.
 */
#ifndef NOCT_CRAFT_CLOUD_H
#define NOCT_CRAFT_CLOUD_H

#include "base/time.h"

enum cloud_season { CLOUD_WINTER, CLOUD_SPRING, CLOUD_SUMMER, CLOUD_AUTUMN, CLOUD_SEASONS }; /* December to February, ... */

struct cloud_site {
    double blocked[CLOUD_SEASONS]; /* share of the hours in which no laser passes; by calendar, not by hemisphere */
    double persistence_h;          /* mean hours between renewals, >= 1 */
    double zenith_loss_db;         /* clear air, straight up */
};

/* A typical station of that latitude. */
struct cloud_site cloud_site_at(double latitude_deg);
err cloud_check(const struct cloud_site *s) MUST_USE;

double cloud_probability(const struct cloud_site *s, tai_ns t);
bool cloud_blocked(const struct cloud_site *s, uint64_t seed, uint32_t station, tai_ns t);
/* The next full hour after t at which the state changes, before `until`; TIME_NEVER: none. */
tai_ns cloud_change(const struct cloud_site *s, uint64_t seed, uint32_t station, tai_ns t, tai_ns until);
double cloud_air_loss_db(const struct cloud_site *s, double elevation_rad);

#endif
