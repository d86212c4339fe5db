#include "orbit/formation.h"

#include <math.h>

#define EARTH_J2 0.001082616 /* WGS72, as the chief's SGP4 */

struct formation formation_at_node(double radial_m, double along_m, double cross_m,
                                   double centre_along_m, bool j2)
{
    return (struct formation){.dl_m = centre_along_m,
                              .ex_m = -radial_m,
                              .ey_m = -0.5 * (along_m - centre_along_m),
                              .iy_m = -cross_m,
                              .j2 = j2};
}

/* The elements after `turned` radians: D'Amico 2010, eq. 2.30, and without J2 only the drift of an
 * orbit that is higher or lower. `rate` receives the change per radian. */
static struct formation drifted(const struct formation *f, double turned, double i, double a_km,
                                struct formation *rate)
{
    struct formation now = *f;
    *rate = (struct formation){.dl_m = -1.5 * f->da_m};
    double gamma = 0.0, turn = 0.0;
    if (f->j2) {
        double ratio = SGP4_EARTH_RADIUS_KM / a_km, c = cos(i), s = sin(i);
        gamma = 0.5 * EARTH_J2 * ratio * ratio;
        turn = 1.5 * gamma * (5.0 * c * c - 1.0);
        rate->dl_m -= 10.5 * gamma * 2.0 * s * c * f->ix_m;
        rate->iy_m = 3.0 * gamma * s * s * f->ix_m;
    }
    double st = sin(turn * turned), ct = cos(turn * turned);
    now.ex_m = ct * f->ex_m - st * f->ey_m;
    now.ey_m = st * f->ex_m + ct * f->ey_m;
    rate->ex_m = -turn * now.ey_m;
    rate->ey_m = turn * now.ex_m;
    now.dl_m += rate->dl_m * turned;
    now.iy_m += rate->iy_m * turned;
    return now;
}

struct offset formation_offset(const struct formation *f, double u, double turned, double n_rad_s,
                               double inclination_rad, double semi_major_axis_km)
{
    struct formation d;
    struct formation e = drifted(f, turned, inclination_rad, semi_major_axis_km, &d);
    double s = sin(u), c = cos(u);
    const double r_m[3] = {
        e.da_m - e.ex_m * c - e.ey_m * s,
        e.dl_m + 2.0 * (e.ex_m * s - e.ey_m * c),
        e.ix_m * s - e.iy_m * c,
    };
    const double rate_m[3] = {
        (e.ex_m - d.ey_m) * s - (e.ey_m + d.ex_m) * c,
        d.dl_m + 2.0 * ((e.ex_m - d.ey_m) * c + (e.ey_m + d.ex_m) * s),
        (e.ix_m - d.iy_m) * c + e.iy_m * s,
    };
    struct offset o;
    for (int k = 0; k < 3; k++) {
        o.r_km[k] = r_m[k] * 1e-3;
        o.v_km_s[k] = rate_m[k] * n_rad_s * 1e-3;
    }
    return o;
}

static void cross(const double a[3], const double b[3], double out[3])
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

/* Adds an offset of the turning frame (radial, along, cross) to an inertial state. */
static void offset_add(const struct offset *o, double r[3], double v[3])
{
    double h[3], radial[3], along[3], normal[3];
    cross(r, v, h);
    double length2 = r[0] * r[0] + r[1] * r[1] + r[2] * r[2], length = sqrt(length2);
    double momentum = sqrt(h[0] * h[0] + h[1] * h[1] + h[2] * h[2]);
    if (!(length > 0.0 && momentum > 0.0))
        return;
    for (int k = 0; k < 3; k++) {
        radial[k] = r[k] / length;
        normal[k] = h[k] / momentum;
    }
    cross(normal, radial, along);
    double spin = momentum / length2; /* of the frame about its normal */
    for (int k = 0; k < 3; k++) {
        r[k] += o->r_km[0] * radial[k] + o->r_km[1] * along[k] + o->r_km[2] * normal[k];
        v[k] += (o->v_km_s[0] - spin * o->r_km[1]) * radial[k] +
                (o->v_km_s[1] + spin * o->r_km[0]) * along[k] + o->v_km_s[2] * normal[k];
    }
}

enum sgp4_status formation_propagate(const struct sgp4 *chief, const struct formation *f,
                                     double minutes, double r_km[3], double v_km_s[3])
{
    enum sgp4_status status = sgp4_propagate(chief, minutes, r_km, v_km_s);
    if (status != SGP4_OK)
        return status;
    double rate = chief->m_dot + chief->argp_dot; /* radians per minute */
    double u = chief->m + chief->argp + rate * minutes;
    struct offset o = formation_offset(f, u, rate * minutes, rate / 60.0, chief->i,
                                       chief->a * SGP4_EARTH_RADIUS_KM);
    offset_add(&o, r_km, v_km_s);
    return SGP4_OK;
}

/* Point `index` of the square lattice in order of distance, then row, then column. */
static void lattice_point(uint32_t index, int *row, int *column)
{
    uint32_t seen = 0;
    for (int norm = 0;; norm++)
        for (int i = 0; i * i <= norm; i++)
            for (int turn = 0; turn < (i ? 2 : 1); turn++) {
                int j = (int)sqrt((double)(norm - i * i));
                if (j * j != norm - i * i)
                    continue;
                for (int side = 0; side < (j ? 2 : 1); side++, seen++)
                    if (seen == index) {
                        *row = turn ? -i : i;
                        *column = side ? -j : j;
                        return;
                    }
            }
}

struct formation formation_lattice(double spacing_m, uint32_t index, bool j2)
{
    int row = 0, column = 0;
    ASSERT(index < FORMATION_LATTICE_MAX);
    lattice_point(index, &row, &column);
    return formation_at_node(row * spacing_m, column * 2.0 * spacing_m, 0.0, 0.0, j2);
}

struct formation formation_ring(uint32_t count, double radius_m, uint32_t index, bool j2)
{
    /* Along 2 e cos, cross i sin with i = 2 e: a circle of the radius seen along the radius. */
    double angle = 2.0 * M_PI * (double)index / (double)count;
    double e = 0.5 * radius_m;
    return (struct formation){.ex_m = e * cos(angle),
                              .ey_m = e * sin(angle),
                              .ix_m = radius_m * -sin(angle),
                              .iy_m = radius_m * cos(angle),
                              .j2 = j2};
}
