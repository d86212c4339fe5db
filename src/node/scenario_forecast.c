/*
 * node/scenario_forecast.c - what the terminals of a scenario carry, and what weather and jammers forecast: one source for the
 * contact plan of the nodes and for the links of the twin.
 *
 * Model:   rates by distance from the link budgets of both ends (docs/model/optical.md, radio.md): between satellites a ladder
 *          per pair of classes, to the ground one per satellite and gateway, because elevation follows from height and distance.
 *          A contact's doubt is the seasonal share of clouded hours over an optical station (docs/model/cloud.md), and the share of the
 *          contact in which a jammer that was announced drowns the satellite's receiver.
 */
#include "node/scenario_parse.h"

#include <math.h>
#include <stdlib.h>

#define SIDELOBE_DB 20.0 /* of a satellite's receiving antenna towards a jammer elsewhere on the ground */
#define JAMMER_ELEVATION_SIN 0.0872 /* 5 degrees */

static node_id satellite_of(const struct scenario *s, node_id a, node_id b)
{
    return scenario_is_gateway(s, a) ? b : a;
}

bool scenario_link_is_optical(const struct scenario *s, node_id a, node_id b, enum link_kind kind)
{
    return kind == LINK_ISL || (kind == LINK_GROUND && scenario_member(s, satellite_of(s, a, b))->ground_optical);
}

bool scenario_link_is_clouded(const struct scenario *s, node_id a, node_id b, enum link_kind kind)
{
    node_id gateway = satellite_of(s, a, b) == a ? b : a;
    return kind == LINK_GROUND && s->clouds_on && scenario_link_is_optical(s, a, b, kind) && s->sites[gateway - 1].trajectory.body == BODY_EARTH;
}

const struct cloud_site *scenario_cloud(const struct scenario *s, node_id a, node_id b)
{
    node_id gateway = satellite_of(s, a, b) == a ? b : a;
    return &s->clouds[gateway - s->satellite_count - 1];
}

/* ---- rates ---------------------------------------------------------------------------------------------------------- */

static void isl_ladder(const struct scenario *s, node_id a, node_id b, struct rate_ladder *out)
{
    struct optical_step steps[OPTICAL_RUNGS_MAX];
    out->count = optical_ladder(&scenario_member(s, a)->optical, &scenario_member(s, b)->optical, 0.0, steps);
    for (uint32_t i = 0; i < out->count; i++)
        out->step[i] = (struct rate_step){steps[i].range_m, steps[i].rate_bps};
}

/* The way to a satellite at a height, from straight above to the lowest elevation, in equal steps of distance. */
static void ground_ladder(const struct scenario *s, node_id satellite, node_id gateway, struct rate_ladder *out)
{
    const struct member *m = scenario_member(s, satellite);
    const struct cloud_site *air = scenario_cloud(s, satellite, gateway);
    double height_km = scenario_altitude_km(s, satellite), least = s->links.min_elevation_rad, ground = WGS84_RADIUS_KM;
    double far_km = scenario_slant_km(height_km, least);
    for (uint32_t i = 0; i < SKY_LADDER_MAX; i++) {
        double km = height_km + (far_km - height_km) * (i + 1) / SKY_LADDER_MAX;
        double sine = (height_km * height_km + 2.0 * ground * height_km - km * km) / (2.0 * ground * km);
        double elevation = asin(fmax(sin(least), fmin(1.0, sine)));
        uint64_t rate = m->ground_optical ? optical_rate_bps(&m->optical, &m->optical, km, cloud_air_loss_db(air, elevation))
                                          : radio_rate_bps(&m->radio, s->gateway_gain_over_temperature_db_k, km, elevation);
        out->step[out->count++] = (struct rate_step){(uint64_t)(km * 1000.0), rate};
    }
    out->step[out->count - 1].range_m = UINT64_MAX; /* the plan says where it ends */
}

void scenario_ladder(const struct scenario *s, node_id a, node_id b, enum link_kind kind, struct rate_ladder *out)
{
    *out = (struct rate_ladder){0};
    if (!s->rates_by_terminals || s->links.plan) /* an imported plan says what it says */
        return;
    if (kind == LINK_ISL)
        isl_ladder(s, a, b, out);
    else if (kind == LINK_GROUND)
        ground_ladder(s, satellite_of(s, a, b), satellite_of(s, a, b) == a ? b : a, out);
}

/* ---- jammers -------------------------------------------------------------------------------------------------------- */

static double between_km(const double a[3], const double b[3])
{
    double d[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
    return sqrt(vector_dot(d, d));
}

/* Whole millibels decide. Whether the receiver at r, which looks at `peer`, hears the jammer louder than its peer. */
static bool receiver_drowned(const struct scenario_jammer *j, const struct member *m, const struct member *sender, double gateway_eirp_dbw,
                             const double r[3], const double peer[3])
{
    double up[3], to_jammer[3], to_peer[3], range = between_km(r, j->ecef_km), peer_range = between_km(r, peer), length = sqrt(vector_dot(j->ecef_km, j->ecef_km));
    for (int k = 0; k < 3; k++) {
        up[k] = j->ecef_km[k] / length;
        to_jammer[k] = (j->ecef_km[k] - r[k]) / range;
        to_peer[k] = (peer[k] - r[k]) / peer_range;
    }
    if (-vector_dot(up, to_jammer) < JAMMER_ELEVATION_SIN)
        return false; /* the jammer does not see the receiver */
    double margin;
    if (j->optical) {
        double cosine = fmax(-1.0, fmin(1.0, vector_dot(to_jammer, to_peer)));
        struct optical_budget b = optical_budget_of(&sender->optical, &m->optical, peer_range, 0.0);
        margin = optical_jam_margin_db(&b, &m->optical, 1.0, j->eirp_dbw, range, acos(cosine));
    } else {
        struct radio_terminal uplink = m->radio;
        uplink.eirp_dbw = gateway_eirp_dbw;
        margin = radio_jam_margin_db(&uplink, radio_mode_at(0), peer_range, j->eirp_dbw, range, SIDELOBE_DB);
    }
    return floor(margin * 100.0 + 0.5) < 0.0;
}

bool scenario_drowned(const struct scenario *s, const struct scenario_jammer *j, const struct sky *sky, node_id a, node_id b, tai_ns wall)
{
    double r[2][3];
    if (!sky_place(sky, a, wall, r[0]) || !sky_place(sky, b, wall, r[1]))
        return false;
    for (int end = 0; end < 2; end++) { /* a satellite's receiver is what is jammed; a gateway's looks up */
        node_id here = end ? b : a, peer = end ? a : b;
        if (scenario_is_gateway(s, here))
            continue;
        const struct member *m = scenario_member(s, here), *sender = scenario_is_gateway(s, peer) ? m : scenario_member(s, peer);
        if (receiver_drowned(j, m, sender, s->gateway_eirp_dbw, r[end], r[!end]))
            return true;
    }
    return false;
}

/* ---- the forecast --------------------------------------------------------------------------------------------------- */

enum { FORECAST_PARTS = 16 };

static uint32_t parts_jammed(const struct scenario *s, const struct sky *sky, const struct contact *c, bool optical)
{
    uint32_t bad = 0;
    for (int k = 0; k < FORECAST_PARTS; k++) {
        tai_ns wall = c->start + (c->end - c->start) / (2 * FORECAST_PARTS) * (2 * k + 1);
        bool drowned = false;
        for (size_t i = 0; i < s->jammer_count && !drowned; i++) {
            const struct scenario_jammer *j = &s->jammers[i];
            drowned = j->announced && j->optical == optical && wall >= j->start && wall < j->end && scenario_drowned(s, j, sky, c->a, c->b, wall);
        }
        bad += drowned;
    }
    return bad;
}

static uint16_t doubt_of(const void *context, const struct sky *sky, const struct contact *c)
{
    const struct scenario *s = context;
    enum link_kind kind = (enum link_kind)c->kind;
    double open = 1.0;
    if (scenario_link_is_clouded(s, c->a, c->b, kind))
        open = 1.0 - cloud_probability(scenario_cloud(s, c->a, c->b), c->start + (c->end - c->start) / 2);
    if (s->jammer_count > 0)
        open *= 1.0 - (double)parts_jammed(s, sky, c, scenario_link_is_optical(s, c->a, c->b, kind)) / FORECAST_PARTS;
    return (uint16_t)(1000.5 - 1000.0 * open);
}

static void ladder_of(const void *context, uint32_t a, uint32_t b, uint8_t kind, struct rate_ladder *out)
{
    scenario_ladder(context, a, b, (enum link_kind)kind, out);
}

void scenario_forecast(struct scenario *s)
{
    bool lasers = false;
    for (size_t i = 0; i < s->member_count; i++)
        lasers = lasers || s->members[i].ground_optical;
    bool doubtful = (lasers && s->clouds_on) || s->jammer_count > 0;
    s->forecast = (struct sky_terminals){s, s->rates_by_terminals ? ladder_of : NULL, doubtful ? doubt_of : NULL};
    s->links.terminals = s->forecast.ladder || s->forecast.doubt ? &s->forecast : NULL;
}
