#include "craft/cloud.h"

#include <math.h>

#include "craft/portable.h"

enum { LOOK_BACK_HOURS_MAX = 2000, PROCESS_RENEW = 101, PROCESS_STATE = 102 };

/* Shares of hours with clouds that stop a laser, for bands of 30 degrees from the south pole: winter, spring, summer, autumn. */
static const double bands[6][CLOUD_SEASONS] = {
    {0.60, 0.65, 0.65, 0.62}, {0.62, 0.68, 0.72, 0.68}, {0.50, 0.50, 0.45, 0.48},
    {0.42, 0.45, 0.52, 0.48}, {0.66, 0.60, 0.52, 0.58}, {0.60, 0.65, 0.75, 0.74},
};

struct cloud_site cloud_site_at(double latitude_deg)
{
    int band = (int)((fmax(-90.0, fmin(89.999, latitude_deg)) + 90.0) / 30.0);
    struct cloud_site s = {.persistence_h = 8.0, .zenith_loss_db = 1.0};
    for (int k = 0; k < CLOUD_SEASONS; k++)
        s.blocked[k] = bands[band][k];
    return s;
}

err cloud_check(const struct cloud_site *s)
{
    for (int k = 0; k < CLOUD_SEASONS; k++)
        if (!(s->blocked[k] >= 0.0 && s->blocked[k] <= 1.0))
            return ERR_RANGE;
    return s->persistence_h >= 1.0 && s->persistence_h <= 240.0 && s->zenith_loss_db >= 0.0 && s->zenith_loss_db <= 40.0 ? ERR_OK
                                                                                                                       : ERR_RANGE;
}

double cloud_probability(const struct cloud_site *s, tai_ns t)
{
    return s->blocked[time_utc_fields(t).month % 12 / 3];
}

static bool renews(const struct cloud_site *s, uint64_t key, int64_t hour)
{
    return keyed_unit(key, (uint64_t)hour) * s->persistence_h < 1.0;
}

static bool blocked_at(const struct cloud_site *s, uint64_t seed, uint32_t station, int64_t hour)
{
    uint64_t key = keyed_key(seed, station, PROCESS_RENEW);
    int64_t renewed = hour;
    while (renewed > hour - LOOK_BACK_HOURS_MAX && !renews(s, key, renewed))
        renewed--;
    return keyed_unit(keyed_key(seed, station, PROCESS_STATE), (uint64_t)renewed) < cloud_probability(s, renewed * NS_PER_HOUR);
}

bool cloud_blocked(const struct cloud_site *s, uint64_t seed, uint32_t station, tai_ns t)
{
    return blocked_at(s, seed, station, t / NS_PER_HOUR);
}

tai_ns cloud_change(const struct cloud_site *s, uint64_t seed, uint32_t station, tai_ns t, tai_ns until)
{
    uint64_t key = keyed_key(seed, station, PROCESS_RENEW);
    bool now = cloud_blocked(s, seed, station, t);
    for (int64_t hour = t / NS_PER_HOUR + 1; hour * NS_PER_HOUR < until; hour++)
        if (renews(s, key, hour) && blocked_at(s, seed, station, hour) != now)
            return hour * NS_PER_HOUR;
    return TIME_NEVER;
}

double cloud_air_loss_db(const struct cloud_site *s, double elevation_rad)
{
    return s->zenith_loss_db / sin(fmax(elevation_rad, 0.0524));
}
