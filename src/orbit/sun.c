#include "orbit/sun.h"

#include <math.h>

void sun_position_at(double tt_centuries, double r_km[3])
{
    const double t = tt_centuries;
    double mean_longitude = (280.46 + 36000.771285 * t) * DEGREE_RAD;
    double m = fmod((357.528 + 35999.050957 * t) * DEGREE_RAD, 2.0 * M_PI);
    double longitude =
        fmod(mean_longitude, 2.0 * M_PI) + (1.915 * sin(m) + 0.02 * sin(2.0 * m)) * DEGREE_RAD;
    double obliquity = (23.439291 - 0.0130042 * t) * DEGREE_RAD;
    double r =
        (1.000140612 - 0.016708617 * cos(m) - 0.000139589 * cos(2.0 * m)) * ASTRONOMICAL_UNIT_KM;
    r_km[0] = r * cos(longitude);
    r_km[1] = r * cos(obliquity) * sin(longitude);
    r_km[2] = r * sin(obliquity) * sin(longitude);
}

void sun_position(tai_ns t, double r_km[3])
{
    sun_position_at(frames_tt_centuries(t), r_km);
}

/* What the satellite sees: angular radii of both discs and the distance of their centres. */
struct discs {
    double sun, earth, separation;
};

static struct discs discs_of(double radius_km, double stretch, const double r_km[3],
                             const double sun_km[3])
{
    const double r[3] = {r_km[0], r_km[1], r_km[2] * stretch};
    const double d[3] = {sun_km[0] - r[0], sun_km[1] - r[1], sun_km[2] * stretch - r[2]};
    double distance = vector_length(d), radius = vector_length(r);
    double cross[3] = {r[1] * d[2] - r[2] * d[1], r[2] * d[0] - r[0] * d[2],
                       r[0] * d[1] - r[1] * d[0]};
    return (struct discs){
        .sun = asin(fmin(1.0, SUN_RADIUS_KM / distance)),
        .earth = asin(fmin(1.0, radius_km / radius)), /* below the surface: half the sky */
        .separation = atan2(vector_length(cross), -vector_dot(r, d)),
    };
}

static double stretch_of(enum shadow_model model)
{
    return model == SHADOW_CONE_OBLATE ? 1.0 / (1.0 - WGS84_FLATTENING) : 1.0;
}

static double cylinder_margin_km(const double r[3], const double sun_km[3])
{
    double along = vector_dot(r, sun_km) / vector_length(sun_km);
    double length2 = vector_dot(r, r);
    if (along >= 0.0)
        return sqrt(length2);
    return sqrt(fmax(0.0, length2 - along * along)) - WGS84_RADIUS_KM;
}

struct shadow_margin sun_shadow_margin(enum shadow_model model, const double r_km[3],
                                       const double sun_km[3])
{
    if (model == SHADOW_CYLINDER) {
        double margin = cylinder_margin_km(r_km, sun_km);
        return (struct shadow_margin){margin, margin};
    }
    struct discs d = discs_of(WGS84_RADIUS_KM, stretch_of(model), r_km, sun_km);
    return (struct shadow_margin){d.separation - (d.sun + d.earth),
                                  d.separation - (d.earth - d.sun)};
}

/* Hidden part of a disc of radius a behind one of radius b at distance c (Montenbruck & Gill 2000,
 * eq. 3.93). */
static double overlap(double a, double b, double c)
{
    double x = (c * c + a * a - b * b) / (2.0 * c);
    double y = sqrt(fmax(0.0, a * a - x * x));
    double area = a * a * acos(fmax(-1.0, fmin(1.0, x / a))) +
                  b * b * acos(fmax(-1.0, fmin(1.0, (c - x) / b))) - c * y;
    return fmax(0.0, fmin(1.0, area / (M_PI * a * a)));
}

static double fraction_of(const struct discs *d)
{
    if (d->separation >= d->sun + d->earth)
        return 1.0;
    if (d->separation <= d->earth - d->sun)
        return 0.0;
    if (d->separation <= d->sun - d->earth) /* far away: the Earth is a spot on the Sun */
        return 1.0 - d->earth * d->earth / (d->sun * d->sun);
    return 1.0 - overlap(d->sun, d->earth, d->separation);
}

double sun_fraction(enum shadow_model model, const double r_km[3], const double sun_km[3])
{
    if (model == SHADOW_CYLINDER)
        return cylinder_margin_km(r_km, sun_km) < 0.0 ? 0.0 : 1.0;
    struct discs d = discs_of(WGS84_RADIUS_KM, stretch_of(model), r_km, sun_km);
    return fraction_of(&d);
}

double sun_fraction_behind(double radius_km, const double r_km[3], const double sun_km[3])
{
    struct discs d = discs_of(radius_km, 1.0, r_km, sun_km);
    return fraction_of(&d);
}

double sun_beta_angle(const double r_km[3], const double v_km_s[3], const double sun_km[3])
{
    double h[3] = {r_km[1] * v_km_s[2] - r_km[2] * v_km_s[1],
                   r_km[2] * v_km_s[0] - r_km[0] * v_km_s[2],
                   r_km[0] * v_km_s[1] - r_km[1] * v_km_s[0]};
    double length = vector_length(h) * vector_length(sun_km);
    return length > 0.0 ? asin(fmax(-1.0, fmin(1.0, vector_dot(h, sun_km) / length))) : 0.0;
}
