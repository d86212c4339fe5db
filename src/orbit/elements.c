#include "orbit/elements.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "orbit/sgp4.h"

err parse_fail(struct parse_error *error, err code, int line, int column, const char *format, ...)
{
    if (!error)
        return code;
    error->line = line;
    error->column = column;
    va_list list;
    va_start(list, format);
    vsnprintf(error->text, sizeof error->text, format, list);
    va_end(list);
    return code;
}

struct range {
    const char *name;
    double value, least, most;
};

err elements_check(const struct elements *e, struct parse_error *error)
{
    /* Angles may be any turn within one revolution; limits otherwise follow the columns of the TLE.
     */
    const struct range ranges[] = {
        {"mean motion", e->mean_motion_rev_day, 1e-6, 18.0},
        {"eccentricity", e->eccentricity, 0.0, 0.9999999},
        {"inclination", e->inclination_deg, 0.0, 180.0},
        {"right ascension of the ascending node", e->raan_deg, -360.0, 360.0},
        {"argument of perigee", e->argument_of_perigee_deg, -360.0, 360.0},
        {"mean anomaly", e->mean_anomaly_deg, -360.0, 360.0},
        {"BSTAR", e->bstar, -10.0, 10.0},
        {"first derivative of mean motion", e->mean_motion_dot, -100.0, 100.0},
        {"second derivative of mean motion", e->mean_motion_ddot, -100.0, 100.0},
    };
    for (size_t k = 0; k < COUNT_OF(ranges); k++)
        if (!(ranges[k].value >= ranges[k].least &&
              ranges[k].value <= ranges[k].most)) /* NaN fails too */
            return parse_fail(error, ERR_INVALID, 0, 0, "%s %g is outside %g..%g", ranges[k].name,
                              ranges[k].value, ranges[k].least, ranges[k].most);
    if (e->catalog > ELEMENTS_CATALOG_MAX)
        return parse_fail(error, ERR_INVALID, 0, 0, "catalogue number %u has more than nine digits",
                          e->catalog);
    if (!memchr(e->name, 0, sizeof e->name) || !memchr(e->designator, 0, sizeof e->designator))
        return parse_fail(error, ERR_INVALID, 0, 0, "name or designator is not terminated");
    return ERR_OK;
}

double elements_mean_motion_rev_day(double altitude_km)
{
    double a = SGP4_EARTH_RADIUS_KM + altitude_km;
    return 86400.0 / (2.0 * M_PI) * sqrt(SGP4_MU_KM3_S2 / (a * a * a));
}

double elements_semi_major_axis_km(const struct elements *e)
{
    double n = e->mean_motion_rev_day * 2.0 * M_PI / 86400.0;
    return cbrt(SGP4_MU_KM3_S2 / (n * n));
}
