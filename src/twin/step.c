/*
 * twin/step.c - one node under virtual time: what comes to it, what it wants done.
 *
 * Story:   an entry of the queue becomes an event; the node steps; its effects are performed at once by the models, which
 *          put their outcomes back into queues. A node's digest folds every step: instant, kind, number of effects.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "craft/supply.h"
#include "twin/shard.h"

#define CRAFT_INTERVAL (60 * NS_PER_S)
#define RESTART_NS (500 * NS_PER_MS) /* a process ends and is started again: half of it each */

struct disk_outcome {
    struct event_done done;
    uint64_t sync_until;
    enum disk_area area;
    bool is_sync;
};

static void disk_effect(struct twin_node *n, const struct effect_disk *e)
{
    struct disk_outcome *o = shard_alloc(n->shard, sizeof *o);
    *o = (struct disk_outcome){.done = {.op = e->op}, .area = e->area, .is_sync = e->kind == DISK_SYNC,
                               .sync_until = n->disk.sequence};
    if (e->kind == DISK_WRITE) {
        bool was_whole = check_disk_write(n, e);
        o->done.status = fault_disk_write(n, e);
        check_disk_written(n, e, o->done.status, was_whole);
        for (size_t i = 0; i < COUNT_OF(e->parts); i++) {
            struct slice part = e->parts[i];
            slice_drop(&part);
        }
    }
    if (e->kind == DISK_READ) {
        struct buf *b = host_buf_new(n, e->size);
        virtual_disk_read_into(&n->disk, e->area, e->offset, b->data, e->size);
        o->done.data = slice_of(b, 0, e->size);
    }
    node_later(n, node_now(n) + fault_disk_latency(n, virtual_disk_latency(e->kind, e->size)), HAPPEN_DISK, n->boot, o);
}

static void disk_happen(struct twin_node *n, uint32_t boot, struct disk_outcome *o)
{
    if (n->node && n->boot == boot) {
        if (o->is_sync) {
            virtual_disk_sync(&n->disk, o->area, o->sync_until);
            check_disk_synced(n, o->area, o->sync_until);
        }
        struct event e = {.kind = EVENT_DONE, .done = o->done};
        node_event(n, &e);
        buf_unref(o->done.data.buf);
    }
    shard_free(n->shard, o);
}

/* One entry for the earliest wish is enough: a later wish finds it, an earlier one gets its own. */
static void alarm_effect(struct twin_node *n, mono_ns at)
{
    n->alarm_at = at;
    if (at == TIME_NEVER)
        return;
    at = MAX(at, node_now(n));
    if (at >= n->alarm_entry_at)
        return;
    n->alarm_entry_at = at;
    node_later(n, at, HAPPEN_ALARM, 0, NULL);
}

static void alarm_happen(struct twin_node *n, mono_ns at)
{
    if (at != n->alarm_entry_at)
        return;
    n->alarm_entry_at = TIME_NEVER;
    if (n->alarm_at > at) {
        alarm_effect(n, n->alarm_at);
        return;
    }
    n->alarm_at = TIME_NEVER;
    node_event(n, &(struct event){.kind = EVENT_ALARM});
}

static void perform(struct twin_node *n, const struct effect *e)
{
    switch (e->kind) {
    case EFFECT_ALARM:
        alarm_effect(n, e->alarm);
        break;
    case EFFECT_DISK:
        disk_effect(n, &e->disk);
        break;
    case EFFECT_POINT:
        link_point(n, &e->point);
        break;
    case EFFECT_SEND:
        link_send(n, &e->send);
        break;
    case EFFECT_ACCEPT:
        link_accept(n, &e->accept);
        break;
    case EFFECT_LANE:
        lane_effect(n, &e->lane);
        break;
    case EFFECT_CAPTURE:
        scene_effect(n, &e->capture);
        break;
    case EFFECT_LOAD:
        n->lanes_busy_millis = e->load.lanes_busy_millis;
        n->radios_on = e->load.radios_on;
        break;
    case EFFECT_WORK:
        e->work.run(e->work.argument);
        break;
    case EFFECT_TRACE:
        record_trace(n, &e->trace);
        break;
    case EFFECT_OBJECT_REPLY:
        customer_object(n, e->object_reply);
        break;
    case EFFECT_TASK_REPLY:
        customer_task(n, e->task_reply);
        break;
    case EFFECT_RESTART:
        record_restart(n);
        break;
    case EFFECT_COUNT:
        break;
    }
}

void node_event(struct twin_node *n, struct event *e)
{
    if (!n->node)
        return;
    mono_ns now = node_now(n);
    e->now = (struct now){.mono = now, .wall = node_wall(n), .wall_error_ns = 1000, .wall_rate = 1};
    fault_clock(n, &e->now);
    struct effects effects;
    bool was_ready = node_ready(n->node);
    node_step(n->node, e, &effects);
    n->shard->figures.steps++;
    n->digest = hash_mix(n->digest, (uint64_t)now ^ (uint64_t)e->kind << 56 ^ (uint64_t)effects.count << 44);
    for (size_t i = 0; i < effects.count; i++)
        perform(n, &effects.items[i]);
    check_step(n);
    if (!was_ready && node_ready(n->node))
        customers_gateway_ready(n);
}

/* ---- nodes come and go -------------------------------------------------------------------------------------------- */

void node_boot(struct twin_node *n)
{
    struct world *w = n->world;
    ASSERT(!n->up && !w->engine->in_window);
    n->boot++;
    n->up = true;
    if (!n->shard->here)
        return;
    struct start start = {.sky = w->sky, .crypto = node_crypto(n), .roster = w->roster};
    memcpy(start.root_public_key, w->root_public, 32);
    scenario_config(w->scenario, n->id, n->boot, &start.config);
    start.config.seed = w->seed;
    start.config.incarnation = n->faults.incarnation;
    start.config.lane_memory_bytes = start.config.lane_memory_bytes * fault_memory_permille(n) / 1000;
    memcpy(start.config.area_used_bytes, n->disk.used_bytes, sizeof n->disk.used_bytes);
    err e = node_open(&n->node, n->memory, n->memory_size, &start);
    if (e != ERR_OK) {
        fprintf(stderr, "twin: node %s cannot start: %s\n", scenario_name(w->scenario, n->id), err_text(e));
        abort();
    }
    n->alarm_at = TIME_NEVER;
    node_event(n, &(struct event){.kind = EVENT_START});
    link_node_changed(n);
}

void node_crash(struct twin_node *n)
{
    ASSERT(n->up && !n->world->engine->in_window);
    n->up = false;
    n->crashed_at = node_now(n);
    if (!n->shard->here)
        return;
    check_probes_fold(n);
    n->node = NULL; /* whatever it held in memory is gone */
    n->alarm_at = TIME_NEVER;
    n->lanes_busy_millis = 0;
    n->radios_on = 0;
    link_node_changed(n);
    lanes_drop(n);
    host_bufs_drop(n);
    virtual_disk_crash(&n->disk, &n->disk_rng);
    check_disk_crashed(n);
    customers_gateway_down(n);
}

static void restarted(struct world *w, void *context, uint64_t boot)
{
    struct twin_node *n = context;
    (void)w;
    if (!n->up && n->boot == boot && !n->faults.dead)
        node_boot(n);
}

static void restart(struct world *w, void *context, uint64_t boot)
{
    struct twin_node *n = context;
    if (!n->up || n->boot != boot)
        return;
    node_crash(n);
    world_serially(w, w->now + RESTART_NS / 2, restarted, n, boot);
}

void node_restart(struct twin_node *n, uint32_t boot)
{
    world_serially(n->world, n->world->now + RESTART_NS / 2, restart, n, boot);
}

static void craft_happen(struct twin_node *n)
{
    const struct scenario *s = n->world->scenario;
    struct figures *f = node_figures(n);
    tai_ns wall = node_wall(n);
    struct state state;
    if (sky_position(n->world->sky, n->id, wall, &state) == ERR_OK) {
        struct config c;
        scenario_config(s, n->id, 1, &c);
        const struct member *member = scenario_member(s, n->id);
        uint64_t load = c.lane_power_mw * n->lanes_busy_millis / 1000 + c.radio_power_mw * MIN(n->radios_on, supply_terminals(member));
        struct craft_params params = member->craft;
        fault_craft_params(n, &params);
        if (wall > n->craft_at) {
            craft_step(&n->craft, &params, &state, (uint32_t)load, wall - n->craft_at);
            fault_craft_heat(n, &n->craft, &params, wall - n->craft_at);
            fault_dose(n, &state, wall - n->craft_at);
        }
        n->craft_at = wall;
        struct craft_state cs = craft_state_of(&n->craft, &member->craft);
        f->battery_min_mwh = MIN(f->battery_min_mwh, (uint64_t)cs.battery_mwh);
        f->core_max_mk = MAX(f->core_max_mk, cs.core_mk);
        node_promise(n, PROMISE_I7, cs.battery_mwh >= c.battery_floor_mwh, "%s: battery %u mWh below its floor %llu mWh",
                     c.name, cs.battery_mwh, (unsigned long long)c.battery_floor_mwh);
        node_promise(n, PROMISE_I7, cs.core_mk <= c.core_limit_mk, "%s: core at %u mK above its limit %u mK", c.name,
                     cs.core_mk, c.core_limit_mk);
        struct event e = {.kind = EVENT_CRAFT,
                          .craft = {.battery_mwh = cs.battery_mwh, .battery_capacity_mwh = cs.battery_capacity_mwh,
                                    .battery_floor_mwh = c.battery_floor_mwh, .generation_mw = cs.generation_mw,
                                    .load_mw = cs.load_mw, .core_mk = cs.core_mk, .radiator_mk = cs.radiator_mk,
                                    .core_limit_mk = c.core_limit_mk, .sunlit_permille = cs.sunlit}};
        node_event(n, &e);
    }
    node_later(n, node_now(n) + CRAFT_INTERVAL, HAPPEN_CRAFT, 0, NULL);
}

void node_happen(struct twin_node *n, const struct queue_entry *q)
{
    switch ((enum happening)q->kind) {
    case HAPPEN_ALARM:
        alarm_happen(n, q->at);
        break;
    case HAPPEN_LINK_EDGE:
    case HAPPEN_LINK_ACQUIRED:
    case HAPPEN_LINK_TELL:
    case HAPPEN_LINK_SEEN:
    case HAPPEN_LINK_UP:
    case HAPPEN_LINK_DOWN:
    case HAPPEN_FRAME:
    case HAPPEN_ACCEPTED:
    case HAPPEN_TIMEOUT:
    case HAPPEN_SENT:
        link_happen(n, q);
        break;
    case HAPPEN_DISK:
        disk_happen(n, q->number, q->data);
        break;
    case HAPPEN_LANE:
        lane_happen(n, q->number, q->data);
        break;
    case HAPPEN_SCENE:
        scene_happen(n, q->number, q->data);
        break;
    case HAPPEN_CRAFT:
        craft_happen(n);
        break;
    case HAPPEN_CUSTOMER:
        customer_happen(n, q->number);
        break;
    case HAPPEN_COUNT:
        break;
    }
}

void entry_drop(struct twin_node *n, const struct queue_entry *q)
{
    if (q->kind == HAPPEN_DISK || q->kind == HAPPEN_LANE || q->kind == HAPPEN_SCENE || q->kind == HAPPEN_FRAME ||
        q->kind == HAPPEN_SENT)
        shard_free(n->shard, q->data);
}
