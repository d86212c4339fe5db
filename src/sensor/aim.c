#include "sensor/aim.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"

#define KM_PER_DEGREE 111.195

static double quantise(double value, double steps_per_unit)
{
    return floor(value * steps_per_unit + 0.5) / steps_per_unit;
}

double aim_distance_km(double lat_a_deg, double lon_a_deg, double lat_b_deg, double lon_b_deg)
{
    struct geodetic a = {lat_a_deg * DEGREE_RAD, lon_a_deg * DEGREE_RAD, 0};
    struct geodetic b = {lat_b_deg * DEGREE_RAD, lon_b_deg * DEGREE_RAD, 0};
    return quantise(frames_great_circle_km(&a, &b), 10);
}

double aim_sun_elevation_deg(const struct state *sky, double lat_deg, double lon_deg)
{
    struct geodetic g = {lat_deg * DEGREE_RAD, lon_deg * DEGREE_RAD, 0};
    double up[3], sun[3];
    frames_up(&g, up);
    frames_teme_to_ecef(frames_gmst(sky->time), sky->sun_teme_km, sun);
    double sine = vector_dot(up, sun) / vector_length(sun);
    return quantise(asin(MAX(-1.0, MIN(1.0, sine))) / DEGREE_RAD, 100);
}

/* The same grid as the camera's (docs/format/picture.md): rows from the south pole, each cut into whole columns. */
static void tile_of(const struct state *sky, double lat, double lon, double half_width_km, struct aim *out)
{
    double step = 2 * half_width_km / KM_PER_DEGREE;
    long rows = (long)ceil(180 / step);
    long row = MIN(MAX((long)floor((lat + 90) / step), 0L), rows - 1);
    double middle = -90 + ((double)row + 0.5) * step;
    middle = MIN(MAX(middle, -89.9 + step / 2), 89.9 - step / 2); /* the polar rows reach over the pole otherwise */
    long columns = MAX((long)ceil(360 * cos(middle * DEGREE_RAD) / step), 1L);
    double east = lon + 180 - 360 * floor((lon + 180) / 360);
    long column = MIN((long)floor(east / 360 * (double)columns), columns - 1);
    *out = (struct aim){.lat_deg = middle, .lon_deg = -180 + ((double)column + 0.5) * 360 / (double)columns};
    snprintf(out->tile, sizeof out->tile, "H%u-R%04u-C%04u", (unsigned)(half_width_km * 1000 + 0.5) % 10000000u,
             (unsigned)row % 100000u, (unsigned)column % 100000u);
    out->sun_elevation_deg = aim_sun_elevation_deg(sky, out->lat_deg, out->lon_deg);
}

void aim_target(const struct state *sky, const struct sensor_target *target, double half_width_km, struct aim *out)
{
    tile_of(sky, target->lat_deg, target->lon_deg, half_width_km, out);
    (void)text_copy(out->target, sizeof out->target, span_text(target->name));
    out->off_track_km = aim_distance_km(sky->latitude_deg, sky->longitude_deg, target->lat_deg, target->lon_deg);
}

void aim_track(const struct state *sky, double half_width_km, struct aim *out)
{
    tile_of(sky, quantise(sky->latitude_deg, 10000), quantise(sky->longitude_deg, 10000), half_width_km, out);
    out->off_track_km = aim_distance_km(sky->latitude_deg, sky->longitude_deg, out->lat_deg, out->lon_deg);
}

void aim_footprint(const struct aim *a, double half_width_km, char *out, size_t size)
{
    double half_lat = half_width_km / KM_PER_DEGREE;
    double half_lon = MIN(half_lat / MAX(cos(a->lat_deg * DEGREE_RAD), 0.01), 180.0);
    double north = MIN(a->lat_deg + half_lat, 90.0), south = MAX(a->lat_deg - half_lat, -90.0);
    double west = a->lon_deg - half_lon, east = a->lon_deg + half_lon;
    snprintf(out, size, "POLYGON((%.4f %.4f, %.4f %.4f, %.4f %.4f, %.4f %.4f, %.4f %.4f))", west, north, west, south, east, south,
             east, north, west, north);
}
