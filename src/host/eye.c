#include "host/eye.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/camera.h"
#include "orbit/sun.h"

enum { CAPTURES_MAX = 8 };

struct eye {
    struct eye_config config;
    struct camera *camera;
    uv_mutex_t lock; /* the camera is opened by whichever worker comes first */
    struct scene_event *events;
    unsigned waiting;
};

struct capture {
    uv_work_t work;
    struct eye *eye;
    uint64_t op;
    struct scene_request request;
    struct picture picture;
    err status;
    char why[CAMERA_WHY];
};

double eye_sun_elevation_rad(double lat_deg, double lon_deg, tai_ns wall)
{
    struct geodetic place = {lat_deg * DEGREE_RAD, lon_deg * DEGREE_RAD, 0};
    double sun[3], up[3];
    sun_position(wall, sun);
    frames_teme_to_ecef(frames_gmst(wall), sun, sun);
    frames_up(&place, up);
    return asin(vector_dot(sun, up) / vector_length(sun));
}

struct eye *eye_open(const struct eye_config *config)
{
    struct eye *e = calloc(1, sizeof *e);
    ASSERT(e);
    e->config = *config;
    e->events = calloc(config->event_count + 1, sizeof *e->events);
    ASSERT(e->events && uv_mutex_init(&e->lock) == 0);
    for (size_t i = 0; i < config->event_count; i++) {
        const struct eye_event *from = &config->events[i];
        e->events[i] = (struct scene_event){.kind = from->flood ? SCENE_FLOOD : SCENE_BURN,
                                            .lat_deg = from->lat_deg,
                                            .lon_deg = from->lon_deg,
                                            .radius_km = from->radius_km,
                                            .start = from->start,
                                            .growth_km_per_hour = from->growth_km_per_hour};
    }
    return e;
}

static void render(uv_work_t *work)
{
    struct capture *c = work->data;
    struct eye *e = c->eye;
    uv_mutex_lock(&e->lock);
    if (!e->camera)
        c->status = camera_open(&e->camera, NULL, c->why);
    uv_mutex_unlock(&e->lock);
    if (c->status == ERR_OK)
        c->status = camera_capture(e->camera, &c->request, &c->picture);
}

static void release_picture(struct buf *b, void *owner)
{
    (void)owner;
    free(b->data);
    free(b);
}

static void on_rendered(uv_work_t *work, int cancelled)
{
    struct capture *c = work->data;
    struct eye *e = c->eye;
    struct slice data = {0};
    (void)cancelled;
    e->waiting--;
    if (c->status == ERR_OK) {
        struct buf *b = malloc(sizeof *b);
        ASSERT(b);
        *b = (struct buf){.data = c->picture.bytes, .size = c->picture.size, .refs = 1, .release = release_picture};
        data = slice_of(b, 0, b->size);
    }
    e->config.done(e->config.context, c->op, c->status, data, c->why);
    free(c);
}

void eye_capture(struct eye *e, const struct effect_capture *effect)
{
    struct capture *c = calloc(1, sizeof *c);
    ASSERT(c);
    c->work.data = c;
    c->eye = e;
    c->op = effect->op;
    c->request = (struct scene_request){
        .center_lat_deg = effect->center_lat_deg,
        .center_lon_deg = effect->center_lon_deg,
        .half_width_km = effect->half_width_km,
        .pixels = effect->pixels,
        .time = effect->wall,
        .events = e->events,
        .event_count = e->config.event_count,
        .sun_elevation_rad = eye_sun_elevation_rad(effect->center_lat_deg, effect->center_lon_deg, effect->wall),
        .cloud_fraction = e->config.cloud_fraction,
        .noise_seed = e->config.seed ^ effect->op,
    };
    snprintf(c->request.sensor, sizeof c->request.sensor, "%s", effect->sensor);
    snprintf(c->request.satellite, sizeof c->request.satellite, "%s", e->config.satellite);
    if (e->waiting++ >= CAPTURES_MAX) {
        c->status = ERR_BUSY;
        on_rendered(&c->work, 0);
        return;
    }
    ASSERT(uv_queue_work(e->config.loop, &c->work, render, on_rendered) == 0);
}

void eye_close(struct eye *e)
{
    if (!e)
        return;
    camera_close(e->camera);
    uv_mutex_destroy(&e->lock);
    free(e->events);
    free(e);
}
