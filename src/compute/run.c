/*
 * compute/run.c - a run: one lease of this node, from the queue through its phases to a TASK_RESULT.
 *
 *   WAITING -> STAGING -> STARTING <-> RUNNING -> SAVING -> REPORTING -> gone
 *      any phase with a lane -> STOPPING (superseded, cancelled, survival) -> gone
 */
#include "base/mutation.h"
#include "compute/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPORT_RETRY NS_PER_S
#define STOP_PATIENCE (60 * NS_PER_S)
#define LANE_WALL_MIN (10 * NS_PER_MINUTE)
#define DEFER_RETRY (5 * NS_PER_S)

struct run *compute_run_find(const struct compute *c, struct uid id)
{
    struct task_key key = compute_task_key(id);
    return map_find(&c->runs, span_of(key.bytes, sizeof key.bytes));
}

bool compute_run_spec(const struct compute *c, const struct run *r, struct task_spec *out)
{
    const struct task *t = compute_table_find(&c->table, r->id);
    struct uid id;
    return t && t->body.size && compute_spec_read(t->body, &id, out) == ERR_OK;
}

void compute_lane_effect(struct compute *c, const struct effect_lane *e)
{
    port_effect(c->port, &(struct effect){.kind = EFFECT_LANE, .lane = *e});
}

static void phase_set(struct compute *c, struct run *r, enum run_phase next)
{
    enum { PHASES = RUN_STOPPING + 1 };
    static const uint8_t edges[PHASES][PHASES] = {
#define EDGE(machine, from, to) EDGE_##machine(from, to)
#define EDGE_MEMBER(from, to)
#define EDGE_HEALTH(from, to)
#define EDGE_LINK(from, to)
#define EDGE_RUN(from, to) [RUN_##from][RUN_##to] = PROBE_RUN_##from##_##to,
#define EDGE_PUT(from, to)
#define EDGE_GET(from, to)
#include "core/probe.def"
    };
    port_probe(c->port, (enum probe_id)edges[r->phase][next]); /* EDGE_UNKNOWN is zero */
    r->phase = next;
}

static void lane_simple(struct compute *c, const struct run *r, enum lane_kind kind)
{
    compute_lane_effect(c, &(struct effect_lane){.lane = r->lane, .kind = kind});
}

bool compute_run_new(struct compute *c, const struct task *t)
{
    compute_hold_drop(c, t->id);
    if (c->runs.count >= RUNS_MAX)
        return false;
    struct task_key key = compute_task_key(t->id);
    struct run *r = map_put(&c->runs, span_of(key.bytes, sizeof key.bytes), NULL);
    if (!r)
        return false;
    *r = (struct run){.id = t->id,
                      .epoch = t->lease.epoch,
                      .priority = t->priority,
                      .cpu_millis = t->cpu_millis,
                      .memory_bytes = t->memory_bytes,
                      .expected_ns = t->expected_ns,
                      .wake_at = TIME_NEVER};
    return true;
}

static void run_remove(struct compute *c, struct run *r)
{
    struct uid id = r->id;
    compute_stream_close(c, r);
    if (r->lane)
        lane_simple(c, r, LANE_REMOVE);
    slice_drop(&r->output);
    slice_drop(&r->error_output);
    struct task_key key = compute_task_key(id);
    (void)map_remove(&c->runs, span_of(key.bytes, sizeof key.bytes));
    compute_touch(c, id);
}

static void report_state(struct compute *c, const struct run *r, enum task_state state)
{
    uint8_t memory[COMPUTE_SMALL_MAX];
    struct writer w = writer_of(memory, sizeof memory);
    struct report p = {.id = r->id, .epoch = r->epoch, .state = state, .wall = c->port->now.wall};
    if (MUTATION(EPOCH_FALLS) && state == TASK_RUNNING && r->epoch > 1)
        p.epoch--;
    compute_report_write(&w, &p);
    (void)compute_publish(c, r->id, FACT_TASK_STATE, &w, NULL, 0); /* for people; the result is what counts */
}

/* ---- starting ---- */

static void claimed(const struct compute *c, uint64_t *cpu, uint64_t *memory)
{
    *cpu = *memory = 0;
    for (struct map_node *n = map_first(&c->runs); n; n = map_next(&c->runs, n)) {
        const struct run *r = map_value(n);
        if (r->phase != RUN_WAITING && r->phase != RUN_REPORTING) {
            *cpu += r->cpu_millis;
            *memory += r->memory_bytes;
        }
    }
}

/* The run that is next in line: priority, then the oldest task. */
static struct run *next_waiting(const struct compute *c)
{
    struct run *best = NULL;
    for (struct map_node *n = map_first(&c->runs); n; n = map_next(&c->runs, n)) {
        struct run *r = map_value(n);
        bool waits = r->phase == RUN_WAITING && (r->wake_at == TIME_NEVER || r->wake_at <= c->port->now.mono);
        if (waits && (!best || r->priority <= best->priority)) /* the walk goes from the newest to the oldest */
            best = r;
    }
    return best;
}

static void defer(struct compute *c, struct run *r, enum compute_verdict why)
{
    if (!r->deferred) {
        char text[UID_TEXT_SIZE];
        uid_text(r->id, text);
        port_trace(c->port, TRACE_TASK_DEFERRED, c->port->config->self, "task %s waits: %s", text, compute_verdict_text(why));
    }
    port_probe(c->port, PROBE_RUN_DEFERRED);
    r->deferred = true;
    r->wake_at = c->port->now.mono + DEFER_RETRY;
    port_alarm(c->port, r->wake_at);
}

/* Until all that has a lane is done, and this one. */
static duration_ns longest_left(const struct compute *c, const struct run *one)
{
    duration_ns longest = one->expected_ns;
    for (struct map_node *n = map_first(&c->runs); n; n = map_next(&c->runs, n)) {
        const struct run *r = map_value(n);
        if (r->phase != RUN_WAITING && r->phase != RUN_REPORTING)
            longest = MAX(longest, r->started ? r->expected_ns - (c->port->now.wall - r->started) : r->expected_ns);
    }
    return longest;
}

void compute_run_pump(struct compute *c)
{
    if (c->port->now.mono < c->start_after)
        return;
    struct run *r;
    while ((r = next_waiting(c)) != NULL) {
        uint64_t cpu, memory;
        claimed(c, &cpu, &memory);
        const struct config *config = c->port->config;
        if (cpu + r->cpu_millis > config->lanes_millis || memory + r->memory_bytes > config->lane_memory_bytes) {
            if (r->cpu_millis <= config->lanes_millis && r->memory_bytes <= config->lane_memory_bytes)
                return;
            compute_run_end(c, r, TASK_SYSTEM_ERROR, "no lane of this node is large enough");
            continue;
        }
        enum compute_verdict v = compute_health(c, config->self) >= HEALTH_SAFE
                                     ? VERDICT_HEALTH
                                     : compute_power_verdict(c, cpu + r->cpu_millis, longest_left(c, r));
        if (v != VERDICT_YES) {
            defer(c, r, v);
            continue;
        }
        phase_set(c, r, RUN_STAGING);
        r->wake_at = TIME_NEVER;
        r->lane = ++c->lane_last;
        report_state(c, r, TASK_INITIALIZING);
        compute_stage_next(c, r);
    }
}

static struct span image_of(struct compute *c, const struct task_spec *spec, size_t executor)
{
    struct span bucket, key, image = spec->executors[executor].image;
    if (!compute_spec_s3(image, &bucket, &key))
        return image;
    char path[40];
    int n = snprintf(path, sizeof path, "file:.noct/image-%zu", executor);
    return port_keep(c->port, span_of(path, (size_t)n));
}

void compute_run_execute(struct compute *c, struct run *r)
{
    struct task_spec spec;
    if (!compute_run_spec(c, r, &spec)) {
        compute_run_end(c, r, TASK_SYSTEM_ERROR, "the specification is gone");
        return;
    }
    ASSERT(r->executor < spec.executor_count);
    const struct task_executor *e = &spec.executors[r->executor];
    struct span arguments = port_keep(c->port, span_of(e->arguments, e->argument_count * sizeof *e->arguments));
    struct span environment = port_keep(c->port, span_of(e->environment, e->environment_count * sizeof *e->environment));
    duration_ns modelled = time_wall_to_mono(&c->port->now, r->expected_ns) / (duration_ns)spec.executor_count;
    struct effect_lane effect = {
        .lane = r->lane,
        .kind = LANE_START,
        .image = image_of(c, &spec, r->executor),
        .arguments = (const struct span *)(const void *)arguments.data,
        .argument_count = arguments.data ? e->argument_count : 0,
        .environment = (const struct span *)(const void *)environment.data,
        .environment_count = environment.data ? e->environment_count : 0,
        .working_directory = e->workdir,
        .limits = {.cpu_millis = spec.cpu_millis,
                   .memory_bytes = spec.memory_bytes,
                   .disk_bytes = spec.disk_bytes ? spec.disk_bytes : 1ull << 30,
                   .output_bytes = 1u << 20,
                   .wall_max_ns = MAX(time_wall_to_mono(&c->port->now, 10 * r->expected_ns), LANE_WALL_MIN)},
        .modelled_ns = MAX(modelled, 1),
    };
    phase_set(c, r, RUN_STARTING);
    compute_lane_effect(c, &effect);
}

/* ---- ending ---- */

static void outcome_of(const struct compute *c, const struct run *r, struct outcome *o)
{
    *o = (struct outcome){.id = r->id,
                          .epoch = r->epoch,
                          .state = r->outcome,
                          .exit_code = r->exit_code,
                          .started = r->started,
                          .ended = c->port->now.wall,
                          .cpu_us = r->cpu_us,
                          .memory_peak_bytes = r->memory_peak_bytes,
                          .output = slice_span(r->output),
                          .error_output = slice_span(r->error_output),
                          .reason = span_text(r->reason)};
    for (size_t i = 0; i < TASK_FILES_MAX; i++)
        if (r->output_saved[i]) {
            o->outputs[o->output_count].index = (uint8_t)i;
            o->outputs[o->output_count++].size = r->output_size[i];
        }
}

static void publish_outcome(struct compute *c, struct run *r)
{
    struct outcome o;
    outcome_of(c, r, &o);
    uint8_t *memory = heap_alloc(c->heap, COMPUTE_RESULT_MAX);
    err e = ERR_NO_MEMORY;
    if (memory) {
        struct writer w = writer_of(memory, COMPUTE_RESULT_MAX);
        compute_outcome_write(&w, &o);
        node_id sink = uid_node(r->id);
        e = compute_publish(c, r->id, FACT_TASK_RESULT, &w, &sink, 1);
        heap_free(c->heap, memory);
    }
    if (e != ERR_OK) { /* the log is full: keep the run, try again */
        r->wake_at = c->port->now.mono + REPORT_RETRY;
        port_alarm(c->port, r->wake_at);
        return;
    }
    char text[UID_TEXT_SIZE];
    uid_text(r->id, text);
    port_count(c->port, METRIC_TASKS_DONE, 1);
    port_trace(c->port, TRACE_TASK_ENDED, c->port->config->self, "task %s epoch %u here: %s, exit code %d%s%s", text, r->epoch,
               task_state_name(r->outcome), r->exit_code, r->reason[0] ? ": " : "", r->reason);
    run_remove(c, r);
}

void compute_run_end(struct compute *c, struct run *r, enum task_state outcome, const char *reason, ...)
{
    va_list list;
    va_start(list, reason);
    int n = vsnprintf(r->reason, sizeof r->reason, reason, list);
    va_end(list);
    ASSERT(n >= 0);
    compute_stream_close(c, r);
    r->outcome = outcome;
    if (r->lane == 0)
        r->lane = ++c->lane_last; /* a run that never had a lane: LANE_REMOVE of an unknown lane does nothing */
    phase_set(c, r, RUN_REPORTING);
    publish_outcome(c, r);
}

static bool executes(const struct run *r)
{
    return r->phase == RUN_STARTING || r->phase == RUN_RUNNING;
}

/* Stops what runs in the lane; what follows is decided when it has exited. */
static void stop(struct compute *c, struct run *r)
{
    lane_simple(c, r, LANE_STOP);
    phase_set(c, r, RUN_STOPPING);
    r->wake_at = c->port->now.mono + STOP_PATIENCE;
    port_alarm(c->port, r->wake_at);
}

static void stopped(struct compute *c, struct run *r)
{
    if (r->stopping_reports_preempted) {
        compute_run_end(c, r, TASK_PREEMPTED, "%s", r->preempted_by);
        return;
    }
    if (r->stopping_reports_canceled)
        report_state(c, r, TASK_CANCELED);
    run_remove(c, r);
}

void compute_run_discard(struct compute *c, struct run *r)
{
    r->stopping_reports_preempted = r->stopping_reports_canceled = false;
    if (r->phase == RUN_STOPPING)
        return;
    if (executes(r))
        stop(c, r);
    else
        run_remove(c, r);
}

void compute_run_cancel(struct compute *c, struct run *r)
{
    r->stopping_reports_preempted = false;
    r->stopping_reports_canceled = true;
    if (r->phase == RUN_STOPPING)
        return;
    if (executes(r))
        stop(c, r);
    else
        stopped(c, r);
}

static void preempt(struct compute *c, const char *why)
{
    for (struct map_node *n = map_first(&c->runs), *next; n; n = next) {
        next = map_next(&c->runs, n);
        struct run *r = map_value(n);
        if (!executes(r))
            continue;
        r->stopping_reports_preempted = true;
        r->preempted_by = why;
        stop(c, r);
    }
}

void compute_run_health(struct compute *c)
{
    if (compute_health(c, c->port->config->self) >= HEALTH_SURVIVAL)
        preempt(c, "stopped by the survival state of the node");
}

void compute_run_power(struct compute *c)
{
    if (compute_lanes_busy(c) == 0 || !compute_power_thin(c))
        return;
    port_probe(c->port, PROBE_RUN_STOPPED_FOR_BATTERY);
    preempt(c, "stopped: the battery must last until the light");
}

/* ---- what the lane says ---- */

static void tail_keep(struct compute *c, struct slice *kept, struct span fresh)
{
    slice_drop(kept);
    if (fresh.size > TASK_LOG_MAX)
        fresh = span_of(fresh.data + fresh.size - TASK_LOG_MAX, TASK_LOG_MAX);
    *kept = slice_borrowed(fresh);
    if (fresh.size == 0 || slice_keep(kept, c->heap) != ERR_OK)
        *kept = (struct slice){0}; /* without memory there is no log */
}

static void log_file(struct compute *c, const struct run *r, struct span path, struct span content)
{
    if (!path.size)
        return;
    struct slice data = slice_borrowed(content);
    if (slice_keep(&data, c->heap) == ERR_OK)
        compute_lane_effect(c, &(struct effect_lane){.lane = r->lane,
                                                     .kind = LANE_FILE,
                                                     .path = compute_spec_relative(path),
                                                     .size = content.size,
                                                     .data = data});
}

static void executor_done(struct compute *c, struct run *r, const struct lane_usage *u)
{
    struct task_spec spec;
    if (!compute_run_spec(c, r, &spec)) {
        compute_run_end(c, r, TASK_SYSTEM_ERROR, "the specification is gone");
        return;
    }
    bool failed = u->exit_code != 0 && u->exit_code != EXIT_NOTHING;
    if (u->exit_code == EXIT_CHECKPOINT && r->restarts < RESTARTS_MAX) {
        r->restarts++;
        compute_run_execute(c, r); /* /work/checkpoint is still there */
        return;
    }
    if ((failed || u->timed_out || u->out_of_memory) && !spec.executors[r->executor].ignore_error) {
        const char *what = u->timed_out        ? "ran longer than its limit"
                           : u->out_of_memory  ? "needed more memory than its limit"
                           : u->exit_code < 0 ? "was killed by a signal"
                                              : "failed";
        compute_run_end(c, r, TASK_EXECUTOR_ERROR, "executor %zu %s (exit code %d, signal %d)", r->executor, what,
                        u->exit_code, u->signal);
        return;
    }
    r->nothing |= u->exit_code == EXIT_NOTHING;
    if (++r->executor < spec.executor_count) {
        compute_run_execute(c, r);
        return;
    }
    phase_set(c, r, RUN_SAVING);
    r->item = 0;
    compute_save_next(c, r);
}

static void lane_exited(struct compute *c, struct run *r, const struct event_lane *e)
{
    r->exit_code = e->usage.exit_code;
    r->cpu_us += e->usage.cpu_us;
    r->memory_peak_bytes = MAX(r->memory_peak_bytes, e->usage.memory_peak_bytes);
    tail_keep(c, &r->output, e->output);
    tail_keep(c, &r->error_output, e->error_output);
    if (r->phase == RUN_STOPPING) {
        stopped(c, r);
        return;
    }
    if (!executes(r))
        return;
    struct task_spec spec;
    if (compute_run_spec(c, r, &spec)) {
        log_file(c, r, spec.executors[r->executor].stdout_path, e->output);
        log_file(c, r, spec.executors[r->executor].stderr_path, e->error_output);
    }
    executor_done(c, r, &e->usage);
}

static void lane_failed(struct compute *c, struct run *r, const struct event_lane *e)
{
    if (r->phase == RUN_STOPPING) {
        stopped(c, r);
        return;
    }
    if (r->phase == RUN_REPORTING)
        return;
    /* An image that does not exist or is malformed fails everywhere; anything else may work elsewhere. */
    bool everywhere = r->phase == RUN_STARTING && (e->status == ERR_NOT_FOUND || e->status == ERR_INVALID);
    compute_run_end(c, r, everywhere ? TASK_EXECUTOR_ERROR : TASK_SYSTEM_ERROR, "lane: %.*s (%s)",
                    (int)MIN(e->reason.size, (size_t)120), e->reason.size ? (const char *)e->reason.data : "",
                    err_text(e->status));
}

static void lane_started(struct compute *c, struct run *r)
{
    if (r->phase != RUN_STARTING)
        return;
    phase_set(c, r, RUN_RUNNING);
    if (r->started)
        return;
    r->started = c->port->now.wall;
    char text[UID_TEXT_SIZE];
    uid_text(r->id, text);
    port_trace(c->port, TRACE_TASK_STARTED, c->port->config->self, "task %s runs, epoch %u", text, r->epoch);
    report_state(c, r, TASK_RUNNING);
}

void compute_run_lane(struct compute *c, const struct event_lane *e)
{
    struct run *r = NULL;
    for (struct map_node *n = map_first(&c->runs); n && !r; n = map_next(&c->runs, n)) {
        struct run *candidate = map_value(n);
        if (candidate->lane == e->lane && e->lane != 0)
            r = candidate;
    }
    if (!r)
        return; /* of a run that is gone */
    switch (e->kind) {
    case LANE_STARTED:
        lane_started(c, r);
        break;
    case LANE_EXITED:
        lane_exited(c, r, e);
        break;
    case LANE_FAILED:
        lane_failed(c, r, e);
        break;
    case LANE_DATA:
        if (r->phase == RUN_SAVING)
            compute_save_data(c, r, e);
        break;
    case LANE_FILE:
    case LANE_START:
    case LANE_STOP:
    case LANE_READ:
    case LANE_REMOVE:
        break; /* effects, never events */
    }
}

void compute_run_alarm(struct compute *c, struct run *r)
{
    if (r->phase == RUN_WAITING)
        return; /* the pump looks at wake_at */
    r->wake_at = TIME_NEVER;
    if (r->phase == RUN_STAGING)
        compute_stage_next(c, r);
    else if (r->phase == RUN_SAVING)
        compute_save_next(c, r);
    else if (r->phase == RUN_REPORTING)
        publish_outcome(c, r);
    else if (r->phase == RUN_STOPPING)
        stopped(c, r); /* the lane does not answer: LANE_REMOVE ends it for good */
}

/* ---- load ---- */

uint32_t compute_lanes_busy(const struct compute *c)
{
    uint32_t busy = 0;
    for (struct map_node *n = map_first(&c->runs); n; n = map_next(&c->runs, n)) {
        const struct run *r = map_value(n);
        if (executes(r) || r->phase == RUN_STOPPING)
            busy += r->cpu_millis;
    }
    return busy;
}

void compute_run_load(struct compute *c)
{
    uint32_t busy = compute_lanes_busy(c);
    const struct view_member *self = view_find(c->port->view, c->port->config->self);
    uint8_t radios = self && self->status_known ? self->status.radios_on : 0;
    if (busy == c->load_told_millis && radios == c->load_told_radios)
        return;
    c->load_told_millis = busy;
    c->load_told_radios = radios;
    uint64_t running = 0;
    for (struct map_node *n = map_first(&c->runs); n; n = map_next(&c->runs, n))
        running += executes(map_value(n));
    port_gauge(c->port, METRIC_LANES_BUSY, busy);
    port_gauge(c->port, METRIC_TASKS_RUNNING, running);
    port_effect(c->port, &(struct effect){.kind = EFFECT_LOAD, .load = {.lanes_busy_millis = busy, .radios_on = radios}});
}
