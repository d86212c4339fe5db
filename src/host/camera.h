/*
 * host/camera.h - the satellite's eye: pictures of a real map of the Earth, as a camera in orbit
 * would see it.
 *
 * Story:    camera_open decodes one public-domain map of the world. camera_capture renders a tile
 * of it as a binary PPM whose comment lines say what, where, when and who; the same request gives
 * the same bytes. Real:     the map's colours and geography; the geometry of the tile; the Sun's
 * elevation, if the caller computes it. Modelled: detail finer than the map's pixels (value noise
 * fixed to the ground), light (Lambert: colour times the sine of the Sun's elevation, black at
 * night; no atmosphere, no relief), clouds (value noise that drifts east at 36 km/h), fires and
 * floods (discs that grow), sensor noise (Gaussian, about 1.2 counts). View from straight above: no
 * perspective, no blur by motion, no misregistration. Geometry: rows are equally spaced in
 * latitude, columns in longitude; pixel (0,0) has its centre half a pixel inside the north-west
 * corner. Longitudes east of the antimeridian run on above 180 in `east`. Tiles:    one fixed grid
 * for each half width, so that two satellites photograph the very same tile: rows of 2 x half_width
 * from the south pole, each cut into a whole number of columns. Header:   "P6", then "# key=value"
 * lines: format=noct-picture-1, tile, time (UTC), north, south, west, east (degrees),
 *           sun_elevation_deg, sensor, satellite; then width, height, 255. See
 * docs/format/picture.md. Errors:   ERR_NOT_FOUND (no map), ERR_INVALID (not a JPEG; bad request
 * text), ERR_TOO_LARGE, ERR_RANGE, ERR_NO_MEMORY. Threads:  camera_capture only reads the camera:
 * any number of threads may capture.
 */
#ifndef NOCT_HOST_CAMERA_H
#define NOCT_HOST_CAMERA_H

#include "base/time.h"

enum {
    CAMERA_PIXELS_MAX = 4096,        /* each side of a tile */
    CAMERA_MAP_PIXELS_MAX = 1 << 26, /* of the map: 64 million */
    CAMERA_WHY = 256,
};

struct camera;

enum scene_event_kind { SCENE_BURN, SCENE_FLOOD };

struct scene_event {
    enum scene_event_kind kind;
    double lat_deg, lon_deg, radius_km; /* radius at `start` */
    tai_ns start;
    double growth_km_per_hour;
};

struct scene_request {
    double center_lat_deg, center_lon_deg, half_width_km; /* half_width_km in [1, 2000] */
    uint32_t pixels;                                      /* each side, 16..CAMERA_PIXELS_MAX */
    tai_ns time;
    const struct scene_event *events;
    size_t event_count;
    double sun_elevation_rad;       /* at the centre; 0 or less: night */
    double cloud_fraction;          /* 0..1, of the sky over the long run */
    uint64_t noise_seed;            /* of the sensor: another seed, another noise */
    char sensor[32], satellite[32]; /* letters, digits, space and ._:+- */
};

struct picture {
    uint8_t *bytes; /* a whole PPM file; owned */
    size_t size;
};

struct camera_tile {
    char id[48]; /* "H50000-R0312-C0671": half width in metres, row, column */
    double center_lat_deg, center_lon_deg;
    double half_width_km;
};

/* `map_path` NULL: the known places are searched. `why` receives a sentence on failure. */
err camera_open(struct camera **out, const char *map_path, char why[CAMERA_WHY]) MUST_USE;
void camera_close(struct camera *c);
err camera_capture(const struct camera *c, const struct scene_request *request,
                   struct picture *out) MUST_USE;
void picture_free(struct picture *p);
/* The grid's tile that holds a place. half_width_km in [1, 2000]. */
err camera_tile_of(double lat_deg, double lon_deg, double half_width_km,
                   struct camera_tile *out) MUST_USE;

#endif
