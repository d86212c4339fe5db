/*
 * sensor/aim.h - where to point the camera: targets near the ground track, tiles of the global grid, daylight.
 *
 * Story:   pure geometry on a state of orbit/sky.h. Results that decide are quantised first (0.1 km, 0.01 degree), so
 *          that the last bits of a libm do not.
 * Source:  the grid: docs/format/picture.md.
 * Units:   degrees, kilometres.
 */
#ifndef NOCT_SENSOR_AIM_H
#define NOCT_SENSOR_AIM_H

#include "core/port.h"
#include "orbit/sky.h"

#define AIM_SUN_MIN_DEG 5.0 /* darker ground is not worth a picture */

struct aim {
    char tile[24];                /* "H250000-R0012-C0034" */
    char target[32];              /* its name; empty when sampled along the track */
    double lat_deg, lon_deg;      /* centre of the tile */
    double sun_elevation_deg;     /* in hundredths */
    double off_track_km;          /* in tenths: of the target or centre from the point below the satellite */
};

double aim_distance_km(double lat_a_deg, double lon_a_deg, double lat_b_deg, double lon_b_deg);
double aim_sun_elevation_deg(const struct state *sky, double lat_deg, double lon_deg);
/* The tile of the grid that holds the point below the satellite. */
void aim_track(const struct state *sky, double half_width_km, struct aim *out);
/* The tile of the grid that holds a target: so all pictures of a place show the very same ground. */
void aim_target(const struct state *sky, const struct sensor_target *target, double half_width_km, struct aim *out);
/* The picture's corners as a WKT polygon: "POLYGON((west north, ...))". */
void aim_footprint(const struct aim *a, double half_width_km, char *out, size_t size);

#endif
