#include "host/supervisor_inner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GIVE_UP_MS = 10000, FAILURES_MOST = 3, READY_SLOW_S = 60 };

void supervisor_say(struct supervisor *s, const char *format, ...)
{
    va_list arguments;
    (void)s;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static int fail(const char *why)
{
    fprintf(stderr, "noct up: %s\n", why);
    return 1;
}

/* ---- ports and locks ------------------------------------------------------------------------------------------------------------ */

enum { LINK_PORT_FIRST = 10240, LINK_PORTS_LEAST = 4096, OUTGOING_FIRST = 32768 };

/* Listens to see whether a port is free. */
static bool port_free(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool good = s >= 0 && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                bind(s, (const struct sockaddr *)&address, sizeof address) == 0 && listen(s, 1) == 0;
    if (s >= 0)
        close(s);
    return good;
}

/* Where the system's ports for outgoing connections begin: ours stay below, or a node that restarts could find its own taken. */
static unsigned outgoing_first(void)
{
    unsigned first = OUTGOING_FIRST;
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (f && fscanf(f, "%u", &first) != 1)
        first = OUTGOING_FIRST;
    if (f)
        fclose(f);
    return first >= LINK_PORT_FIRST + LINK_PORTS_LEAST ? MIN(first, 65536u) : 65536u;
}

/* The next free one in the range of link ports, and not one that gateways get; 0 if there is none. */
static uint16_t link_port(const struct supervisor *s, unsigned *last)
{
    unsigned count = outgoing_first() - LINK_PORT_FIRST, gateway = s->options.port;
    for (unsigned tries = 0; tries < count; tries++) {
        *last = LINK_PORT_FIRST + (*last + 1 - LINK_PORT_FIRST) % count;
        if ((*last < gateway || *last >= gateway + s->state.scenario->site_count) && port_free((uint16_t)*last))
            return (uint16_t)*last;
    }
    return 0;
}

static bool choose_ports(struct supervisor *s, char why[STATE_WHY])
{
    const struct scenario *scenario = s->state.scenario;
    unsigned next = s->options.port, last = LINK_PORT_FIRST + (unsigned)getpid() * 64; /* away from those of another region */
    for (size_t i = 0; i < scenario->site_count; i++) {
        struct state_node *n = &s->state.nodes[i];
        n->link_port = link_port(s, &last);
        n->http_port = 0;
        if (n->link_port == 0) {
            snprintf(why, STATE_WHY, "no port for links is free on 127.0.0.1");
            return false;
        }
        if (!scenario_is_gateway(scenario, scenario->sites[i].node))
            continue;
        if (next > 65535 || !port_free((uint16_t)next)) {
            snprintf(why, STATE_WHY, "port %u (for %s) is not free; choose others with --port N", next,
                     scenario->sites[i].name);
            return false;
        }
        n->http_port = (uint16_t)next++;
        if (!s->endpoint[0])
            snprintf(s->endpoint, sizeof s->endpoint, "http://127.0.0.1:%u", n->http_port);
    }
    return true;
}

static bool take_lock(const char *directory, char why[STATE_WHY])
{
    char path[PATH_SIZE];
    if (!path_join(path, directory, "lock"))
        return false;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0)
        return true; /* held until the process ends */
    snprintf(why, STATE_WHY, "%.200s is in use: `noct status --state %.80s` shows what runs, `noct down` stops it", directory,
             directory);
    return false;
}

/* ---- ready -------------------------------------------------------------------------------------------------------------------------- */

static void print_welcome(struct supervisor *s)
{
    const struct scenario *scenario = s->state.scenario;
    const char *state = s->options.state_directory;
    FILE *out = stdout;
    fprintf(out, "\nRegion %s runs: %zu satellites, %zu gateways, scenario %s at x%u speed.\n", scenario->region,
            scenario->satellite_count, scenario->site_count - scenario->satellite_count, scenario->name, s->clock.speed);
    fprintf(out, "  S3 endpoint   %s   (jobs: %s/ga4gh/tes/v1/)\n", s->endpoint, s->endpoint);
    fprintf(out, "  console       %s/console/\n", s->endpoint);
    fprintf(out, "  access key    %s\n  secret key    %s\n", s->state.access_key, s->state.secret_key);
    fprintf(out, "                saved in %s/credentials; `. %s/env` sets them for aws and others\n", state, state);
    fprintf(out, "Try:\n  . %s/env; build/noct mb s3://hello && build/noct put README.md s3://hello/\n", state);
    fprintf(out, "  build/noct status\n  build/noct drill kill %s\n", scenario->sites[scenario->satellite_count > 1 ? 1 : 0].name);
    fprintf(out, s->options.detach ? "Stop:  build/noct down --state %s\n" : "Stop:  Ctrl-C (or build/noct down --state %s)\n", state);
    fflush(out);
}

static void tell_parent(struct supervisor *s, char code)
{
    if (s->ready_pipe < 0)
        return;
    if (write(s->ready_pipe, &code, 1) != 1)
        fputs("noct up: the starting process is gone\n", stderr);
    close(s->ready_pipe);
    s->ready_pipe = -1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char path[PATH_SIZE];
    int log = path_join(path, s->state.directory, "supervisor.log")
                  ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                  : -1;
    dup2(null, 0);
    dup2(log >= 0 ? log : null, 1);
    dup2(log >= 0 ? log : null, 2);
}

void supervisor_child_ready(struct supervisor *s, struct child *c)
{
    size_t running = 0;
    for (size_t i = 0; i < s->child_count; i++)
        running += s->children[i].state == CHILD_RUNNING;
    supervisor_say(s, "%s serves (%zu of %zu)", c->name, running, s->child_count);
    if (s->ready || running < s->child_count)
        return;
    s->ready = true;
    print_welcome(s);
    tell_parent(s, 0);
}

void supervisor_child_failed(struct supervisor *s, struct child *c)
{
    if (s->ready || c->failures < FAILURES_MOST)
        return;
    supervisor_say(s, "noct up: %s cannot be started (its message is above); stopping", c->name);
    s->failed = true;
    supervisor_stop(s);
}

/* ---- stopping ------------------------------------------------------------------------------------------------------------------------ */

static void on_give_up(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    for (size_t i = 0; i < s->child_count; i++)
        child_kill(&s->children[i], SIGKILL);
}

void supervisor_child_gone(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++)
        if (s->children[i].handles_open > 0)
            return;
    if (s->stopping)
        uv_stop(&s->loop);
}

void supervisor_stop(struct supervisor *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    supervisor_say(s, "stopping %zu nodes", s->child_count);
    for (size_t i = 0; i < s->child_count; i++) {
        uv_timer_stop(&s->children[i].retry);
        child_kill(&s->children[i], SIGTERM);
    }
    uv_timer_start(&s->give_up, on_give_up, GIVE_UP_MS, 1000);
    supervisor_child_gone(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    supervisor_stop(handle->data);
}

static void on_second(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    s->seconds++;
    if (clock_save(&s->clock, s->clock_path) != ERR_OK && s->seconds % 60 == 1)
        supervisor_say(s, "the clock cannot be saved in %s; is the disk full?", s->clock_path);
    if (!s->ready && s->seconds == READY_SLOW_S)
        supervisor_say(s, "still waiting for all nodes to recover; `noct status` shows which");
}

/* ---- starting ------------------------------------------------------------------------------------------------------------------------ */

static void say_new_state(const struct supervisor_options *o)
{
    fprintf(stderr, "making keys and state in %s\n", o->state_directory);
}

static bool prepare_state(struct supervisor *s, char why[STATE_WHY])
{
    const struct supervisor_options *o = &s->options;
    err status = directory_make(o->state_directory);
    if (status != ERR_OK) {
        snprintf(why, STATE_WHY, "the state directory %.200s cannot be made: %s", o->state_directory, err_text(status));
        return false;
    }
    if (!take_lock(o->state_directory, why))
        return false;
    if (!state_exists(o->state_directory)) {
        say_new_state(o);
        if (state_create(o->state_directory, o->scenario_path, why) != ERR_OK)
            return false;
    } else if (!state_same_scenario(o->state_directory, o->scenario_path)) {
        snprintf(why, STATE_WHY,
                 "%.120s was made from another scenario than %.120s; give another --state, or remove it to start anew",
                 o->state_directory, o->scenario_path);
        return false;
    }
    return state_open(&s->state, o->state_directory, why) == ERR_OK;
}

static bool prepare_run(struct supervisor *s, char why[STATE_WHY])
{
    const struct scenario *scenario = s->state.scenario;
    uint32_t speed = s->options.speed ? s->options.speed : scenario->speed;
    if (!choose_ports(s, why))
        return false;
    snprintf(why, STATE_WHY, "the state in %.200s cannot be written", s->state.directory);
    ssize_t size = readlink("/proc/self/exe", s->program, sizeof s->program - 1);
    return size > 0 && path_join(s->clock_path, s->state.directory, "clock.json") &&
           clock_start(&s->clock, s->clock_path, scenario->epoch, speed) == ERR_OK && state_ports_save(&s->state) == ERR_OK &&
           state_env_save(&s->state, s->endpoint) == ERR_OK;
}

static void start_handles(struct supervisor *s)
{
    uv_signal_init(&s->loop, &s->on_interrupt);
    uv_signal_init(&s->loop, &s->on_terminate);
    uv_timer_init(&s->loop, &s->second);
    uv_timer_init(&s->loop, &s->give_up);
    s->on_interrupt.data = s->on_terminate.data = s->second.data = s->give_up.data = s;
    uv_signal_start(&s->on_interrupt, on_signal, SIGINT);
    uv_signal_start(&s->on_terminate, on_signal, SIGTERM);
    uv_timer_start(&s->second, on_second, 1000, 1000);
}

static void start_children(struct supervisor *s)
{
    s->child_count = s->state.scenario->site_count;
    supervisor_say(s, "starting %zu nodes of %s", s->child_count, s->state.scenario->name);
    for (size_t i = 0; i < s->child_count; i++) {
        struct child *c = &s->children[i];
        *c = (struct child){.owner = s, .site = i, .name = s->state.scenario->sites[i].name};
        uv_timer_init(&s->loop, &c->retry);
        c->retry.data = c;
        child_start(c);
    }
}

static int run(struct supervisor *s)
{
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&s->loop) != 0)
        return fail("no event loop");
    start_handles(s);
    if (supervisor_control_open(s) != ERR_OK)
        return fail("the control socket cannot be opened in the state directory");
    start_children(s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    supervisor_control_close(s);
    if (clock_save(&s->clock, s->clock_path) != ERR_OK)
        supervisor_say(s, "the clock could not be saved");
    for (size_t i = 0; i < s->child_count; i++)
        child_free(&s->children[i]);
    supervisor_say(s, s->failed ? "stopped" : "stopped; everything acknowledged is on disk in %s", s->options.state_directory);
    tell_parent(s, 1);
    return s->failed ? 1 : 0;
}

/* The parent of a detached supervisor: waits until it serves or fails. Its exit code is the answer. */
static int wait_ready(int pipe, pid_t child)
{
    char code = 1;
    ssize_t n;
    do
        n = read(pipe, &code, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1 && code == 0)
        return 0;
    int status = 0;
    waitpid(child, &status, 0);
    return 1;
}

int supervisor_main(const struct supervisor_options *options)
{
    static struct supervisor supervisor; /* large */
    struct supervisor *s = &supervisor;
    char why[STATE_WHY] = "";
    int ends[2];
    s->options = *options;
    s->ready_pipe = -1;
    if (!prepare_state(s, why) || !prepare_run(s, why))
        return fail(why);
    if (!options->detach)
        return run(s);
    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail("no pipe");
    pid_t child = fork(); /* before the loop and any thread exist; the lock goes with it */
    if (child < 0)
        return fail("no new process");
    if (child > 0) {
        close(ends[1]);
        return wait_ready(ends[0], child);
    }
    close(ends[0]);
    s->ready_pipe = ends[1];
    setsid();
    return run(s);
}
