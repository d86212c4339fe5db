/* The last events of the node's trace, for the console: a ring, read as JSON or as a stream (text/event-stream). */
#include <string.h>

#include "region/console.h"

enum { COMMENT_INTERVAL_S = 15, STREAM_UNSENT_MAX = 256 * 1024 };

struct stream {
    uint64_t last; /* number of the last event sent */
    mono_ns quiet_since;
};

void events_add(struct region *r, const struct effect_trace *trace)
{
    struct region_event *e = &r->events[r->event_last++ % EVENTS_KEPT];
    *e = (struct region_event){.number = r->event_last, .wall = r->time.now.wall, .id = trace->id, .about = trace->about};
    text_copy(e->text, sizeof e->text, trace->text);
}

static uint64_t first_after(const struct region *r, uint64_t after)
{
    uint64_t oldest = r->event_last > EVENTS_KEPT ? r->event_last - EVENTS_KEPT + 1 : 1;
    return MAX(after + 1, oldest);
}

static void event_json(struct text *t, const struct region *r, const struct region_event *e)
{
    char when[40];
    const char level[2] = {trace_level(e->id), 0};
    time_utc_text(e->wall, 3, when);
    json_object(t, NULL);
    json_uint(t, "n", e->number);
    json_string(t, "time", when);
    json_string(t, "event", trace_name(e->id));
    json_string(t, "level", level);
    if (e->about != NODE_NONE)
        json_string(t, "node", view_name(r->view, e->about));
    json_string(t, "text", e->text);
    json_end(t);
}

void console_events_json(struct request *q)
{
    struct region *r = q->region;
    struct span since = request_query(q, "since");
    uint64_t after = 0;
    if (since.size && parse_u64(since, UINT64_MAX - 1, &after) != ERR_OK) {
        respond_json_error(q, 400, "since must be an event number");
        return;
    }
    json_object(&q->out, NULL);
    json_uint(&q->out, "last", r->event_last);
    json_array(&q->out, "events");
    for (uint64_t n = first_after(r, after); n <= r->event_last; n++)
        event_json(&q->out, r, &r->events[(n - 1) % EVENTS_KEPT]);
    json_end(&q->out);
    json_end(&q->out);
    respond_out(q, 200, "application/json");
}

static void send_text(struct request *q, const struct text *t)
{
    if (text_ok(t) && t->size)
        respond_data(q, slice_borrowed(text_span(t)));
}

/* A slow reader misses nothing that is still in the ring: it is given more when it has taken what it has. */
static void push(struct request *q)
{
    struct region *r = q->region;
    struct stream *s = q->state;
    struct text t = text_new(r->heap, 512 * 1024);
    mono_ns now = r->time.now.mono;
    if (q->connection->unsent > STREAM_UNSENT_MAX)
        return;
    for (uint64_t n = first_after(r, s->last); n <= r->event_last; n++) {
        text_printf(&t, "id: %llu\ndata: ", (unsigned long long)n);
        event_json(&t, r, &r->events[(n - 1) % EVENTS_KEPT]);
        text_add(&t, "\n\n");
        s->last = n;
    }
    if (!t.size && now - s->quiet_since > COMMENT_INTERVAL_S * NS_PER_S)
        text_add(&t, ":\n\n"); /* keeps proxies and timeouts calm */
    if (t.size)
        s->quiet_since = now;
    send_text(q, &t);
    text_free(&t);
}

void console_events_stream(struct request *q)
{
    struct stream *s = q->state = request_alloc(q, sizeof *s);
    struct span last = request_header(q, "last-event-id");
    if (!s) {
        respond_json_error(q, 503, "out of memory");
        return;
    }
    if (parse_u64(last, UINT64_MAX - 1, &s->last) != ERR_OK)
        s->last = 0;
    s->quiet_since = q->region->time.now.mono;
    respond_header_text(q, "Content-Type", "text/event-stream");
    respond_header_text(q, "Cache-Control", "no-store");
    respond_stream(q, 200, UINT64_MAX);
    q->is_event_stream = true;
    push(q);
}

void events_tick(struct region *r)
{
    for (struct map_node *n = map_first(&r->connections); n; n = map_next(&r->connections, n)) {
        struct connection *c = *(struct connection **)map_value(n);
        if (c->request.is_event_stream && c->request.stream_open && !c->closing)
            push(&c->request);
    }
}
