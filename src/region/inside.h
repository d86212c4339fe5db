/*
 * region/inside.h - the state of a region; internal to the room.
 */
#ifndef NOCT_REGION_INSIDE_H
#define NOCT_REGION_INSIDE_H

#include "base/map.h"
#include "region/http.h"

enum { EVENTS_KEPT = 512, EVENT_TEXT_MAX = 200, LATENCY_BUCKETS = 12 };

struct op_stats { /* RED: rate, errors, duration */
    uint64_t by_class[6]; /* [2] = 2xx */
    uint64_t latency[LATENCY_BUCKETS + 1]; /* not cumulative */
    uint64_t latency_us_sum;
};

struct region_event { /* one trace event, kept for the console */
    uint64_t number; /* from 1 */
    tai_ns wall;
    uint16_t id;
    node_id about;
    char text[EVENT_TEXT_MAX];
};

struct outgoing; /* a queued request to a plane: outbox.c */

struct region {
    struct heap *heap;
    struct region_config config;
    struct region_host host;
    const struct view *view;
    const struct sky *sky;
    const uint64_t *metrics;
    struct region_time time;
    struct map connections; /* id -> struct connection * */
    struct map tags;        /* tag -> struct request * */
    uint64_t tag_last, request_last;
    struct outgoing *outbox_head, *outbox_tail;
    bool flushing;
    struct connection *dead_list; /* freed at the end of an input */
    unsigned depth;
    struct sigv4_key_cache keys;
    struct op_stats stats[OP_COUNT];
    uint64_t bytes_in, bytes_out, refused_connections;
    struct region_event *events; /* ring of EVENTS_KEPT */
    uint64_t event_last;
};

/* ---- outbox.c ---- */
err outbox_object(struct region *r, const struct object_request *o) MUST_USE;
err outbox_task(struct region *r, const struct task_request *t) MUST_USE;
void outbox_flush(struct region *r);
void outbox_clear(struct region *r);

/* ---- stats.c ---- */
void stats_count(struct region *r, enum op op, unsigned status, duration_ns took);
const char *op_name(enum op op);
const char *op_service(enum op op);
extern const uint32_t stats_bounds_ms[LATENCY_BUCKETS];

/* ---- handlers, each named after its file ---- */
enum s3_error auth_check(struct request *q, struct span payload_hash, const char **detail); /* auth.c */
bool auth_request(struct request *q);          /* signed headers or query; answers and returns false when refused */
bool auth_basic(struct request *q);            /* Basic access:secret, or Bearer secret; no answer */
enum s3_error payload_prepare(struct request *q, const char **detail); /* prepare.c: how the body is coded, what must hold */
enum s3_error payload_error(enum payload_verdict v);

void s3_route(struct request *q);
void tes_route(struct request *q, struct span rest); /* rest: behind /ga4gh/tes/v1 */
void metrics_serve(struct request *q);
void console_serve(struct request *q, struct span rest); /* rest: behind /console */
void admin_route(struct request *q, struct span rest);   /* rest: behind /noct/v1 */
void events_add(struct region *r, const struct effect_trace *trace);
void events_tick(struct region *r);

#endif
