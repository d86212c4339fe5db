#include "orbit/sgp4_deep.h"

#include <math.h>

#include "orbit/frames.h"

#define TWO_PI (2.0 * M_PI)
#define EARTH_RATE_RAD_MIN 4.37526908801129966e-3
#define XKE_DEEP                                                                                   \
    (60.0 /                                                                                        \
     sqrt(SGP4_EARTH_RADIUS_KM * SGP4_EARTH_RADIUS_KM * SGP4_EARTH_RADIUS_KM / SGP4_MU_KM3_S2))

/* Apparent motion and eccentricity of the perturbing bodies (Report 3, section 10). */
static const double sun_rate = 1.19459e-5, sun_eccentricity = 0.01675, sun_strength = 2.9864797e-6;
static const double moon_rate = 1.5835218e-4, moon_eccentricity = 0.05490,
                    moon_strength = 4.7968065e-7;

/* The satellite's orbit at epoch, as the geometry of a third body needs it. */
struct frame {
    double sin_i, cos_i, sin_node, cos_node, sin_argp, cos_argp, e, e2, beta2, n;
};

/* Direction of the third body's orbit relative to the satellite's node. */
struct third_body {
    double cos_g, sin_g, cos_i, sin_i, cos_h, sin_h, strength, rate, eccentricity;
};

struct strengths {
    double s1, s2, s3, s4, s5, s6, s7;
    double z1, z2, z3, z11, z12, z13, z21, z22, z23, z31, z32, z33;
};

/* Report 3, section 10: the X, Z and S quantities. */
static struct strengths strengths_of(const struct frame *f, const struct third_body *b)
{
    double a1 = b->cos_g * b->cos_h + b->sin_g * b->cos_i * b->sin_h;
    double a3 = -b->sin_g * b->cos_h + b->cos_g * b->cos_i * b->sin_h;
    double a7 = -b->cos_g * b->sin_h + b->sin_g * b->cos_i * b->cos_h;
    double a8 = b->sin_g * b->sin_i;
    double a9 = b->sin_g * b->sin_h + b->cos_g * b->cos_i * b->cos_h;
    double a10 = b->cos_g * b->sin_i;
    double a2 = f->cos_i * a7 + f->sin_i * a8;
    double a4 = f->cos_i * a9 + f->sin_i * a10;
    double a5 = -f->sin_i * a7 + f->cos_i * a8;
    double a6 = -f->sin_i * a9 + f->cos_i * a10;

    double x1 = a1 * f->cos_argp + a2 * f->sin_argp;
    double x2 = a3 * f->cos_argp + a4 * f->sin_argp;
    double x3 = -a1 * f->sin_argp + a2 * f->cos_argp;
    double x4 = -a3 * f->sin_argp + a4 * f->cos_argp;
    double x5 = a5 * f->sin_argp, x6 = a6 * f->sin_argp;
    double x7 = a5 * f->cos_argp, x8 = a6 * f->cos_argp;

    struct strengths s;
    s.z31 = 12.0 * x1 * x1 - 3.0 * x3 * x3;
    s.z32 = 24.0 * x1 * x2 - 6.0 * x3 * x4;
    s.z33 = 12.0 * x2 * x2 - 3.0 * x4 * x4;
    double y1 = 3.0 * (a1 * a1 + a2 * a2) + s.z31 * f->e2;
    double y2 = 6.0 * (a1 * a3 + a2 * a4) + s.z32 * f->e2;
    double y3 = 3.0 * (a3 * a3 + a4 * a4) + s.z33 * f->e2;
    s.z11 = -6.0 * a1 * a5 + f->e2 * (-24.0 * x1 * x7 - 6.0 * x3 * x5);
    s.z12 = -6.0 * (a1 * a6 + a3 * a5) +
            f->e2 * (-24.0 * (x2 * x7 + x1 * x8) - 6.0 * (x3 * x6 + x4 * x5));
    s.z13 = -6.0 * a3 * a6 + f->e2 * (-24.0 * x2 * x8 - 6.0 * x4 * x6);
    s.z21 = 6.0 * a2 * a5 + f->e2 * (24.0 * x1 * x5 - 6.0 * x3 * x7);
    s.z22 = 6.0 * (a4 * a5 + a2 * a6) +
            f->e2 * (24.0 * (x2 * x5 + x1 * x6) - 6.0 * (x4 * x7 + x3 * x8));
    s.z23 = 6.0 * a4 * a6 + f->e2 * (24.0 * x2 * x6 - 6.0 * x4 * x8);
    s.z1 = 2.0 * y1 + f->beta2 * s.z31;
    s.z2 = 2.0 * y2 + f->beta2 * s.z32;
    s.z3 = 2.0 * y3 + f->beta2 * s.z33;
    s.s3 = b->strength / f->n;
    s.s2 = -0.5 * s.s3 / sqrt(f->beta2);
    s.s4 = s.s3 * sqrt(f->beta2);
    s.s1 = -15.0 * f->e * s.s4;
    s.s5 = x1 * x3 + x2 * x4;
    s.s6 = x2 * x3 + x1 * x4;
    s.s7 = x2 * x4 - x1 * x3;
    return s;
}

static struct sgp4_body periodic_of(const struct strengths *s, double e2, double body_e,
                                    double longitude)
{
    return (struct sgp4_body){
        .e2 = 2.0 * s->s1 * s->s6,
        .e3 = 2.0 * s->s1 * s->s7,
        .i2 = 2.0 * s->s2 * s->z12,
        .i3 = 2.0 * s->s2 * (s->z13 - s->z11),
        .l2 = -2.0 * s->s3 * s->z2,
        .l3 = -2.0 * s->s3 * (s->z3 - s->z1),
        .l4 = -2.0 * s->s3 * (-21.0 - 9.0 * e2) * body_e,
        .gh2 = 2.0 * s->s4 * s->z32,
        .gh3 = 2.0 * s->s4 * (s->z33 - s->z31),
        .gh4 = -18.0 * s->s4 * body_e,
        .h2 = -2.0 * s->s2 * s->z22,
        .h3 = -2.0 * s->s2 * (s->z23 - s->z21),
        .longitude_at_epoch = longitude,
    };
}

/* Adds a body's secular rates; the node's rate has no meaning near the equator (3 degrees). */
static void secular_add(struct sgp4_deep *d, const struct frame *f, double inclination,
                        const struct strengths *s, double rate)
{
    double node_sin_i = -rate * s->s2 * (s->z21 + s->z23);
    if (inclination < 5.2359877e-2 || inclination > M_PI - 5.2359877e-2)
        node_sin_i = 0.0;
    double node_dot = f->sin_i != 0.0 ? node_sin_i / f->sin_i : node_sin_i;
    d->e_dot += s->s1 * rate * s->s5;
    d->i_dot += s->s2 * rate * (s->z11 + s->z13);
    d->m_dot += -rate * s->s3 * (s->z1 + s->z3 - 14.0 - 6.0 * f->e2);
    d->argp_dot += s->s4 * rate * (s->z31 + s->z33 - 6.0) - f->cos_i * node_dot;
    d->node_dot += node_dot;
}

static void bodies_init(struct sgp4 *s, const struct frame *f)
{
    /* Days since 1900 January 0.5 (JD 2415020.0). The published model carries the epoch as one
     * double, whose 40 us grid is visible in the verification set (satellite 23333: 4e-6 km); so
     * the sum goes through the Julian date. */
    double julian =
        (double)(s->epoch - TAI_MINUS_UTC_S * NS_PER_S) / (double)NS_PER_DAY + 2440587.5;
    double day = julian - 2415020.0;
    double node = fmod(4.5236020 - 9.2422029e-4 * day, TWO_PI);
    double sin_node = sin(node), cos_node = cos(node);
    struct third_body moon = {
        .strength = moon_strength, .rate = moon_rate, .eccentricity = moon_eccentricity};
    moon.cos_i = 0.91375164 - 0.03568096 * cos_node;
    moon.sin_i = sqrt(1.0 - moon.cos_i * moon.cos_i);
    double sin_h = 0.089683511 * sin_node / moon.sin_i;
    double cos_h = sqrt(1.0 - sin_h * sin_h);
    double gamma = 5.8351514 + 0.0019443680 * day;
    double x = 0.39785416 * sin_node / moon.sin_i;
    double y = cos_h * cos_node + 0.91744867 * sin_h * sin_node;
    double g = gamma + atan2(x, y) - node;
    moon.cos_g = cos(g);
    moon.sin_g = sin(g);
    moon.cos_h = cos_h * f->cos_node + sin_h * f->sin_node;
    moon.sin_h = f->sin_node * cos_h - f->cos_node * sin_h;
    struct third_body sun = {
        .cos_g = 0.1945905,
        .sin_g = -0.98088458,
        .cos_i = 0.91744867,
        .sin_i = 0.39785416,
        .cos_h = f->cos_node,
        .sin_h = f->sin_node,
        .strength = sun_strength,
        .rate = sun_rate,
        .eccentricity = sun_eccentricity,
    };
    double moon_longitude = fmod(4.7199672 + 0.22997150 * day - gamma, TWO_PI);
    double sun_longitude = fmod(6.2565837 + 0.017201977 * day, TWO_PI);

    struct strengths by_sun = strengths_of(f, &sun), by_moon = strengths_of(f, &moon);
    s->deep.sun = periodic_of(&by_sun, f->e2, sun.eccentricity, sun_longitude);
    s->deep.moon = periodic_of(&by_moon, f->e2, moon.eccentricity, moon_longitude);
    secular_add(&s->deep, f, s->i, &by_sun, sun.rate);
    secular_add(&s->deep, f, s->i, &by_moon, moon.rate);
}

/* Eccentricity functions of the half-day resonance: cubic fits per range (Report 3, section 10). */
struct eccentricity_functions {
    double g201, g211, g310, g322, g410, g422, g520, g521, g532, g533;
};

static double cubic(double e, double c0, double c1, double c2, double c3)
{
    return c0 + c1 * e + c2 * (e * e) + c3 * (e * (e * e));
}

static struct eccentricity_functions eccentricity_functions_of(double e)
{
    struct eccentricity_functions g;
    g.g201 = -0.306 - (e - 0.64) * 0.440;
    if (e <= 0.65) {
        g.g211 = cubic(e, 3.616, -13.2470, 16.2900, 0.0);
        g.g310 = cubic(e, -19.302, 117.3900, -228.4190, 156.5910);
        g.g322 = cubic(e, -18.9068, 109.7927, -214.6334, 146.5816);
        g.g410 = cubic(e, -41.122, 242.6940, -471.0940, 313.9530);
        g.g422 = cubic(e, -146.407, 841.8800, -1629.014, 1083.4350);
        g.g520 = cubic(e, -532.114, 3017.977, -5740.032, 3708.2760);
    } else {
        g.g211 = cubic(e, -72.099, 331.819, -508.738, 266.724);
        g.g310 = cubic(e, -346.844, 1582.851, -2415.925, 1246.113);
        g.g322 = cubic(e, -342.585, 1554.908, -2366.899, 1215.972);
        g.g410 = cubic(e, -1052.797, 4758.686, -7193.992, 3651.957);
        g.g422 = cubic(e, -3581.690, 16178.110, -24462.770, 12422.520);
        g.g520 = e > 0.715 ? cubic(e, -5149.66, 29936.92, -54087.36, 31324.56)
                           : cubic(e, 1464.74, -4664.75, 3763.64, 0.0);
    }
    if (e < 0.7) {
        g.g533 = cubic(e, -919.22770, 4988.6100, -9064.7700, 5542.21);
        g.g521 = cubic(e, -822.71072, 4568.6173, -8491.4146, 5337.524);
        g.g532 = cubic(e, -853.66600, 4690.2500, -8624.7700, 5341.4);
    } else {
        g.g533 = cubic(e, -37995.780, 161616.52, -229838.20, 109377.94);
        g.g521 = cubic(e, -51752.104, 218913.95, -309468.16, 146349.42);
        g.g532 = cubic(e, -40023.880, 170470.89, -242699.48, 115605.82);
    }
    return g;
}

static void half_day_init(struct sgp4 *s, double a)
{
    struct sgp4_deep *d = &s->deep;
    double c = s->cos_i, c2 = c * c, si = s->sin_i, s2 = si * si;
    double f220 = 0.75 * (1.0 + 2.0 * c + c2);
    double f221 = 1.5 * s2;
    double f321 = 1.875 * si * (1.0 - 2.0 * c - 3.0 * c2);
    double f322 = -1.875 * si * (1.0 + 2.0 * c - 3.0 * c2);
    double f441 = 35.0 * s2 * f220;
    double f442 = 39.3750 * s2 * s2;
    double f522 =
        9.84375 * si * (s2 * (1.0 - 2.0 * c - 5.0 * c2) + 0.33333333 * (-2.0 + 4.0 * c + 6.0 * c2));
    double f523 = si * (4.92187512 * s2 * (-2.0 - 4.0 * c + 10.0 * c2) +
                        6.56250012 * (1.0 + 2.0 * c - 3.0 * c2));
    double f542 = 29.53125 * si * (2.0 - 8.0 * c + c2 * (-12.0 + 8.0 * c + 10.0 * c2));
    double f543 = 29.53125 * si * (-2.0 - 8.0 * c + c2 * (12.0 + 8.0 * c - 10.0 * c2));
    struct eccentricity_functions g = eccentricity_functions_of(s->e);

    double scale = 3.0 * s->n * s->n * a * a;
    double k22 = scale * 1.7891679e-6;
    double k32 = scale * a * 3.7393792e-7;
    double k44 = 2.0 * scale * a * a * 7.3636953e-9;
    double k52 = scale * a * a * a * 1.1428639e-7;
    double k54 = 2.0 * scale * a * a * a * 2.1765803e-9;
    d->d[0] = k22 * f220 * g.g201;
    d->d[1] = k22 * f221 * g.g211;
    d->d[2] = k32 * f321 * g.g310;
    d->d[3] = k32 * f322 * g.g322;
    d->d[4] = k44 * f441 * g.g410;
    d->d[5] = k44 * f442 * g.g422;
    d->d[6] = k52 * f522 * g.g520;
    d->d[7] = k52 * f523 * g.g532;
    d->d[8] = k54 * f542 * g.g521;
    d->d[9] = k54 * f543 * g.g533;
    double theta = fmod(d->gmst_at_epoch, TWO_PI);
    d->lambda = fmod(s->m + s->node + s->node - theta - theta, TWO_PI);
    d->factor = s->m_dot + d->m_dot + 2.0 * (s->node_dot + d->node_dot - EARTH_RATE_RAD_MIN) - s->n;
}

static void one_day_init(struct sgp4 *s, double a)
{
    struct sgp4_deep *d = &s->deep;
    double e2 = s->e * s->e, c1 = 1.0 + s->cos_i;
    double g200 = 1.0 + e2 * (-2.5 + 0.8125 * e2);
    double g310 = 1.0 + 2.0 * e2;
    double g300 = 1.0 + e2 * (-6.0 + 6.60937 * e2);
    double f220 = 0.75 * c1 * c1;
    double f311 = 0.9375 * s->sin_i * s->sin_i * (1.0 + 3.0 * s->cos_i) - 0.75 * c1;
    double f330 = 1.875 * c1 * c1 * c1;
    double scale = 3.0 * s->n * s->n * a * a;
    d->d[0] = scale * a * f311 * g310 * 2.1460748e-6;
    d->d[1] = 2.0 * scale * f220 * g200 * 1.7891679e-6;
    d->d[2] = 3.0 * scale * a * f330 * g300 * 2.2123015e-7;
    double theta = fmod(d->gmst_at_epoch, TWO_PI);
    d->lambda = fmod(s->m + s->node + s->argp - theta, TWO_PI);
    d->factor = s->m_dot + (s->argp_dot + s->node_dot) - EARTH_RATE_RAD_MIN + d->m_dot +
                d->argp_dot + d->node_dot - s->n;
}

void sgp4_deep_init(struct sgp4 *s)
{
    struct frame f = {
        .sin_i = sin(s->i),
        .cos_i = cos(s->i),
        .sin_node = sin(s->node),
        .cos_node = cos(s->node),
        .sin_argp = sin(s->argp),
        .cos_argp = cos(s->argp),
        .e = s->e,
        .e2 = s->e * s->e,
        .beta2 = 1.0 - s->e * s->e,
        .n = s->n,
    };
    s->deep = (struct sgp4_deep){.gmst_at_epoch = frames_gmst(s->epoch)};
    bodies_init(s, &f);
    double a = pow(s->n / XKE_DEEP, 2.0 / 3.0); /* inverse semi-major axis in Earth radii */
    if (s->n > 0.0034906585 && s->n < 0.0052359877) {
        s->deep.resonance = 1;
        one_day_init(s, a);
    } else if (s->n >= 8.26e-3 && s->n <= 9.24e-3 && s->e >= 0.5) {
        s->deep.resonance = 2;
        half_day_init(s, a);
    }
}

struct resonance_rates {
    double n_dot, n_ddot, lambda_dot;
};

static void wave_add(struct resonance_rates *r, double amplitude, double angle, double multiple)
{
    r->n_dot += amplitude * sin(angle);
    r->n_ddot += multiple * amplitude * cos(angle);
}

static struct resonance_rates resonance_rates_of(const struct sgp4 *s, double at, double lambda,
                                                 double n)
{
    const double *d = s->deep.d;
    struct resonance_rates r = {0};
    if (s->deep.resonance == 1) {
        wave_add(&r, d[0], lambda - 0.13130908, 1.0);
        wave_add(&r, d[1], 2.0 * (lambda - 2.8843198), 2.0);
        wave_add(&r, d[2], 3.0 * (lambda - 0.37448087), 3.0);
    } else {
        double w = s->argp + s->argp_dot * at, w2 = w + w, l2 = lambda + lambda;
        wave_add(&r, d[0], w2 + lambda - 5.7686396, 1.0);
        wave_add(&r, d[1], lambda - 5.7686396, 1.0);
        wave_add(&r, d[2], w + lambda - 0.95240898, 1.0);
        wave_add(&r, d[3], -w + lambda - 0.95240898, 1.0);
        wave_add(&r, d[4], w2 + l2 - 1.8014998, 2.0);
        wave_add(&r, d[5], l2 - 1.8014998, 2.0);
        wave_add(&r, d[6], w + lambda - 1.0508330, 1.0);
        wave_add(&r, d[7], -w + lambda - 1.0508330, 1.0);
        wave_add(&r, d[8], w + l2 - 4.4108898, 2.0);
        wave_add(&r, d[9], -w + l2 - 4.4108898, 2.0);
    }
    r.lambda_dot = n + s->deep.factor;
    r.n_ddot *= r.lambda_dot;
    return r;
}

/* Euler-Maclaurin steps of half a day from the epoch to `minutes` (Report 3, section 10). */
static void resonance_integrate(const struct sgp4 *s, double minutes, struct sgp4_mean *mean)
{
    const double step = minutes >= 0.0 ? 720.0 : -720.0, half_step2 = 259200.0;
    double at = 0.0, lambda = s->deep.lambda, n = s->n;
    struct resonance_rates r = resonance_rates_of(s, at, lambda, n);
    while (fabs(minutes - at) >= 720.0) {
        lambda += r.lambda_dot * step + r.n_dot * half_step2;
        n += r.n_dot * step + r.n_ddot * half_step2;
        at += step;
        r = resonance_rates_of(s, at, lambda, n);
    }
    double rest = minutes - at;
    mean->n = n + r.n_dot * rest + r.n_ddot * rest * rest * 0.5;
    double l = lambda + r.lambda_dot * rest + r.n_dot * rest * rest * 0.5;
    double theta = fmod(s->deep.gmst_at_epoch + minutes * EARTH_RATE_RAD_MIN, TWO_PI);
    mean->m = s->deep.resonance == 1 ? l - mean->node - mean->argp + theta
                                     : l - 2.0 * mean->node + 2.0 * theta;
}

void sgp4_deep_secular(const struct sgp4 *s, double minutes, struct sgp4_mean *mean)
{
    const struct sgp4_deep *d = &s->deep;
    mean->e += d->e_dot * minutes;
    mean->i += d->i_dot * minutes;
    mean->argp += d->argp_dot * minutes;
    mean->node += d->node_dot * minutes;
    mean->m += d->m_dot * minutes;
    if (d->resonance)
        resonance_integrate(s, minutes, mean);
}

struct periodic {
    double e, i, l, gh, h;
};

static void periodic_add(struct periodic *p, const struct sgp4_body *b, double rate, double body_e,
                         double minutes)
{
    double zm = b->longitude_at_epoch + rate * minutes;
    double zf = zm + 2.0 * body_e * sin(zm);
    double sin_zf = sin(zf);
    double f2 = 0.5 * sin_zf * sin_zf - 0.25, f3 = -0.5 * sin_zf * cos(zf);
    p->e += b->e2 * f2 + b->e3 * f3;
    p->i += b->i2 * f2 + b->i3 * f3;
    p->l += b->l2 * f2 + b->l3 * f3 + b->l4 * sin_zf;
    p->gh += b->gh2 * f2 + b->gh3 * f3 + b->gh4 * sin_zf;
    p->h += b->h2 * f2 + b->h3 * f3;
}

/* Lyddane's form for inclinations below 0.2 rad, where node and perigee lose their meaning. */
static void periodic_apply_lyddane(const struct periodic *p, struct sgp4_mean *mean)
{
    double sin_i = sin(mean->i), cos_i = cos(mean->i);
    double sin_node = sin(mean->node), cos_node = cos(mean->node);
    double alpha = sin_i * sin_node + p->h * cos_node + p->i * cos_i * sin_node;
    double beta = sin_i * cos_node - p->h * sin_node + p->i * cos_i * cos_node;
    double before = fmod(mean->node, TWO_PI);
    double longitude = mean->m + mean->argp + cos_i * before + p->l + p->gh - p->i * before * sin_i;
    double node = atan2(alpha, beta);
    if (fabs(before - node) > M_PI)
        node += node < before ? TWO_PI : -TWO_PI;
    mean->node = node;
    mean->m += p->l;
    mean->argp = longitude - mean->m - cos_i * node;
}

void sgp4_deep_periodic(const struct sgp4 *s, double minutes, struct sgp4_mean *mean)
{
    struct periodic p = {0};
    periodic_add(&p, &s->deep.sun, sun_rate, sun_eccentricity, minutes);
    periodic_add(&p, &s->deep.moon, moon_rate, moon_eccentricity, minutes);
    mean->i += p.i;
    mean->e += p.e;
    if (mean->i >= 0.2) {
        double node = p.h / sin(mean->i);
        mean->argp += p.gh - cos(mean->i) * node;
        mean->node += node;
        mean->m += p.l;
    } else {
        periodic_apply_lyddane(&p, mean);
    }
}
