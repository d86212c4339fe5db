#include "orbit/sky_floor.h"

#include <math.h>
#include <string.h>

#include "orbit/sky_inner.h"

#define FIBRE_INDEX 1.468
/* Gravity at the lowest radius that the elements allow; the 2 % cover the oblate Earth, Sun, Moon and drag. */
#define GRAVITY_SLACK 1.02
#define RADIUS_SLACK 0.99
/* What SGP4's periodic terms may add to a parabola within a step, and rounding. */
#define POSITION_SLACK_KM 0.05

/* Of Moon and Mars relative to the Earth, km/s^2: at most the Sun's pull on both. */
#define BODY_ACCELERATION 2e-5

struct sample_of_site {
    bool wanted, in_b, known;
    double r[3], v[3];
};

struct floor_search {
    const struct sky *sky;
    struct sample_of_site *samples; /* by site index */
    double least_km;
    double least_fibre_ns;
};

double sky_site_acceleration(const struct sky_site *s)
{
    if (s->site.kind == SITE_SATELLITE && s->ephemeris.kind == TRAJECTORY_ORBITER) /* its speed is constant */
        return GRAVITY_SLACK * s->ephemeris.u_rate * s->ephemeris.u_rate * s->ephemeris.radius_km + BODY_ACCELERATION;
    if (s->site.kind == SITE_SATELLITE && s->ephemeris.kind == TRAJECTORY_TABLE) /* it may fly anywhere above the air */
        return GRAVITY_SLACK * SGP4_MU_KM3_S2 / (SGP4_EARTH_RADIUS_KM * SGP4_EARTH_RADIUS_KM);
    if (s->site.kind == SITE_GROUND && s->site.trajectory.body != BODY_EARTH)
        return EARTH_RATE_RAD_S * EARTH_RATE_RAD_S * 6500.0 + BODY_ACCELERATION;
    if (s->site.kind == SITE_GROUND)
        return EARTH_RATE_RAD_S * EARTH_RATE_RAD_S * 6500.0;
    double radius = elements_semi_major_axis_km(&s->site.elements) * (1.0 - s->site.elements.eccentricity) * RADIUS_SLACK;
    if (s->ephemeris.kind == TRAJECTORY_TABLE || !(radius > SGP4_EARTH_RADIUS_KM * RADIUS_SLACK)) /* whatever the table says */
        radius = SGP4_EARTH_RADIUS_KM * RADIUS_SLACK;
    return GRAVITY_SLACK * SGP4_MU_KM3_S2 / (radius * radius);
}

static void sample_fill(const struct sky_site *s, tai_ns t, double gmst, struct sample_of_site *out)
{
    if (s->site.kind == SITE_GROUND && s->site.trajectory.body == BODY_EARTH) {
        frames_ecef_to_teme(gmst, s->station.ecef, out->r);
        out->v[0] = -EARTH_RATE_RAD_S * out->r[1];
        out->v[1] = EARTH_RATE_RAD_S * out->r[0];
        out->v[2] = 0.0;
        out->known = true;
        return;
    }
    struct sky_motion m = sky_motion_of(s, t, 0.0);
    out->known = m.known;
    memcpy(out->r, m.teme.r, sizeof out->r);
    memcpy(out->v, m.teme.v, sizeof out->v);
}

/* Least distance within `h` seconds of the sample if both flew straight. */
static double straight_least_km(const struct sample_of_site *a, const struct sample_of_site *b, double h)
{
    double d[3], v[3], p[3];
    for (int k = 0; k < 3; k++) {
        d[k] = b->r[k] - a->r[k];
        v[k] = b->v[k] - a->v[k];
    }
    double v2 = vector_dot(v, v);
    double t = v2 > 0.0 ? fmax(-h, fmin(h, -vector_dot(d, v) / v2)) : 0.0;
    for (int k = 0; k < 3; k++)
        p[k] = d[k] + t * v[k];
    return vector_length(p);
}

static void pair_search(struct floor_search *f, const struct sky_pair *p, double h)
{
    const struct sky *sky = f->sky;
    const struct sample_of_site *x = &f->samples[p->site_a], *y = &f->samples[p->site_b];
    if (!x->known || !y->known)
        return;
    if (p->kind == LINK_FIBRE) {
        const struct sky_motion known = {.known = true};
        double km = sky_pair_range_km(sky, p, &known, &known);
        f->least_fibre_ns = fmin(f->least_fibre_ns, km * FIBRE_INDEX / LIGHT_KM_S * 1e9);
        return;
    }
    double bend = sky_site_acceleration(&sky->sites[p->site_a]) + sky_site_acceleration(&sky->sites[p->site_b]);
    f->least_km = fmin(f->least_km, fmax(0.0, straight_least_km(x, y, h) - 0.5 * bend * h * h - POSITION_SLACK_KM));
}

/* All candidate pairs of one site of `a`; of a large mesh also those that have not met yet. */
static void site_search(struct floor_search *f, uint32_t index, double h)
{
    const struct sky *sky = f->sky;
    const struct sky_site *site = &sky->sites[index];
    for (uint32_t k = 0; k < site->peer_count; k++) {
        const struct sky_pair *p = &sky->pairs[sky->peer_pairs[site->peers_at + k]];
        if (f->samples[p->site_a == index ? p->site_b : p->site_a].in_b)
            pair_search(f, p, h);
    }
    for (uint32_t other = 0; sky->sparse && other < sky->site_count; other++)
        if (f->samples[other].in_b && sky_pair_is_sparse(sky, index, other))
            pair_search(f, &(struct sky_pair){.site_a = index, .site_b = other, .kind = LINK_ISL}, h);
}

static void search_at(struct floor_search *f, const uint32_t *a, size_t a_count, tai_ns t, double h)
{
    const struct sky *sky = f->sky;
    double gmst = frames_gmst(t);
    for (size_t k = 0; k < sky->site_count; k++)
        if (f->samples[k].wanted)
            sample_fill(&sky->sites[k], t, gmst, &f->samples[k]);
    for (size_t k = 0; k < a_count; k++) {
        ptrdiff_t index = sky_site_index(sky, a[k]);
        if (index >= 0)
            site_search(f, (uint32_t)index, h);
    }
}

duration_ns sky_light_time_floor(const struct sky *sky, const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count,
                                 tai_ns from, tai_ns until)
{
    ASSERT(from <= until);
    struct floor_search f = {.sky = sky, .least_km = HUGE_VAL, .least_fibre_ns = HUGE_VAL};
    f.samples = sky_alloc(sky, (sky->site_count + 1) * sizeof *f.samples);
    if (!f.samples)
        return 0;
    for (size_t k = 0; k < a_count + b_count; k++) {
        ptrdiff_t index = sky_site_index(sky, k < a_count ? a[k] : b[k - a_count]);
        if (index < 0)
            continue;
        f.samples[index].wanted = true;
        f.samples[index].in_b |= k >= a_count;
    }
    /* Every sample answers for a whole step on both sides: an instant next to a satellite's end has a known neighbour. */
    const tai_ns step = (tai_ns)(SKY_FLOOR_STEP_S * 1e9);
    for (tai_ns t = from;; t += step) {
        search_at(&f, a, a_count, MIN(t, until), SKY_FLOOR_STEP_S);
        if (t >= until)
            break;
    }
    sky_release(sky, f.samples);
    double least_ns = fmin(f.least_km / LIGHT_KM_S * 1e9, f.least_fibre_ns);
    return isinf(least_ns) ? TIME_NEVER : (duration_ns)floor(least_ns);
}
