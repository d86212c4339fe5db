/*
 * node/scenario_terminals.c - the section `terminals` of a scenario: whose rates count, weather over optical stations, jammers.
 *
 * Model:   with `rates: ladder` a link carries what the terminals of its ends carry over the distance of the moment, never more
 *          than `links` says; the plan has these rates, too (scenario_forecast.c). It must not promise links that no rate stands on, so that is checked here.
 */
#include "node/scenario_parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct terminals {
    char rates[8];
    bool clouds;
    double gain_over_temperature_db_k, eirp_dbw;
};

static const struct yaml_field terminal_fields[] = {
    {.key = "rates", .type = YAML_WORD, .offset = offsetof(struct terminals, rates), .size = 8, .words = "plan ladder"},
    YAML_FIELD(struct terminals, clouds, "clouds", YAML_BOOL, 0, 0),
    YAML_FIELD(struct terminals, gain_over_temperature_db_k, "gateway_gain_over_temperature_db_k", YAML_DOUBLE, -60, 80),
    YAML_FIELD(struct terminals, eirp_dbw, "gateway_eirp_dbw", YAML_DOUBLE, -50, 150),
    {.key = "stations", .type = YAML_SUB},
    {.key = "jammers", .type = YAML_SUB},
};

struct station {
    char gateway[32];
    struct cloud_site site;
};
static const struct yaml_field station_fields[] = {
    {.key = "gateway", .type = YAML_NAME, .offset = offsetof(struct station, gateway), .size = 32, .required = true},
    YAML_FIELD(struct station, site.blocked[CLOUD_WINTER], "december_to_february", YAML_DOUBLE, 0, 1),
    YAML_FIELD(struct station, site.blocked[CLOUD_SPRING], "march_to_may", YAML_DOUBLE, 0, 1),
    YAML_FIELD(struct station, site.blocked[CLOUD_SUMMER], "june_to_august", YAML_DOUBLE, 0, 1),
    YAML_FIELD(struct station, site.blocked[CLOUD_AUTUMN], "september_to_november", YAML_DOUBLE, 0, 1),
    YAML_FIELD(struct station, site.persistence_h, "persistence_h", YAML_DOUBLE, 1, 240),
    YAML_FIELD(struct station, site.zenith_loss_db, "zenith_loss_db", YAML_DOUBLE, 0, 40),
};

struct jammer_raw {
    char band[8];
    double latitude_deg, longitude_deg, altitude_m, eirp_dbw;
    duration_ns start, lasts;
    bool announced;
};
static const struct yaml_field jammer_fields[] = {
    {.key = "band", .type = YAML_WORD, .offset = offsetof(struct jammer_raw, band), .size = 8, .words = "radio optical", .required = true},
    {.key = "latitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct jammer_raw, latitude_deg), .low = -90, .high = 90, .required = true},
    {.key = "longitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct jammer_raw, longitude_deg), .low = -180, .high = 360, .required = true},
    YAML_FIELD(struct jammer_raw, altitude_m, "altitude_m", YAML_DOUBLE, -500, 9000),
    {.key = "eirp_dbw", .type = YAML_DOUBLE, .offset = offsetof(struct jammer_raw, eirp_dbw), .low = -50, .high = 200, .required = true},
    YAML_FIELD(struct jammer_raw, announced, "announced", YAML_BOOL, 0, 0),
    YAML_FIELD(struct jammer_raw, start, "start", YAML_DURATION, 0, 1e9),
    YAML_FIELD(struct jammer_raw, lasts, "duration", YAML_DURATION, 1, 1e9),
};

double scenario_altitude_km(const struct scenario *s, node_id satellite)
{
    ASSERT(satellite >= 1 && satellite <= s->satellite_count);
    double n = s->sites[satellite - 1].elements.mean_motion_rev_day * 2.0 * M_PI / 86400.0; /* 0: moves by something else */
    return n > 0.0 ? floor(10.0 * (cbrt(SGP4_MU_KM3_S2 / (n * n)) - WGS84_RADIUS_KM) + 0.5) / 10.0 : 0.0;
}

double scenario_slant_km(double altitude_km, double elevation_rad)
{
    double r = WGS84_RADIUS_KM + altitude_km, up = WGS84_RADIUS_KM * sin(elevation_rad);
    return sqrt(up * up + r * r - WGS84_RADIUS_KM * WGS84_RADIUS_KM) - up;
}

static err stations_read(struct scenario_reader *p, const yaml_node_t *n)
{
    struct scenario *s = p->scenario;
    const yaml_node_t *list = yaml_child(&p->yaml, n, "stations");
    size_t count = 0;
    bool said[SCENARIO_GATEWAYS_MAX] = {false};
    if (list)
        TRY(yaml_sequence(&p->yaml, list, "stations", SCENARIO_GATEWAYS_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *at = yaml_item(&p->yaml, list, i);
        const yaml_node_t *name = yaml_child(&p->yaml, at, "gateway");
        struct station station = {.site = cloud_site_at(0.0)};
        node_id id = NODE_NONE;
        char text[32];
        if (name && name->type == YAML_SCALAR_NODE && text_copy(text, sizeof text, span_of(name->data.scalar.value, name->data.scalar.length)))
            id = scenario_node(s, text);
        if (name && !scenario_is_gateway(s, id))
            return yaml_fail(&p->yaml, name, "a station of `terminals` is about one of the gateways of this scenario");
        if (id != NODE_NONE)
            station.site = s->clouds[id - s->satellite_count - 1];
        TRY(yaml_fill(&p->yaml, at, "a station", station_fields, COUNT_OF(station_fields), &station));
        size_t gateway = id - s->satellite_count - 1;
        if (said[gateway])
            return yaml_fail(&p->yaml, name, "the weather over `%s` is given twice", text);
        said[gateway] = true;
        s->clouds[gateway] = station.site;
    }
    return ERR_OK;
}

static err jammers_read(struct scenario_reader *p, const yaml_node_t *n)
{
    struct scenario *s = p->scenario;
    const yaml_node_t *list = yaml_child(&p->yaml, n, "jammers");
    if (!list)
        return ERR_OK;
    TRY(yaml_sequence(&p->yaml, list, "jammers", SCENARIO_JAMMERS_MAX, &s->jammer_count));
    for (size_t i = 0; i < s->jammer_count; i++) {
        struct jammer_raw raw = {.lasts = 3650 * NS_PER_DAY, .announced = true};
        TRY(yaml_fill(&p->yaml, yaml_item(&p->yaml, list, i), "a jammer", jammer_fields, COUNT_OF(jammer_fields), &raw));
        struct geodetic place = {raw.latitude_deg * DEGREE_RAD, raw.longitude_deg * DEGREE_RAD, raw.altitude_m / 1000.0};
        struct scenario_jammer *j = &s->jammers[i];
        *j = (struct scenario_jammer){.optical = strcmp(raw.band, "optical") == 0, .announced = raw.announced, .eirp_dbw = raw.eirp_dbw,
                                      .start = s->epoch + raw.start, .end = s->epoch + raw.start + raw.lasts};
        frames_geodetic_to_ecef(&place, j->ecef_km);
    }
    return ERR_OK;
}

/* Every pair of classes must have a rate as far as the plan lets them link. */
static err lasers_reach(struct scenario_reader *p, const yaml_node_t *n)
{
    const struct scenario *s = p->scenario;
    for (size_t a = 0; a < s->member_count; a++)
        for (size_t b = a; b < s->member_count; b++) {
            const struct member *x = &s->members[a], *y = &s->members[b];
            struct optical_step steps[OPTICAL_RUNGS_MAX];
            if (!x->optical_count || !y->optical_count)
                continue; /* the plan has no link between them */
            uint32_t count = optical_ladder(&x->optical, &y->optical, 0.0, steps);
            double reach_km = count ? (double)steps[count - 1].range_m / 1000.0 : 0.0;
            if (s->satellite_count > 1 && reach_km < s->links.range_max_km)
                return yaml_fail(&p->yaml, n, "`rates: ladder`: the lasers of %s and %s reach %.0f km, but `links.range_max_km` is %.0f", x->name,
                                 y->name, reach_km, s->links.range_max_km);
        }
    return ERR_OK;
}

/* Of the stations' air at the lowest elevation, the thickest: the plan promises every gateway. */
static double worst_air_loss_db(const struct scenario *s)
{
    double worst = 0.0;
    for (size_t i = 0; i < s->site_count - s->satellite_count; i++)
        worst = fmax(worst, cloud_air_loss_db(&s->clouds[i], s->links.min_elevation_rad));
    return worst;
}

static err ground_reached(struct scenario_reader *p, const yaml_node_t *n)
{
    const struct scenario *s = p->scenario;
    double least = s->links.min_elevation_rad, air_db = worst_air_loss_db(s);
    for (node_id id = 1; id <= s->satellite_count; id++) {
        const struct member *m = scenario_member(s, id);
        double altitude_km = scenario_altitude_km(s, id), km = scenario_slant_km(altitude_km, least);
        if (altitude_km < 100.0)
            return yaml_fail(&p->yaml, n, "`rates: ladder` needs satellites with elements; %s has none", s->sites[id - 1].name);
        uint64_t rate = m->ground_optical ? optical_rate_bps(&m->optical, &m->optical, km, air_db)
                        : m->radio_present ? radio_rate_bps(&m->radio, s->gateway_gain_over_temperature_db_k, km, least)
                                           : 0;
        if (rate == 0)
            return yaml_fail(&p->yaml, n, "`rates: ladder`: %s (%s) carries nothing to the ground over %.0f km at %.0f degrees; raise `links.elevation_min_deg`, or its terminal's power",
                             s->sites[id - 1].name, m->name, km, least / DEGREE_RAD);
    }
    return ERR_OK;
}

err scenario_read_terminals(struct scenario_reader *p, const yaml_node_t *top)
{
    struct scenario *s = p->scenario;
    const yaml_node_t *n = yaml_child(&p->yaml, top, "terminals");
    struct terminals t = {"plan", true, 25.0, 60.0};
    size_t gateways = s->site_count - s->satellite_count;
    s->clouds = calloc(MAX(gateways, (size_t)1), sizeof *s->clouds);
    ASSERT(s->clouds != NULL);
    for (size_t i = 0; i < gateways; i++)
        s->clouds[i] = cloud_site_at(s->sites[s->satellite_count + i].latitude_deg);
    if (n) {
        TRY(yaml_fill(&p->yaml, n, "`terminals`", terminal_fields, COUNT_OF(terminal_fields), &t));
        TRY(stations_read(p, n));
        TRY(jammers_read(p, n));
    }
    s->rates_by_terminals = strcmp(t.rates, "ladder") == 0;
    s->clouds_on = t.clouds;
    s->gateway_gain_over_temperature_db_k = t.gain_over_temperature_db_k;
    s->gateway_eirp_dbw = t.eirp_dbw;
    scenario_forecast(s);
    if (!s->rates_by_terminals)
        return ERR_OK;
    for (size_t i = 0; i < s->site_count; i++)
        if (s->sites[i].trajectory.body != BODY_EARTH)
            return yaml_fail(&p->yaml, n, "`rates: ladder` is for satellites and gateways of the Earth; %s is not", s->sites[i].name);
    TRY(lasers_reach(p, n));
    return ground_reached(p, n);
}
