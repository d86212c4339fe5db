#include "orbit/frames.h"

#include <math.h>

#define J2000_UNIX_S 946728000LL /* 2000-01-01T12:00:00 UTC by the constant offset of base/time.h  \
                                  */

double vector_length(const double a[3])
{
    return sqrt(vector_dot(a, a));
}

double frames_gmst(tai_ns t)
{
    /* Aoki et al. 1982: seconds of sidereal time; split so that 1e-11 rad survives. */
    const int64_t utc = t - TAI_MINUS_UTC_S * NS_PER_S;
    int64_t of_day = utc % NS_PER_DAY;
    if (of_day < 0)
        of_day += NS_PER_DAY;
    double c = (double)(utc - J2000_UNIX_S * NS_PER_S) / ((double)NS_PER_DAY * 36525.0);
    double seconds = 24110.54841 - 43200.0 + (8640184.812866 + (0.093104 - 6.2e-6 * c) * c) * c +
                     ((double)of_day / 1e9 + 43200.0);
    double angle = fmod(seconds * (2.0 * M_PI / 86400.0), 2.0 * M_PI);
    return angle < 0.0 ? angle + 2.0 * M_PI : angle;
}

double frames_tt_centuries(tai_ns t)
{
    /* TT = TAI + 32.184 s; J2000.0 is 946728000 s after the Unix epoch counted in TT. */
    double days = ((double)(t - J2000_UNIX_S * NS_PER_S) / 1e9 + 32.184) / 86400.0;
    return days / 36525.0;
}

void frames_teme_to_ecef(double gmst_rad, const double teme[3], double ecef[3])
{
    double s, c;
    sincos(gmst_rad, &s, &c);
    double x = c * teme[0] + s * teme[1], y = c * teme[1] - s * teme[0];
    ecef[0] = x;
    ecef[1] = y;
    ecef[2] = teme[2];
}

void frames_ecef_to_teme(double gmst_rad, const double ecef[3], double teme[3])
{
    frames_teme_to_ecef(-gmst_rad, ecef, teme);
}

static void turn(double angle, int axis, double r[3]) /* R1, R3 of Vallado: the frame turns */
{
    double s = sin(angle), c = cos(angle);
    int i = axis == 2 ? 0 : 1, k = axis == 2 ? 1 : 2;
    double x = c * r[i] + s * r[k], y = c * r[k] - s * r[i];
    r[i] = x;
    r[k] = y;
}

void frames_precess(double t, double r[3])
{
    const double arcsecond = DEGREE_RAD / 3600.0;
    double zeta = (2306.2181 + (0.30188 + 0.017998 * t) * t) * t * arcsecond;
    double z = (2306.2181 + (1.09468 + 0.018203 * t) * t) * t * arcsecond;
    double theta = (2004.3109 - (0.42665 + 0.041833 * t) * t) * t * arcsecond;
    double x1 = cos(zeta) * r[0] - sin(zeta) * r[1], y1 = sin(zeta) * r[0] + cos(zeta) * r[1];
    double x2 = cos(theta) * x1 - sin(theta) * r[2], z2 = sin(theta) * x1 + cos(theta) * r[2];
    r[0] = cos(z) * x2 - sin(z) * y1;
    r[1] = sin(z) * x2 + cos(z) * y1;
    r[2] = z2;
}

void frames_j2000_to_teme(tai_ns t, const double j2000[3], double teme[3])
{
    const double arcsecond = DEGREE_RAD / 3600.0;
    double c = frames_tt_centuries(t), r[3] = {j2000[0], j2000[1], j2000[2]};
    double node = (125.04452 - 1934.136261 * c) * DEGREE_RAD;
    double sun = 2.0 * (280.4665 + 36000.7698 * c) * DEGREE_RAD;
    double moon = 2.0 * (218.3165 + 481267.8813 * c) * DEGREE_RAD;
    double in_longitude = (-17.1996 * sin(node) - 1.3187 * sin(sun) - 0.2274 * sin(moon) +
                           0.2062 * sin(2.0 * node)) *
                          arcsecond;
    double in_obliquity = (9.2025 * cos(node) + 0.5736 * cos(sun) + 0.0977 * cos(moon) -
                           0.0895 * cos(2.0 * node)) *
                          arcsecond;
    double mean = (23.43929111 - 0.0130042 * c) * DEGREE_RAD;
    frames_precess(c, r);
    turn(mean, 1, r);
    turn(-in_longitude, 2, r);
    turn(-mean - in_obliquity, 1, r);
    turn(in_longitude * cos(mean), 2, r); /* the equation of the equinoxes: TEME's x axis */
    teme[0] = r[0];
    teme[1] = r[1];
    teme[2] = r[2];
}

void frames_velocity_to_ecef(double gmst_rad, const double v_teme[3], const double r_ecef[3],
                             double v_ecef[3])
{
    frames_teme_to_ecef(gmst_rad, v_teme, v_ecef);
    v_ecef[0] += EARTH_RATE_RAD_S * r_ecef[1];
    v_ecef[1] -= EARTH_RATE_RAD_S * r_ecef[0];
}

void frames_geodetic_to_ecef(const struct geodetic *g, double ecef[3])
{
    const double e2 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING);
    double s = sin(g->latitude_rad), c = cos(g->latitude_rad);
    double n = WGS84_RADIUS_KM / sqrt(1.0 - e2 * s * s);
    ecef[0] = (n + g->altitude_km) * c * cos(g->longitude_rad);
    ecef[1] = (n + g->altitude_km) * c * sin(g->longitude_rad);
    ecef[2] = (n * (1.0 - e2) + g->altitude_km) * s;
}

struct geodetic frames_ecef_to_geodetic(const double ecef[3])
{
    /* Bowring 1985 on the parametric latitude; two rounds are exact to rounding above the deep
     * interior. */
    const double a = WGS84_RADIUS_KM, f = WGS84_FLATTENING, b = a * (1.0 - f);
    const double e2 = f * (2.0 - f), ep2 = e2 / (1.0 - e2);
    double p = sqrt(ecef[0] * ecef[0] + ecef[1] * ecef[1]);
    double beta = atan2(a * ecef[2], b * p), latitude = 0.0;
    for (int k = 0; k < 3; k++) {
        double s = sin(beta), c = cos(beta);
        latitude = atan2(ecef[2] + ep2 * b * s * s * s, p - e2 * a * c * c * c);
        beta = atan2((1.0 - f) * sin(latitude), cos(latitude));
    }
    double s = sin(latitude), c = cos(latitude);
    double n = a / sqrt(1.0 - e2 * s * s);
    /* Project on the normal: well conditioned at the poles and at the equator. */
    double altitude = p * c + ecef[2] * s - n * (1.0 - e2 * s * s);
    return (struct geodetic){latitude, atan2(ecef[1], ecef[0]), altitude};
}

void frames_up(const struct geodetic *g, double up[3])
{
    up[0] = cos(g->latitude_rad) * cos(g->longitude_rad);
    up[1] = cos(g->latitude_rad) * sin(g->longitude_rad);
    up[2] = sin(g->latitude_rad);
}

double frames_great_circle_km(const struct geodetic *a, const struct geodetic *b)
{
    double u[3], v[3];
    frames_up(a, u);
    frames_up(b, v);
    double cross[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2],
                       u[0] * v[1] - u[1] * v[0]};
    return 6371.0088 * atan2(vector_length(cross), vector_dot(u, v));
}
