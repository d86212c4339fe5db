#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/json_read.h"
#include "host/supervisor_inner.h"

enum { REQUEST_MAX = 4096, BACKLOG = 16 };

struct caller { /* one connection: one request, one answer */
    struct supervisor *owner;
    uv_pipe_t pipe;
    char line[REQUEST_MAX];
    size_t size;
    struct text answer;
    uv_write_t write;
    bool answered, stop_after;
};

/* ---- status ------------------------------------------------------------------------------------------------------------------ */

static void copy_members(struct text *t, const struct json_value *status)
{
    static const char *const integers[] = {"boot", "steps", "facts", "objects", "chunk_bytes", "disk_free_bytes",
                                           "repairs_queued", "tasks_running", "heap_bytes", "battery_mwh",
                                           "battery_capacity_mwh", "generation_mw", "load_mw", "core_mk", "sunlit_permille"};
    static const char *const numbers[] = {"latitude_deg", "longitude_deg", "altitude_km"};
    for (size_t i = 0; i < COUNT_OF(integers); i++)
        if (json_member(status, integers[i]))
            json_int(t, integers[i], json_int_of(status, integers[i], 0));
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (json_member(status, numbers[i]))
            json_double(t, numbers[i], json_number_of(status, numbers[i], 0));
    if (json_member(status, "facts_digest"))
        json_string(t, "facts_digest", json_text_of(status, "facts_digest", ""));
    if (json_member(status, "sandbox"))
        json_bool(t, "sandbox", json_bool_of(status, "sandbox", false));
}

static void say_members(const struct supervisor *s, struct text *t, const struct json_value *members)
{
    if (!members)
        return;
    json_object(t, "members");
    for (size_t i = 0; i < s->child_count; i++)
        if (json_member(members, s->children[i].name))
            json_string(t, s->children[i].name, json_text_of(members, s->children[i].name, ""));
    json_end(t);
}

static void say_node(const struct supervisor *s, struct text *t, const struct child *c)
{
    uint16_t port = s->state.nodes[c->site].http_port;
    char endpoint[64];
    json_object(t, NULL);
    json_string(t, "name", c->name);
    json_string(t, "role", port ? "gateway" : "satellite");
    json_int(t, "pid", c->alive ? c->process.pid : 0);
    json_string(t, "state", child_state_name(c->state));
    json_uint(t, "restarts", c->restarts);
    if (port) {
        snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", port);
        json_string(t, "endpoint", endpoint);
    }
    copy_members(t, c->status);
    say_members(s, t, json_member(c->status, "members"));
    json_end(t);
}

static struct child *child_of(struct supervisor *s, const char *name)
{
    for (size_t i = 0; i < s->child_count; i++)
        if (strcmp(s->children[i].name, name) == 0)
            return &s->children[i];
    return NULL;
}

static void say_links_of(struct supervisor *s, struct text *t, const struct child *c)
{
    const struct json_value *links = json_member(c->status, "links");
    for (size_t i = 0; i < json_count(links); i++) {
        const struct json_value *link = json_item(links, i);
        const struct child *peer = child_of(s, json_text_of(link, "peer", ""));
        if (!peer || (peer->site < c->site && peer->status))
            continue; /* said by the other end already */
        json_object(t, NULL);
        json_string(t, "a", c->name);
        json_string(t, "b", peer->name);
        json_bool(t, "up", json_bool_of(link, "up", false));
        json_bool(t, "contact", json_bool_of(link, "contact", false));
        json_bool(t, "cut", json_bool_of(link, "cut", false));
        json_int(t, "rate_bps", json_int_of(link, "rate_bps", 0));
        json_double(t, "light_time_ms", json_number_of(link, "light_time_ms", 0));
        json_int(t, "bytes_out", json_int_of(link, "bytes_out", 0));
        json_int(t, "bytes_in", json_int_of(link, "bytes_in", 0));
        if (json_member(link, "until"))
            json_string(t, "until", json_text_of(link, "until", ""));
        json_end(t);
    }
}

static void say_cuts(struct supervisor *s, struct text *t)
{
    tai_ns wall = clock_now(&s->clock).wall;
    json_array(t, "cuts");
    for (size_t i = 0; i < s->cut_count; i++) {
        char until[40] = "healed";
        if (s->cuts[i].until <= wall)
            continue;
        if (s->cuts[i].until != TIME_NEVER)
            time_utc_text(s->cuts[i].until, 0, until);
        json_object(t, NULL);
        json_string(t, "a", scenario_name(s->state.scenario, s->cuts[i].a));
        json_string(t, "b", scenario_name(s->state.scenario, s->cuts[i].b));
        json_string(t, "until", until);
        json_end(t);
    }
    json_end(t);
}

static void say_status(struct supervisor *s, struct text *t)
{
    char time[40], console[96];
    time_utc_text(clock_now(&s->clock).wall, 0, time);
    snprintf(console, sizeof console, "%s/console/", s->endpoint);
    json_bool(t, "ok", true);
    json_bool(t, "ready", s->ready);
    json_string(t, "region", s->state.scenario->region);
    json_string(t, "scenario", s->state.scenario->name);
    json_string(t, "endpoint", s->endpoint);
    json_string(t, "console", console);
    json_string(t, "access_key", s->state.access_key);
    json_string(t, "secret_key", s->state.secret_key);
    json_uint(t, "speed", s->clock.speed);
    json_string(t, "time", time);
    json_string(t, "state_directory", s->state.directory);
    json_int(t, "supervisor_pid", getpid());
    json_array(t, "nodes");
    for (size_t i = 0; i < s->child_count; i++)
        say_node(s, t, &s->children[i]);
    json_end(t);
    json_array(t, "links");
    for (size_t i = 0; i < s->child_count; i++)
        say_links_of(s, t, &s->children[i]);
    json_end(t);
    say_cuts(s, t);
}

/* ---- drills -------------------------------------------------------------------------------------------------------------------- */

static void refuse(struct text *t, const char *format, const char *name)
{
    char reason[200];
    snprintf(reason, sizeof reason, format, name);
    json_bool(t, "ok", false);
    json_string(t, "error", reason);
}

static void drill_kill(struct supervisor *s, struct text *t, const char *name)
{
    struct child *c = child_of(s, name);
    if (!c) {
        refuse(t, "no node is called \"%s\"; `noct status` lists them", name);
        return;
    }
    uv_timer_stop(&c->retry);
    c->kill_asked = true;
    c->revive_asked = false;
    child_kill(c, SIGKILL);
    c->state = CHILD_KILLED; /* nothing it still says counts */
    json_bool(t, "ok", true);
}

static void drill_revive(struct supervisor *s, struct text *t, const char *name)
{
    struct child *c = child_of(s, name);
    if (!c) {
        refuse(t, "no node is called \"%s\"; `noct status` lists them", name);
        return;
    }
    if (c->alive && !c->kill_asked) {
        refuse(t, "%s runs already", name);
        return;
    }
    c->failures = 0;
    if (c->handles_open == 0) {
        uv_timer_stop(&c->retry);
        child_start(c);
    } else {
        c->revive_asked = true; /* it is dying: start it when it is gone */
    }
    json_bool(t, "ok", true);
}

static void tell_cut(struct supervisor *s, struct child *c, const struct cut *cut)
{
    node_id self = s->state.scenario->sites[c->site].node;
    if (cut->a != self && cut->b != self)
        return;
    struct text t = text_new(NULL, REQUEST_MAX);
    json_object(&t, NULL);
    json_string(&t, "command", cut->until == 0 ? "heal" : "cut");
    json_string(&t, "peer", scenario_name(s->state.scenario, cut->a == self ? cut->b : cut->a));
    json_int(&t, "until_ns", cut->until);
    json_end(&t);
    text_add_char(&t, '\n');
    child_tell(c, text_string(&t));
    text_free(&t);
}

void supervisor_cuts_tell(struct supervisor *s, struct child *c)
{
    for (size_t i = 0; i < s->cut_count; i++)
        tell_cut(s, c, &s->cuts[i]);
}

static void set_cut(struct supervisor *s, node_id a, node_id b, tai_ns until)
{
    struct cut wanted = {MIN(a, b), MAX(a, b), until};
    size_t i = 0;
    while (i < s->cut_count && (s->cuts[i].a != wanted.a || s->cuts[i].b != wanted.b))
        i++;
    if (i == CUTS_MAX)
        return;
    s->cuts[i] = wanted;
    for (size_t k = 0; k < s->child_count; k++)
        tell_cut(s, &s->children[k], &wanted);
    if (until == 0) {
        if (i < s->cut_count)
            s->cuts[i] = s->cuts[--s->cut_count];
    } else if (i == s->cut_count) {
        s->cut_count++;
    }
}

static bool find_pair(struct supervisor *s, struct text *t, const struct json_value *request, node_id *a, node_id *b)
{
    const char *names[2] = {json_text_of(request, "a", ""), json_text_of(request, "b", "")};
    node_id ids[2];
    for (int i = 0; i < 2; i++) {
        ids[i] = scenario_node(s->state.scenario, names[i]);
        if (ids[i] == NODE_NONE) {
            refuse(t, "no node is called \"%s\"; `noct status` lists them", names[i]);
            return false;
        }
    }
    if (ids[0] == ids[1])
        refuse(t, "%s has no link to itself", names[0]);
    *a = ids[0];
    *b = ids[1];
    return ids[0] != ids[1];
}

static void drill_cut(struct supervisor *s, struct text *t, const struct json_value *request)
{
    node_id a, b;
    char until[40] = "healed";
    int64_t length = json_int_of(request, "for_ns", 0);
    if (!find_pair(s, t, request, &a, &b))
        return;
    if (s->cut_count == CUTS_MAX) {
        refuse(t, "%s", "too many pairs are cut already; heal some");
        return;
    }
    tai_ns wall = clock_now(&s->clock).wall;
    tai_ns end = length > 0 && length < TIME_NEVER - wall ? wall + length : TIME_NEVER;
    set_cut(s, a, b, end);
    if (end != TIME_NEVER)
        time_utc_text(end, 0, until);
    json_bool(t, "ok", true);
    json_string(t, "until", until);
}

static void drill_heal(struct supervisor *s, struct text *t, const struct json_value *request)
{
    node_id a, b;
    if (!json_member(request, "a") && !json_member(request, "b")) {
        while (s->cut_count > 0)
            set_cut(s, s->cuts[0].a, s->cuts[0].b, 0);
    } else {
        if (!find_pair(s, t, request, &a, &b))
            return;
        set_cut(s, a, b, 0);
    }
    json_bool(t, "ok", true);
}

/* ---- requests --------------------------------------------------------------------------------------------------------------------- */

static void answer_request(struct caller *c, const struct json_value *request)
{
    struct supervisor *s = c->owner;
    struct text *t = &c->answer;
    const char *command = json_text_of(request, "command", "");
    const char *node = json_text_of(request, "node", "");
    json_object(t, NULL);
    if (strcmp(command, "status") == 0)
        say_status(s, t);
    else if (strcmp(command, "kill") == 0)
        drill_kill(s, t, node);
    else if (strcmp(command, "revive") == 0)
        drill_revive(s, t, node);
    else if (strcmp(command, "cut") == 0)
        drill_cut(s, t, request);
    else if (strcmp(command, "heal") == 0)
        drill_heal(s, t, request);
    else if (strcmp(command, "down") == 0) {
        json_bool(t, "ok", true);
        c->stop_after = true;
    } else
        refuse(t, "unknown command \"%.40s\"", command);
    json_end(t);
    text_add_char(t, '\n');
}

static void on_caller_closed(uv_handle_t *handle)
{
    struct caller *c = handle->data;
    text_free(&c->answer);
    free(c);
}

static void on_answered(uv_write_t *request, int status)
{
    struct caller *c = request->data;
    (void)status;
    if (c->stop_after)
        supervisor_stop(c->owner);
    uv_close((uv_handle_t *)&c->pipe, on_caller_closed);
}

static void answer(struct caller *c, struct span line)
{
    char why[160] = "";
    struct json_value *request = json_read(line, why);
    c->answered = true;
    c->answer = text_new(NULL, CONTROL_LINE_MAX);
    answer_request(c, request);
    json_close(request);
    uv_buf_t part = uv_buf_init(c->answer.data, (unsigned)c->answer.size);
    c->write.data = c;
    uv_read_stop((uv_stream_t *)&c->pipe);
    if (!text_ok(&c->answer) || uv_write(&c->write, (uv_stream_t *)&c->pipe, &part, 1, on_answered) != 0)
        uv_close((uv_handle_t *)&c->pipe, on_caller_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct caller *c = handle->data;
    (void)suggested;
    *out = uv_buf_init(c->line + c->size, (unsigned)(sizeof c->line - c->size));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct caller *c = stream->data;
    (void)buf;
    if (size < 0) {
        uv_close((uv_handle_t *)stream, on_caller_closed);
        return;
    }
    c->size += (size_t)size;
    char *end = memchr(c->line, '\n', c->size);
    if (end)
        answer(c, span_of(c->line, (size_t)(end - c->line)));
    else if (c->size == sizeof c->line)
        answer(c, SPAN_LITERAL("{}"));
}

static void on_caller(uv_stream_t *listener, int status)
{
    struct supervisor *s = listener->data;
    if (status < 0 || s->stopping)
        return;
    struct caller *c = calloc(1, sizeof *c);
    ASSERT(c);
    c->owner = s;
    uv_pipe_init(&s->loop, &c->pipe, 0);
    c->pipe.data = c;
    if (uv_accept(listener, (uv_stream_t *)&c->pipe) != 0)
        uv_close((uv_handle_t *)&c->pipe, on_caller_closed);
    else
        uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

err supervisor_control_open(struct supervisor *s)
{
    char path[CONTROL_PATH_MAX];
    TRY(control_path(s->state.directory, path, &s->control_directory));
    (void)unlink(path); /* we hold the lock: it is nobody's */
    uv_pipe_init(&s->loop, &s->control, 0);
    s->control.data = s;
    mode_t mask = umask(0177);
    int error = uv_pipe_bind(&s->control, path);
    umask(mask);
    return error == 0 && uv_listen((uv_stream_t *)&s->control, BACKLOG, on_caller) == 0 ? ERR_OK : ERR_IO;
}

void supervisor_control_close(struct supervisor *s)
{
    char path[CONTROL_PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d/control.sock", s->control_directory);
    if (!uv_is_closing((uv_handle_t *)&s->control))
        uv_close((uv_handle_t *)&s->control, NULL);
    (void)unlink(path);
}
