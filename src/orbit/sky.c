#include "orbit/sky_inner.h"

#include <math.h>
#include <string.h>

#include "orbit/memory.h"

/* Cables follow coasts and roads: 1.5 times the great circle; refractive index of fibre 1.468. */
#define FIBRE_STRETCH 1.5
#define FIBRE_INDEX 1.468

void *sky_alloc(const struct sky *sky, size_t size)
{
    return memory_take(sky->heap, size);
}

void sky_release(const struct sky *sky, void *block)
{
    memory_give(sky->heap, block);
}

struct link_rules link_rules_default(void)
{
    return (struct link_rules){
        .topology = TOPOLOGY_MESH,
        .min_elevation_rad = 10.0 * DEGREE_RAD,
        .graze_min_km = 80.0,
        .range_max_km = 5000.0,
        .cross_plane_latitude_max_deg = 70.0,
        .isl_rate_bps = 10000000000u,
        .ground_rate_bps = 1000000000u,
        .fibre_rate_bps = 10000000000u,
        .grid_seam = true,
    };
}

static bool between(double value, double least, double most)
{
    return value >= least && value <= most; /* false for NaN */
}

static err rules_check(const struct link_rules *r)
{
    if (r->topology != TOPOLOGY_MESH && r->topology != TOPOLOGY_STRING &&
        r->topology != TOPOLOGY_GRID && !(r->topology == TOPOLOGY_LIST && r->list))
        return ERR_INVALID;
    if (!between(r->ground_range_max_km, 0.0, 1e9) || !between(r->min_elevation_rad, -0.5, M_PI / 2.0) ||
        !between(r->graze_min_km, 0.0, 10000.0) || !between(r->range_max_km, 1.0, 1e9) ||
        !between(r->cross_plane_latitude_max_deg, 0.0, 90.0) || !between(r->sun_exclusion_rad, 0.0, M_PI / 2.0) ||
        !between(r->field_of_regard_rad, 0.0, M_PI) || !between(r->slew_max_rad_s, 0.0, 1e3))
        return ERR_INVALID;
    return ERR_OK;
}

static err site_prepare(const struct site *in, struct sky_site *out)
{
    *out = (struct sky_site){.site = *in};
    if (!memchr(in->name, 0, sizeof in->name))
        return ERR_INVALID;
    if (in->kind == SITE_SATELLITE)
        return ephemeris_init(&out->ephemeris, &in->elements, &in->trajectory);
    if ((unsigned)in->trajectory.body >= BODY_COUNT || in->kind != SITE_GROUND || !between(in->latitude_deg, -90.0, 90.0) ||
        !between(in->longitude_deg, -360.0, 360.0) || !between(in->altitude_m, -1000.0, 100000.0))
        return ERR_INVALID;
    out->station = station_at(in->latitude_deg, in->longitude_deg, in->altitude_m);
    return ERR_OK;
}

static int site_compare(const void *a, const void *b)
{
    const struct sky_site *x = a, *y = b;
    return x->site.node < y->site.node ? -1 : x->site.node > y->site.node;
}

static err sites_build(struct sky *sky, const struct site *sites, size_t count)
{
    sky->sites = sky_alloc(sky, (count + 1) * sizeof *sky->sites);
    if (!sky->sites)
        return ERR_NO_MEMORY;
    for (size_t k = 0; k < count; k++)
        TRY(site_prepare(&sites[k], &sky->sites[k]));
    sky->site_count = count;
    sky_sort(sky->sites, count, sizeof *sky->sites, site_compare);
    for (size_t k = 1; k < count; k++)
        if (sky->sites[k].site.node == sky->sites[k - 1].site.node)
            return ERR_INVALID;
    return ERR_OK;
}

static err build(struct sky *sky, const struct site *sites, size_t count)
{
    TRY(sites_build(sky, sites, count));
    TRY(sky_pairs_build(sky));
    return sky_plan_begin(sky);
}

err sky_init(struct sky *sky, struct heap *heap, const struct site *sites, size_t count,
             const struct link_rules *rules, tai_ns plan_start)
{
    *sky = (struct sky){
        .heap = heap, .rules = *rules, .plan_start = plan_start, .plan_end = plan_start};
    TRY(rules_check(rules));
    sky->sin_mask = sin(rules->min_elevation_rad);
    sky->sin_latitude_max = sin(rules->cross_plane_latitude_max_deg * DEGREE_RAD);
    if (count > SKY_SITES_MAX || plan_start < 0 || plan_start > INT64_MAX / 2)
        return ERR_INVALID;
    err result = build(sky, sites, count);
    if (result != ERR_OK)
        sky_free(sky);
    return result;
}

void sky_free(struct sky *sky)
{
    for (size_t k = 0; k < sky->pair_count; k++)
        sky_release(sky, sky->pairs[k].contacts);
    for (size_t k = 0; k < sky->fresh_count; k++)
        sky_release(sky, sky->fresh[k].contacts);
    sky_release(sky, sky->fresh);
    sky_release(sky, sky->pairs);
    sky_release(sky, sky->peer_pairs);
    sky_release(sky, sky->peer_nodes);
    sky_release(sky, sky->sites);
    *sky = (struct sky){.heap = sky->heap};
}

ptrdiff_t sky_site_index(const struct sky *sky, uint32_t node)
{
    size_t low = 0, high = sky->site_count;
    if (node - 1 < high && sky->sites[node - 1].site.node == node) /* ids mostly count from 1 */
        return (ptrdiff_t)node - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sky->sites[middle].site.node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sky->site_count && sky->sites[low].site.node == node ? (ptrdiff_t)low : -1;
}

ptrdiff_t sky_pair_index(const struct sky *sky, uint32_t a, uint32_t b)
{
    ptrdiff_t index = sky_site_index(sky, a);
    if (index < 0)
        return -1;
    if (sky->sparse) {
        ptrdiff_t other = sky_site_index(sky, b);
        if (other < 0)
            return -1;
        uint32_t x = (uint32_t)MIN(index, other), y = (uint32_t)MAX(index, other);
        size_t place = sky_pair_place(sky, x, y);
        return place < sky->pair_count && sky->pairs[place].site_a == x && sky->pairs[place].site_b == y ? (ptrdiff_t)place : -1;
    }
    const struct sky_site *s = &sky->sites[index];
    size_t low = s->peers_at, high = s->peers_at + s->peer_count;
    const size_t end = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sky->peer_nodes[middle] < b)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && sky->peer_nodes[low] == b ? (ptrdiff_t)sky->peer_pairs[low] : -1;
}

struct sky_motion sky_motion_of(const struct sky_site *s, tai_ns base, double t_s)
{
    struct sky_motion m = {.at = base + (tai_ns)llround(t_s * 1e9)};
    if (s->site.kind == SITE_GROUND) {
        m.known = true;
        if (s->site.trajectory.body != BODY_EARTH) {
            m.teme = sky_far_ground_motion(s, m.at);
            m.ecef = visibility_to_ecef(m.at, &m.teme);
            return m;
        }
        memcpy(m.ecef.r, s->station.ecef, sizeof m.ecef.r);
        return m;
    }
    m.known = ephemeris_state(&s->ephemeris, base, t_s, m.teme.r, m.teme.v);
    if (m.known)
        m.ecef = visibility_to_ecef(m.at, &m.teme);
    return m;
}

size_t sky_margins(const struct sky *sky, const struct sky_pair *p, const struct sky_motion *a,
                   const struct sky_motion *b, struct margin out[SKY_MARGINS_MAX])
{
    const struct link_rules *rules = &sky->rules;
    if (!a->known || !b->known) {
        out[0] = (struct margin){-1.0, 0.0};
        return 1;
    }
    if (p->kind == LINK_FIBRE) {
        out[0] = (struct margin){1.0, 0.0};
        return 1;
    }
    if (sky_pair_is_far(sky, p))
        return sky_far_margins(sky, p, a, b, out);
    if (p->kind == LINK_GROUND) {
        const struct sky_site *site_a = &sky->sites[p->site_a], *site_b = &sky->sites[p->site_b];
        bool a_ground = site_a->site.kind == SITE_GROUND;
        out[0] = visibility_elevation_margin(a_ground ? &site_a->station : &site_b->station,
                                             sky->sin_mask, a_ground ? &b->ecef : &a->ecef);
        if (rules->ground_range_max_km > 0.0)
            out[1] = visibility_range_margin(&a->ecef, &b->ecef, rules->ground_range_max_km);
        return rules->ground_range_max_km > 0.0 ? 2 : 1;
    }
    out[0] = visibility_range_margin(&a->teme, &b->teme, rules->range_max_km);
    out[1] = visibility_graze_margin(&a->teme, &b->teme, rules->graze_min_km);
    size_t count = 2;
    if (p->cross_plane) {
        out[count++] = visibility_latitude_margin(&a->teme, sky->sin_latitude_max);
        out[count++] = visibility_latitude_margin(&b->teme, sky->sin_latitude_max);
    }
    return sky_terminals_limit(sky) ? count + sky_terminal_margins(sky, a, b, out + count) : count;
}

/* Cables lie on the body of both ends. */
static double fibre_km(const struct sky_site *a, const struct sky_site *b)
{
    double km = FIBRE_STRETCH * frames_great_circle_km(&a->station.place, &b->station.place);
    enum body body = a->site.trajectory.body;
    return body == BODY_EARTH ? km : km * body_constants(body)->radius_km / WGS84_RADIUS_KM;
}

double sky_pair_range_km(const struct sky *sky, const struct sky_pair *p,
                         const struct sky_motion *a, const struct sky_motion *b)
{
    if (!a->known || !b->known)
        return -1.0;
    if (p->kind == LINK_FIBRE)
        return fibre_km(&sky->sites[p->site_a], &sky->sites[p->site_b]);
    return visibility_range_km(a->ecef.r, b->ecef.r);
}

err sky_position(const struct sky *sky, uint32_t node, tai_ns t, struct state *out)
{
    ptrdiff_t index = sky_site_index(sky, node);
    if (index < 0)
        return ERR_NOT_FOUND;
    const struct sky_site *s = &sky->sites[index];
    *out = (struct state){.time = t};
    struct sky_motion m = sky_motion_of(s, t, 0.0);
    if (!m.known)
        return ERR_DECAYED;
    sun_position(t, out->sun_teme_km);
    enum body body = s->site.trajectory.body;
    if (s->site.kind == SITE_GROUND && body != BODY_EARTH) {
        struct body_site g = body_site(body, s->station.place.latitude_rad,
                                       s->station.place.longitude_rad,
                                       s->station.place.altitude_km, t);
        double to_sun[3];
        for (int k = 0; k < 3; k++)
            to_sun[k] = out->sun_teme_km[k] - g.r_km[k];
        out->sunlit = vector_dot(g.up, to_sun) > 0.0 ? 1.0 : 0.0;
    } else if (s->site.kind == SITE_GROUND) {
        double gmst = frames_gmst(t), up[3];
        frames_ecef_to_teme(gmst, s->station.ecef, m.teme.r);
        m.teme.v[0] = -EARTH_RATE_RAD_S * m.teme.r[1];
        m.teme.v[1] = EARTH_RATE_RAD_S * m.teme.r[0];
        frames_ecef_to_teme(gmst, s->station.up, up);
        out->sunlit = vector_dot(up, out->sun_teme_km) > 0.0 ? 1.0 : 0.0;
    } else {
        out->sunlit = ephemeris_sun_fraction(body, t, m.teme.r, out->sun_teme_km);
        out->beta_rad = sun_beta_angle(m.teme.r, m.teme.v, out->sun_teme_km);
    }
    memcpy(out->r_teme_km, m.teme.r, sizeof out->r_teme_km);
    memcpy(out->v_teme_km_s, m.teme.v, sizeof out->v_teme_km_s);
    memcpy(out->r_ecef_km, m.ecef.r, sizeof out->r_ecef_km);
    memcpy(out->v_ecef_km_s, m.ecef.v, sizeof out->v_ecef_km_s);
    struct geodetic g = frames_ecef_to_geodetic(m.ecef.r);
    out->latitude_deg = g.latitude_rad / DEGREE_RAD;
    out->longitude_deg = g.longitude_rad / DEGREE_RAD;
    out->altitude_km = g.altitude_km;
    return ERR_OK;
}

bool sky_place(const struct sky *sky, uint32_t node, tai_ns t, double r_ecef_km[3])
{
    ptrdiff_t index = sky_site_index(sky, node);
    if (index < 0)
        return false;
    struct sky_motion m = sky_motion_of(&sky->sites[index], t, 0.0);
    memcpy(r_ecef_km, m.ecef.r, sizeof m.ecef.r);
    return m.known;
}

/* A pair as it would be, also for two nodes that never link (so that range works for all). */
static bool pair_of(const struct sky *sky, uint32_t a, uint32_t b, struct sky_pair *out)
{
    ptrdiff_t x = sky_site_index(sky, a), y = sky_site_index(sky, b);
    if (x < 0 || y < 0)
        return false;
    *out = (struct sky_pair){
        .site_a = (uint32_t)MIN(x, y), .site_b = (uint32_t)MAX(x, y), .kind = LINK_ISL};
    bool ground_a = sky->sites[x].site.kind == SITE_GROUND,
         ground_b = sky->sites[y].site.kind == SITE_GROUND;
    bool one_body = sky->sites[x].site.trajectory.body == sky->sites[y].site.trajectory.body;
    if (ground_a || ground_b) /* no cable between two worlds */
        out->kind = ground_a && ground_b && one_body ? LINK_FIBRE : LINK_GROUND;
    return true;
}

double sky_range_km(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    struct sky_pair p;
    if (!pair_of(sky, a, b, &p))
        return -1.0;
    struct sky_motion ma = sky_motion_of(&sky->sites[p.site_a], t, 0.0);
    struct sky_motion mb = sky_motion_of(&sky->sites[p.site_b], t, 0.0);
    return sky_pair_range_km(sky, &p, &ma, &mb);
}

duration_ns sky_light_time(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    struct sky_pair p;
    double range = sky_range_km(sky, a, b, t);
    if (range < 0.0 || !pair_of(sky, a, b, &p))
        return -1;
    return llround(range / LIGHT_KM_S * (p.kind == LINK_FIBRE ? FIBRE_INDEX : 1.0) * 1e9);
}

bool sky_visible(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    struct sky_pair unmet;
    if (sky->rules.plan)
        return sky_import_stands(sky, a, b, t);
    ptrdiff_t index = sky_pair_index(sky, a, b);
    if (index < 0 && sky_link_kind(sky, a, b) == LINK_NONE)
        return false;
    if (index < 0 && !pair_of(sky, a, b, &unmet))
        return false;
    const struct sky_pair *p = index < 0 ? &unmet : &sky->pairs[index];
    struct sky_motion ma = sky_motion_of(&sky->sites[p->site_a], t, 0.0);
    struct sky_motion mb = sky_motion_of(&sky->sites[p->site_b], t, 0.0);
    struct margin margins[SKY_MARGINS_MAX];
    size_t count = sky_margins(sky, p, &ma, &mb, margins);
    for (size_t k = 0; k < count; k++)
        if (!(margins[k].value > 0.0))
            return false;
    return true;
}

enum link_kind sky_link_kind(const struct sky *sky, uint32_t a, uint32_t b)
{
    ptrdiff_t index = sky_pair_index(sky, a, b);
    if (index >= 0)
        return (enum link_kind)sky->pairs[index].kind;
    ptrdiff_t x = sky_site_index(sky, a), y = sky_site_index(sky, b);
    return x >= 0 && y >= 0 && x != y && sky_pair_is_sparse(sky, (uint32_t)x, (uint32_t)y) ? LINK_ISL : LINK_NONE;
}

uint64_t sky_rate_bps(const struct sky *sky, uint32_t a, uint32_t b)
{
    switch (sky_link_kind(sky, a, b)) {
    case LINK_ISL:
        return sky->rules.isl_rate_bps;
    case LINK_GROUND:
        return sky->rules.ground_rate_bps;
    case LINK_FIBRE:
        return sky->rules.fibre_rate_bps;
    case LINK_NONE:
        break;
    }
    return 0;
}

uint32_t sky_generation(const struct sky *sky)
{
    return sky->generation;
}

const struct site *sky_site_of(const struct sky *sky, uint32_t node)
{
    ptrdiff_t index = sky_site_index(sky, node);
    return index < 0 ? NULL : &sky->sites[index].site;
}

size_t sky_site_count(const struct sky *sky)
{
    return sky->site_count;
}

const struct site *sky_site_at(const struct sky *sky, size_t index)
{
    ASSERT(index < sky->site_count);
    return &sky->sites[index].site;
}

const uint32_t *sky_peers(const struct sky *sky, uint32_t node, size_t *count)
{
    ptrdiff_t index = sky_site_index(sky, node);
    *count = index < 0 ? 0 : sky->sites[index].peer_count;
    return *count ? &sky->peer_nodes[sky->sites[index].peers_at] : NULL;
}
