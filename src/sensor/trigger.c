/*
 * sensor/trigger.c - the change-detection task for a new picture and the newest earlier one of the same tile.
 */
#include "sensor/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define LOOK_BACK (60 * NS_PER_DAY)
#define TASK_EXPECTED (20 * NS_PER_S)
/* The program needs about 70 bytes per pixel (its README). */
#define TASK_MEMORY_BASE (64ull << 20)
#define TASK_MEMORY_PIXEL 100ull
enum { LIST_PAGE = 200, DOCUMENT_MAX = 4096 };

static void list_from(struct sensor *s, struct scene *c, struct span after)
{
    char prefix[40];
    int n = snprintf(prefix, sizeof prefix, "%s/", c->aim.tile);
    c->phase = SCENE_LISTING;
    c->tag = ++s->tag_last;
    c->at = TIME_NEVER;
    port_object(s->port, &(struct object_request){.op = OBJECT_LIST,
                                                  .client = SERVICE_SENSOR,
                                                  .tag = c->tag,
                                                  .bucket = span_text(s->config->bucket),
                                                  .prefix = span_of(prefix, (size_t)n),
                                                  .after = after,
                                                  .most = LIST_PAGE});
}

void sensor_trigger_begin(struct sensor *s, struct scene *c)
{
    char after[80], stamp[STAMP_SIZE];
    sensor_stamp(c->wall - LOOK_BACK, stamp);
    int n = snprintf(after, sizeof after, "%s/%s", c->aim.tile, stamp);
    c->previous[0] = 0;
    list_from(s, c, span_of(after, (size_t)n));
}

static bool is_picture(struct span key)
{
    return key.size > 4 && key.size < KEY_MAX && memcmp(key.data + key.size - 4, ".ppm", 4) == 0;
}

void sensor_trigger_list(struct sensor *s, struct scene *c, const struct object_reply *r)
{
    if (r->status != ERR_OK) {
        if (err_remedy_of(r->status) != REMEDY_LATER || !sensor_later(s, c, r->retry_at))
            sensor_scene_free(c);
        return;
    }
    struct span own = span_text(c->key);
    bool beyond = false;
    for (size_t i = 0; i < r->entry_count && !beyond; i++) {
        struct span key = r->entries[i].name;
        beyond = span_compare(key, own) >= 0; /* keys sort by time */
        if (!beyond && !r->entries[i].is_prefix && is_picture(key))
            (void)text_copy(c->previous, sizeof c->previous, key);
    }
    if (!beyond && r->truncated && r->next.size > 0) {
        list_from(s, c, r->next);
        return;
    }
    if (c->previous[0] == 0) { /* the first picture of its tile */
        sensor_scene_free(c);
        return;
    }
    sensor_trigger_submit(s, c);
}

/* "TILE/20261121T052231Z-..." -> "20261121T052231Z" */
static struct span stamp_of(const char *key)
{
    const char *start = strrchr(key, '/');
    start = start ? start + 1 : key;
    return span_of(start, strcspn(start, "-."));
}

static uint64_t task_memory(const struct sensor *s)
{
    return TASK_MEMORY_BASE + TASK_MEMORY_PIXEL * s->config->pixels * s->config->pixels;
}

static void document_file(struct text *t, const char *bucket, const char *key, const char *path)
{
    char url[300];
    snprintf(url, sizeof url, "s3://%s/%s", bucket, key);
    json_object(t, NULL);
    json_string(t, "url", url);
    json_string(t, "path", path);
    json_end(t);
}

/* The task as a TES document, as if a customer had sent it. */
static void document_write(struct text *t, const struct sensor *s, const struct scene *c, const char *name, const char *output)
{
    json_object(t, NULL);
    json_string(t, "name", name);
    json_array(t, "inputs");
    document_file(t, s->config->bucket, c->previous, "/work/in/a.ppm");
    document_file(t, s->config->bucket, c->key, "/work/in/b.ppm");
    json_end(t);
    json_array(t, "outputs");
    document_file(t, s->config->alert_bucket, output, "/work/out/alert.json");
    json_end(t);
    json_array(t, "executors");
    json_object(t, NULL);
    json_string(t, "image", "app:change-detection");
    json_array(t, "command");
    json_string(t, NULL, "change-detection");
    json_string(t, NULL, "--only-alerts");
    json_end(t);
    json_end(t);
    json_end(t);
    json_object(t, "resources");
    json_int(t, "cpu_cores", 1);
    json_double(t, "ram_gb", (double)(task_memory(s) >> 20) / 1024);
    json_end(t);
    json_end(t);
}

void sensor_trigger_submit(struct sensor *s, struct scene *c)
{
    char name[64], output[KEY_MAX];
    struct span before = stamp_of(c->previous), after = stamp_of(c->key);
    snprintf(name, sizeof name, "change-detection %s", c->aim.tile);
    snprintf(output, sizeof output, "%s/%.*s_%.*s.json", c->aim.tile, (int)MIN(before.size, (size_t)32), (const char *)before.data,
             (int)MIN(after.size, (size_t)32), (const char *)after.data);
    struct text document = text_new(s->port->heap, DOCUMENT_MAX);
    document_write(&document, s, c, name, output);
    struct task_spec spec = {.name = span_text(name),
                             .document = text_ok(&document) ? text_span(&document) : (struct span){0},
                             .executor_count = 1,
                             .input_count = 2,
                             .output_count = 1,
                             .cpu_millis = 1000,
                             .memory_bytes = task_memory(s),
                             .priority = 5,
                             .expected_ns = TASK_EXPECTED};
    struct span bucket = span_text(s->config->bucket);
    spec.executors[0].image = span_text("app:change-detection");
    spec.executors[0].arguments[0] = span_text("change-detection");
    spec.executors[0].arguments[1] = span_text("--only-alerts"); /* exit code 3 and no product when nothing changed */
    spec.executors[0].argument_count = 2;
    spec.executors[0].arguments[0] = span_text("change-detection");
    spec.executors[0].arguments[1] = span_text("--only-alerts");
    spec.executors[0].argument_count = 2;
    spec.inputs[0] = (struct task_file){.bucket = bucket, .key = span_text(c->previous), .path = span_text("/work/in/a.ppm")};
    spec.inputs[1] = (struct task_file){.bucket = bucket, .key = span_text(c->key), .path = span_text("/work/in/b.ppm")};
    spec.outputs[0] = (struct task_file){
        .bucket = span_text(s->config->alert_bucket), .key = span_text(output), .path = span_text("/work/out/alert.json")};
    c->phase = SCENE_SUBMITTING;
    c->tag = ++s->tag_last;
    c->at = TIME_NEVER;
    port_task(s->port, &(struct task_request){.op = TASK_CREATE, .client = SERVICE_SENSOR, .tag = c->tag, .spec = &spec});
    text_free(&document);
}
