/*
 * node/scenario_sensor.c - the sections `sensor` and `events` of a scenario: what is looked at, and what changes on the ground.
 */
#include "node/scenario_parse.h"

#include <string.h>

struct sensor_raw {
    struct sensor_config config;
    double cloud_fraction;
};

static const struct yaml_field sensor_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(struct sensor_raw, config.name), .size = 24, .required = true},
    {.key = "bucket", .type = YAML_NAME, .offset = offsetof(struct sensor_raw, config.bucket), .size = 64, .required = true},
    {.key = "alert_bucket", .type = YAML_NAME, .offset = offsetof(struct sensor_raw, config.alert_bucket), .size = 64},
    YAML_FIELD(struct sensor_raw, config.half_width_km, "half_width_km", YAML_DOUBLE, 1, 2000),
    YAML_FIELD(struct sensor_raw, config.pixels, "pixels", YAML_U32, 16, 2048),
    YAML_FIELD(struct sensor_raw, config.interval_ns, "interval", YAML_DURATION, 1, 864000),
    YAML_FIELD(struct sensor_raw, config.off_nadir_max_km, "off_nadir_max_km", YAML_DOUBLE, 1, 3000),
    YAML_FIELD(struct sensor_raw, config.sample_track, "sample_track", YAML_BOOL, 0, 0),
    YAML_FIELD(struct sensor_raw, config.detect_changes, "detect_changes", YAML_BOOL, 0, 0),
    {.key = "targets", .type = YAML_SUB},
    YAML_FIELD(struct sensor_raw, cloud_fraction, "cloud_fraction", YAML_DOUBLE, 0, 1),
};
static const struct yaml_field target_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(struct sensor_target, name), .size = 32, .required = true},
    {.key = "latitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct sensor_target, lat_deg), .low = -90, .high = 90,
     .required = true},
    {.key = "longitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct sensor_target, lon_deg), .low = -180, .high = 360,
     .required = true},
};

struct event_raw {
    char kind[8];
    struct scenario_event event;
    duration_ns start;
};
static const struct yaml_field event_fields[] = {
    {.key = "kind", .type = YAML_WORD, .offset = offsetof(struct event_raw, kind), .size = 8, .words = "burn flood", .required = true},
    {.key = "latitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct event_raw, event.lat_deg), .low = -90, .high = 90,
     .required = true},
    {.key = "longitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct event_raw, event.lon_deg), .low = -180, .high = 360,
     .required = true},
    {.key = "radius_km", .type = YAML_DOUBLE, .offset = offsetof(struct event_raw, event.radius_km), .low = 0.1, .high = 2000},
    {.key = "growth_km_per_hour", .type = YAML_DOUBLE, .offset = offsetof(struct event_raw, event.growth_km_per_hour), .low = 0,
     .high = 500},
    {.key = "start", .type = YAML_DURATION, .offset = offsetof(struct event_raw, start), .low = 0, .high = 1e9},
};

static err read_sensor(struct scenario_reader *p, const yaml_node_t *top)
{
    const yaml_node_t *n = yaml_child(&p->yaml, top, "sensor");
    if (!n)
        return ERR_OK;
    struct sensor_raw raw = {.config = {.present = true, .half_width_km = 250, .pixels = 256, .interval_ns = 120 * NS_PER_S,
                                .off_nadir_max_km = 600}};
    TRY(yaml_fill(&p->yaml, n, "`sensor`", sensor_fields, COUNT_OF(sensor_fields), &raw));
    struct sensor_config *c = &p->scenario->node.sensor;
    *c = raw.config;
    p->scenario->cloud_fraction = raw.cloud_fraction;
    const yaml_node_t *list = yaml_child(&p->yaml, n, "targets");
    size_t count = 0;
    if (list)
        TRY(yaml_sequence(&p->yaml, list, "targets", COUNT_OF(c->targets), &count));
    for (size_t i = 0; i < count; i++)
        TRY(yaml_fill(&p->yaml, yaml_item(&p->yaml, list, i), "a target", target_fields, COUNT_OF(target_fields), &c->targets[i]));
    c->target_count = (uint32_t)count;
    return ERR_OK;
}

static err read_events(struct scenario_reader *p, const yaml_node_t *top)
{
    const yaml_node_t *list = yaml_child(&p->yaml, top, "events");
    if (!list)
        return ERR_OK;
    TRY(yaml_sequence(&p->yaml, list, "events", SCENARIO_EVENTS_MAX, &p->scenario->event_count));
    for (size_t i = 0; i < p->scenario->event_count; i++) {
        struct event_raw raw = {.event = {.radius_km = 20}};
        TRY(yaml_fill(&p->yaml, yaml_item(&p->yaml, list, i), "an event", event_fields, COUNT_OF(event_fields), &raw));
        raw.event.kind = strcmp(raw.kind, "flood") == 0 ? SCENE_FLOOD : SCENE_BURN;
        raw.event.start = p->scenario->epoch + raw.start;
        p->scenario->events[i] = raw.event;
    }
    return ERR_OK;
}

err scenario_read_sensor(struct scenario_reader *p, const yaml_node_t *top)
{
    TRY(read_sensor(p, top));
    return read_events(p, top);
}
