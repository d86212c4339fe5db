#include "orbit/ephemeris.h"

#include <math.h>
#include <string.h>

#include "orbit/sun.h"

static bool between(double value, double least, double most)
{
    return value >= least && value <= most; /* false for NaN */
}

static err orbiter_init(struct ephemeris *e, const struct orbiter *o)
{
    if (!between(o->altitude_km, 10.0, 1e6) || !between(o->inclination_deg, 0.0, 180.0) ||
        !between(o->raan_deg, -360.0, 360.0) || !between(o->phase_deg, -360.0, 360.0))
        return ERR_INVALID;
    const struct body_constants *b = body_constants(e->body);
    double a = b->radius_km + o->altitude_km, n = sqrt(b->mu_km3_s2 / (a * a * a));
    double k = 1.5 * b->j2 * (b->radius_km / a) * (b->radius_km / a);
    double c = cos(o->inclination_deg * DEGREE_RAD), s2 = 1.0 - c * c;
    e->orbiter = *o;
    e->radius_km = a;
    e->node_rate = -k * n * c;
    e->u_rate = n * (1.0 + k * (3.0 - 4.0 * s2)); /* mean anomaly and perigee together */
    return ERR_OK;
}

static err formation_check(const struct formation *f)
{
    const double lengths[] = {f->da_m, f->dl_m, f->ex_m, f->ey_m, f->ix_m, f->iy_m};
    for (size_t k = 0; k < COUNT_OF(lengths); k++)
        if (!between(lengths[k], -1e5, 1e5))
            return ERR_INVALID;
    return ERR_OK;
}

err ephemeris_init(struct ephemeris *e, const struct elements *elements,
                   const struct trajectory *trajectory)
{
    *e = (struct ephemeris){.kind = trajectory->kind, .body = trajectory->body};
    if ((unsigned)trajectory->body >= BODY_COUNT)
        return ERR_INVALID;
    switch (trajectory->kind) {
    case TRAJECTORY_ELEMENTS:
        return trajectory->body == BODY_EARTH ? sgp4_init(&e->sgp4, elements) : ERR_INVALID;
    case TRAJECTORY_FORMATION:
        if (trajectory->body != BODY_EARTH)
            return ERR_INVALID;
        TRY(formation_check(&trajectory->formation));
        e->formation = trajectory->formation;
        return sgp4_init(&e->sgp4, elements);
    case TRAJECTORY_ORBITER:
        return orbiter_init(e, &trajectory->orbiter);
    case TRAJECTORY_TABLE:
        e->table = trajectory->table;
        e->segment = trajectory->segment;
        return e->table && e->segment < e->table->segment_count ? ERR_OK : ERR_INVALID;
    }
    return ERR_INVALID;
}

static void orbiter_state(const struct ephemeris *e, tai_ns base, double t_s, double r[3],
                          double v[3])
{
    tai_ns t = base + (tai_ns)llround(t_s * 1e9);
    double dt = (double)(base - e->orbiter.epoch) / 1e9 + t_s;
    double u = e->orbiter.phase_deg * DEGREE_RAD + e->u_rate * dt;
    double node = e->orbiter.raan_deg * DEGREE_RAD + e->node_rate * dt;
    double i = e->orbiter.inclination_deg * DEGREE_RAD;
    double su = sin(u), cu = cos(u), sn = sin(node), cn = cos(node), si = sin(i), ci = cos(i);
    const double p[3] = {cn * cu - sn * su * ci, sn * cu + cn * su * ci, su * si};
    double turn = e->node_rate / e->u_rate; /* the plane turns, too */
    const double q[3] = {-cn * su - sn * cu * ci - turn * p[1],
                         -sn * su + cn * cu * ci + turn * p[0], cu * si};
    struct body_axes axes = body_axes(e->body, t);
    body_state(e->body, t, r, v);
    double speed = e->radius_km * e->u_rate;
    for (int k = 0; k < 3; k++) {
        r[k] += e->radius_km * (p[0] * axes.x[k] + p[1] * axes.y[k] + p[2] * axes.z[k]);
        v[k] += speed * (q[0] * axes.x[k] + q[1] * axes.y[k] + q[2] * axes.z[k]);
    }
}

/* A hostile table (states a nanosecond apart) may interpolate to nothing finite. */
static bool table_state(const struct ephemeris *e, tai_ns t, double r[3], double v[3])
{
    bool known = oem_state(e->table, e->segment, t, r, v);
    for (int k = 0; k < 3 && known; k++)
        known = isfinite(r[k]) && isfinite(v[k]);
    return known;
}

bool ephemeris_state(const struct ephemeris *e, tai_ns base, double t_s, double r_km[3],
                     double v_km_s[3])
{
    if (e->kind == TRAJECTORY_ORBITER) {
        orbiter_state(e, base, t_s, r_km, v_km_s);
        return true;
    }
    if (e->kind == TRAJECTORY_TABLE)
        return table_state(e, base + (tai_ns)llround(t_s * 1e9), r_km, v_km_s);
    int64_t since_ns;
    if (__builtin_sub_overflow(base, e->sgp4.epoch, &since_ns))
        return false;
    double minutes = ((double)since_ns + t_s * 1e9) / 6e10;
    if (e->kind == TRAJECTORY_FORMATION)
        return formation_propagate(&e->sgp4, &e->formation, minutes, r_km, v_km_s) == SGP4_OK;
    return sgp4_propagate(&e->sgp4, minutes, r_km, v_km_s) == SGP4_OK;
}

double ephemeris_sun_fraction(enum body body, tai_ns t, const double r_km[3],
                              const double sun_km[3])
{
    double fraction = sun_fraction(SHADOW_CONE_OBLATE, r_km, sun_km);
    if (body == BODY_EARTH)
        return fraction;
    double centre[3], r[3], sun[3];
    body_position(body, t, centre);
    for (int k = 0; k < 3; k++) {
        r[k] = r_km[k] - centre[k];
        sun[k] = sun_km[k] - centre[k];
    }
    return fmin(fraction, sun_fraction_behind(body_constants(body)->radius_km, r, sun));
}
