#include "orbit/body.h"

#include <math.h>
#include <string.h>

#include "orbit/sun.h"

#define TWO_PI (2.0 * M_PI)
#define ARCSECOND_RAD (DEGREE_RAD / 3600.0)
#define MOON_SHARE (1.0 / 82.30057) /* of the Moon in the mass of Earth and Moon */

/* Radii, gravity and J2: IAU WGCCRE 2009; GM of DE421; J2 of GRGM1200A and MRO120D. */
static const struct body_constants constants[BODY_COUNT] = {
    [BODY_EARTH] = {"earth", WGS84_RADIUS_KM, 80.0, 398600.4418, 1.08262668e-3},
    [BODY_MOON] = {"moon", 1737.4, 10.0, 4902.80008, 2.0330e-4},
    [BODY_MARS] = {"mars", 3396.19, 80.0, 42828.37521, 1.96045e-3},
};

const struct body_constants *body_constants(enum body b)
{
    ASSERT((unsigned)b < BODY_COUNT);
    return &constants[b];
}

err body_parse(const char *name, enum body *out)
{
    for (int k = 0; k < BODY_COUNT; k++)
        if (strcmp(name, constants[k].name) == 0) {
            *out = (enum body)k;
            return ERR_OK;
        }
    return ERR_NOT_FOUND;
}

static double turn(double angle_rad)
{
    return fmod(angle_rad, TWO_PI);
}

/* Ecliptic of date to mean equator of date. */
static void ecliptic_to_equator(double obliquity, double r[3])
{
    double s = sin(obliquity), c = cos(obliquity), y = r[1], z = r[2];
    r[1] = c * y - s * z;
    r[2] = s * y + c * z;
}

static double obliquity_of_date(double t)
{
    return (23.43929111 - 0.0130042 * t) * DEGREE_RAD;
}

/* Montenbruck & Gill 2000, eq. 3.47: Delaunay's arguments. */
struct delaunay {
    double mean_longitude, l, ls, f, d;
};

static struct delaunay delaunay_of(double t)
{
    return (struct delaunay){
        .mean_longitude = turn((218.31617 + 481267.88088 * t) * DEGREE_RAD),
        .l = turn((134.96292 + 477198.86753 * t) * DEGREE_RAD),
        .ls = turn((357.52543 + 35999.04944 * t) * DEGREE_RAD),
        .f = turn((93.27283 + 483202.01873 * t) * DEGREE_RAD),
        .d = turn((297.85027 + 445267.11135 * t) * DEGREE_RAD),
    };
}

/* One term: amplitude and the multiples of l, l', F, D. */
struct term {
    double amplitude;
    int8_t l, ls, f, d;
};

static const struct term longitude_terms[] = {
    /* arc seconds, sine: eq. 3.48 */
    {22640, 1, 0, 0, 0}, {769, 2, 0, 0, 0},   {-4586, 1, 0, 0, -2}, {2370, 0, 0, 0, 2},
    {-668, 0, 1, 0, 0},  {-412, 0, 0, 2, 0},  {-212, 2, 0, 0, -2},  {-206, 1, 1, 0, -2},
    {192, 1, 0, 0, 2},   {-165, 0, 1, 0, -2}, {148, 1, -1, 0, 0},   {-125, 0, 0, 0, 1},
    {-110, 1, 1, 0, 0},  {-55, 0, 0, 2, -2},
};
static const struct term latitude_terms[] = {
    /* arc seconds, sine: eq. 3.49, behind the main term */
    {-526, 0, 0, 1, -2}, {44, 1, 0, 1, -2}, {-31, -1, 0, 1, -2}, {-25, -2, 0, 1, 0},
    {-23, 0, 1, 1, -2},  {21, -1, 0, 1, 0}, {11, 0, -1, 1, -2},
};
static const struct term distance_terms[] = {
    /* kilometres, cosine: eq. 3.50 */
    {-20905, 1, 0, 0, 0}, {-3699, -1, 0, 0, 2}, {-2956, 0, 0, 0, 2}, {-570, 2, 0, 0, 0},
    {246, 2, 0, 0, -2},   {-205, 0, 1, 0, -2},  {-171, 1, 0, 0, 2},  {-152, 1, 1, 0, -2},
};

static double series(const struct term *terms, size_t count, const struct delaunay *a, double shift)
{
    double sum = 0.0;
    for (size_t k = 0; k < count; k++)
        sum += terms[k].amplitude * sin(terms[k].l * a->l + terms[k].ls * a->ls +
                                        terms[k].f * a->f + terms[k].d * a->d + shift);
    return sum;
}

static void moon_position(double t, double r_km[3])
{
    struct delaunay a = delaunay_of(t);
    double wave = series(longitude_terms, COUNT_OF(longitude_terms), &a, 0.0);
    double longitude = a.mean_longitude + wave * ARCSECOND_RAD;
    double main_argument =
        a.f + (wave + 412.0 * sin(2.0 * a.f) + 541.0 * sin(a.ls)) * ARCSECOND_RAD;
    double latitude =
        (18520.0 * sin(main_argument) + series(latitude_terms, COUNT_OF(latitude_terms), &a, 0.0)) *
        ARCSECOND_RAD;
    double distance = 385000.0 + series(distance_terms, COUNT_OF(distance_terms), &a, M_PI / 2.0);
    r_km[0] = distance * cos(latitude) * cos(longitude);
    r_km[1] = distance * cos(latitude) * sin(longitude);
    r_km[2] = distance * sin(latitude);
    ecliptic_to_equator(obliquity_of_date(t), r_km);
}

/* Standish: a [au], e, then degrees: inclination, mean longitude, longitude of perihelion, node;
 * each with its rate per century. */
struct planet {
    double a[2], e[2], i[2], l[2], perihelion[2], node[2];
};
static const struct planet earth_moon = {
    .a = {1.00000261, 0.00000562},
    .e = {0.01671123, -0.00004392},
    .i = {-0.00001531, -0.01294668},
    .l = {100.46457166, 35999.37244981},
    .perihelion = {102.93768193, 0.32327364},
    .node = {0.0, 0.0},
};
static const struct planet mars = {
    .a = {1.52371034, 0.00001847},
    .e = {0.09339410, 0.00007882},
    .i = {1.84969142, -0.00813131},
    .l = {-4.55343205, 19140.30268499},
    .perihelion = {-23.94362959, 0.44441088},
    .node = {49.55953891, -0.29257343},
};

static double at(const double value[2], double t)
{
    return value[0] + value[1] * t;
}

/* Heliocentric, ecliptic and equinox of J2000. */
static void planet_position(const struct planet *p, double t, double r_km[3])
{
    double e = at(p->e, t), i = at(p->i, t) * DEGREE_RAD, node = at(p->node, t) * DEGREE_RAD;
    double argp = (at(p->perihelion, t) - at(p->node, t)) * DEGREE_RAD;
    double m = turn((at(p->l, t) - at(p->perihelion, t)) * DEGREE_RAD), big_e = m;
    for (int k = 0; k < 12; k++) /* e < 0.1: converges by a factor of ten and more a round */
        big_e = m + e * sin(big_e);
    double a = at(p->a, t) * ASTRONOMICAL_UNIT_KM;
    double x = a * (cos(big_e) - e), y = a * sqrt(1.0 - e * e) * sin(big_e);
    double along = cos(argp) * x - sin(argp) * y, across = sin(argp) * x + cos(argp) * y;
    r_km[0] = cos(node) * along - sin(node) * cos(i) * across;
    r_km[1] = sin(node) * along + cos(node) * cos(i) * across;
    r_km[2] = sin(i) * across;
}

static void mars_position(double t, double r_km[3])
{
    double earth[3], moon[3];
    planet_position(&mars, t, r_km);
    planet_position(&earth_moon, t, earth);
    moon_position(t, moon);
    for (int k = 0; k < 3; k++)
        r_km[k] -= earth[k];
    ecliptic_to_equator(obliquity_of_date(0.0), r_km);
    frames_precess(t, r_km);
    for (int k = 0; k < 3; k++) /* the Earth is opposite the Moon from their common centre */
        r_km[k] += moon[k] * MOON_SHARE;
}

static void position_at(enum body b, double centuries, double r_km[3])
{
    switch (b) {
    case BODY_MOON:
        moon_position(centuries, r_km);
        return;
    case BODY_MARS:
        mars_position(centuries, r_km);
        return;
    case BODY_EARTH:
        break;
    }
    r_km[0] = r_km[1] = r_km[2] = 0.0;
}

void body_position(enum body b, tai_ns t, double r_km[3])
{
    position_at(b, frames_tt_centuries(t), r_km);
}

void body_state(enum body b, tai_ns t, double r_km[3], double v_km_s[3])
{
    /* Central difference over two minutes: the third derivative leaves 1e-9 km/s. */
    const double step_s = 60.0, step = step_s / (86400.0 * 36525.0);
    double centuries = frames_tt_centuries(t), before[3], after[3];
    position_at(b, centuries, r_km);
    position_at(b, centuries - step, before);
    position_at(b, centuries + step, after);
    for (int k = 0; k < 3; k++)
        v_km_s[k] = (after[k] - before[k]) / (2.0 * step_s);
}

/* IAU WGCCRE 2009: pole and prime meridian, degrees in J2000 (ICRF). */
struct orientation {
    double alpha, delta, w, w_rate_deg_day;
};

static struct orientation moon_orientation(double t)
{
    double d = t * 36525.0;
    double e1 = (125.045 - 0.0529921 * d) * DEGREE_RAD, e2 = (250.089 - 0.1059842 * d) * DEGREE_RAD;
    double e3 = (260.008 + 13.0120009 * d) * DEGREE_RAD;
    double e4 = (176.625 + 13.3407154 * d) * DEGREE_RAD;
    double e5 = (357.529 + 0.9856003 * d) * DEGREE_RAD;
    return (struct orientation){
        .alpha = 269.9949 + 0.0031 * t - 3.8787 * sin(e1) - 0.1204 * sin(e2) + 0.0700 * sin(e3) -
                 0.0172 * sin(e4),
        .delta = 66.5392 + 0.0130 * t + 1.5419 * cos(e1) + 0.0239 * cos(e2) - 0.0278 * cos(e3) +
                 0.0068 * cos(e4),
        .w = 38.3213 + 13.17635815 * d - 1.4e-12 * d * d + 3.5610 * sin(e1) + 0.1208 * sin(e2) -
             0.0642 * sin(e3) + 0.0158 * sin(e4) + 0.0252 * sin(e5),
        .w_rate_deg_day = 13.17635815,
    };
}

static struct orientation mars_orientation(double t)
{
    return (struct orientation){
        .alpha = 317.68143 - 0.1061 * t,
        .delta = 52.88650 - 0.0609 * t,
        .w = 176.630 + 350.89198226 * t * 36525.0,
        .w_rate_deg_day = 350.89198226,
    };
}

static void cross(const double a[3], const double b[3], double out[3])
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

struct body_axes body_axes(enum body b, tai_ns t)
{
    if (b == BODY_EARTH)
        return (struct body_axes){.x = {1, 0, 0},
                                  .y = {0, 1, 0},
                                  .z = {0, 0, 1},
                                  .meridian_rad = frames_gmst(t),
                                  .rate_rad_s = EARTH_RATE_RAD_S};
    double centuries = frames_tt_centuries(t);
    struct orientation o =
        b == BODY_MOON ? moon_orientation(centuries) : mars_orientation(centuries);
    double alpha = o.alpha * DEGREE_RAD, delta = o.delta * DEGREE_RAD;
    struct body_axes axes = {
        .x = {-sin(alpha), cos(alpha), 0.0},
        .z = {cos(delta) * cos(alpha), cos(delta) * sin(alpha), sin(delta)},
        .meridian_rad = turn(o.w * DEGREE_RAD),
        .rate_rad_s = o.w_rate_deg_day * DEGREE_RAD / 86400.0,
    };
    frames_precess(centuries, axes.x);
    frames_precess(centuries, axes.z);
    cross(axes.z, axes.x, axes.y);
    return axes;
}

/* The Earth keeps the path of frames.h, so that ground stations are the same to the last bit. */
static struct body_site earth_site(double latitude_rad, double longitude_rad, double altitude_km,
                                   tai_ns t)
{
    struct geodetic place = {latitude_rad, longitude_rad, altitude_km};
    double gmst = frames_gmst(t), ecef[3], up[3];
    struct body_site s;
    frames_geodetic_to_ecef(&place, ecef);
    frames_up(&place, up);
    frames_ecef_to_teme(gmst, ecef, s.r_km);
    frames_ecef_to_teme(gmst, up, s.up);
    const double spin[3] = {0.0, 0.0, EARTH_RATE_RAD_S};
    cross(spin, s.r_km, s.v_km_s);
    cross(spin, s.up, s.up_rate);
    return s;
}

struct body_site body_site(enum body b, double latitude_rad, double longitude_rad,
                           double altitude_km, tai_ns t)
{
    if (b == BODY_EARTH)
        return earth_site(latitude_rad, longitude_rad, altitude_km, t);
    struct body_axes axes = body_axes(b, t);
    double angle = axes.meridian_rad + longitude_rad;
    double radius = body_constants(b)->radius_km + altitude_km, v[3], spin[3];
    struct body_site s;
    body_state(b, t, s.r_km, s.v_km_s);
    for (int k = 0; k < 3; k++) {
        s.up[k] = cos(latitude_rad) * (cos(angle) * axes.x[k] + sin(angle) * axes.y[k]) +
                  sin(latitude_rad) * axes.z[k];
        s.r_km[k] += radius * s.up[k];
        spin[k] = axes.rate_rad_s * axes.z[k];
    }
    cross(spin, s.up, s.up_rate);
    for (int k = 0; k < 3; k++) {
        v[k] = radius * s.up_rate[k];
        s.v_km_s[k] += v[k];
    }
    return s;
}
