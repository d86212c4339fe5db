/*
 * node/scenario_power.c - no satellite is accepted that cannot feed itself on its own orbit.
 *
 * Model:   docs/model/power.md, craft/supply.h. What falls below the floor of its battery because its class is too weak would break
 *          promise I7 through no fault of a plane; so the file is refused, with what is missing. Gateways stand on mains.
 */
#include "node/scenario_parse.h"

#include <math.h>
#include <stdio.h>

#include "craft/supply.h"
#include "orbit/sun.h"

#define YEAR_DAYS 366
#define WALK_STEP_S 60.0
#define WALK_STEPS_MAX 2000

struct placed { /* a satellite, its class, and what its orbit brings */
    node_id id;
    const struct member *member;
    struct supply_orbit orbit;
    struct supply supply;
    struct ephemeris ephemeris; /* when `moves` */
    bool moves;
};

/* Size and shape of the orbit; false where a table does not hold a closed one. */
static bool orbit_size(const struct scenario *s, const struct placed *at, double *semi_major_km, double *eccentricity)
{
    const struct site *site = &s->sites[at->id - 1];
    const struct body_constants *b = body_constants(site->trajectory.body);
    double r[3], v[3], centre[3], drift[3], h[3];
    *eccentricity = 0.0;
    if (site->trajectory.kind == TRAJECTORY_ORBITER) {
        *semi_major_km = b->radius_km + site->trajectory.orbiter.altitude_km;
        return true;
    }
    if (site->trajectory.kind != TRAJECTORY_TABLE) {
        double n = site->elements.mean_motion_rev_day * 2.0 * M_PI / 86400.0;
        *semi_major_km = cbrt(b->mu_km3_s2 / (n * n));
        *eccentricity = site->elements.eccentricity;
        return n > 0.0;
    }
    if (!at->moves || !ephemeris_state(&at->ephemeris, s->epoch, 0.0, r, v))
        return false;
    body_state(site->trajectory.body, s->epoch, centre, drift);
    for (int k = 0; k < 3; k++) {
        r[k] -= centre[k];
        v[k] -= drift[k];
    }
    for (int k = 0; k < 3; k++)
        h[k] = r[(k + 1) % 3] * v[(k + 2) % 3] - r[(k + 2) % 3] * v[(k + 1) % 3];
    *semi_major_km = 1.0 / (2.0 / vector_length(r) - vector_dot(v, v) / b->mu_km3_s2);
    *eccentricity = sqrt(fmax(0.0, 1.0 - vector_dot(h, h) / b->mu_km3_s2 / *semi_major_km));
    return *semi_major_km > 0.0 && *eccentricity < 1.0;
}

/* Relative to the body, with the Sun; false: beyond the table, or decayed. */
static bool state_at(const struct scenario *s, const struct placed *at, double t_s, struct state *out)
{
    enum body body = s->sites[at->id - 1].trajectory.body;
    double centre[3], drift[3], r[3], v[3], sun[3];
    *out = (struct state){.time = s->epoch + (duration_ns)(t_s * 1e9)};
    if (!ephemeris_state(&at->ephemeris, s->epoch, t_s, out->r_teme_km, out->v_teme_km_s))
        return false;
    sun_position(out->time, out->sun_teme_km);
    body_state(body, out->time, centre, drift);
    for (int k = 0; k < 3; k++) {
        r[k] = out->r_teme_km[k] - centre[k];
        v[k] = out->v_teme_km_s[k] - drift[k];
        sun[k] = out->sun_teme_km[k] - centre[k];
    }
    out->beta_rad = sun_beta_angle(r, v, sun);
    out->sunlit = ephemeris_sun_fraction(body, out->time, out->r_teme_km, out->sun_teme_km);
    return true;
}

/* The largest angle of the Sun above the orbit's plane within a year, looked at once a day. */
static double beta_most(const struct scenario *s, const struct placed *at)
{
    double most = 0.0;
    struct state now;
    for (int day = 0; day < YEAR_DAYS && state_at(s, at, 86400.0 * day, &now); day++)
        most = fmax(most, fabs(now.beta_rad));
    return most;
}

static size_t stations_on(const struct scenario *s, enum body body)
{
    size_t count = 0;
    for (size_t i = s->satellite_count; i < s->site_count; i++)
        count += s->sites[i].trajectory.body == body;
    return count;
}

static bool place(const struct scenario *s, node_id id, struct placed *at)
{
    const struct site *site = &s->sites[id - 1];
    enum body body = site->trajectory.body;
    double semi_major_km, eccentricity;
    *at = (struct placed){.id = id, .member = scenario_member(s, id)};
    bool wanted = !at->member->craft.array_tracks_sun || site->trajectory.kind == TRAJECTORY_TABLE;
    at->moves = wanted && ephemeris_init(&at->ephemeris, &site->elements, &site->trajectory) == ERR_OK;
    if (!orbit_size(s, at, &semi_major_km, &eccentricity))
        return false;
    at->orbit = supply_orbit_of(body, semi_major_km, eccentricity, stations_on(s, body), s->links.min_elevation_rad);
    if (stations_on(s, body) < s->site_count - s->satellite_count) /* one of another body may be in sight all the time */
        at->orbit.contact_s = at->orbit.period_s;
    at->orbit.beta_rad = at->moves && !at->member->craft.array_tracks_sun ? beta_most(s, at) : 0.0;
    at->supply = supply_of(at->member, &at->orbit);
    return true;
}

static err array_fails(struct scenario_reader *p, const yaml_node_t *n, const struct placed *at)
{
    const struct supply *u = &at->supply;
    char turned[64] = "";
    if (!at->member->craft.array_tracks_sun)
        snprintf(turned, sizeof turned, ", the Sun up to %.0f degrees off", at->orbit.beta_rad / DEGREE_RAD);
    if (u->have_w <= 0.0)
        return yaml_fail(&p->yaml, n, "%s (%s) needs %.1f W, but its array gives nothing%s", scenario_name(p->scenario, at->id), at->member->name,
                         u->need_w, turned);
    return yaml_fail(&p->yaml, n,
                     "%s (%s) needs %.1f W (base %.1f, heater %.1f, terminals %.1f), has %.1f W (dark %.1f of %.1f min%s): `array_area_m2` of %.3g, "
                     "not %.3g, would do", scenario_name(p->scenario, at->id), at->member->name, u->need_w, u->base_w, u->heater_w,
                     u->terminals_w, u->have_w, at->orbit.dark_s / 60.0, at->orbit.period_s / 60.0, turned, 1.005 * u->array_m2, at->member->craft.array_area_m2);
}

static err battery_fails(struct scenario_reader *p, const yaml_node_t *n, const struct placed *at)
{
    const struct supply *u = &at->supply;
    const struct craft_params *c = &at->member->craft;
    if (u->battery_wh <= 0.0)
        return yaml_fail(&p->yaml, n, "%s (%s): above a `floor` of %.2f the battery holds nothing, once it has aged by a year; take a lower one",
                         scenario_name(p->scenario, at->id), at->member->name, c->battery_floor_fraction);
    return yaml_fail(&p->yaml, n, "%s (%s): dark for %.1f min needs %.1f Wh, the margin above the floor is %.1f Wh: `battery_wh` of %.4g, not %.4g, would do",
                     scenario_name(p->scenario, at->id), at->member->name, u->dark_s / 60.0, u->dark_wh, u->margin_wh, 1.0005 * u->battery_wh, c->battery_wh);
}

/* From the start, as it is then lit, for one revolution with everything on that never stops: the lowest energy. */
static double lowest_wh(const struct scenario *s, const struct placed *at, double energy_wh, double capacity_wh)
{
    const struct craft_params *c = &at->member->craft;
    double step_s = fmax(WALK_STEP_S, at->orbit.period_s / WALK_STEPS_MAX), low = energy_wh;
    struct state now;
    for (double t = 0.0; t < at->orbit.period_s && state_at(s, at, t + step_s / 2.0, &now); t += step_s) {
        double surplus_wh = (craft_array_power_w(c, &now) - at->supply.need_w) * step_s / 3600.0;
        energy_wh += surplus_wh > 0.0 ? surplus_wh * c->charge_efficiency : surplus_wh / c->discharge_efficiency;
        energy_wh = fmin(energy_wh, capacity_wh);
        low = fmin(low, energy_wh);
    }
    return low;
}

static err start_check(struct scenario_reader *p, const yaml_node_t *n, struct placed *at)
{
    const struct scenario *s = p->scenario;
    const struct craft_params *c = &at->member->craft;
    const struct site *site = &s->sites[at->id - 1];
    double capacity_wh = c->battery_wh * (1.0 - c->ageing.fade_at_end * c->ageing.used_at_start), floor_wh = craft_battery_floor_wh(c);
    double start_wh = s->battery_start * capacity_wh, low_wh = start_wh;
    if (start_wh >= floor_wh + at->supply.dark_wh)
        return ERR_OK; /* wherever it begins */
    at->moves = at->moves || ephemeris_init(&at->ephemeris, &site->elements, &site->trajectory) == ERR_OK;
    if (at->moves)
        low_wh = lowest_wh(s, at, start_wh, capacity_wh);
    if (low_wh >= floor_wh)
        return ERR_OK;
    return yaml_fail(&p->yaml, n, "`battery_start` of %.3g: %s (%s) begins with %.1f Wh and falls to %.1f Wh before it is charged; its floor is %.1f Wh: %.2f would do",
                     s->battery_start, scenario_name(s, at->id), at->member->name, start_wh, low_wh, floor_wh,
                     fmin(1.0, ceil(100.0 * (floor_wh + at->supply.dark_wh) / capacity_wh) / 100.0));
}

/* Where the class of a satellite is said: its shell, else the section `craft`, else nowhere. */
static const yaml_node_t *said_at(struct scenario_reader *p, const yaml_node_t *top, node_id id)
{
    uint8_t class = p->scenario->member_of[id - 1];
    const yaml_node_t *craft = yaml_child(&p->yaml, top, "craft");
    return class > 0 ? p->fleets[class - 1].craft : craft ? craft : yaml_child(&p->yaml, top, "constellation");
}

static bool like(const struct scenario *s, node_id id, const struct placed *before)
{
    const struct site *a = &s->sites[id - 1], *b = before->id ? &s->sites[before->id - 1] : NULL;
    return b && scenario_member(s, id) == before->member && before->member->craft.array_tracks_sun && a->trajectory.kind == b->trajectory.kind &&
           a->trajectory.kind != TRAJECTORY_TABLE && a->trajectory.body == b->trajectory.body &&
           a->trajectory.orbiter.altitude_km == b->trajectory.orbiter.altitude_km &&
           a->elements.mean_motion_rev_day == b->elements.mean_motion_rev_day && a->elements.eccentricity == b->elements.eccentricity;
}

err scenario_check_power(struct scenario_reader *p, const yaml_node_t *top)
{
    const struct scenario *s = p->scenario;
    const yaml_node_t *craft = yaml_child(&p->yaml, top, "craft");
    const yaml_node_t *start = craft && craft->type == YAML_MAPPING_NODE ? yaml_child(&p->yaml, craft, "battery_start") : NULL;
    struct placed at = {0};
    for (node_id id = 1; id <= s->satellite_count; id++) {
        const yaml_node_t *n = said_at(p, top, id);
        if (like(s, id, &at)) { /* the same class on the same orbit: another place on it */
            at.id = id;
            at.moves = false;
        } else if (!place(s, id, &at)) {
            at.id = NODE_NONE;
            continue;
        }
        if (!at.supply.array_enough)
            return array_fails(p, n, &at);
        if (!at.supply.battery_enough)
            return battery_fails(p, n, &at);
        TRY(start_check(p, start ? start : n, &at));
    }
    return ERR_OK;
}
