/*
 * host/eye.h - takes the pictures that a node asks for: host/camera with the Sun and the scenario's events, off the loop.
 *
 * Story:    the map is decoded once, on the first capture; each capture is rendered in libuv's pool and comes back as a
 *           buffer. What is real and what is modelled in a picture: see host/camera.h.
 * Errors:   in `done`: NOT_FOUND (no map installed), INVALID, RANGE, NO_MEMORY, BUSY (eight captures wait already).
 * Threads:  the loop's.
 */
#ifndef NOCT_HOST_EYE_H
#define NOCT_HOST_EYE_H

#include <uv.h>

#include "core/machine.h"

struct eye;

struct eye_event { /* a change on the ground, from the scenario */
    bool flood; /* else a burn */
    double lat_deg, lon_deg, radius_km, growth_km_per_hour;
    tai_ns start;
};

struct eye_config {
    uv_loop_t *loop;
    const char *satellite;
    const struct eye_event *events; /* borrowed */
    size_t event_count;
    double cloud_fraction;
    uint64_t seed;
    void *context;
    void (*done)(void *context, uint64_t op, err status, struct slice picture, const char *why); /* takes the reference */
};

struct eye *eye_open(const struct eye_config *config);
void eye_capture(struct eye *e, const struct effect_capture *effect);
void eye_close(struct eye *e); /* after the loop has run dry */
double eye_sun_elevation_rad(double lat_deg, double lon_deg, tai_ns wall);

#endif
