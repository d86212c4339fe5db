#include "host/process.h"

#include <stdlib.h>
#include <string.h>

#include "host/trace_log.h"

struct work {
    uv_work_t request;
    struct process *process;
    struct effect_work effect;
};

/* ---- events ---------------------------------------------------------------------------------------------------------------- */

static void copy_span(uint8_t **at, struct span *s)
{
    if (s->size == 0)
        return;
    memcpy(*at, s->data, s->size);
    s->data = *at;
    *at += s->size;
}

static void on_pump(uv_idle_t *pump);

void process_post(struct process *p, const struct event *e)
{
    struct posted *item = calloc(1, sizeof *item);
    ASSERT(item);
    item->event = *e;
    if (e->kind == EVENT_LANE) {
        struct event_lane *lane = &item->event.lane;
        uint8_t *at = malloc(lane->output.size + lane->error_output.size + lane->reason.size + lane->path.size + 1);
        ASSERT(at);
        item->copies = at;
        copy_span(&at, &lane->output);
        copy_span(&at, &lane->error_output);
        copy_span(&at, &lane->reason);
        copy_span(&at, &lane->path);
    }
    *p->last = item;
    p->last = &item->next;
    if (!uv_is_active((uv_handle_t *)&p->pump))
        uv_idle_start(&p->pump, on_pump);
}

static void drop_slices(struct event *e)
{
    if (e->kind == EVENT_DONE)
        slice_drop(&e->done.data);
    else if (e->kind == EVENT_FRAME)
        slice_drop(&e->frame.data);
    else if (e->kind == EVENT_LANE)
        slice_drop(&e->lane.data);
    else if (e->kind == EVENT_SCENE)
        slice_drop(&e->scene.data);
}

static struct posted *take_event(struct process *p)
{
    struct posted *item = p->first;
    if (item && !(p->first = item->next))
        p->last = &p->first;
    return item;
}

static void free_event(struct posted *item)
{
    drop_slices(&item->event);
    free(item->copies);
    free(item);
}

void process_events_drop(struct process *p)
{
    for (struct posted *item; (item = take_event(p));)
        free_event(item);
}

static void on_pump(uv_idle_t *pump)
{
    struct process *p = pump->data;
    for (int n = 0; n < EVENTS_PER_TURN; n++) {
        struct posted *item = take_event(p);
        if (!item) {
            uv_idle_stop(pump);
            break;
        }
        process_step(p, &item->event);
        free_event(item);
    }
    if (p->gateway)
        gateway_settle(p->gateway);
}

/* ---- effects --------------------------------------------------------------------------------------------------------------- */

static void on_alarm(uv_timer_t *timer)
{
    struct process *p = timer->data;
    process_step(p, &(struct event){.kind = EVENT_ALARM});
    if (p->gateway)
        gateway_settle(p->gateway);
}

static void set_alarm(struct process *p, mono_ns at)
{
    if (at == TIME_NEVER) {
        uv_timer_stop(&p->alarm);
        return;
    }
    uv_update_time(&p->loop);
    duration_ns wait = at - clock_mono();
    uv_timer_start(&p->alarm, on_alarm, wait <= 0 ? 0 : (uint64_t)((wait + NS_PER_MS - 1) / NS_PER_MS), 0);
}

static void work_run(uv_work_t *request)
{
    struct work *w = (struct work *)request;
    w->effect.run(w->effect.argument);
}

static void work_done(uv_work_t *request, int cancelled)
{
    struct work *w = (struct work *)request;
    (void)cancelled;
    process_post(w->process, &(struct event){.kind = EVENT_WORKED, .worked = w->effect.op});
    free(w);
}

static void perform_work(struct process *p, const struct effect_work *effect)
{
    struct work *w = calloc(1, sizeof *w);
    ASSERT(w);
    w->process = p;
    w->effect = *effect;
    ASSERT(uv_queue_work(&p->loop, &w->request, work_run, work_done) == 0);
}

static void perform_trace(struct process *p, const struct effect_trace *trace)
{
    const char *about = trace->about == NODE_NONE ? "" : scenario_name(p->state.scenario, trace->about);
    trace_log_add(clock_now(&p->clock).wall, trace, about);
    if (p->gateway)
        gateway_trace(p->gateway, trace);
}

static void perform_lane(struct process *p, const struct effect_lane *effect)
{
    if (p->lanes) {
        lanes_perform(p->lanes, effect);
        return;
    }
    struct slice data = effect->data;
    slice_drop(&data);
    if (effect->kind == LANE_START)
        process_post(p, &(struct event){.kind = EVENT_LANE,
                                        .lane = {.lane = effect->lane,
                                                 .kind = LANE_FAILED,
                                                 .status = ERR_UNSUPPORTED,
                                                 .reason = SPAN_LITERAL("this node has no sandbox")}});
}

static void perform_capture(struct process *p, const struct effect_capture *effect)
{
    if (p->eye)
        eye_capture(p->eye, effect);
    else
        process_post(p, &(struct event){.kind = EVENT_SCENE, .scene = {.op = effect->op, .status = ERR_UNSUPPORTED}});
}

static void perform(struct process *p, const struct effect *e)
{
    switch (e->kind) {
    case EFFECT_ALARM: set_alarm(p, e->alarm); break;
    case EFFECT_DISK: disk_submit(p->disk, &e->disk); break;
    case EFFECT_POINT: link_set_point(p->links, &e->point); break;
    case EFFECT_SEND: link_set_send(p->links, &e->send); break;
    case EFFECT_ACCEPT: link_set_accept(p->links, &e->accept); break;
    case EFFECT_LANE: perform_lane(p, &e->lane); break;
    case EFFECT_CAPTURE: perform_capture(p, &e->capture); break;
    case EFFECT_LOAD:
        if (!p->is_gateway)
            craft_model_load(&p->craft, &e->load, &p->config);
        break;
    case EFFECT_WORK: perform_work(p, &e->work); break;
    case EFFECT_TRACE: perform_trace(p, &e->trace); break;
    case EFFECT_OBJECT_REPLY:
        if (p->gateway)
            gateway_object(p->gateway, e->object_reply);
        break;
    case EFFECT_TASK_REPLY:
        if (p->gateway)
            gateway_task(p->gateway, e->task_reply);
        break;
    case EFFECT_RESTART: /* the supervisor starts it again */
        p->stopping = true;
        uv_stop(&p->loop);
        break;
    case EFFECT_COUNT: break;
    }
}

void process_step(struct process *p, struct event *e)
{
    struct effects effects = {0};
    ASSERT(!p->stepping);
    p->stepping = true;
    p->steps++;
    e->now = clock_now(&p->clock);
    journal_event(p->journal, e);
    node_step(p->node, e, &effects);
    uint64_t state = journal_wants_state(p->journal) ? node_digest(p->node) : 0;
    journal_result(p->journal, &effects, journal_wants_state(p->journal) ? &state : NULL);
    for (size_t i = 0; i < effects.count; i++)
        perform(p, &effects.items[i]);
    p->stepping = false;
}
