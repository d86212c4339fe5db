/*
 * sensor/sensor.h - the sensor plane: pictures of targets and of the ground track become objects, and changes become tasks.
 *
 * Story:    about every ten seconds of wall time the plane looks where the satellite is. When a target is near enough,
 *           sunlit, and the interval has passed, it takes a picture; without a target it samples tiles of the global
 *           grid along the track (every fifth interval). The picture is put into the sensor's bucket. Once that is
 *           acknowledged, the newest earlier picture of the same tile is looked up and the change-detection task is
 *           submitted for the pair, once: only the satellite that took the newer picture does so.
 * Owns:     at most SENSOR_SCENES_MAX pictures that storage has not taken yet (SENSOR_BYTES_MAX together); when full, the
 *           oldest that waits is dropped with a trace.
 * Units:    degrees, kilometres, nanoseconds.
 * Errors:   sensor_open: NO_MEMORY.
 * Threads:  single owner; call from the node's step only.   Invariant: sensor_check().
 */
#ifndef NOCT_SENSOR_SENSOR_H
#define NOCT_SENSOR_SENSOR_H

#include "core/object_api.h"
#include "core/port.h"
#include "core/task_api.h"

enum { SENSOR_SCENES_MAX = 8, SENSOR_BYTES_MAX = 32 << 20 };

struct sensor;

err sensor_open(struct sensor **out, struct port *port) MUST_USE;
void sensor_close(struct sensor *s); /* gives back the pictures it still holds */
void sensor_ready(struct sensor *s);
void sensor_scene(struct sensor *s, const struct event_scene *e);
void sensor_object(struct sensor *s, const struct object_reply *r);
void sensor_task(struct sensor *s, const struct task_reply *r);
void sensor_fact(struct sensor *s, const struct fact *f); /* no type of fact is this plane's yet; ignored */
void sensor_alarm(struct sensor *s);
uint64_t sensor_digest(const struct sensor *s); /* nothing is folded here: always 0 */
bool sensor_check(const struct sensor *s);

#endif
