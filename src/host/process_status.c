#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "host/json_read.h"
#include "host/process.h"

enum { STATUS_MAX = 1 << 20 };

static void say_links(const struct process *p, struct text *t)
{
    json_array(t, "links");
    for (size_t i = 0; i < link_set_count(p->links); i++) {
        struct link_info info;
        link_set_info(p->links, i, &info);
        if (!info.contact && !info.up && !info.cut)
            continue;
        json_object(t, NULL);
        json_string(t, "peer", scenario_name(p->state.scenario, info.peer));
        json_bool(t, "up", info.up);
        json_bool(t, "contact", info.contact);
        json_bool(t, "cut", info.cut);
        json_bool(t, "pointed", info.pointed);
        json_uint(t, "rate_bps", info.rate_bps);
        json_double(t, "light_time_ms", (double)info.light_time / 1e6);
        json_uint(t, "bytes_out", info.bytes_out);
        json_uint(t, "bytes_in", info.bytes_in);
        if (info.contact && info.until != TIME_NEVER) {
            char until[40];
            time_utc_text(info.until, 0, until);
            json_string(t, "until", until);
        }
        json_end(t);
    }
    json_end(t);
}

static void say_members(const struct process *p, struct text *t)
{
    const struct view *view = node_view(p->node);
    json_object(t, "members");
    for (size_t i = 0; i < view->count; i++)
        json_string(t, view->members[i].name, member_state_name(view->members[i].state));
    json_end(t);
}

static void say_craft(const struct process *p, struct text *t)
{
    const struct event_craft *c = &p->telemetry;
    if (p->is_gateway)
        return;
    json_uint(t, "battery_mwh", c->battery_mwh);
    json_uint(t, "battery_capacity_mwh", c->battery_capacity_mwh);
    json_uint(t, "generation_mw", c->generation_mw);
    json_uint(t, "load_mw", c->load_mw);
    json_uint(t, "core_mk", c->core_mk);
    json_uint(t, "sunlit_permille", c->sunlit_permille);
}

static void say_position(const struct process *p, struct text *t)
{
    struct state state;
    if (sky_position(&p->sky, p->self, clock_now(&p->clock).wall, &state) != ERR_OK)
        return;
    json_double(t, "latitude_deg", state.latitude_deg);
    json_double(t, "longitude_deg", state.longitude_deg);
    json_double(t, "altitude_km", state.altitude_km);
}

static void say_status(const struct process *p, struct text *t)
{
    const uint64_t *metrics = node_metrics(p->node);
    char wall[40], digest[17];
    time_utc_text(clock_now(&p->clock).wall, 0, wall);
    snprintf(digest, sizeof digest, "%016" PRIx64, node_facts_digest(p->node));
    json_object(t, NULL);
    json_string(t, "name", p->config.name);
    json_bool(t, "ready", node_ready(p->node));
    json_string(t, "time", wall);
    json_uint(t, "boot", p->config.boot);
    json_uint(t, "steps", p->steps);
    json_string(t, "facts_digest", digest);
    json_uint(t, "facts", metrics[METRIC_FACTS]);
    json_uint(t, "objects", metrics[METRIC_OBJECTS]);
    json_uint(t, "chunk_bytes", metrics[METRIC_CHUNK_BYTES]);
    json_uint(t, "disk_free_bytes", metrics[METRIC_DISK_FREE]);
    json_uint(t, "repairs_queued", metrics[METRIC_REPAIRS_QUEUED]);
    json_uint(t, "tasks_running", metrics[METRIC_TASKS_RUNNING]);
    json_uint(t, "heap_bytes", metrics[METRIC_HEAP_BYTES]);
    json_bool(t, "sandbox", p->lanes != NULL);
    say_craft(p, t);
    say_position(p, t);
    say_members(p, t);
    say_links(p, t);
    json_end(t);
    text_add_char(t, '\n');
}

/* Standard output is a pipe of the supervisor: a whole line or nothing, never waiting. */
void process_status_say(struct process *p)
{
    struct text t = text_new(NULL, STATUS_MAX);
    say_status(p, &t);
    struct span left = text_span(&t);
    while (text_ok(&t) && left.size > 0) {
        ssize_t n = write(STDOUT_FILENO, left.data, left.size);
        if (n <= 0)
            break;
        left = (struct span){left.data + n, left.size - (size_t)n};
    }
    text_free(&t);
}

static void obey(struct process *p, struct span line)
{
    struct json_value *root = json_read(line, NULL);
    const char *command = json_text_of(root, "command", "");
    node_id peer = scenario_node(p->state.scenario, json_text_of(root, "peer", ""));
    if (strcmp(command, "cut") == 0 && peer != NODE_NONE)
        link_set_cut(p->links, peer, json_int_of(root, "until_ns", TIME_NEVER));
    else if (strcmp(command, "heal") == 0 && peer != NODE_NONE)
        link_set_cut(p->links, peer, 0);
    json_close(root);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct process *p = handle->data;
    (void)suggested;
    *out = uv_buf_init(p->line + p->line_size, (unsigned)(sizeof p->line - p->line_size));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct process *p = stream->data;
    (void)buf;
    if (size < 0) {
        uv_read_stop(stream);
        return;
    }
    p->line_size += (size_t)size;
    for (char *end; (end = memchr(p->line, '\n', p->line_size));) {
        size_t used = (size_t)(end - p->line) + 1;
        obey(p, span_of(p->line, used - 1));
        p->line_size -= used;
        memmove(p->line, p->line + used, p->line_size);
    }
    if (p->line_size == sizeof p->line) /* no command is that long */
        p->line_size = 0;
}

err process_control_open(struct process *p)
{
    ASSERT(uv_pipe_init(&p->loop, &p->control, 0) == 0);
    p->control.data = p;
    uv_handle_type kind = uv_guess_handle(STDIN_FILENO);
    if (kind != UV_NAMED_PIPE)
        return ERR_OK; /* run by hand: no control */
    if (uv_pipe_open(&p->control, STDIN_FILENO) != 0 || uv_read_start((uv_stream_t *)&p->control, on_alloc, on_read) != 0)
        return ERR_IO;
    return ERR_OK;
}
