/*
 * sensor/internal.h - the plane's state, shared by sensor.c (when to take pictures), upload.c (into the bucket) and
 * trigger.c (change detection).
 */
#ifndef NOCT_SENSOR_INTERNAL_H
#define NOCT_SENSOR_INTERNAL_H

#include "sensor/aim.h"
#include "sensor/sensor.h"

enum { KEY_MAX = 160, STAMP_SIZE = 24, UPLOAD_PIECE = 256 * 1024 };

enum scene_phase {
    SCENE_FREE,
    SCENE_CAPTURING, /* EVENT_SCENE will come */
    SCENE_WAITING,   /* for its turn, or for storage */
    SCENE_PUTTING,
    SCENE_LISTING,   /* looks for the earlier picture */
    SCENE_SUBMITTING
};
struct scene {
    enum scene_phase phase;
    uint64_t op, tag;
    tai_ns wall;
    struct aim aim;
    char key[KEY_MAX];
    char previous[KEY_MAX]; /* the newest earlier picture found so far */
    struct slice data;
    uint64_t offset, credit;
    bool ending;
    uint32_t retries;
    mono_ns at; /* not before; TIME_NEVER when an answer is awaited */
};

struct sensor {
    struct port *port;
    const struct sensor_config *config;
    struct scene scenes[SENSOR_SCENES_MAX];
    bool ready;
    uint64_t tag_last;
    tai_ns looked, last_picture, last_sample;
    tai_ns target_taken[COUNT_OF(((struct sensor_config *)0)->targets)];
};

bool sensor_later(struct sensor *s, struct scene *c, tai_ns retry_at); /* backoff; false when it was tried too often */
void sensor_scene_free(struct scene *c);
void sensor_scene_drop(struct sensor *s, struct scene *c, const char *why);
void sensor_stamp(tai_ns wall, char out[STAMP_SIZE]); /* "20261121T052231Z" */

/* upload.c */
void sensor_upload_begin(struct sensor *s, struct scene *c);
void sensor_upload_reply(struct sensor *s, struct scene *c, const struct object_reply *r);

/* trigger.c */
void sensor_trigger_begin(struct sensor *s, struct scene *c);
void sensor_trigger_list(struct sensor *s, struct scene *c, const struct object_reply *r);
void sensor_trigger_submit(struct sensor *s, struct scene *c);

#endif
