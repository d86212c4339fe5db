#include "orbit/sgp4.h"

#include <math.h>

#include "orbit/sgp4_deep.h"

/* WGS72 zonal harmonics (Spacetrack Report 3). */
static const double j2 = 0.001082616, j3 = -0.00000253881, j4 = -0.00000165597;

#define TWO_PI (2.0 * M_PI)
#define J3_OVER_J2 (j3 / j2)

static double xke(void)
{
    const double r = SGP4_EARTH_RADIUS_KM;
    return 60.0 / sqrt(r * r * r / SGP4_MU_KM3_S2);
}

/* Brouwer mean motion from the Kozai mean motion of the element set. */
static void recover_mean_motion(struct sgp4 *s, double kozai_n)
{
    double cos2 = s->cos_i * s->cos_i, beta2 = 1.0 - s->e * s->e;
    double ak = pow(xke() / kozai_n, 2.0 / 3.0);
    double d1 = 0.75 * j2 * (3.0 * cos2 - 1.0) / (sqrt(beta2) * beta2);
    double delta = d1 / (ak * ak);
    double adjusted =
        ak * (1.0 - delta * delta - delta * (1.0 / 3.0 + 134.0 * delta * delta / 81.0));
    s->n = kozai_n / (1.0 + d1 / (adjusted * adjusted));
    s->a = pow(xke() / s->n, 2.0 / 3.0);
}

/* The atmosphere's lower parameter s and (q0 - s)^4 depend on the perigee (Report 3, section 6). */
static void density_parameters(double perigee_km, double *s_radii, double *qs4)
{
    double s_km = 78.0;
    if (perigee_km < 156.0)
        s_km = perigee_km < 98.0 ? 20.0 : perigee_km - 78.0;
    double q = (120.0 - s_km) / SGP4_EARTH_RADIUS_KM;
    *qs4 = q * q * q * q;
    *s_radii = s_km / SGP4_EARTH_RADIUS_KM + 1.0;
}

static void secular_gravity_init(struct sgp4 *s, double p_inverse2)
{
    double c2 = s->cos_i * s->cos_i, c4 = c2 * c2, beta = sqrt(1.0 - s->e * s->e);
    double con42 = 1.0 - 5.0 * c2;
    double k1 = 1.5 * j2 * p_inverse2 * s->n;
    double k2 = 0.5 * k1 * j2 * p_inverse2;
    double k3 = -0.46875 * j4 * p_inverse2 * p_inverse2 * s->n;
    s->m_dot =
        s->n + 0.5 * k1 * beta * s->con41 + 0.0625 * k2 * beta * (13.0 - 78.0 * c2 + 137.0 * c4);
    s->argp_dot = -0.5 * k1 * con42 + 0.0625 * k2 * (7.0 - 114.0 * c2 + 395.0 * c4) +
                  k3 * (3.0 - 36.0 * c2 + 49.0 * c4);
    s->node_dot =
        -k1 * s->cos_i + (0.5 * k2 * (4.0 - 19.0 * c2) + 2.0 * k3 * (3.0 - 7.0 * c2)) * s->cos_i;
    s->node_cf = 3.5 * (1.0 - s->e * s->e) * (-k1 * s->cos_i) * s->cc1;
}

/* Drag coefficients C1..C5, D2..D4 (Report 3, section 6). */
static void drag_init(struct sgp4 *s, double perigee_km)
{
    double s_radii, qs4;
    density_parameters(perigee_km, &s_radii, &qs4);
    double beta2 = 1.0 - s->e * s->e;
    double p = s->a * beta2;
    double xi = 1.0 / (s->a - s_radii);
    double eta = s->a * s->e * xi, eta2 = eta * eta, e_eta = s->e * eta;
    double psi2 = fabs(1.0 - eta2);
    double coef = qs4 * xi * xi * xi * xi;
    double coef1 = coef / pow(psi2, 3.5);
    double c2 = coef1 * s->n *
                (s->a * (1.0 + 1.5 * eta2 + e_eta * (4.0 + eta2)) +
                 0.375 * j2 * xi / psi2 * s->con41 * (8.0 + 3.0 * eta2 * (8.0 + eta2)));
    s->eta = eta;
    s->cc1 = s->bstar * c2;
    double cc3 = s->e > 1.0e-4 ? -2.0 * coef * xi * J3_OVER_J2 * s->n * s->sin_i / s->e : 0.0;
    s->cc4 = 2.0 * s->n * coef1 * s->a * beta2 *
             (eta * (2.0 + 0.5 * eta2) + s->e * (0.5 + 2.0 * eta2) -
              j2 * xi / (s->a * psi2) *
                  (-3.0 * s->con41 * (1.0 - 2.0 * e_eta + eta2 * (1.5 - 0.5 * e_eta)) +
                   0.75 * s->x1mth2 * (2.0 * eta2 - e_eta * (1.0 + eta2)) * cos(2.0 * s->argp)));
    s->cc5 = 2.0 * coef1 * s->a * beta2 * (1.0 + 2.75 * (eta2 + e_eta) + e_eta * eta2);
    s->argp_cf = s->bstar * cc3 * cos(s->argp);
    s->m_cf = s->e > 1.0e-4 ? -(2.0 / 3.0) * coef * s->bstar / e_eta : 0.0;
    double root = 1.0 + eta * cos(s->m);
    s->delta_m = root * root * root;
    s->sin_m = sin(s->m);
    s->t2 = 1.5 * s->cc1;
    secular_gravity_init(s, 1.0 / (p * p));

    double cc1_2 = s->cc1 * s->cc1;
    s->d2 = 4.0 * s->a * xi * cc1_2;
    double k = s->d2 * xi * s->cc1 / 3.0;
    s->d3 = (17.0 * s->a + s_radii) * k;
    s->d4 = 0.5 * k * s->a * xi * (221.0 * s->a + 31.0 * s_radii) * s->cc1;
    s->t3 = s->d2 + 2.0 * cc1_2;
    s->t4 = 0.25 * (3.0 * s->d3 + s->cc1 * (12.0 * s->d2 + 10.0 * cc1_2));
    s->t5 = 0.2 * (3.0 * s->d4 + 12.0 * s->cc1 * s->d3 + 6.0 * s->d2 * s->d2 +
                   15.0 * cc1_2 * (2.0 * s->d2 + cc1_2));
}

/* Coefficients of the long-period terms; the guard keeps i = 180 degrees finite. */
static void long_period_coefficients(double sin_i, double cos_i, double *xl_cf, double *ay_cf)
{
    double divisor = fabs(cos_i + 1.0) > 1.5e-12 ? 1.0 + cos_i : 1.5e-12;
    *xl_cf = -0.25 * J3_OVER_J2 * sin_i * (3.0 + 5.0 * cos_i) / divisor;
    *ay_cf = -0.5 * J3_OVER_J2 * sin_i;
}

err sgp4_init(struct sgp4 *s, const struct elements *e)
{
    TRY(elements_check(e, NULL));
    const double degree = M_PI / 180.0;
    *s = (struct sgp4){
        .epoch = e->epoch,
        .e = e->eccentricity,
        .i = e->inclination_deg * degree,
        .node = e->raan_deg * degree,
        .argp = e->argument_of_perigee_deg * degree,
        .m = e->mean_anomaly_deg * degree,
        .bstar = e->bstar,
    };
    s->sin_i = sin(s->i);
    s->cos_i = cos(s->i);
    recover_mean_motion(s, e->mean_motion_rev_day * TWO_PI / 1440.0);
    double c2 = s->cos_i * s->cos_i;
    s->con41 = 3.0 * c2 - 1.0;
    s->x1mth2 = 1.0 - c2;
    s->x7thm1 = 7.0 * c2 - 1.0;
    long_period_coefficients(s->sin_i, s->cos_i, &s->xl_cf, &s->ay_cf);
    double perigee_km = (s->a * (1.0 - s->e) - 1.0) * SGP4_EARTH_RADIUS_KM;
    drag_init(s, perigee_km);
    s->deep_space = TWO_PI / s->n >= 225.0;
    s->simple = s->deep_space || perigee_km < 220.0;
    if (s->deep_space)
        sgp4_deep_init(s);
    return ERR_OK;
}

struct pair {
    double sin, cos;
};

static struct pair pair_of(double angle)
{
    struct pair p;
    sincos(angle, &p.sin, &p.cos);
    return p;
}

/* Sine and cosine of (angle + delta) for |delta| <= 0.05: Taylor terms to 1e-17, several times
 * cheaper than libm. */
static struct pair pair_turn(struct pair p, double delta)
{
    double d2 = delta * delta;
    double s =
        delta * (1.0 + d2 * (-1.0 / 6 + d2 * (1.0 / 120 + d2 * (-1.0 / 5040 + d2 / 362880))));
    double c1 = d2 * (-0.5 + d2 * (1.0 / 24 + d2 * (-1.0 / 720 + d2 / 40320)));
    return (struct pair){p.sin + (p.sin * c1 + p.cos * s), p.cos + (p.cos * c1 - p.sin * s)};
}

static struct pair pair_turn_any(struct pair p, double delta)
{
    if (fabs(delta) <= 0.05)
        return pair_turn(p, delta);
    return pair_of(atan2(p.sin, p.cos) + delta);
}

/* Kepler's equation in equinoctial form: finds E = u + x with x = axn sin E - ayn cos E (Report 3,
 * section 6). */
static struct pair kepler(double u, double axn, double ayn)
{
    struct pair p = pair_of(u);
    double x = 0.0;
    for (int k = 0; k < 10; k++) {
        double step = (axn * p.sin - ayn * p.cos - x) / (1.0 - p.cos * axn - p.sin * ayn);
        if (!(fabs(step) < 0.95))
            step = step > 0.0 ? 0.95 : -0.95;
        x += step;
        p = fabs(step) <= 0.05 ? pair_turn(p, step) : pair_of(u + x);
        if (fabs(step) < 1e-7) /* quadratic convergence: the rest is below 1e-14 */
            break;
    }
    return p;
}

/* What the short-period stage needs besides the mean elements. */
struct inclination_terms {
    double sin_i, cos_i, con41, x1mth2, x7thm1, xl_cf, ay_cf;
};

/* Long-period and short-period terms, then the state vector (Report 3, section 6). */
static enum sgp4_status state_of(const struct sgp4_mean *mean, double a,
                                 const struct inclination_terms *t, double r_km[3],
                                 double v_km_s[3])
{
    struct pair argp = pair_of(mean->argp);
    double k = 1.0 / (a * (1.0 - mean->e * mean->e));
    double axn = mean->e * argp.cos;
    double ayn = mean->e * argp.sin + k * t->ay_cf;
    double u = mean->m + mean->argp + k * t->xl_cf * axn;
    struct pair big_e = kepler(u, axn, ayn);

    double e_cos = axn * big_e.cos + ayn * big_e.sin;
    double e_sin = axn * big_e.sin - ayn * big_e.cos;
    double el2 = axn * axn + ayn * ayn;
    double pl = a * (1.0 - el2);
    if (!(pl >= 0.0))
        return SGP4_SEMI_LATUS_RECTUM;
    double rl = a * (1.0 - e_cos);
    double sqrt_a = sqrt(a);
    double r_dot_l = sqrt_a * e_sin / rl;
    double rv_dot_l = sqrt(pl) / rl;
    double beta = sqrt(1.0 - el2);
    double w = e_sin / (1.0 + beta);
    struct pair along = {a / rl * (big_e.sin - ayn - axn * w),
                         a / rl * (big_e.cos - axn + ayn * w)};
    double sin_2u = (along.cos + along.cos) * along.sin;
    double cos_2u = 1.0 - 2.0 * along.sin * along.sin;
    double q = 1.0 / pl, k1 = 0.5 * j2 * q, k2 = k1 * q;

    double n = xke() / (a * sqrt_a);
    double r = rl * (1.0 - 1.5 * k2 * beta * t->con41) + 0.5 * k1 * t->x1mth2 * cos_2u;
    double r_dot = r_dot_l - n * k1 * t->x1mth2 * sin_2u / xke();
    double rv_dot = rv_dot_l + n * k1 * (t->x1mth2 * cos_2u + 1.5 * t->con41) / xke();
    double d_i = 1.5 * k2 * t->cos_i * t->sin_i * cos_2u;
    struct pair su = pair_turn_any(along, -0.25 * k2 * t->x7thm1 * sin_2u);
    struct pair node = pair_of(mean->node + 1.5 * k2 * t->cos_i * sin_2u);
    struct pair inc = pair_turn_any((struct pair){t->sin_i, t->cos_i}, d_i);

    double mx = -node.sin * inc.cos, my = node.cos * inc.cos;
    const double ux = mx * su.sin + node.cos * su.cos, vx = mx * su.cos - node.cos * su.sin;
    const double uy = my * su.sin + node.sin * su.cos, vy = my * su.cos - node.sin * su.sin;
    const double uz = inc.sin * su.sin, vz = inc.sin * su.cos;
    const double length = r * SGP4_EARTH_RADIUS_KM, speed = SGP4_EARTH_RADIUS_KM * xke() / 60.0;
    r_km[0] = length * ux;
    r_km[1] = length * uy;
    r_km[2] = length * uz;
    v_km_s[0] = (r_dot * ux + rv_dot * vx) * speed;
    v_km_s[1] = (r_dot * uy + rv_dot * vy) * speed;
    v_km_s[2] = (r_dot * uz + rv_dot * vz) * speed;
    return r < 1.0 ? SGP4_DECAYED : SGP4_OK;
}

/* Secular gravity and drag; returns the shrinking factor of the semi-major axis. */
static double secular_drag(const struct sgp4 *s, double t, struct sgp4_mean *mean, double *e_drop,
                           double *l_gain)
{
    double t2 = t * t;
    double m_plain = s->m + s->m_dot * t;
    *mean = (struct sgp4_mean){
        .e = s->e,
        .i = s->i,
        .n = s->n,
        .m = m_plain,
        .argp = s->argp + s->argp_dot * t,
        .node = s->node + s->node_dot * t + s->node_cf * t2,
    };
    double a_factor = 1.0 - s->cc1 * t;
    *e_drop = s->bstar * s->cc4 * t;
    *l_gain = s->t2 * t2;
    if (s->simple)
        return a_factor;
    struct pair m = pair_of(m_plain);
    double root = 1.0 + s->eta * m.cos;
    double shift = s->argp_cf * t + s->m_cf * (root * root * root - s->delta_m);
    mean->m += shift;
    mean->argp -= shift;
    double t3 = t2 * t, t4 = t3 * t;
    *e_drop += s->bstar * s->cc5 * (pair_turn_any(m, shift).sin - s->sin_m);
    *l_gain += s->t3 * t3 + t4 * (s->t4 + t * s->t5);
    return a_factor - s->d2 * t2 - s->d3 * t3 - s->d4 * t4;
}

static enum sgp4_status deep_state(const struct sgp4 *s, double minutes, struct sgp4_mean *mean,
                                   double a, double r_km[3], double v_km_s[3])
{
    /* The periodic terms near the equator depend on the branch of these angles. */
    double longitude = fmod(mean->m + mean->argp + mean->node, TWO_PI);
    mean->node = fmod(mean->node, TWO_PI);
    mean->argp = fmod(mean->argp, TWO_PI);
    mean->m = fmod(longitude - mean->argp - mean->node, TWO_PI);
    sgp4_deep_periodic(s, minutes, mean);
    if (mean->i < 0.0) {
        mean->i = -mean->i;
        mean->node += M_PI;
        mean->argp -= M_PI;
    }
    if (!(mean->e >= 0.0 && mean->e <= 1.0))
        return SGP4_PERTURBED_ECCENTRICITY;
    struct pair inc = pair_of(mean->i);
    double c2 = inc.cos * inc.cos;
    struct inclination_terms t = {.sin_i = inc.sin,
                                  .cos_i = inc.cos,
                                  .con41 = 3.0 * c2 - 1.0,
                                  .x1mth2 = 1.0 - c2,
                                  .x7thm1 = 7.0 * c2 - 1.0};
    long_period_coefficients(t.sin_i, t.cos_i, &t.xl_cf, &t.ay_cf);
    return state_of(mean, a, &t, r_km, v_km_s);
}

enum sgp4_status sgp4_propagate(const struct sgp4 *s, double minutes, double r_km[3],
                                double v_km_s[3])
{
    for (int k = 0; k < 3; k++)
        r_km[k] = v_km_s[k] = 0.0;
    if (!(fabs(minutes) <= SGP4_MINUTES_MAX))
        return SGP4_OUT_OF_RANGE;
    struct sgp4_mean mean;
    double e_drop, l_gain;
    double a_factor = secular_drag(s, minutes, &mean, &e_drop, &l_gain);
    double a0 = s->a;
    if (s->deep_space) {
        sgp4_deep_secular(s, minutes, &mean);
        if (mean.n <= 0.0)
            return SGP4_MEAN_MOTION;
        a0 = pow(xke() / mean.n, 2.0 / 3.0);
    }
    double a = a0 * a_factor * a_factor;
    mean.e -= e_drop;
    if (!(mean.e < 1.0 && mean.e >= -0.001))
        return SGP4_ECCENTRICITY;
    mean.e = mean.e < 1.0e-6 ? 1.0e-6 : mean.e;
    mean.m += s->n * l_gain;
    if (s->deep_space)
        return deep_state(s, minutes, &mean, a, r_km, v_km_s);
    struct inclination_terms t = {s->sin_i,  s->cos_i, s->con41, s->x1mth2,
                                  s->x7thm1, s->xl_cf, s->ay_cf};
    return state_of(&mean, a, &t, r_km, v_km_s);
}

enum sgp4_status sgp4_at(const struct sgp4 *s, tai_ns t, double r_km[3], double v_km_s[3])
{
    int64_t since_ns;
    if (__builtin_sub_overflow(t, s->epoch, &since_ns))
        since_ns = INT64_MAX;
    return sgp4_propagate(s, (double)since_ns / 6e10, r_km, v_km_s);
}

const char *sgp4_status_text(enum sgp4_status status)
{
    switch (status) {
    case SGP4_OK:
        return "ok";
    case SGP4_ECCENTRICITY:
        return "mean eccentricity outside 0..1";
    case SGP4_MEAN_MOTION:
        return "mean motion is not positive";
    case SGP4_PERTURBED_ECCENTRICITY:
        return "perturbed eccentricity outside 0..1";
    case SGP4_SEMI_LATUS_RECTUM:
        return "semi-latus rectum is negative";
    case SGP4_SUB_ORBITAL:
        return "the elements are sub-orbital";
    case SGP4_DECAYED:
        return "the satellite has decayed";
    case SGP4_OUT_OF_RANGE:
        return "time is more than a century from the epoch";
    }
    return "unknown status";
}
