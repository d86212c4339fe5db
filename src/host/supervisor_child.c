#include <fcntl.h>
#include <unistd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "host/json_read.h"
#include "host/supervisor_inner.h"

enum { RETRY_FIRST_MS = 500, RETRY_MOST_MS = 10000, STEADY_S = 30 };

const char *child_state_name(enum child_state s)
{
    static const char *const names[] = {"stopped", "starting", "running", "killed", "crashed"};
    return names[s];
}

static void on_retry(uv_timer_t *timer)
{
    struct child *c = timer->data;
    if (!c->owner->stopping && !c->alive && c->handles_open == 0)
        child_start(c);
}

static void plan_restart(struct child *c)
{
    unsigned turns = MIN(c->failures, 5u);
    uint64_t wait = MIN((uint64_t)RETRY_FIRST_MS << turns, (uint64_t)RETRY_MOST_MS);
    c->failures++;
    c->restarts++;
    c->state = CHILD_CRASHED;
    uv_timer_start(&c->retry, on_retry, wait, 0);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    if (--c->handles_open > 0)
        return;
    if (c->revive_asked && !c->owner->stopping)
        child_start(c);
    supervisor_child_gone(c->owner);
}

static void on_child_exit(uv_process_t *process, int64_t code, int signal_number)
{
    struct child *c = process->data;
    struct supervisor *s = c->owner;
    bool never_ready = c->state == CHILD_STARTING;
    c->alive = false;
    json_close(c->status);
    c->status = NULL;
    uv_close((uv_handle_t *)&c->process, on_handle_closed);
    uv_close((uv_handle_t *)&c->input, on_handle_closed);
    uv_close((uv_handle_t *)&c->output, on_handle_closed);
    if (s->stopping) {
        c->state = CHILD_STOPPED;
    } else if (c->kill_asked) {
        c->state = CHILD_KILLED;
    } else {
        if (clock_mono() - c->started_at > STEADY_S * NS_PER_S)
            c->failures = 0;
        if (signal_number)
            supervisor_say(s, "%s ended by signal %d; starting it again (see %s/log)", c->name, signal_number, c->name);
        else
            supervisor_say(s, "%s ended with code %d; starting it again (see %s/log)", c->name, (int)code, c->name);
        plan_restart(c);
        if (never_ready && code == 1)
            supervisor_child_failed(s, c);
    }
}

/* ---- what it says ---------------------------------------------------------------------------------------------------------- */

static void take_status(struct child *c, struct span line)
{
    struct json_value *status = json_read(line, NULL);
    if (!status)
        return;
    json_close(c->status);
    c->status = status;
    if (c->state == CHILD_STARTING && json_bool_of(status, "ready", false)) {
        c->state = CHILD_RUNNING;
        supervisor_child_ready(c->owner, c);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct child *c = handle->data;
    (void)suggested;
    *out = uv_buf_init(c->line + c->line_size, (unsigned)(CONTROL_LINE_MAX - c->line_size));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct child *c = stream->data;
    (void)buf;
    if (size < 0) {
        uv_read_stop(stream);
        return;
    }
    c->line_size += (size_t)size;
    for (char *end; (end = memchr(c->line, '\n', c->line_size));) {
        size_t used = (size_t)(end - c->line) + 1;
        take_status(c, span_of(c->line, used - 1));
        c->line_size -= used;
        memmove(c->line, c->line + used, c->line_size);
    }
    if (c->line_size == CONTROL_LINE_MAX)
        c->line_size = 0;
}

/* ---- what it is told ---------------------------------------------------------------------------------------------------------- */

struct telling {
    uv_write_t request;
    char text[];
};

static void on_told(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

void child_tell(struct child *c, const char *line)
{
    size_t size = strlen(line);
    if (!c->alive)
        return;
    struct telling *t = malloc(sizeof *t + size);
    ASSERT(t);
    memcpy(t->text, line, size);
    uv_buf_t part = uv_buf_init(t->text, (unsigned)size);
    if (uv_write(&t->request, (uv_stream_t *)&c->input, &part, 1, on_told) != 0)
        free(t);
}

/* ---- starting and ending -------------------------------------------------------------------------------------------------------- */

/* Where a node's last words go: our own stderr, or the log when nobody will be there to read it. */
static int words_open(const struct supervisor *s)
{
    char path[PATH_SIZE];
    if (!s->options.detach || !path_join(path, s->state.directory, "supervisor.log"))
        return -1;
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static bool child_keeps_journal(const struct child *c)
{
    const struct supervisor_options *o = &c->owner->options;
    size_t size = strlen(c->name);
    if (o->journal_mib == 0 || !o->journal_nodes)
        return o->journal_mib != 0;
    for (const char *at = o->journal_nodes; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, c->name, size) == 0 && (at[size] == 0 || at[size] == ','))
            return true;
    }
    return false;
}

void child_start(struct child *c)
{
    struct supervisor *s = c->owner;
    char name[SKY_NAME_SIZE];
    int words = words_open(s);
    snprintf(name, sizeof name, "%s", c->name);
    char journal[32];
    snprintf(journal, sizeof journal, "--journal=%u", s->options.journal_mib);
    char *arguments[10] = {s->program, "node", "--state", s->state.directory, "--name", name, "--follow-parent"};
    size_t argument_count = 7;
    if (s->options.no_emulation)
        arguments[argument_count++] = "--no-emulation";
    if (child_keeps_journal(c))
        arguments[argument_count++] = journal;
    ASSERT(!c->alive && c->handles_open == 0);
    if (!c->line)
        c->line = malloc(CONTROL_LINE_MAX);
    ASSERT(c->line);
    c->line_size = 0;
    c->kill_asked = c->revive_asked = false;
    uv_pipe_init(&s->loop, &c->input, 0);
    uv_pipe_init(&s->loop, &c->output, 0);
    c->input.data = c->output.data = c->process.data = c;
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&c->input},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->output},
        {.flags = UV_INHERIT_FD, .data.fd = words >= 0 ? words : 2},
    };
    uv_process_options_t options = {
        .exit_cb = on_child_exit,
        .file = s->program,
        .args = arguments,
        .flags = UV_PROCESS_DETACHED, /* a Ctrl-C of the terminal is ours to pass on */
        .stdio = stdio,
        .stdio_count = 3,
    };
    c->handles_open = 3;
    c->started_at = clock_mono();
    c->state = CHILD_STARTING;
    int error = uv_spawn(&s->loop, &c->process, &options);
    if (words >= 0)
        close(words);
    if (error != 0) {
        supervisor_say(s, "%s cannot be started: %s", c->name, uv_strerror(error));
        uv_close((uv_handle_t *)&c->process, on_handle_closed);
        uv_close((uv_handle_t *)&c->input, on_handle_closed);
        uv_close((uv_handle_t *)&c->output, on_handle_closed);
        plan_restart(c);
        return;
    }
    c->alive = true;
    uv_read_start((uv_stream_t *)&c->output, on_alloc, on_read);
    supervisor_cuts_tell(s, c);
}

void child_kill(struct child *c, int signal_number)
{
    if (c->alive)
        uv_process_kill(&c->process, signal_number);
}

void child_free(struct child *c)
{
    json_close(c->status);
    free(c->line);
    c->status = NULL;
    c->line = NULL;
}
