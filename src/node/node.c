#include "node/node.h"

#include <string.h>

#include "base/expect.h"
#include "base/hash.h"
#include "compute/compute.h"
#include "core/node_core.h"
#include "manage/manage.h"
#include "network/network.h"
#include "node/scope.h"
#include "orbit/sky.h"
#include "sensor/sensor.h"
#include "storage/storage.h"

enum { DELIVERIES_PER_STEP_MAX = 100000 };

struct node {
    /* What every step touches comes first, side by side. */
    struct node_core core;
    struct view view;
    struct facts *facts;
    struct network *network;
    struct storage *storage;
    struct compute *compute;
    struct sensor *sensor; /* NULL without a camera */
    struct manage *manage;
    bool started, ready;
    mono_ns alarm_told; /* what the host was last told */
    uint64_t refused;   /* messages that found no room or no link */
    struct port ports[SERVICE_COUNT];
    struct heap heap;
    struct config config;
    struct fact_crypto crypto;
    uint8_t root_public_key[32];
    struct span genesis;
    const struct roster *roster;
};

static err config_check(const struct config *c)
{
    bool good = c->self != NODE_NONE && c->boot > 0 && c->heartbeat_ns > 0 && c->heartbeats_missed > 0 &&
                c->limits.members_max > 0;
    return good ? ERR_OK : ERR_INVALID;
}

err node_open(struct node **out, void *memory, size_t memory_size, const struct start *start)
{
    TRY(config_check(&start->config));
    struct heap heap;
    heap_init(&heap, memory, memory_size);
    struct span genesis = start->roster ? start->roster->rest : start->genesis;
    struct node *n = heap_alloc(&heap, sizeof *n);
    uint8_t *copy = start->roster ? NULL : heap_alloc(&heap, MAX(genesis.size, (size_t)1));
    if (!n || (!copy && !start->roster))
        return ERR_NO_MEMORY;
    if (copy && genesis.size > 0)
        memcpy(copy, genesis.data, genesis.size);
    n->heap = heap;
    n->config = start->config;
    n->crypto = start->crypto;
    memcpy(n->root_public_key, start->root_public_key, sizeof n->root_public_key);
    n->genesis = copy ? span_of(copy, genesis.size) : genesis;
    n->roster = start->roster;
    n->alarm_told = TIME_NEVER;
    TRY(node_core_init(&n->core, &n->heap));
    TRY(view_init(&n->view, &n->heap, n->config.limits.members_max, n->config.self));
    if (start->roster)
        TRY(scope_fill(&n->view, &n->heap, start->sky, start->roster));
    for (enum service s = SERVICE_NONE; s < SERVICE_COUNT; s++)
        port_init(&n->ports[s], s, &n->core, &n->config, &n->view, start->sky);
    *out = n;
    return ERR_OK;
}

void node_close(struct node *n)
{
    struct now now = n->core.now;
    struct delivery d;
    if (n->started) {
        network_close(n->network);
        compute_close(n->compute);
    }
    while (node_core_next(&n->core, &d)) {
        if (d.kind == DELIVER_MESSAGE)
            slice_drop(&d.message.payload);
        else if (d.kind == DELIVER_OBJECT)
            slice_drop(&d.object->data);
    }
    node_core_begin(&n->core, &now);
}

/* ---- planes ----------------------------------------------------------------------------------------------------
 *
 * Manage, network and facts are told the time with each step. The others are told when they are called, which most steps
 * (heartbeats) do not: memory that is not touched costs nothing.
 */

static void tell_time(struct node *n, enum service s)
{
    n->ports[s].now = n->core.now;
}

static struct storage *storage_of(struct node *n)
{
    tell_time(n, SERVICE_STORAGE);
    return n->storage;
}

static struct compute *compute_of(struct node *n)
{
    tell_time(n, SERVICE_COMPUTE);
    return n->compute;
}

static struct sensor *sensor_of(struct node *n)
{
    tell_time(n, SERVICE_SENSOR);
    return n->sensor;
}

/* ---- facts: folding and what else the fact store tells ------------------------------------------------------ */

static void fact_accepted(void *context, const struct fact *f)
{
    struct node *n = context;
    switch (fact_owner(f->type)) {
    case SERVICE_MANAGE:
        manage_fact(n->manage, f);
        break;
    case SERVICE_NETWORK:
        network_fact(n->network, f);
        break;
    case SERVICE_STORAGE:
        storage_fact(storage_of(n), f);
        break;
    case SERVICE_COMPUTE:
        compute_fact(compute_of(n), f);
        break;
    case SERVICE_NONE:
    case SERVICE_FACTS:
    case SERVICE_SENSOR:
    case SERVICE_REGION:
    case SERVICE_COUNT:
        break; /* of a newer software generation: kept and passed on, not folded */
    }
}

static void fact_held(void *context, enum service owner, uint64_t tag, node_id node)
{
    struct node *n = context;
    if (owner == SERVICE_STORAGE)
        storage_held(storage_of(n), tag, node);
    else if (owner == SERVICE_COMPUTE)
        compute_held(compute_of(n), tag, node);
}

static void fact_equivocation(void *context, node_id author, struct span a, struct span b)
{
    struct node *n = context;
    manage_equivocation(n->manage, author, a, b);
}

static duration_ns fact_light(void *context, node_id node)
{
    const struct node *n = context;
    const struct port *p = &n->ports[SERVICE_FACTS];
    return p->sky ? time_wall_to_mono(&p->now, sky_far_light(p->sky, n->config.self, node, p->now.wall)) : 0;
}

static void facts_recovered(void *context)
{
    struct node *n = context;
    ASSERT(!n->ready);
    n->ready = true;
    manage_ready(n->manage);
    network_ready(n->network);
    storage_ready(storage_of(n));
    compute_ready(compute_of(n));
    if (n->sensor)
        sensor_ready(sensor_of(n));
    port_trace(&n->ports[SERVICE_MANAGE], TRACE_READY, NODE_NONE, "%s serves: %llu facts, %zu members", n->config.name,
               (unsigned long long)facts_count(n->facts), n->view.count);
}

/* ---- routing between planes ----------------------------------------------------------------------------------- */

static void deliver(void *context, const struct message *m)
{
    struct node *n = context;
    switch (m->service) {
    case SERVICE_FACTS:
        facts_message(n->facts, m);
        break;
    case SERVICE_STORAGE:
        storage_message(storage_of(n), m);
        break;
    case SERVICE_COMPUTE:
        compute_message(compute_of(n), m);
        break;
    case SERVICE_MANAGE:
        manage_message(n->manage, m);
        break;
    case SERVICE_NONE:
    case SERVICE_NETWORK:
    case SERVICE_SENSOR:
    case SERVICE_REGION:
    case SERVICE_COUNT:
        port_trace(&n->ports[SERVICE_NETWORK], TRACE_REFUSED, m->from, "a message for a service that takes none: %u",
                   (unsigned)m->service);
        break;
    }
}

static void object_reply(void *context, const struct object_reply *r)
{
    struct node *n = context;
    if (r->client == SERVICE_COMPUTE)
        compute_object(compute_of(n), r);
    else if (r->client == SERVICE_SENSOR && n->sensor)
        sensor_object(sensor_of(n), r);
}

static void member_changed(struct node *n, node_id id)
{
    network_member(n->network, id);
    storage_member(storage_of(n), id);
    compute_member(compute_of(n), id);
}

/* Delivers everything that planes queued for each other, in the order in which they did. */
static void drain(struct node *n)
{
    struct delivery d;
    for (size_t i = 0; node_core_next(&n->core, &d); i++) {
        ASSERT(i < DELIVERIES_PER_STEP_MAX); /* planes would talk in circles */
        switch (d.kind) {
        case DELIVER_MESSAGE:
            if (d.message.to == n->config.self)
                deliver(n, &d.message);
            else if (network_send(n->network, &d.message) != ERR_OK)
                n->refused++; /* the sender hears nothing and tries again, or does without */
            slice_drop(&d.message.payload);
            break;
        case DELIVER_OBJECT:
            storage_request(storage_of(n), d.object);
            slice_drop(&d.object->data);
            break;
        case DELIVER_TASK:
            compute_request(compute_of(n), d.task);
            break;
        case DELIVER_TASK_REPLY:
            if (n->sensor && d.task_reply->client == SERVICE_SENSOR)
                sensor_task(sensor_of(n), d.task_reply);
            break;
        case DELIVER_MEMBER:
            member_changed(n, d.member);
            break;
        }
    }
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void start(struct node *n)
{
    ASSERT(!n->started);
    n->started = true;
    for (enum service s = SERVICE_NONE; s < SERVICE_COUNT; s++)
        tell_time(n, s);
    n->core.context = n;
    n->core.object_reply = object_reply;
    struct port *ports = n->ports;
    err e = manage_open(&n->manage, &ports[SERVICE_MANAGE]);
    e = e ? e : network_open(&n->network, &ports[SERVICE_NETWORK], deliver, n);
    e = e ? e : storage_open(&n->storage, &ports[SERVICE_STORAGE]);
    e = e ? e : compute_open(&n->compute, &ports[SERVICE_COMPUTE]);
    if (!e && n->config.sensor.present)
        e = sensor_open(&n->sensor, &ports[SERVICE_SENSOR]);
    struct facts_config config = {
        .self = n->config.self,
        .incarnation = n->config.incarnation,
        .crypto = n->crypto,
        .genesis = n->genesis,
        .roster = n->roster,
        .memory_max_bytes = n->config.limits.fact_bytes_max,
        .casts = n->view.large,
        .sync_interval_ns = MAX((n->view.large ? 60 : 5) * NS_PER_S, n->config.heartbeat_ns), /* large: heartbeats carry a sum; a slow heartbeat: a far mission that cannot answer soon */
    };
    memcpy(config.root_public_key, n->root_public_key, sizeof config.root_public_key);
    struct facts_handlers handlers = {.context = n, .accepted = fact_accepted, .held = fact_held,
                                      .equivocation = fact_equivocation, .ready = facts_recovered, .light = fact_light};
    e = e ? e : facts_open(&n->facts, &ports[SERVICE_FACTS], &config, &handlers);
    ASSERT(e == ERR_OK); /* only a budget too small for this configuration leads here */
    for (enum service s = SERVICE_NONE; s < SERVICE_COUNT; s++)
        ports[s].facts = n->facts;
    port_trace(&ports[SERVICE_MANAGE], TRACE_BOOT, NODE_NONE, "%s starts, boot %u", n->config.name, n->config.boot);
}

static void done(struct node *n, const struct event_done *d)
{
    if ((d->op >> 32 & 0xffffff) != (n->config.boot & 0xffffff))
        return; /* an answer from before a restart */
    switch (d->op >> 56) {
    case SERVICE_FACTS:
        facts_done(n->facts, d);
        break;
    case SERVICE_NETWORK:
        network_done(n->network, d);
        break;
    case SERVICE_STORAGE:
        storage_done(storage_of(n), d);
        break;
    default:
        break;
    }
}

static void link_changed(struct node *n, const struct event_link *l)
{
    network_link(n->network, l);
    manage_link(n->manage, l->peer, l->up);
    facts_link(n->facts, l->peer, l->up);
}

static void handle(struct node *n, const struct event *e)
{
    switch (e->kind) {
    case EVENT_START:
        start(n);
        break;
    case EVENT_LINK:
        link_changed(n, &e->link);
        break;
    case EVENT_FRAME:
        network_frame(n->network, &e->frame);
        break;
    case EVENT_SENT:
        network_sent(n->network, &e->sent);
        break;
    case EVENT_DONE:
        done(n, &e->done);
        break;
    case EVENT_LANE:
        compute_lane(compute_of(n), &e->lane);
        break;
    case EVENT_CRAFT:
        manage_craft(n->manage, &e->craft);
        compute_craft(compute_of(n), &e->craft);
        break;
    case EVENT_SCENE:
        if (n->sensor)
            sensor_scene(sensor_of(n), &e->scene);
        break;
    case EVENT_OBJECT:
        port_object(&n->ports[SERVICE_REGION], e->object);
        break;
    case EVENT_TASK:
        port_task(&n->ports[SERVICE_REGION], e->task);
        break;
    case EVENT_ALARM:
    case EVENT_STOP:
    case EVENT_WORKED:
    case EVENT_COUNT:
        break;
    }
}

/* Calls every plane whose alarm is due. A plane that asks for "now" again gets its turn in the next step. */
static void alarms(struct node *n)
{
    if (n->core.alarm_next > n->core.now.mono)
        return;
    for (enum service s = SERVICE_FACTS; s <= SERVICE_MANAGE; s++) {
        struct port *p = &n->ports[s];
        if (p->alarm_at > n->core.now.mono)
            continue;
        p->alarm_at = TIME_NEVER;
        switch (s) {
        case SERVICE_FACTS:
            facts_alarm(n->facts);
            break;
        case SERVICE_NETWORK:
            network_alarm(n->network);
            break;
        case SERVICE_STORAGE:
            storage_alarm(storage_of(n));
            break;
        case SERVICE_COMPUTE:
            compute_alarm(compute_of(n));
            break;
        case SERVICE_SENSOR:
            if (n->sensor)
                sensor_alarm(sensor_of(n));
            break;
        case SERVICE_MANAGE:
            manage_alarm(n->manage);
            break;
        case SERVICE_NONE:
        case SERVICE_REGION:
        case SERVICE_COUNT:
            break;
        }
        drain(n);
    }
    n->core.alarm_next = TIME_NEVER;
    for (enum service s = SERVICE_FACTS; s <= SERVICE_MANAGE; s++)
        n->core.alarm_next = MIN(n->core.alarm_next, n->ports[s].alarm_at);
}

static void alarm_tell(struct node *n, bool fired)
{
    mono_ns next = n->core.alarm_next;
    if (next == n->alarm_told && !fired) /* a host's timer may fire early: then it must be set again */
        return;
    n->alarm_told = next;
    port_effect(&n->ports[SERVICE_NONE], &(struct effect){.kind = EFFECT_ALARM, .alarm = next});
}

/* The parts of the node itself that every step touches. */
static void expect_self(const struct node *n)
{
    const enum service told[] = {SERVICE_FACTS, SERVICE_NETWORK, SERVICE_MANAGE};
    expect(&n->core, offsetof(struct node_core, metrics) + 64);
    expect(&n->view, offsetof(struct node, ports) - offsetof(struct node, view));
    for (size_t i = 0; i < COUNT_OF(told); i++)
        expect(&n->ports[told[i]], offsetof(struct port, op_count));
    expect(&n->heap, offsetof(struct heap, free_list));
    expect(&n->config.self, sizeof n->config.self);
    expect(&n->core.metrics[METRIC_HEAP_BYTES], 8);
}

/* Step memory, and where effects and deliveries will be written. */
static void expect_step(const struct node *n, bool alarm)
{
    const struct node_core *c = &n->core;
    expect(c->effects, (alarm ? 6 : 1) * sizeof *c->effects);
    expect(&c->queue[c->queue_head], (alarm ? 4 : 1) * sizeof *c->queue);
    if (c->blocks)
        expect(c->blocks, alarm ? 576 : 64);
}

void node_expect(const struct node *n, unsigned stage, node_id peer)
{
    bool alarm = peer == NODE_NONE;
    mono_ns due = n->core.alarm_next;
    if (stage == 0) {
        expect_self(n);
        return;
    }
    if (!n->started)
        return;
    if (stage == 1)
        expect_step(n, alarm);
    if (!alarm || n->ports[SERVICE_NETWORK].alarm_at <= due || n->ports[SERVICE_MANAGE].alarm_at <= due)
        network_expect(n->network, stage, peer);
    if (!alarm || n->ports[SERVICE_MANAGE].alarm_at <= due)
        manage_expect(n->manage, stage, peer);
    if (n->ports[SERVICE_FACTS].alarm_at <= due || !alarm)
        facts_expect(n->facts, stage, peer);
}

void node_step(struct node *n, const struct event *event, struct effects *effects)
{
    ASSERT(n->started || event->kind == EVENT_START);
    node_core_begin(&n->core, &event->now);
    tell_time(n, SERVICE_FACTS);
    tell_time(n, SERVICE_NETWORK);
    tell_time(n, SERVICE_MANAGE);
    handle(n, event);
    drain(n);
    alarms(n);
    alarm_tell(n, event->kind == EVENT_ALARM);
    n->core.metrics[METRIC_HEAP_BYTES] = n->heap.used_bytes;
    *effects = (struct effects){n->core.effects, n->core.effect_count, n->core.effect_capacity};
}

/* ---- looking inside ------------------------------------------------------------------------------------------------ */

bool node_ready(const struct node *n)
{
    return n->ready;
}

uint64_t node_facts_digest(const struct node *n)
{
    return facts_digest(n->facts);
}

const char *node_digest_difference(const struct node *a, const struct node *b)
{
    return manage_digest(a->manage) != manage_digest(b->manage)       ? "manage"
           : storage_digest(a->storage) != storage_digest(b->storage) ? "storage"
           : compute_digest(a->compute) != compute_digest(b->compute) ? "compute"
           : network_digest(a->network) != network_digest(b->network) ? "network"
                                                                      : "none";
}

uint64_t node_digest(const struct node *n)
{
    uint64_t parts[] = {manage_digest(n->manage), storage_digest(n->storage), compute_digest(n->compute),
                        network_digest(n->network)};
    return hash64(parts, sizeof parts);
}

const char *node_check_failure(const struct node *n)
{
    return !facts_check(n->facts)                   ? "facts"
           : !manage_check(n->manage)               ? "manage"
           : !network_check(n->network)             ? "network"
           : !storage_check(n->storage)             ? "storage"
           : !compute_check(n->compute)             ? "compute"
           : n->sensor && !sensor_check(n->sensor) ? "sensor"
                                                    : NULL;
}

bool node_check(const struct node *n)
{
    return node_check_failure(n) == NULL;
}

const struct view *node_view(const struct node *n)
{
    return &n->view;
}

const uint64_t *node_metrics(const struct node *n)
{
    return n->core.metrics;
}

const uint32_t *node_probes(const struct node *n)
{
    return n->core.probes;
}

struct facts *node_facts(struct node *n)
{
    return n->facts;
}

struct storage *node_storage(struct node *n)
{
    return n->storage;
}

struct compute *node_compute(struct node *n)
{
    return n->compute;
}

struct network *node_network(struct node *n)
{
    return n->network;
}
