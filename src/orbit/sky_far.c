/* sky_far.c - sites of other bodies: stations on Moon and Mars, and links that leave the Earth. */
#include "orbit/sky_inner.h"

#include <math.h>

bool sky_pair_is_far(const struct sky *sky, const struct sky_pair *p)
{
    return sky->sites[p->site_a].site.trajectory.body != BODY_EARTH ||
           sky->sites[p->site_b].site.trajectory.body != BODY_EARTH;
}

static struct body_site ground_at(const struct site *s, tai_ns t)
{
    return body_site(s->trajectory.body, s->latitude_deg * DEGREE_RAD,
                     s->longitude_deg * DEGREE_RAD, s->altitude_m / 1000.0, t);
}

struct motion sky_far_ground_motion(const struct sky_site *s, tai_ns t)
{
    struct body_site ground = ground_at(&s->site, t);
    struct motion m;
    for (int k = 0; k < 3; k++) {
        m.r[k] = ground.r_km[k];
        m.v[k] = ground.v_km_s[k];
    }
    return m;
}

/* Elevation above the mask of `sin_mask`, as in visibility.h, with up turning in TEME. */
static struct margin elevation_margin(const struct body_site *g, double sin_mask,
                                      const struct motion *m)
{
    double d[3], v[3];
    for (int k = 0; k < 3; k++) {
        d[k] = m->r[k] - g->r_km[k];
        v[k] = m->v[k] - g->v_km_s[k];
    }
    double range = vector_length(d);
    double rate = range > 0.0 ? vector_dot(d, v) / range : 0.0;
    return (struct margin){vector_dot(g->up, d) - sin_mask * range,
                           vector_dot(g->up_rate, d) + vector_dot(g->up, v) - sin_mask * rate};
}

/* The ray clears a body: the Earth by the rules' height, others by their limb. */
static struct margin clear_of(const struct sky *sky, enum body b, const struct motion *from,
                              const struct motion *to, tai_ns t)
{
    if (b == BODY_EARTH)
        return visibility_graze_margin(from, to, sky->rules.graze_min_km);
    const struct body_constants *c = body_constants(b);
    double centre[3], speed[3];
    struct motion x = *from, y = *to;
    body_state(b, t, centre, speed);
    for (int k = 0; k < 3; k++) {
        x.r[k] -= centre[k];
        y.r[k] -= centre[k];
        x.v[k] -= speed[k];
        y.v[k] -= speed[k];
    }
    /* visibility_graze_margin counts from the Earth's radius. */
    return visibility_graze_margin(&x, &y, c->radius_km + c->limb_km - WGS84_RADIUS_KM);
}

static size_t ground_margins(const struct sky *sky, const struct site *ground,
                             const struct site *satellite, const struct motion *m, tai_ns t,
                             struct margin out[SKY_MARGINS_MAX])
{
    struct body_site g = ground_at(ground, t);
    struct motion at;
    for (int k = 0; k < 3; k++) {
        at.r[k] = g.r_km[k];
        at.v[k] = g.v_km_s[k];
    }
    out[0] = elevation_margin(&g, sky->sin_mask, m);
    if (satellite->trajectory.body == ground->trajectory.body)
        return 1;
    out[1] = clear_of(sky, satellite->trajectory.body, &at, m, t);
    return 2;
}

size_t sky_far_margins(const struct sky *sky, const struct sky_pair *p, const struct sky_motion *a,
                       const struct sky_motion *b, struct margin out[SKY_MARGINS_MAX])
{
    const struct site *x = &sky->sites[p->site_a].site, *y = &sky->sites[p->site_b].site;
    if (x->kind == SITE_GROUND)
        return ground_margins(sky, x, y, &b->teme, a->at, out);
    if (y->kind == SITE_GROUND)
        return ground_margins(sky, y, x, &a->teme, a->at, out);
    out[0] = visibility_range_margin(&a->teme, &b->teme, sky->rules.range_max_km);
    out[1] = clear_of(sky, x->trajectory.body, &a->teme, &b->teme, a->at);
    if (x->trajectory.body == y->trajectory.body)
        return 2;
    out[2] = clear_of(sky, y->trajectory.body, &a->teme, &b->teme, a->at);
    return 3;
}

/* Nobody on elements about the Earth is half a light second from another. */
static bool may_be_far(const struct site *x, const struct site *y)
{
    bool tables = (x->kind == SITE_SATELLITE && x->trajectory.kind == TRAJECTORY_TABLE) ||
                  (y->kind == SITE_SATELLITE && y->trajectory.kind == TRAJECTORY_TABLE);
    return x->trajectory.body != y->trajectory.body || tables;
}

duration_ns sky_far_light(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    ptrdiff_t x = sky_site_index(sky, a), y = sky_site_index(sky, b);
    if (x < 0 || y < 0 || x == y || !may_be_far(&sky->sites[x].site, &sky->sites[y].site))
        return 0;
    duration_ns light = sky_light_time(sky, a, b, t);
    return light > NS_PER_S / 2 ? light / NS_PER_MS * NS_PER_MS : 0;
}
