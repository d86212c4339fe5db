/*
 * sky_rest.c - how long a margin surely keeps its sign, so that the plan looks only where something can change.
 *
 * No satellite that SGP4 places is faster than what escapes from the lowest radius at which it still answers. That bounds the slope of
 * each margin, whatever the orbit does: a margin of so many kilometres lasts for so many seconds, before and after the sample.
 * Most satellites are far below a station's horizon, and most neighbours of a grid far from any limit.
 */
#include <math.h>

#include "orbit/sky_inner.h"

#define REST_MOST_S 600.0
#define RADIUS_SLACK 0.99
#define REST_SLACK 0.98

static double fastest_km_s(void)
{
    return sqrt(2.0 * SGP4_MU_KM3_S2 / (RADIUS_SLACK * SGP4_EARTH_RADIUS_KM));
}

static bool is_bounded(const struct sky_site *s)
{
    return s->site.trajectory.body == BODY_EARTH && (s->site.kind == SITE_GROUND || s->ephemeris.kind == TRAJECTORY_ELEMENTS);
}

/* In the Earth's frame, which turns: the further out, the faster. */
static double fastest_in_earths_km_s(const struct motion *satellite)
{
    double fastest = fastest_km_s(), radius_most = vector_length(satellite->r) + fastest * REST_MOST_S;
    return fastest + EARTH_RATE_RAD_S * radius_most;
}

/* Of a range margin, (most^2 - d^2) / (2 most): how far the distance is from the most. */
static double range_left_km(double most, double value)
{
    return fabs(most - sqrt(fmax(0.0, most * most - 2.0 * most * value)));
}

static double ground_rest_s(const struct sky *sky, size_t index, const struct motion *satellite, double value)
{
    double fastest = fastest_in_earths_km_s(satellite);
    return index == 0 ? fabs(value) / ((1.0 + fabs(sky->sin_mask)) * fastest) : range_left_km(sky->rules.ground_range_max_km, value) / fastest;
}

double sky_margin_rest_s(const struct sky *sky, const struct sky_pair *p, size_t index, const struct sky_motion *a,
                         const struct sky_motion *b, struct margin m)
{
    const struct sky_site *site_a = &sky->sites[p->site_a], *site_b = &sky->sites[p->site_b];
    if (!a->known || !b->known || !is_bounded(site_a) || !is_bounded(site_b))
        return 0.0;
    double rest = 0.0;
    if (p->kind == LINK_GROUND) {
        rest = ground_rest_s(sky, index, site_a->site.kind == SITE_GROUND ? &b->ecef : &a->ecef, m.value);
    } else if (p->kind == LINK_ISL && index == 0) { /* range; both ends move */
        rest = range_left_km(sky->rules.range_max_km, m.value) / (2.0 * fastest_km_s());
    } else if (p->kind == LINK_ISL && index == 1) { /* graze: a point of the chord is no faster than its ends */
        rest = fabs(m.value) / fastest_km_s();
    } else if (p->kind == LINK_ISL && p->cross_plane && index < 4) { /* latitude: (sin^2 limit r - z^2 / r) / 2 */
        rest = fabs(m.value) / (2.0 * fastest_km_s());
    }
    return rest > 0.0 ? fmin(REST_SLACK * rest, REST_MOST_S) : 0.0; /* not a number: no rest */
}
