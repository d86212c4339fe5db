#include "craft/supply.h"

#include <math.h>

#include "orbit/sun.h"

#define STEFAN_BOLTZMANN 5.670374419e-8
#define SPACE_K 2.7
#define SECONDS_PER_YEAR (365.25 * 86400.0)
#define LIMB_REFRACTION 1.02 /* how much the Earth's air widens its shadow at the Moon */
#define MOON_SLOWEST_KM_S 0.86 /* through that shadow, at its apogee, against the Sun */

/* Farthest from the Sun; the body's turn in rad/s bounds how often a station is met. */
static const struct {
    double sun_au, turn_rad_s;
} surroundings[BODY_COUNT] = {
    [BODY_EARTH] = {1.0168, 7.2921e-5},
    [BODY_MOON] = {1.0195, 2.6617e-6},
    [BODY_MARS] = {1.6663, 7.0882e-5},
};

/* Half the angle of the shadow seen from the body's centre at the apoapsis: where r sin(phi) is the cylinder's radius. */
static double shadow_half_angle(double shadow_km, double semi_major_km, double eccentricity)
{
    double low = 0.0, high = M_PI / 2.0;
    for (int k = 0; k < 60; k++) {
        double phi = 0.5 * (low + high);
        double r = semi_major_km * (1.0 - eccentricity * eccentricity) / (1.0 - eccentricity * cos(phi));
        if (r * sin(phi) < shadow_km)
            low = phi;
        else
            high = phi;
    }
    return high;
}

/* Time from the true anomaly pi - phi to the apoapsis, as a share of the period (Kepler's equation). */
static double share_before_apoapsis(double phi, double eccentricity)
{
    double anomaly = M_PI - phi;
    double eccentric = 2.0 * atan2(sqrt(1.0 - eccentricity) * sin(anomaly / 2.0), sqrt(1.0 + eccentricity) * cos(anomaly / 2.0));
    return (M_PI - (eccentric - eccentricity * sin(eccentric))) / (2.0 * M_PI);
}

static double shadow_km_at(enum body body, double apoapsis_km)
{
    double widening = apoapsis_km * SUN_RADIUS_KM / ASTRONOMICAL_UNIT_KM; /* the outer edge of the penumbra: its half counts as dark */
    return body_constants(body)->radius_km + 0.5 * widening;
}

/* As long as a pass overhead lasts for a station that turns with its body, times as many as there are. */
static double contact_s(const struct supply_orbit *o, size_t stations, double elevation_rad)
{
    double radius = body_constants(o->body)->radius_km, high = o->semi_major_km * (1.0 + o->eccentricity);
    double half = acos(fmin(1.0, radius * cos(elevation_rad) / high)) - elevation_rad;
    double rate = 2.0 * M_PI / o->period_s - surroundings[o->body].turn_rad_s;
    if (o->eccentricity > 0.01 || rate <= 0.0) /* slow ones may hang above a station */
        return stations > 0 ? o->period_s : 0.0;
    return fmin(o->period_s, (double)stations * 2.0 * fmax(half, 0.0) / rate);
}

struct supply_orbit supply_orbit_of(enum body body, double semi_major_km, double eccentricity, size_t stations, double elevation_rad)
{
    const struct body_constants *b = body_constants(body);
    double e = fmax(0.0, fmin(eccentricity, 0.999)), a = fmax(semi_major_km, b->radius_km);
    struct supply_orbit o = {.body = body, .semi_major_km = a, .eccentricity = e, .sun_au = surroundings[body].sun_au};
    o.period_s = 2.0 * M_PI * sqrt(a * a * a / b->mu_km3_s2);
    double shadow_km = shadow_km_at(body, a * (1.0 + e));
    o.dark_s = 2.0 * o.period_s * share_before_apoapsis(shadow_half_angle(shadow_km, a, e), e);
    if (body == BODY_MOON)
        o.rare_dark_s = 2.0 * LIMB_REFRACTION * WGS84_RADIUS_KM / MOON_SLOWEST_KM_S + o.dark_s;
    o.contact_s = contact_s(&o, stations, elevation_rad);
    return o;
}

double supply_eclipse_s(const struct supply_orbit *o, double beta_rad)
{
    double shadow_km = shadow_km_at(o->body, o->semi_major_km), ratio = shadow_km / o->semi_major_km;
    if (ratio >= 1.0)
        return o->period_s / 2.0;
    double least = sqrt(1.0 - ratio * ratio), cosine = cos(beta_rad);
    return least < cosine ? o->period_s * acos(least / cosine) / M_PI : 0.0;
}

uint32_t supply_terminals(const struct member *m)
{
    return m->optical_count > 0 ? m->optical_count : m->radio_present;
}

/* What keeps the core at the temperature where its heater comes on, in the dark with the heat pipe closed; the base load gives its part. */
static double heater_w(const struct craft_params *p)
{
    struct state dark = {.altitude_km = 550.0, .r_teme_km = {-WGS84_RADIUS_KM, 0, 0}, .sun_teme_km = {ASTRONOMICAL_UNIT_KM, 0, 0}};
    double absorbed = craft_environment_w(p, &dark), low = SPACE_K, high = fmax(p->heater_on_k, SPACE_K);
    for (int k = 0; k < 60; k++) { /* the radiator's temperature */
        double t = 0.5 * (low + high), t2 = t * t, s2 = SPACE_K * SPACE_K;
        double given = 2.0 * p->radiator_area_m2 * p->emissivity * STEFAN_BOLTZMANN * (t2 * t2 - s2 * s2);
        if (given < absorbed + p->conductance_closed_w_k * (p->heater_on_k - t))
            low = t;
        else
            high = t;
    }
    double missing = p->conductance_closed_w_k * (p->heater_on_k - low) - p->base_load_w;
    return fmax(0.0, fmin(missing, p->heater_w));
}

/* Of an array in full light, `sun_au` away, a year on; `axis` is the cosine that it loses by turning about one axis only. */
static double array_w(const struct craft_params *p, double sun_au, double axis)
{
    struct craft_params old = *p;
    struct state lit = {.altitude_km = 550.0, .sunlit = 1.0, .r_teme_km = {WGS84_RADIUS_KM, 0, 0}};
    lit.sun_teme_km[0] = WGS84_RADIUS_KM + sun_au * ASTRONOMICAL_UNIT_KM;
    old.age_years += 1.0;
    old.array_tracks_sun = true;
    return axis * craft_array_power_w(&old, &lit);
}

static void battery_sum(const struct member *m, const struct supply_orbit *o, struct supply *s)
{
    const struct craft_params *p = &m->craft;
    double optical_w = m->optical_count * m->optical.draw_w, radio_w = m->radio_present ? m->radio.draw_w : 0.0;
    double steady_w = s->base_w + s->heater_w + optical_w;
    double own_wh = (steady_w * o->dark_s + radio_w * fmin(o->dark_s, o->contact_s)) / 3600.0 / p->discharge_efficiency;
    s->dark_s = fmax(o->dark_s, o->rare_dark_s);
    s->dark_wh = o->rare_dark_s > o->dark_s ? (steady_w + radio_w) * s->dark_s / 3600.0 / p->discharge_efficiency : own_wh;
    double depth = fmin(1.0, own_wh / p->battery_wh);
    double cycles = SECONDS_PER_YEAR / o->period_s / battery_cycle_life(&p->ageing, depth);
    double faded = p->ageing.fade_at_end * fmin(1.0, cycles + 1.0 / p->ageing.calendar_years);
    double start = 1.0 - p->ageing.fade_at_end * p->ageing.used_at_start;
    double share = start - faded - p->battery_floor_fraction * start; /* of the capacity when new */
    s->margin_wh = fmax(0.0, share * p->battery_wh);
    s->battery_wh = share > 0.0 ? s->dark_wh / share : 0.0;
    s->battery_enough = s->margin_wh >= s->dark_wh;
}

struct supply supply_of(const struct member *m, const struct supply_orbit *o)
{
    const struct craft_params *p = &m->craft;
    double optical_w = m->optical_count * m->optical.draw_w, radio_w = m->radio_present ? m->radio.draw_w : 0.0;
    struct supply s = {.base_w = p->base_load_w, .heater_w = heater_w(p)};
    s.terminals_w = optical_w + radio_w * o->contact_s / o->period_s;
    s.need_w = s.base_w + s.heater_w + s.terminals_w;
    double dark = p->array_tracks_sun ? o->dark_s : supply_eclipse_s(o, o->beta_rad), light = o->period_s - dark;
    double full_w = array_w(p, o->sun_au, p->array_tracks_sun ? 1.0 : fmax(0.0, cos(o->beta_rad)));
    s.have_w = full_w * light / (light + dark / (p->charge_efficiency * p->discharge_efficiency));
    s.array_m2 = s.have_w > 0.0 ? p->array_area_m2 * s.need_w / s.have_w : 0.0;
    s.array_enough = s.have_w >= s.need_w;
    battery_sum(m, o, &s);
    return s;
}
