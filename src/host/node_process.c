#include "host/node_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/hash.h"
#include "host/process.h"
#include "host/trace_log.h"

enum { CRAFT_SAVE_SECONDS = 10 };
#define SKY_AHEAD_NS (6 * NS_PER_HOUR)
#define SKY_BEHIND_NS NS_PER_HOUR

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "noct node: %s: %s\n", what, why);
    return 1;
}

/* ---- what the loop reports -------------------------------------------------------------------------------------------------- */

static void on_disk_done(void *context, const struct event_done *done)
{
    struct process *p = context;
    if ((done->status == ERR_IO || done->status == ERR_CORRUPT) && !p->disk_failed) {
        p->disk_failed = true;
        trace_log_say(clock_now(&p->clock).wall, 'E', "DISK", "%s: %s", p->directory, err_text(done->status));
    }
    process_post(p, &(struct event){.kind = EVENT_DONE, .done = *done});
}

static void on_link_event(void *context, const struct event *e)
{
    process_post(context, e);
}

static void on_lane_event(void *context, const struct event_lane *e)
{
    struct event posted = {.kind = EVENT_LANE, .lane = *e};
    if (e->data.buf)
        buf_ref(e->data.buf); /* the lanes drop theirs */
    process_post(context, &posted);
}

static void on_picture(void *context, uint64_t op, err status, struct slice picture, const char *why)
{
    struct process *p = context;
    if (status != ERR_OK)
        trace_log_say(clock_now(&p->clock).wall, 'W', "CAMERA", "%s: %s", err_text(status), why);
    process_post(p, &(struct event){.kind = EVENT_SCENE, .scene = {op, status, picture}});
}

static uint16_t port_of(void *context, node_id peer)
{
    const struct process *p = context;
    for (size_t i = 0; i < p->state.scenario->site_count; i++)
        if (p->state.scenario->sites[i].node == peer)
            return p->state.nodes[i].link_port;
    return 0;
}

static bool peer_allowed(void *context, node_id peer)
{
    const struct process *p = context;
    const struct view_member *m = view_find(node_view(p->node), peer);
    return !m || m->state != MEMBER_QUARANTINED; /* before the first facts are folded the certificate alone decides */
}

/* ---- every second ------------------------------------------------------------------------------------------------------------ */

static void run_craft(struct process *p)
{
    struct event e = {.kind = EVENT_CRAFT};
    craft_model_run(&p->craft, clock_now(&p->clock).wall, &e.craft);
    p->telemetry = e.craft;
    process_post(p, &e);
    if (p->seconds % CRAFT_SAVE_SECONDS == 0 && craft_model_save(&p->craft, p->directory) != ERR_OK)
        trace_log_say(p->craft.at, 'W', "CRAFT", "the state of battery and heat could not be saved");
}

static void on_second(uv_timer_t *timer)
{
    struct process *p = timer->data;
    tai_ns wall = clock_now(&p->clock).wall;
    p->seconds++;
    process_sky_extend(p, wall + SKY_AHEAD_NS);
    if (p->seconds % 60 == 0)
        process_sky_forget(p, wall - SKY_BEHIND_NS);
    process_journal_watch(p);
    if (!p->is_gateway)
        run_craft(p);
    process_status_say(p);
}

static void on_tick(uv_timer_t *timer)
{
    struct process *p = timer->data;
    if (node_ready(p->node) && !p->said_ready) {
        p->said_ready = true;
        process_status_say(p);
    }
    if (p->gateway)
        gateway_tick(p->gateway);
}

/* ---- starting ------------------------------------------------------------------------------------------------------------------ */

static err open_sky(struct process *p)
{
    const struct scenario *s = p->state.scenario;
    tai_ns wall = clock_now(&p->clock).wall;
    tai_ns start = MAX(s->epoch, wall - SKY_BEHIND_NS);
    p->plan_start = start - start % NS_PER_MINUTE;
    TRY(sky_init(&p->sky, NULL, s->sites, s->site_count, &s->links, p->plan_start));
    return sky_plan_extend(&p->sky, wall + SKY_AHEAD_NS);
}

static err open_disk(struct process *p)
{
    struct disk_config config = {.directory = p->directory, .prepare = true, .loop = &p->loop, .done = on_disk_done,
                                 .context = p};
    memcpy(config.capacity_bytes, p->config.area_capacity_bytes, sizeof config.capacity_bytes);
    TRY(disk_open(&p->disk, &config));
    for (int i = 0; i < AREA_COUNT; i++)
        p->config.area_used_bytes[i] = disk_used_bytes(p->disk, (enum disk_area)i);
    return ERR_OK;
}

static err open_links(struct process *p)
{
    struct link_set_config config = {
        .loop = &p->loop,
        .self = p->self,
        .port = p->state.nodes[p->site].link_port,
        .port_of = port_of,
        .allowed = peer_allowed,
        .event = on_link_event,
        .context = p,
        .authority = p->state.authority,
        .certificate = p->identity.certificate,
        .key = p->identity.key,
        .sky = &p->sky,
        .clock = &p->clock,
        .emulate = !p->options.no_emulation,
    };
    return link_set_open(&p->links, &config);
}

static void open_lanes(struct process *p)
{
    char directory[PATH_SIZE], instance[64];
    if (p->config.lanes_millis == 0 || !path_join(directory, p->directory, "lanes"))
        return;
    snprintf(instance, sizeof instance, "%.32s-%x", p->config.name, (unsigned)(hash64(p->directory, strlen(p->directory)) >> 36));
    struct lanes_config config = {&p->loop, directory, instance, p, on_lane_event};
    err status = lanes_open(&p->lanes, &config);
    if (status != ERR_OK)
        trace_log_say(clock_now(&p->clock).wall, 'W', "LANES", "no sandbox on this machine: %s", err_text(status));
}

static void open_eye(struct process *p)
{
    const struct scenario *s = p->state.scenario;
    if (!p->config.sensor.present)
        return;
    for (size_t i = 0; i < s->event_count; i++)
        p->eye_events[i] = (struct eye_event){s->events[i].kind == SCENE_FLOOD, s->events[i].lat_deg, s->events[i].lon_deg,
                                              s->events[i].radius_km, s->events[i].growth_km_per_hour, s->events[i].start};
    struct eye_config config = {
        .loop = &p->loop,
        .satellite = p->config.name,
        .events = p->eye_events,
        .event_count = s->event_count,
        .cloud_fraction = s->cloud_fraction,
        .seed = s->seed ^ p->self,
        .context = p,
        .done = on_picture,
    };
    p->eye = eye_open(&config);
}

static err open_node(struct process *p)
{
    const struct scenario *s = p->state.scenario;
    p->memory_size = p->is_gateway ? s->gateway_memory_bytes : s->node_memory_bytes;
    p->memory = mmap(NULL, p->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p->memory == MAP_FAILED)
        return ERR_NO_MEMORY;
    struct start start = {.config = p->config, .sky = &p->sky, .crypto = process_journal_crypto(p)};
    memcpy(start.root_public_key, p->state.root_public_key, sizeof start.root_public_key);
    start.genesis = span_of(p->state.genesis, p->state.genesis_size);
    process_journal_start(p, &start);
    TRY(node_open(&p->node, p->memory, p->memory_size, &start));
    struct event e = {.kind = EVENT_START, .start = &start};
    process_step(p, &e);
    return ERR_OK;
}

static err find_site(struct process *p)
{
    const struct scenario *s = p->state.scenario;
    for (p->site = 0; p->site < s->site_count; p->site++)
        if (strcmp(s->sites[p->site].name, p->options.name) == 0)
            break;
    if (p->site == s->site_count)
        return ERR_NOT_FOUND;
    p->self = s->sites[p->site].node;
    p->is_gateway = scenario_is_gateway(s, p->self);
    return path_join(p->directory, p->state.directory, p->options.name) ? ERR_OK : ERR_TOO_LARGE;
}

static err load(struct process *p, char why[STATE_WHY])
{
    char path[PATH_SIZE];
    uint32_t boot;
    TRY(state_open(&p->state, p->options.state_directory, why));
    snprintf(why, STATE_WHY, "no such node in the scenario");
    TRY(find_site(p));
    snprintf(why, STATE_WHY, "nodes.json or clock.json is missing or broken; `noct up` writes them");
    TRY(state_ports_load(&p->state));
    if (!path_join(path, p->state.directory, "clock.json"))
        return ERR_TOO_LARGE;
    TRY(clock_load(&p->clock, path));
    TRY(node_identity_load(&p->identity, &p->state, p->options.name, why));
    snprintf(why, STATE_WHY, "the boot count cannot be written");
    TRY(node_boot_next(p->directory, &boot));
    scenario_config(p->state.scenario, p->self, boot, &p->config);
    p->config.seed = (uint64_t)random_u63(); /* real nodes draw from the machine; the twin draws from the run's seed */
    return ERR_OK;
}

static err open_machine(struct process *p, char why[STATE_WHY])
{
    snprintf(why, STATE_WHY, "the contact plan cannot be computed");
    TRY(open_sky(p));
    snprintf(why, STATE_WHY, "the disk areas in %.200s cannot be opened", p->directory);
    TRY(open_disk(p));
    snprintf(why, STATE_WHY, "port %u for links is taken", p->state.nodes[p->site].link_port);
    TRY(open_links(p));
    open_lanes(p);
    open_eye(p);
    if (!p->is_gateway)
        craft_model_init(&p->craft, &scenario_member(p->state.scenario, p->self)->craft, p->state.scenario->battery_start, &p->sky, p->self,
                         clock_now(&p->clock).wall, p->directory);
    if (p->options.journal_mib > 0)
        TRY(process_journal_open(p, why));
    snprintf(why, STATE_WHY, "the node cannot be opened in %zu bytes", p->memory_size);
    TRY(open_node(p));
    if (p->state.nodes[p->site].http_port != 0)
        TRY(gateway_open(&p->gateway, p, p->state.nodes[p->site].http_port, why));
    snprintf(why, STATE_WHY, "standard input cannot be read");
    return process_control_open(p);
}

/* ---- ending ---------------------------------------------------------------------------------------------------------------------- */

static void on_terminate(uv_signal_t *handle, int number)
{
    struct process *p = handle->data;
    (void)number;
    p->stopping = true;
    uv_stop(&p->loop);
}

/* Crash-only: what was acknowledged is on disk already. The disk queue is flushed all the same, so that the next start
 * has less to ask its peers for. */
static void finish(struct process *p)
{
    struct event e = {.kind = EVENT_STOP};
    process_step(p, &e);
    disk_close(p->disk);
    if (!p->is_gateway && craft_model_save(&p->craft, p->directory) != ERR_OK)
        trace_log_say(p->craft.at, 'W', "CRAFT", "the state of battery and heat could not be saved");
    lanes_close(p->lanes);
    journal_close(p->journal);
    trace_log_say(clock_now(&p->clock).wall, 'I', "EXIT", "ended on request after %llu steps", (unsigned long long)p->steps);
    trace_log_close();
}

static void prepare_process(const struct node_process_options *options)
{
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    if (options->follow_parent)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
}

static void start_handles(struct process *p)
{
    static uv_timer_t tick;
    uv_idle_init(&p->loop, &p->pump);
    uv_timer_init(&p->loop, &p->alarm);
    uv_timer_init(&p->loop, &p->second);
    uv_timer_init(&p->loop, &tick);
    uv_signal_init(&p->loop, &p->on_terminate);
    uv_signal_init(&p->loop, &p->on_interrupt);
    p->pump.data = p->alarm.data = p->second.data = tick.data = p->on_terminate.data = p->on_interrupt.data = p;
    uv_signal_start(&p->on_terminate, on_terminate, SIGTERM);
    uv_signal_start(&p->on_interrupt, on_terminate, SIGINT);
    uv_timer_start(&p->second, on_second, 1000, 1000);
    uv_timer_start(&tick, on_tick, 100, 250);
}

int node_process_main(const struct node_process_options *options)
{
    static struct process process; /* large, and one per process */
    struct process *p = &process;
    char why[STATE_WHY] = "";
    prepare_process(options);
    p->options = *options;
    p->last = &p->first;
    if (uv_loop_init(&p->loop) != 0)
        return fail(options->name, "no event loop");
    err status = load(p, why);
    if (status == ERR_OK) {
        snprintf(why, sizeof why, "the log cannot be opened");
        status = trace_log_open(p->directory);
    }
    if (status == ERR_OK) {
        start_handles(p);
        status = open_machine(p, why);
    }
    if (status != ERR_OK) {
        fprintf(stderr, "noct node: %s: %s (%s)\n", options->name, why, err_text(status));
        return 1;
    }
    trace_log_say(clock_now(&p->clock).wall, 'I', "START", "boot %u, pid %d", p->config.boot, (int)getpid());
    while (!p->stopping)
        uv_run(&p->loop, UV_RUN_DEFAULT);
    finish(p);
    return 0; /* the kernel takes back sockets and memory */
}
