/*
 * sky_terminal.c - what terminals of satellites can do: look away from the Sun, point within a field of regard, turn fast enough.
 *
 * A satellite flies with its axes along the track, across it, and down. Its terminals look fore, aft, left and right; each may
 * point up to the field of regard off that. The Sun does not matter to who cannot see it behind the Earth. The line of sight turns in those axes by its own turn less that of the axes. Slopes
 * are differences over a few hundredths of a second of two-body flight.
 */
#include <math.h>

#include "orbit/sky_inner.h"
#include "orbit/sun.h"

#define SLOPE_STEP_S 0.02
#define PART_RAD 0.2 /* a part of a cell turns the line of sight by no more, about */

bool sky_terminals_limit(const struct sky *sky)
{
    const struct link_rules *r = &sky->rules;
    return r->sun_exclusion_rad > 0.0 || r->field_of_regard_rad > 0.0 || r->slew_max_rad_s > 0.0;
}

static void cross(const double a[3], const double b[3], double out[3])
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

static struct motion moved(const struct motion *m, double t)
{
    struct motion out;
    double r2 = vector_dot(m->r, m->r), pull = -SGP4_MU_KM3_S2 / (r2 * sqrt(r2));
    for (int k = 0; k < 3; k++) {
        out.r[k] = m->r[k] + t * m->v[k] + 0.5 * t * t * pull * m->r[k];
        out.v[k] = m->v[k] + t * pull * m->r[k];
    }
    return out;
}

/* How well the peer is within the field of regard: cosine to the nearest axis less that of the limit. */
static double regard_value(const struct link_rules *rules, const struct motion *own, const double d[3])
{
    double h[3], t[3];
    cross(own->r, own->v, h);
    cross(h, own->r, t);
    double length = vector_length(d), across = fabs(vector_dot(d, h)) / (length * vector_length(h));
    double along = fabs(vector_dot(d, t)) / (length * vector_length(t));
    return fmax(across, along) - cos(rules->field_of_regard_rad);
}

/* Angular speed of the line of sight in the satellite's axes, rad/s. */
static double slew_rad_s(const struct motion *own, const double d[3], const double v[3])
{
    double h[3], turn[3], d2 = vector_dot(d, d), r2 = vector_dot(own->r, own->r);
    cross(own->r, own->v, h);
    cross(d, v, turn);
    for (int k = 0; k < 3; k++)
        turn[k] = turn[k] / d2 - h[k] / r2;
    double along = vector_dot(turn, d) / d2;
    for (int k = 0; k < 3; k++)
        turn[k] -= along * d[k];
    return vector_length(turn);
}

/* How well the end at `r` that looks along `toward` (cosine to the Sun) is safe from the Sun: off its direction, or in the umbra. */
static double sun_value(const struct link_rules *rules, const double r[3], double toward, const double sun[3])
{
    return fmax(cos(rules->sun_exclusion_rad) - toward, -sun_shadow_margin(SHADOW_CONE_OBLATE, r, sun).umbra);
}

static size_t values(const struct link_rules *rules, const struct motion *a, const struct motion *b, const double sun[3], double out[6])
{
    double d[3], v[3];
    size_t count = 0;
    for (int k = 0; k < 3; k++) {
        d[k] = b->r[k] - a->r[k];
        v[k] = b->v[k] - a->v[k];
    }
    double length = vector_length(d);
    bool apart = length > 1e-6;
    if (rules->sun_exclusion_rad > 0.0) {
        double toward = apart ? vector_dot(d, sun) / (length * vector_length(sun)) : 0.0;
        out[count++] = sun_value(rules, a->r, toward, sun);
        out[count++] = sun_value(rules, b->r, -toward, sun);
    }
    if (rules->field_of_regard_rad > 0.0) {
        out[count++] = apart ? regard_value(rules, a, d) : 0.0;
        out[count++] = apart ? regard_value(rules, b, d) : 0.0;
    }
    if (rules->slew_max_rad_s > 0.0) {
        out[count++] = apart ? rules->slew_max_rad_s - slew_rad_s(a, d, v) : -1.0;
        out[count++] = apart ? rules->slew_max_rad_s - slew_rad_s(b, d, v) : -1.0;
    }
    return count;
}

size_t sky_terminal_margins(const struct sky *sky, const struct sky_motion *a, const struct sky_motion *b, struct margin *out)
{
    double sun[3] = {0}, now[6], before[6], after[6];
    const struct link_rules *rules = &sky->rules;
    if (rules->sun_exclusion_rad > 0.0)
        sun_position(a->at, sun);
    struct motion a0 = moved(&a->teme, -SLOPE_STEP_S), b0 = moved(&b->teme, -SLOPE_STEP_S);
    struct motion a1 = moved(&a->teme, SLOPE_STEP_S), b1 = moved(&b->teme, SLOPE_STEP_S);
    size_t count = values(rules, &a->teme, &b->teme, sun, now);
    values(rules, &a0, &b0, sun, before);
    values(rules, &a1, &b1, sun, after);
    for (size_t k = 0; k < count; k++)
        out[k] = (struct margin){now[k], (after[k] - before[k]) / (2.0 * SLOPE_STEP_S)};
    return count;
}

size_t sky_terminal_parts(const struct sky_motion *a, const struct sky_motion *b, double length_s)
{
    double d[3], v[3], p[3];
    if (!a->known || !b->known)
        return 4;
    for (int k = 0; k < 3; k++) {
        d[k] = b->teme.r[k] - a->teme.r[k];
        v[k] = b->teme.v[k] - a->teme.v[k];
    }
    double speed = vector_length(v), t = speed > 0.0 ? -vector_dot(d, v) / (speed * speed) : 0.0;
    t = fmax(0.0, fmin(length_s, t));
    for (int k = 0; k < 3; k++)
        p[k] = d[k] + t * v[k];
    double turned = speed * length_s / fmax(vector_length(p), 0.01);
    return (size_t)fmax(1.0, fmin(SKY_PARTS_MAX, ceil(turned / PART_RAD)));
}

uint64_t rate_ladder_at(const struct rate_ladder *l, uint64_t range_m, uint64_t most_bps)
{
    for (uint32_t k = 0; k < l->count; k++)
        if (range_m <= l->step[k].range_m)
            return MIN(most_bps, l->step[k].rate_bps);
    return l->count ? MIN(most_bps, l->step[l->count - 1].rate_bps) : most_bps;
}
