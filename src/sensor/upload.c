/*
 * sensor/upload.c - a picture into the sensor's bucket, within storage's credit; retried until storage takes it.
 */
#include "sensor/internal.h"

#include <stdio.h>

#include "crypto/digest.h"

static void metadata_add(struct writer *w, uint16_t *count, const char *name, const char *value)
{
    write_blob(w, span_text(name));
    write_blob(w, span_text(value));
    ++*count;
}

static void metadata_number(struct writer *w, uint16_t *count, const char *name, double value, int digits)
{
    char text[40];
    snprintf(text, sizeof text, "%.*f", digits, value);
    metadata_add(w, count, name, text);
}

/* The region's layout: u16 count, then per entry u32 length and name, u32 length and value; names as HTTP headers. */
static struct span metadata_of(const struct sensor *s, const struct scene *c, uint8_t *memory, size_t size)
{
    char time[40], footprint[200];
    uint16_t count = 0;
    struct writer w = writer_of(memory, size);
    time_utc_text(c->wall, 0, time);
    aim_footprint(&c->aim, s->config->half_width_km, footprint, sizeof footprint);
    write_u16(&w, 0);
    metadata_add(&w, &count, "content-type", "image/x-portable-pixmap");
    metadata_add(&w, &count, "x-amz-meta-time", time);
    metadata_add(&w, &count, "x-amz-meta-satellite", s->port->config->name);
    metadata_add(&w, &count, "x-amz-meta-sensor", s->config->name);
    metadata_number(&w, &count, "x-amz-meta-lat", c->aim.lat_deg, 4);
    metadata_number(&w, &count, "x-amz-meta-lon", c->aim.lon_deg, 4);
    metadata_add(&w, &count, "x-amz-meta-footprint", footprint);
    metadata_add(&w, &count, "x-amz-meta-tile", c->aim.tile);
    metadata_number(&w, &count, "x-amz-meta-sun-elevation", c->aim.sun_elevation_deg, 2);
    if (c->aim.target[0])
        metadata_add(&w, &count, "x-amz-meta-target", c->aim.target);
    ASSERT(writer_ok(&w));
    memory[0] = (uint8_t)count;
    return writer_span(&w);
}

void sensor_upload_begin(struct sensor *s, struct scene *c)
{
    uint8_t memory[1024];
    c->phase = SCENE_PUTTING;
    c->tag = ++s->tag_last;
    c->offset = c->credit = 0;
    c->ending = false;
    c->at = TIME_NEVER;
    port_object(s->port, &(struct object_request){.op = OBJECT_PUT_BEGIN,
                                                  .client = SERVICE_SENSOR,
                                                  .tag = c->tag,
                                                  .bucket = span_text(s->config->bucket),
                                                  .key = span_text(c->key),
                                                  .metadata = metadata_of(s, c, memory, sizeof memory),
                                                  .size = c->data.size});
}

static void upload_more(struct sensor *s, struct scene *c)
{
    while (c->offset < c->data.size && c->credit > 0) {
        uint64_t piece = MIN(MIN(c->credit, (uint64_t)UPLOAD_PIECE), c->data.size - c->offset);
        port_object(s->port, &(struct object_request){.op = OBJECT_PUT_DATA,
                                                      .client = SERVICE_SENSOR,
                                                      .tag = c->tag,
                                                      .data = slice_part(c->data, c->offset, piece)});
        c->offset += piece;
        c->credit -= piece;
    }
    if (c->offset < c->data.size || c->ending)
        return;
    struct object_request q = {.op = OBJECT_PUT_END, .client = SERVICE_SENSOR, .tag = c->tag};
    md5(slice_span(c->data), q.md5);
    c->ending = true;
    port_object(s->port, &q);
}

static void upload_failed(struct sensor *s, struct scene *c, const struct object_reply *r)
{
    if (!r->final) /* an error ends the stream in any case */
        port_object(s->port, &(struct object_request){.op = OBJECT_PUT_ABORT, .client = SERVICE_SENSOR, .tag = c->tag});
    bool later = err_remedy_of(r->status) == REMEDY_LATER || r->status == ERR_NOT_FOUND; /* the bucket may still come */
    c->phase = SCENE_WAITING;
    if (!later || !sensor_later(s, c, r->retry_at))
        sensor_scene_drop(s, c, err_text(r->status));
}

void sensor_upload_reply(struct sensor *s, struct scene *c, const struct object_reply *r)
{
    if (r->status != ERR_OK) {
        upload_failed(s, c, r);
        return;
    }
    if (r->op != OBJECT_PUT_END || !r->final) {
        c->credit += MIN(r->credit, 1ull << 40);
        upload_more(s, c);
        return;
    }
    if (!c->ending) {
        upload_failed(s, c, &(struct object_reply){.status = ERR_BUSY, .final = true});
        return;
    }
    slice_drop(&c->data);
    c->retries = 0;
    c->tag = 0;
    if (s->config->detect_changes)
        sensor_trigger_begin(s, c);
    else
        sensor_scene_free(c);
}
