/* plane_test.c - pictures: when they are taken, how they get into the bucket, and what a second one of a tile triggers. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/node_core.h"
#include "crypto/digest.h"
#include "orbit/sun.h"
#include "sensor/aim.h"
#include "sensor/sensor.h"

/* The sky of these tests: the satellite stands where the test puts it, the Sun over the equator at longitude `sun_lon`. */
static double here_lat, here_lon, sun_lon;
static const uint8_t some_sky;

err sky_position(const struct sky *sky, uint32_t node, tai_ns t, struct state *out)
{
    (void)sky;
    (void)node;
    *out = (struct state){.time = t, .latitude_deg = here_lat, .longitude_deg = here_lon, .altitude_km = 550};
    double ecef[3] = {0, 0, 0};
    struct geodetic sun = {0, sun_lon * DEGREE_RAD, 1.49e8};
    frames_geodetic_to_ecef(&sun, ecef);
    frames_ecef_to_teme(frames_gmst(t), ecef, out->sun_teme_km);
    return ERR_OK;
}

enum { OBJECTS_MAX = 32 };
struct rig {
    void *memory;
    struct heap heap;
    struct view view;
    struct node_core core;
    struct config config;
    struct port port;
    struct now now;
    struct sensor *sensor;
    size_t captures, drops;
    struct effect_capture last;
    char keys[OBJECTS_MAX][160]; /* of the bucket, in order of arrival */
    size_t key_count;
    err put_fails;
    uint64_t put_tag, put_bytes, put_size;
    uint8_t put_data[8192];
    char put_key[160];
    struct span put_metadata;
    size_t task_count;
    err task_fails;
    char task_inputs[2][160], task_output[160];
    size_t puts_begun;
};

static struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof *r);
    here_lat = here_lon = sun_lon = 0;
    r->memory = aligned_alloc(64, 8 << 20);
    heap_init(&r->heap, r->memory, 8 << 20);
    r->now = (struct now){.mono = NS_PER_S, .wall = time_from_utc(2026, 11, 21, 12, 0, 0), .wall_rate = 60};
    r->config = (struct config){.self = 1, .boot = 1, .name = "sat-1"};
    struct sensor_config *k = &r->config.sensor;
    *k = (struct sensor_config){.present = true, .name = "eo-1", .bucket = "eo", .half_width_km = 50, .pixels = 64,
                                .interval_ns = 2 * NS_PER_MINUTE, .off_nadir_max_km = 300, .target_count = 1,
                                .detect_changes = true, .alert_bucket = "alerts"};
    k->targets[0] = (struct sensor_target){.name = "island", .lat_deg = 1, .lon_deg = 1};
    assert_int_equal(view_init(&r->view, &r->heap, 4, 1), ERR_OK);
    assert_int_equal(node_core_init(&r->core, &r->heap), ERR_OK);
    port_init(&r->port, SERVICE_SENSOR, &r->core, &r->config, &r->view, (const struct sky *)(const void *)&some_sky);
    node_core_begin(&r->core, &r->now);
    r->port.now = r->now;
    assert_int_equal(sensor_open(&r->sensor, &r->port), ERR_OK);
    sensor_ready(r->sensor);
    return r;
}

static void rig_free(struct rig *r)
{
    sensor_close(r->sensor);
    node_core_begin(&r->core, &r->now);
    free(r->memory);
    free(r);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list(struct rig *r, const struct object_request *q)
{
    struct object_entry entries[OBJECTS_MAX];
    size_t count = 0;
    qsort(r->keys, r->key_count, sizeof r->keys[0], by_name);
    for (size_t i = 0; i < r->key_count; i++) {
        struct span key = span_text(r->keys[i]);
        bool under = key.size >= q->prefix.size && memcmp(key.data, q->prefix.data, q->prefix.size) == 0;
        if (under && span_compare(key, q->after) > 0)
            entries[count++] = (struct object_entry){.name = key};
    }
    sensor_object(r->sensor, &(struct object_reply){.op = OBJECT_LIST, .tag = q->tag, .final = true, .entries = entries, .entry_count = count});
}

static void object(struct rig *r, struct object_request *q)
{
    struct object_reply answer = {.op = q->op, .tag = q->tag};
    switch ((int)q->op) {
    case OBJECT_PUT_BEGIN:
        r->puts_begun++;
        answer.status = r->put_fails;
        answer.final = r->put_fails != ERR_OK;
        answer.credit = 1000;
        r->put_tag = q->tag;
        r->put_bytes = 0;
        r->put_size = q->size;
        snprintf(r->put_key, sizeof r->put_key, "%.*s", (int)q->key.size, (const char *)q->key.data);
        r->put_metadata = q->metadata;
        sensor_object(r->sensor, &answer);
        break;
    case OBJECT_PUT_DATA:
        assert_true(q->data.size <= 1000);
        memcpy(r->put_data + r->put_bytes, q->data.data, q->data.size);
        r->put_bytes += q->data.size;
        answer.credit = q->data.size;
        slice_drop(&q->data);
        sensor_object(r->sensor, &answer);
        break;
    case OBJECT_PUT_END: {
        uint8_t now[16];
        md5(span_of(r->put_data, r->put_bytes), now);
        assert_memory_equal(now, q->md5, 16);
        assert_int_equal(r->put_bytes, r->put_size);
        memcpy(r->keys[r->key_count++], r->put_key, sizeof r->put_key);
        answer.final = true;
        sensor_object(r->sensor, &answer);
        break;
    }
    case OBJECT_LIST:
        list(r, q);
        break;
    default:
        break;
    }
}

static void take_text(char out[160], struct span s)
{
    snprintf(out, 160, "%.*s", (int)s.size, (const char *)s.data);
}

static void task(struct rig *r, const struct task_request *q)
{
    r->task_count++;
    assert_true(span_equal_text(q->spec->executors[0].arguments[1], "--only-alerts"));
    assert_true(q->spec->document.size > 100 && utf8_valid(q->spec->document));
    take_text(r->task_inputs[0], q->spec->inputs[0].key);
    take_text(r->task_inputs[1], q->spec->inputs[1].key);
    take_text(r->task_output, q->spec->outputs[0].key);
    sensor_task(r->sensor, &(struct task_reply){.op = TASK_CREATE, .tag = q->tag, .status = r->task_fails});
}

static void scene(struct rig *r, const struct effect_capture *e)
{
    static uint8_t picture[2500];
    memset(picture, (int)(e->op & 0xff), sizeof picture);
    r->captures++;
    r->last = *e;
    sensor_scene(r->sensor, &(struct event_scene){.op = e->op, .data = slice_borrowed(span_of(picture, sizeof picture))});
}

static void drain(struct rig *r)
{
    struct delivery d;
    size_t effect = 0;
    bool more = true;
    while (more) {
        more = false;
        while (node_core_next(&r->core, &d)) {
            more = true;
            if (d.kind == DELIVER_OBJECT)
                object(r, d.object);
            else if (d.kind == DELIVER_TASK)
                task(r, d.task);
        }
        for (; effect < r->core.effect_count; effect++, more = true) {
            struct effect e = r->core.effects[effect];
            if (e.kind == EFFECT_CAPTURE)
                scene(r, &e.capture);
            else if (e.kind == EFFECT_TRACE && e.trace.id == TRACE_PICTURE_DROPPED)
                r->drops++;
        }
    }
    assert_true(sensor_check(r->sensor));
}

/* Lets wall time pass. */
static void run(struct rig *r, duration_ns wall)
{
    for (duration_ns done = 0; done < wall; done += 5 * NS_PER_S) {
        r->now.wall += 5 * NS_PER_S;
        r->now.mono += 5 * NS_PER_S / r->now.wall_rate;
        node_core_begin(&r->core, &r->now);
        r->port.now = r->now;
        if (r->port.alarm_at <= r->now.mono) {
            r->port.alarm_at = TIME_NEVER;
            sensor_alarm(r->sensor);
        }
        drain(r);
    }
}

static void a_target_below_is_photographed_once_per_pass(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    run(r, 5 * NS_PER_MINUTE);
    assert_int_equal(r->captures, 1);
    assert_int_equal(r->key_count, 1);
    assert_int_equal(r->last.pixels, 64);
    assert_true(aim_distance_km(1, 1, r->last.center_lat_deg, r->last.center_lon_deg) < 71); /* its tile holds it */
    assert_true(strncmp(r->keys[0], "H50000-R", 8) == 0);
    assert_non_null(strstr(r->keys[0], "/20261121T120"));
    assert_non_null(strstr(r->keys[0], "Z-eo-1-sat-1.ppm"));
    rig_free(r);
}

static void nothing_is_taken_by_night_or_far_off(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    sun_lon = 180;
    run(r, 10 * NS_PER_MINUTE);
    assert_int_equal(r->captures, 0);
    sun_lon = 0;
    here_lat = 10;
    run(r, 10 * NS_PER_MINUTE);
    assert_int_equal(r->captures, 0);
    rig_free(r);
}

static void without_targets_the_track_is_sampled_every_fifth_interval(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    r->config.sensor.target_count = 0;
    run(r, 10 * NS_PER_MINUTE);
    assert_int_equal(r->captures, 0);
    r->config.sensor.sample_track = true;
    here_lat = 42.3;
    run(r, 31 * NS_PER_MINUTE);
    assert_in_range(r->captures, 3, 4);
    rig_free(r);
}

static void a_second_picture_of_a_tile_submits_one_task_for_the_pair(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    run(r, 5 * NS_PER_MINUTE);
    assert_int_equal(r->task_count, 0);
    char first[160];
    memcpy(first, r->keys[0], sizeof first);
    run(r, 20 * NS_PER_MINUTE);
    assert_int_equal(r->key_count, 2);
    assert_int_equal(r->task_count, 1);
    assert_string_equal(r->task_inputs[0], first);
    assert_string_equal(r->task_inputs[1], r->keys[1]);
    size_t tile = (size_t)(strchr(first, '/') - first);
    assert_memory_equal(r->task_output, first, tile + 17); /* TILE/TIME */
    assert_non_null(strstr(r->task_output, "Z_2026"));
    run(r, 21 * NS_PER_MINUTE);
    assert_int_equal(r->task_count, 2);
    assert_string_equal(r->task_inputs[0], r->keys[1]); /* the newest earlier one */
    rig_free(r);
}

static void pictures_wait_while_storage_is_unreachable_and_the_oldest_is_dropped(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    r->config.sensor.detect_changes = false;
    r->put_fails = ERR_UNREACHABLE;
    run(r, 20 * NS_PER_MINUTE * (SENSOR_SCENES_MAX + 2) + NS_PER_MINUTE);
    assert_int_equal(r->captures, SENSOR_SCENES_MAX + 3);
    assert_int_equal(r->drops, 3);
    assert_int_equal(r->key_count, 0);
    assert_true(r->puts_begun < 1000); /* with backoff */
    r->put_fails = ERR_OK;
    run(r, 65 * NS_PER_MINUTE); /* one minute and more of machine time */
    assert_true(r->key_count >= SENSOR_SCENES_MAX);
    rig_free(r);
}

static void a_refused_task_is_tried_again_when_later_helps(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    run(r, 5 * NS_PER_MINUTE);
    r->task_fails = ERR_FULL;
    run(r, 19 * NS_PER_MINUTE);
    assert_true(r->task_count >= 2);
    r->task_fails = ERR_OK;
    size_t before = r->task_count;
    run(r, 10 * NS_PER_MINUTE);
    assert_true(r->task_count <= before + 1);
    rig_free(r);
}

static void the_metadata_says_what_where_and_when(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    run(r, NS_PER_MINUTE);
    struct reader m = reader_of(r->put_metadata.data, r->put_metadata.size);
    uint16_t count = read_u16(&m);
    assert_int_equal(count, 10);
    bool footprint = false;
    for (uint16_t i = 0; i < count; i++) {
        struct span name = read_blob(&m, 100), value = read_blob(&m, 300);
        footprint |= span_equal_text(name, "x-amz-meta-footprint") && value.size > 30 && memcmp(value.data, "POLYGON((", 9) == 0;
        if (span_equal_text(name, "content-type"))
            assert_true(span_equal_text(value, "image/x-portable-pixmap"));
        if (span_equal_text(name, "x-amz-meta-target"))
            assert_true(span_equal_text(value, "island"));
    }
    assert_true(reader_at_end(&m) && footprint);
    rig_free(r);
}

static void stray_answers_change_nothing(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    run(r, NS_PER_MINUTE);
    for (uint64_t tag = 0; tag < 20; tag++) {
        sensor_object(r->sensor, &(struct object_reply){.op = OBJECT_PUT_END, .tag = tag, .final = true});
        sensor_task(r->sensor, &(struct task_reply){.op = TASK_CREATE, .tag = tag});
        sensor_scene(r->sensor, &(struct event_scene){.op = tag});
    }
    assert_true(sensor_check(r->sensor));
    assert_int_equal(r->task_count, 0);
    rig_free(r);
}

static void safe_health_rests_the_camera(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct view_member *m;
    assert_int_equal(view_add(&r->view, 1, &m), ERR_OK);
    m->status_known = true;
    m->status.health = HEALTH_SAFE;
    run(r, 10 * NS_PER_MINUTE);
    assert_int_equal(r->captures, 0);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_below_is_photographed_once_per_pass),
        cmocka_unit_test(nothing_is_taken_by_night_or_far_off),
        cmocka_unit_test(without_targets_the_track_is_sampled_every_fifth_interval),
        cmocka_unit_test(a_second_picture_of_a_tile_submits_one_task_for_the_pair),
        cmocka_unit_test(pictures_wait_while_storage_is_unreachable_and_the_oldest_is_dropped),
        cmocka_unit_test(a_refused_task_is_tried_again_when_later_helps),
        cmocka_unit_test(the_metadata_says_what_where_and_when),
        cmocka_unit_test(stray_answers_change_nothing),
        cmocka_unit_test(safe_health_rests_the_camera),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
