#include "orbit/walker.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "orbit/sun.h"

static double turn_deg(double angle)
{
    double a = fmod(angle, 360.0);
    return a < 0.0 ? a + 360.0 : a;
}

static bool between(double value, double least, double most)
{
    return value >= least && value <= most; /* false for NaN */
}

/* The part of `text` before `mark`, which must be there; moves `text` behind it. */
static bool part_before(const char **text, char mark, struct span *out)
{
    const char *end = strchr(*text, mark);
    if (!end)
        return false;
    *out = span_of(*text, (size_t)(end - *text));
    *text = end + (mark ? 1 : 0);
    return true;
}

err walker_parse(const char *text, struct walker *w)
{
    struct span inclination, parts[3];
    uint64_t numbers[3];
    double degrees;
    if (!part_before(&text, ':', &inclination) || !part_before(&text, '/', &parts[0]) ||
        !part_before(&text, '/', &parts[1]) || !part_before(&text, 0, &parts[2]))
        return ERR_INVALID;
    TRY(parse_double(inclination, &degrees));
    for (int k = 0; k < 3; k++)
        if (parse_u64(parts[k], 999999, &numbers[k]) != ERR_OK)
            return ERR_INVALID;
    w->inclination_deg = degrees;
    w->total = (uint32_t)numbers[0];
    w->planes = (uint32_t)numbers[1];
    w->phasing = (uint32_t)numbers[2];
    return ERR_OK;
}

err walker_check(const struct walker *w)
{
    if (w->total == 0 || w->total > WALKER_SATELLITES_MAX || w->planes == 0 ||
        w->total % w->planes != 0 || w->phasing >= w->planes)
        return ERR_RANGE;
    if (!between(w->inclination_deg, 0.0, 180.0) || !between(w->altitude_km, 120.0, 60000.0) ||
        !between(w->raan_deg, -360.0, 360.0) || !between(w->phase_deg, -360.0, 360.0))
        return ERR_RANGE;
    return ERR_OK;
}

/* A circular orbit; perigee at the node, so that the mean anomaly is the argument of latitude. */
static struct elements circular(double altitude_km, double inclination_deg, double raan_deg,
                                double phase_deg, tai_ns epoch, uint32_t number)
{
    struct elements e = {
        .classification = 'U',
        .epoch = epoch,
        .mean_motion_rev_day = elements_mean_motion_rev_day(altitude_km),
        .inclination_deg = inclination_deg,
        .raan_deg = turn_deg(raan_deg),
        .mean_anomaly_deg = turn_deg(phase_deg),
    };
    snprintf(e.name, sizeof e.name, "sat-%u", number);
    return e;
}

err walker_elements(const struct walker *w, uint32_t index, struct elements *out)
{
    TRY(walker_check(w));
    if (index >= w->total)
        return ERR_RANGE;
    uint32_t per_plane = w->total / w->planes;
    uint32_t plane = index / per_plane, slot = index % per_plane;
    double raan = w->raan_deg + (w->star ? 180.0 : 360.0) * plane / w->planes;
    double phase = w->phase_deg + 360.0 * slot / per_plane + 360.0 * w->phasing * plane / w->total;
    *out = circular(w->altitude_km, w->inclination_deg, raan, phase, w->epoch, index + 1);
    return elements_check(out, NULL);
}

/* Right ascension of a meridian whose mean local time is given: the mean Sun plus 15 degrees an
 * hour from noon. */
static double raan_of_local_time_deg(tai_ns epoch, double local_time_h)
{
    double mean_sun = 280.46 + 36000.771285 * frames_tt_centuries(epoch);
    return mean_sun + 15.0 * (local_time_h - 12.0);
}

err pearls_elements(const struct pearls *p, uint32_t index, struct elements *out)
{
    if (p->count == 0 || p->count > WALKER_SATELLITES_MAX || index >= p->count ||
        !between(p->inclination_deg, 0.0, 180.0) || !between(p->altitude_km, 120.0, 60000.0) ||
        !between(p->spacing_deg, 0.001, 360.0) || !between(p->phase_deg, -360.0, 360.0))
        return ERR_RANGE;
    double raan = p->raan_deg;
    if (p->use_local_time) {
        if (!between(p->local_time_h, 0.0, 24.0))
            return ERR_RANGE;
        raan = raan_of_local_time_deg(p->epoch, p->local_time_h);
    } else if (!between(raan, -360.0, 360.0)) {
        return ERR_RANGE;
    }
    *out = circular(p->altitude_km, p->inclination_deg, raan, p->phase_deg - p->spacing_deg * index,
                    p->epoch, index + 1);
    return elements_check(out, NULL);
}

err sun_synchronous_inclination_deg(double altitude_km, double *out)
{
    if (!between(altitude_km, 120.0, 60000.0))
        return ERR_RANGE;
    /* node drift -1.5 J2 (R/a)^2 n cos i = 360 degrees per tropical year (WGS84 radius and mu,
     * EGM96 J2) */
    const double mu = 398600.4418, j2 = 1.08262668e-3, radius = WGS84_RADIUS_KM;
    double a = radius + altitude_km;
    double rate = 2.0 * M_PI / (365.2421897 * 86400.0);
    double cosine = -rate / (1.5 * j2 * (radius / a) * (radius / a) * sqrt(mu / (a * a * a)));
    if (cosine < -1.0)
        return ERR_RANGE;
    *out = acos(cosine) / DEGREE_RAD;
    return ERR_OK;
}
