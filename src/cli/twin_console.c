#include "cli/twin_console.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/twin_console_inner.h"
#include "host/clock.h"
#include "host/http_server.h"
#include "host/static_files.h"
#include "orbit/sky.h"

enum { REQUEST_MAX = 16384, CONNECTIONS = 64, ANSWER_MAX = 64 << 20, TICK_MS = 200, STREAM_FIRST = 300, STREAM_TURN = 500 };

struct client {
    uint64_t id; /* 0: free */
    bool stream;
    size_t sent; /* events */
    char request[REQUEST_MAX];
    size_t size;
};

struct server {
    struct twin_console console;
    uv_loop_t loop;
    struct http_server *http;
    struct static_files *files;
    struct client clients[CONNECTIONS];
    uv_timer_t tick;
    uv_signal_t interrupt, terminate;
};

/* ---- playback --------------------------------------------------------------------------------------------------------------------- */

tai_ns twin_console_end(const struct twin_console *c)
{
    tai_ns live = c->options.live ? (tai_ns)atomic_load(&c->options.live->wall) : 0;
    return MAX(MAX(c->track.last, c->track.epoch), live);
}

tai_ns twin_console_now(struct twin_console *c)
{
    mono_ns real = clock_mono();
    tai_ns end = twin_console_end(c);
    if (c->at_edge)
        c->at = end;
    else if (c->playing)
        c->at += (tai_ns)((double)(real - c->at_real) * c->speed);
    c->at_real = real;
    if (c->at >= end && !c->at_edge) {
        c->at = end;
        c->at_edge = c->options.live && !atomic_load(&c->options.live->done);
        c->playing = c->playing && (c->at_edge || (c->options.follow && !c->track.ended));
    }
    c->at = MAX(c->at, c->track.epoch);
    return c->at;
}

size_t twin_console_events_until(const struct twin_console *c, tai_ns t)
{
    size_t low = 0, high = c->track.event_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c->track.events[middle].t <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The simulation itself stands still while its newest instant is shown and somebody has paused. */
static void tell_live(struct twin_console *c)
{
    if (!c->options.live)
        return;
    atomic_store(&c->options.live->paused, c->at_edge && !c->playing);
    atomic_store(&c->options.live->speed, (unsigned)fmax(1, round(c->speed)));
}

static bool change(struct twin_console *c, struct span query)
{
    char text[40];
    double value;
    (void)twin_console_now(c);
    twin_console_query(query, "speed", text, sizeof text);
    if (text[0]) {
        if (parse_double(span_text(text), &value) != ERR_OK || value < 0.1 || value > TWIN_SPEED_MOST)
            return false;
        c->speed = value;
    }
    twin_console_query(query, "at_ms", text, sizeof text);
    if (text[0]) {
        if (parse_double(span_text(text), &value) != ERR_OK || fabs(value) > 9e12)
            return false;
        c->at = (tai_ns)(value * 1e6) + TAI_MINUS_UTC_S * NS_PER_S;
        c->at_edge = false;
    }
    twin_console_query(query, "playing", text, sizeof text);
    if (text[0])
        c->playing = strcmp(text, "true") == 0;
    twin_console_query(query, "edge", text, sizeof text);
    if (strcmp(text, "true") == 0)
        c->at_edge = true;
    (void)twin_console_now(c);
    tell_live(c);
    return true;
}

/* ---- HTTP --------------------------------------------------------------------------------------------------------------------------- */

static void send_bytes(struct server *s, const struct client *k, const void *data, size_t size)
{
    struct buf *b = buf_new_malloc(MAX(size, (size_t)1));
    memcpy(b->data, data, size);
    http_server_send(s->http, k->id, slice_of(b, 0, size));
}

static void respond(struct server *s, struct client *k, int status, const char *type, struct span body, bool keep)
{
    char head[400];
    const char *reason = status == 200 ? "OK" : status == 404 ? "Not Found" : status == 301 ? "Moved Permanently" : "Bad Request";
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: %s\r\n%s"
                     "Content-Security-Policy: default-src 'self'\r\nX-Content-Type-Options: nosniff\r\n\r\n",
                     status, reason, type, body.size, keep ? "no-cache" : "no-store", status == 301 ? "Location: /console/\r\n" : "");
    send_bytes(s, k, head, (size_t)n);
    if (body.size)
        send_bytes(s, k, body.data, body.size);
}

static void push_events(struct server *s, struct client *k)
{
    struct twin_console *c = &s->console;
    size_t last = twin_console_events_until(c, twin_console_now(c));
    struct text t = text_new(NULL, ANSWER_MAX);
    if (last > k->sent + STREAM_TURN)
        k->sent = last - STREAM_TURN; /* after a jump of the slider: the newest */
    for (; k->sent < last; k->sent++) {
        text_printf(&t, "id: %zu\ndata: ", k->sent + 1);
        twin_console_event(c, k->sent, &t);
        text_add(&t, "\n\n");
    }
    if (text_ok(&t) && t.size)
        send_bytes(s, k, t.data, t.size);
    text_free(&t);
}

static void begin_stream(struct server *s, struct client *k)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n:\n\n";
    size_t last = twin_console_events_until(&s->console, twin_console_now(&s->console));
    k->stream = true;
    k->sent = last > STREAM_FIRST ? last - STREAM_FIRST : 0;
    send_bytes(s, k, head, sizeof head - 1);
    push_events(s, k);
}

static void serve_file(struct server *s, struct client *k, struct span path)
{
    struct span name = path.size ? path : SPAN_LITERAL("index.html");
    for (size_t i = 0; i < s->files->count; i++)
        if (span_equal_text(name, s->files->items[i].path)) {
            respond(s, k, 200, s->files->items[i].content_type, s->files->items[i].bytes, true);
            return;
        }
    respond(s, k, 404, "application/json", SPAN_LITERAL("{\"error\":\"no such file\"}"), false);
}

static void serve_api(struct server *s, struct client *k, struct span what, struct span query, bool post)
{
    struct text t = text_new(NULL, ANSWER_MAX);
    if (post && (!span_equal_text(what, "twin") || !change(&s->console, query)))
        respond(s, k, 400, "application/json", SPAN_LITERAL("{\"error\":\"POST api/twin takes at_ms, speed (0.1 to 100000), playing, edge\"}"), false);
    else if (span_equal_text(what, "events") && query.size == 0)
        begin_stream(s, k);
    else if (twin_console_answer(&s->console, what, query, &t))
        respond(s, k, 200, "application/json", text_span(&t), false);
    else
        respond(s, k, 404, "application/json", SPAN_LITERAL("{\"error\":\"a twin does not tell that\"}"), false);
    text_free(&t);
}

/* One request line: METHOD SP TARGET SP VERSION. */
static void serve(struct server *s, struct client *k, struct span line)
{
    bool post = line.size > 5 && memcmp(line.data, "POST ", 5) == 0;
    bool get = line.size > 4 && memcmp(line.data, "GET ", 4) == 0;
    const uint8_t *from = line.data + (post ? 5 : 4);
    const uint8_t *to = get || post ? memchr(from, ' ', line.size - (post ? 5 : 4)) : NULL;
    if (!to) {
        respond(s, k, 400, "text/plain", SPAN_LITERAL("GET or POST only\n"), false);
        http_server_finish(s->http, k->id, true);
        return;
    }
    struct span target = span_of(from, (size_t)(to - from)), query = {0};
    const uint8_t *mark = memchr(target.data, '?', target.size);
    if (mark) {
        query = span_of(mark + 1, target.size - (size_t)(mark + 1 - target.data));
        target.size = (size_t)(mark - target.data);
    }
    static const char api[] = "/console/api/", console[] = "/console/";
    if (target.size >= sizeof api - 1 && memcmp(target.data, api, sizeof api - 1) == 0)
        serve_api(s, k, span_of(target.data + sizeof api - 1, target.size - (sizeof api - 1)), query, post);
    else if (target.size >= sizeof console - 1 && memcmp(target.data, console, sizeof console - 1) == 0)
        serve_file(s, k, span_of(target.data + sizeof console - 1, target.size - (sizeof console - 1)));
    else
        respond(s, k, 301, "text/plain", SPAN_LITERAL("the console is at /console/\n"), false);
}

/* ---- sockets -------------------------------------------------------------------------------------------------------------------------- */

static struct client *client_of(struct server *s, uint64_t id)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (s->clients[i].id == id)
            return &s->clients[i];
    return NULL;
}

static void on_connected(void *context, uint64_t id)
{
    struct server *s = context;
    struct client *k = client_of(s, 0);
    if (k) {
        k->id = id;
        k->size = 0;
        k->stream = false;
    } else {
        http_server_finish(s->http, id, false);
    }
}

static void on_bytes(void *context, uint64_t id, struct slice data)
{
    struct server *s = context;
    struct client *k = client_of(s, id);
    if (!k || k->stream)
        return;
    if (data.size > sizeof k->request - k->size) { /* no page of ours asks that much */
        http_server_finish(s->http, id, false);
        return;
    }
    memcpy(k->request + k->size, data.data, data.size);
    k->size += data.size;
    for (uint8_t *end; !k->stream && k->size && (end = memmem(k->request, k->size, "\r\n\r\n", 4));) {
        const char *line = memchr(k->request, '\r', k->size);
        serve(s, k, span_of(k->request, (size_t)(line - k->request)));
        size_t used = (size_t)((char *)end - k->request) + 4;
        k->size -= used;
        memmove(k->request, k->request + used, k->size);
    }
    http_server_flush(s->http);
}

static void on_sent(void *context, uint64_t id, size_t bytes)
{
    (void)context;
    (void)id;
    (void)bytes;
}

static void on_closed(void *context, uint64_t id)
{
    struct client *k = client_of(context, id);
    if (k)
        *k = (struct client){0};
}

static void on_tick(uv_timer_t *timer)
{
    struct server *s = timer->data;
    track_refresh(&s->console.track);
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (s->clients[i].id && s->clients[i].stream)
            push_events(s, &s->clients[i]);
    http_server_flush(s->http);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    uv_stop(handle->loop);
}

/* ---- life -------------------------------------------------------------------------------------------------------------------------------- */

static int run(struct server *s)
{
    struct http_server_events events = {s, on_connected, on_bytes, on_sent, on_closed};
    const struct twin_console_options *o = &s->console.options;
    if (http_server_open(&s->http, &s->loop, "127.0.0.1", o->port, &events) != ERR_OK)
        return cli_fail("port %u is taken; choose another with --port", o->port);
    uv_timer_init(&s->loop, &s->tick);
    uv_signal_init(&s->loop, &s->interrupt);
    uv_signal_init(&s->loop, &s->terminate);
    s->tick.data = s;
    uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    uv_signal_start(&s->interrupt, on_signal, SIGINT);
    uv_signal_start(&s->terminate, on_signal, SIGTERM);
    printf("http://127.0.0.1:%u/console/   (Ctrl-C ends it)\n", o->port);
    fflush(stdout);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    return CLI_OK;
}

int twin_console_serve(const struct twin_console_options *options)
{
    struct server *s = calloc(1, sizeof *s);
    ASSERT(s);
    struct twin_console *c = &s->console;
    c->options = *options;
    signal(SIGPIPE, SIG_IGN);
    if (track_open(&c->track, options->folder) != ERR_OK)
        return cli_fail("%s: %s", options->folder, c->track.why);
    if (c->track.node_count != options->scenario->site_count)
        return cli_fail("%s: the track has %zu nodes, the scenario %zu", options->folder, c->track.node_count, options->scenario->site_count);
    if (scenario_sky(options->scenario, NULL, &c->sky) != ERR_OK || uv_loop_init(&s->loop) != 0)
        return cli_fail("no memory");
    c->speed = options->speed;
    c->playing = true;
    c->at_edge = options->live || options->follow;
    c->at = options->at ? options->at : c->track.epoch;
    c->at_real = clock_mono();
    tell_live(c);
    s->files = static_files_load();
    int code = run(s);
    static_files_free(s->files);
    track_close(&c->track);
    sky_free(c->sky);
    free(c->sky);
    free(s); /* the process ends here; the kernel takes back the sockets */
    return code;
}
