/*
 * sensor/sensor.c - the entry points, and when to take a picture.
 */
#include "sensor/internal.h"

#include <stdio.h>
#include <string.h>

#define LOOK_EVERY_WALL (10 * NS_PER_S)
#define LOOK_EVERY_MONO (50 * NS_PER_MS)
#define LOOKS_MAX 12                    /* positions looked at per alarm */
#define TARGET_REST (20 * NS_PER_MINUTE) /* one picture of a target per pass */
#define SAMPLE_INTERVALS 5
#define CAPTURE_PATIENCE (60 * NS_PER_S)
#define BACKOFF_FIRST NS_PER_S
#define BACKOFF_MAX (60 * NS_PER_S)
enum { TRIES_MAX = 500 };

err sensor_open(struct sensor **out, struct port *port)
{
    struct sensor *s = heap_alloc(port->heap, sizeof *s);
    if (!s)
        return ERR_NO_MEMORY;
    s->port = port;
    s->config = &port->config->sensor;
    *out = s;
    return ERR_OK;
}

void sensor_scene_free(struct scene *c)
{
    slice_drop(&c->data);
    *c = (struct scene){0};
}

void sensor_close(struct sensor *s)
{
    for (size_t i = 0; i < SENSOR_SCENES_MAX; i++)
        sensor_scene_free(&s->scenes[i]);
}

static duration_ns look_period(const struct sensor *s)
{
    return MAX(time_wall_to_mono(&s->port->now, LOOK_EVERY_WALL), LOOK_EVERY_MONO);
}

void sensor_ready(struct sensor *s)
{
    s->ready = true;
    s->looked = s->port->now.wall;
    s->last_picture = s->last_sample = s->port->now.wall - SAMPLE_INTERVALS * s->config->interval_ns;
    if (s->config->present && s->port->sky)
        port_alarm(s->port, s->port->now.mono + look_period(s));
}

void sensor_stamp(tai_ns wall, char out[STAMP_SIZE])
{
    struct utc_fields f = time_utc_fields(wall);
    snprintf(out, STAMP_SIZE, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)f.year % 10000, (unsigned)f.month % 100, (unsigned)f.day % 100,
             (unsigned)f.hour % 100, (unsigned)f.minute % 100, (unsigned)f.second % 100);
}

/* ---- the buffer of pictures ---- */

void sensor_scene_drop(struct sensor *s, struct scene *c, const char *why)
{
    port_trace(s->port, TRACE_PICTURE_DROPPED, s->port->config->self, "%s: %s", c->key, why);
    sensor_scene_free(c);
}

bool sensor_later(struct sensor *s, struct scene *c, tai_ns retry_at)
{
    if (++c->retries > TRIES_MAX)
        return false;
    const struct now *now = &s->port->now;
    duration_ns wait = MIN(BACKOFF_FIRST << MIN(c->retries - 1, 6u), BACKOFF_MAX);
    if (retry_at > now->wall && retry_at - now->wall < NS_PER_DAY)
        wait = MIN(MAX(wait, time_wall_to_mono(now, retry_at - now->wall)), NS_PER_HOUR);
    c->at = now->mono + wait;
    c->tag = 0;
    port_alarm(s->port, c->at);
    return true;
}

static size_t held_bytes(const struct sensor *s)
{
    size_t total = 0;
    for (size_t i = 0; i < SENSOR_SCENES_MAX; i++)
        total += s->scenes[i].data.size;
    return total;
}

/* The oldest picture that waits (those under way are left alone). */
static struct scene *oldest_waiting(struct sensor *s)
{
    struct scene *oldest = NULL;
    for (size_t i = 0; i < SENSOR_SCENES_MAX; i++) {
        struct scene *c = &s->scenes[i];
        if (c->phase == SCENE_WAITING && (!oldest || c->wall < oldest->wall))
            oldest = c;
    }
    return oldest;
}

static struct scene *scene_free_slot(struct sensor *s)
{
    for (size_t i = 0; i < SENSOR_SCENES_MAX; i++)
        if (s->scenes[i].phase == SCENE_FREE)
            return &s->scenes[i];
    struct scene *oldest = oldest_waiting(s);
    if (oldest)
        sensor_scene_drop(s, oldest, "storage did not take it in time, and newer pictures need the room");
    return oldest;
}

static struct scene *scene_by(struct sensor *s, uint64_t op, uint64_t tag)
{
    for (size_t i = 0; i < SENSOR_SCENES_MAX; i++) {
        struct scene *c = &s->scenes[i];
        if ((op && c->op == op && c->phase == SCENE_CAPTURING) || (tag && c->tag == tag && c->phase != SCENE_FREE))
            return c;
    }
    return NULL;
}

/* ---- when to take a picture ---- */

static void capture(struct sensor *s, const struct aim *a, tai_ns wall)
{
    struct scene *c = scene_free_slot(s);
    if (!c)
        return; /* all are on their way into storage: this one is not taken */
    const struct sensor_config *k = s->config;
    char stamp[STAMP_SIZE];
    sensor_stamp(wall, stamp);
    *c = (struct scene){.phase = SCENE_CAPTURING, .op = port_op(s->port), .wall = wall, .aim = *a};
    c->at = s->port->now.mono + CAPTURE_PATIENCE;
    snprintf(c->key, sizeof c->key, "%s/%s-%s-%s.ppm", a->tile, stamp, k->name, s->port->config->name);
    s->last_picture = wall;
    struct effect e = {.kind = EFFECT_CAPTURE,
                       .capture = {.op = c->op,
                                   .center_lat_deg = a->lat_deg,
                                   .center_lon_deg = a->lon_deg,
                                   .half_width_km = k->half_width_km,
                                   .pixels = k->pixels,
                                   .wall = wall}};
    memcpy(e.capture.tile, a->tile, sizeof e.capture.tile);
    memcpy(e.capture.sensor, k->name, sizeof e.capture.sensor);
    port_effect(s->port, &e);
    port_alarm(s->port, c->at);
}

/* The nearest target that is in reach, lit, and was not taken in this pass; its index, or SIZE_MAX. */
static size_t best_target(const struct sensor *s, const struct state *sky, struct aim *out)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < MIN((size_t)s->config->target_count, COUNT_OF(s->config->targets)); i++) {
        struct aim a;
        aim_target(sky, &s->config->targets[i], s->config->half_width_km, &a);
        bool rested = s->target_taken[i] == 0 || sky->time - s->target_taken[i] >= TARGET_REST;
        if (!rested || a.off_track_km > s->config->off_nadir_max_km || a.sun_elevation_deg < AIM_SUN_MIN_DEG)
            continue;
        if (best == SIZE_MAX || a.off_track_km < out->off_track_km) {
            best = i;
            *out = a;
        }
    }
    return best;
}

static void look_at(struct sensor *s, tai_ns wall)
{
    const struct sensor_config *k = s->config;
    struct state sky;
    struct aim a;
    if (wall - s->last_picture < k->interval_ns || sky_position(s->port->sky, s->port->config->self, wall, &sky) != ERR_OK)
        return;
    size_t target = best_target(s, &sky, &a);
    if (target != SIZE_MAX) {
        s->target_taken[target] = wall;
        capture(s, &a, wall);
        return;
    }
    if (!k->sample_track || wall - s->last_sample < SAMPLE_INTERVALS * k->interval_ns)
        return;
    aim_track(&sky, k->half_width_km, &a);
    if (a.sun_elevation_deg < AIM_SUN_MIN_DEG)
        return;
    s->last_sample = wall;
    capture(s, &a, wall);
}

static bool rests(const struct sensor *s)
{
    const struct view_member *m = view_find(s->port->view, s->port->config->self);
    return m && m->status_known && m->status.health >= HEALTH_SAFE;
}

/* Looks along the way since the last alarm, in steps of ten seconds: at high speed an alarm covers many of them. */
static void look(struct sensor *s)
{
    tai_ns now = s->port->now.wall;
    if (now - s->looked > LOOKS_MAX * LOOK_EVERY_WALL)
        s->looked = now - LOOKS_MAX * LOOK_EVERY_WALL;
    while (s->looked + LOOK_EVERY_WALL <= now) {
        s->looked += LOOK_EVERY_WALL;
        if (!rests(s))
            look_at(s, s->looked);
    }
}

static void act(struct sensor *s, struct scene *c)
{
    c->at = TIME_NEVER;
    switch (c->phase) {
    case SCENE_FREE:
    case SCENE_PUTTING:
        break;
    case SCENE_CAPTURING:
        sensor_scene_drop(s, c, "the camera did not answer");
        break;
    case SCENE_WAITING:
        sensor_upload_begin(s, c);
        break;
    case SCENE_LISTING:
        sensor_trigger_begin(s, c);
        break;
    case SCENE_SUBMITTING:
        sensor_trigger_submit(s, c);
        break;
    }
}

void sensor_alarm(struct sensor *s)
{
    if (!s->ready || !s->config->present || !s->port->sky)
        return;
    look(s);
    for (size_t i = 0; i < SENSOR_SCENES_MAX; i++) {
        struct scene *c = &s->scenes[i];
        if (c->phase == SCENE_FREE || c->at == TIME_NEVER)
            continue;
        if (c->at <= s->port->now.mono)
            act(s, c);
        else
            port_alarm(s->port, c->at);
    }
    port_alarm(s->port, s->port->now.mono + look_period(s));
}

void sensor_scene(struct sensor *s, const struct event_scene *e)
{
    struct scene *c = scene_by(s, e->op, 0);
    if (!c)
        return; /* of an earlier boot, or too late */
    if (e->status != ERR_OK || e->data.size == 0 || e->data.size > SENSOR_BYTES_MAX) {
        sensor_scene_drop(s, c, e->status != ERR_OK ? err_text(e->status) : "the picture is empty or too large");
        return;
    }
    struct scene *oldest;
    while (held_bytes(s) + e->data.size > SENSOR_BYTES_MAX && (oldest = oldest_waiting(s)) != NULL)
        sensor_scene_drop(s, oldest, "storage did not take it in time, and newer pictures need the room");
    c->data = e->data;
    if (held_bytes(s) > SENSOR_BYTES_MAX || slice_keep(&c->data, s->port->heap) != ERR_OK) {
        c->data = (struct slice){0};
        sensor_scene_drop(s, c, "no memory for it");
        return;
    }
    port_count(s->port, METRIC_CAPTURES, 1);
    port_trace(s->port, TRACE_CAPTURE, s->port->config->self, "%s, Sun %.1f degrees high", c->key, c->aim.sun_elevation_deg);
    c->op = 0;
    c->phase = SCENE_WAITING;
    act(s, c);
}

void sensor_object(struct sensor *s, const struct object_reply *r)
{
    struct scene *c = scene_by(s, 0, r->tag);
    if (c && c->phase == SCENE_PUTTING)
        sensor_upload_reply(s, c, r);
    else if (c && c->phase == SCENE_LISTING)
        sensor_trigger_list(s, c, r);
}

void sensor_task(struct sensor *s, const struct task_reply *r)
{
    struct scene *c = scene_by(s, 0, r->tag);
    if (!c || c->phase != SCENE_SUBMITTING || r->op != TASK_CREATE)
        return;
    if (r->status != ERR_OK && err_remedy_of(r->status) == REMEDY_LATER && sensor_later(s, c, 0))
        return;
    if (r->status != ERR_OK)
        port_trace(s->port, TRACE_REFUSED, s->port->config->self, "change detection of %s: %s", c->key, r->reason);
    sensor_scene_free(c);
}

void sensor_fact(struct sensor *s, const struct fact *f)
{
    (void)s;
    (void)f;
}

uint64_t sensor_digest(const struct sensor *s)
{
    (void)s;
    return 0;
}

bool sensor_check(const struct sensor *s)
{
    for (size_t i = 0; i < SENSOR_SCENES_MAX; i++) {
        const struct scene *c = &s->scenes[i];
        bool holds = c->phase == SCENE_WAITING || c->phase == SCENE_PUTTING;
        if (holds != (c->data.size > 0) || (c->phase == SCENE_FREE) != (c->key[0] == 0))
            return false;
        if (c->phase == SCENE_PUTTING && (c->tag == 0 || c->offset > c->data.size))
            return false;
    }
    return held_bytes(s) <= SENSOR_BYTES_MAX;
}
