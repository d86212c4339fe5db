/*
 * host/camera_map.h - a decoded map of the world: bounded JPEG decoding and bilinear sampling.
 *
 * Errors: ERR_NOT_FOUND, ERR_INVALID (not a JPEG that libjpeg reads; not twice as wide as high),
 * ERR_TOO_LARGE, ERR_NO_MEMORY.
 */
#ifndef NOCT_HOST_CAMERA_MAP_H
#define NOCT_HOST_CAMERA_MAP_H

#include "base/err.h"

struct camera_map {
    uint32_t width, height;
    uint8_t *rgb; /* owned */
};

struct colour {
    double red, green, blue; /* 0..1 */
};

err camera_map_load(struct camera_map *m, const char *path, char *why, size_t why_size) MUST_USE;
void camera_map_free(struct camera_map *m);
/* Equirectangular; longitude wraps, latitude is clamped. */
struct colour camera_map_sample(const struct camera_map *m, double lat_deg, double lon_deg);

#endif
