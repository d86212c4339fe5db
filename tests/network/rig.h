/*
 * tests/network/rig.h - a few network planes joined by modelled links and disks, with everything
 * under the test's hand.
 *
 * Nodes 1..count use the real ports (core/port.c). Sent bundles lie in the air until rig_run
 * carries them; a disk keeps what was synced and, at a power cut, any subset of the sectors that
 * were not. The Nth disk operation can be made to fail.
 */
#ifndef NOCT_TESTS_RIG_H
#define NOCT_TESTS_RIG_H

#include <stdlib.h>
#include <string.h>

#include "core/node_core.h"
#include "hand_plan.h"
#include "network/plane.h"

enum { RIG_NODES = 6, RIG_HEAP = 12 * 1024 * 1024, RIG_DISK = 6 * 1024 * 1024, RIG_LOG = 4096 };

struct rig_flight { /* a bundle or an answer on its way */
    node_id from, to;
    uint64_t transfer;
    struct buf *bytes;
    bool answered;
    err verdict;
    bool arrived;
};
struct rig_write { /* not synced yet */
    uint64_t offset, size;
    uint8_t *data;
};
struct rig_op {
    struct event_done done;
    uint64_t read_offset, read_size;
};
struct rig_node {
    bool running;
    void *memory;
    struct heap heap;
    struct node_core core;
    struct view view;
    struct config config;
    struct port port;
    struct network *network;
    uint8_t *disk;     /* as synced */
    uint8_t *disk_now; /* as written */
    uint64_t disk_used;
    struct rig_write writes[RIG_LOG];
    size_t write_count;
    struct rig_op ops[RIG_LOG];
    size_t op_count;
    size_t delivered, refused, traces[TRACE_COUNT], changes;
    bool pointed[RIG_NODES + 1];
    struct message last;
    char last_body[64];
    uint64_t last_payload_size;
    uint64_t bodies[512]; /* the request numbers delivered */
    size_t lost_facts, found_facts;
    uint64_t fact_seq;
};
struct rig_fact {
    struct fact fact;
    uint8_t body[16];
    bool due[RIG_NODES + 1];
};
struct rig {
    size_t count;
    struct rig_fact said[64];
    size_t said_count;
    struct now now;
    struct hand_plan plan;
    struct rig_node nodes[RIG_NODES + 1];
    bool linked[RIG_NODES + 1][RIG_NODES + 1];
    struct rig_flight *air;
    size_t air_count;
    bool hold_air;                   /* nothing arrives */
    bool hold_disk;                  /* no operation completes */
    uint64_t disk_ops, disk_fail_at; /* the Nth fails; 0 none */
    bool disk_dead;                  /* every operation fails */
    struct facts *facts_token;
    node_id stepping;
};

static struct rig *rig_now; /* for facts_publish below */

static inline void rig_step_begin(struct rig *r, node_id id)
{
    struct rig_node *node = &r->nodes[id];
    r->stepping = id;
    node_core_begin(&node->core, &r->now);
    node->port.now = r->now;
}

static inline void rig_deliver(void *context, const struct message *m)
{
    struct rig_node *node = context;
    node->delivered++;
    node->last = *m;
    ASSERT(m->body.size < sizeof node->last_body);
    memset(node->last_body, 0, sizeof node->last_body);
    if (m->body.size)
        memcpy(node->last_body, m->body.data, m->body.size);
    node->last_payload_size = m->payload.size;
    if (m->request < COUNT_OF(node->bodies))
        node->bodies[m->request]++;
    for (size_t i = 0; i < m->payload.size; i++)
        ASSERT(m->payload.data[i] == (uint8_t)(i * 7 + m->request));
}

static inline struct rig_flight *rig_air_add(struct rig *r)
{
    r->air = realloc(r->air, (r->air_count + 1) * sizeof *r->air);
    r->air[r->air_count] = (struct rig_flight){0};
    return &r->air[r->air_count++];
}

static inline void rig_take_disk(struct rig *r, struct rig_node *node, const struct effect_disk *d)
{
    ASSERT(node->op_count < RIG_LOG && d->area == AREA_SPOOL);
    struct rig_op *op = &node->ops[node->op_count++];
    *op = (struct rig_op){.done = {.op = d->op},
                          .read_offset = d->offset,
                          .read_size = d->kind == DISK_READ ? d->size : 0};
    bool fail = r->disk_dead || ++r->disk_ops == r->disk_fail_at;
    if (d->kind == DISK_WRITE) {
        ASSERT(d->offset + d->size <= RIG_DISK && d->size == d->parts[0].size + d->parts[1].size);
        struct rig_write *w = &node->writes[node->write_count++];
        ASSERT(node->write_count < RIG_LOG);
        *w = (struct rig_write){d->offset, d->size, malloc(d->size)};
        memcpy(w->data, d->parts[0].data, d->parts[0].size);
        if (d->parts[1].size)
            memcpy(w->data + d->parts[0].size, d->parts[1].data, d->parts[1].size);
        if (!fail)
            memcpy(node->disk_now + d->offset, w->data, d->size);
        node->disk_used = MAX(node->disk_used, d->offset + d->size);
    } else if (d->kind == DISK_SYNC && !fail) {
        while (node->write_count > 0) {
            struct rig_write *w = &node->writes[--node->write_count];
            memcpy(node->disk + w->offset, node->disk_now + w->offset, w->size);
            free(w->data);
        }
    }
    if (fail)
        op->done.status = ERR_IO;
    for (size_t i = 0; i < 2; i++) {
        struct slice s = d->parts[i];
        slice_drop(&s);
    }
}

static inline void rig_take_effect(struct rig *r, node_id id, const struct effect *e)
{
    struct rig_node *node = &r->nodes[id];
    if (e->kind == EFFECT_SEND) {
        struct rig_flight *f = rig_air_add(r);
        size_t size = e->send.parts[0].size + e->send.parts[1].size + e->send.parts[2].size, at = 0;
        *f = (struct rig_flight){.from = id,
                                 .to = e->send.peer,
                                 .transfer = e->send.transfer,
                                 .bytes = buf_new_malloc(size)};
        for (size_t i = 0; i < 3; i++) {
            struct slice s = e->send.parts[i];
            if (s.size)
                memcpy(f->bytes->data + at, s.data, s.size);
            at += s.size;
            slice_drop(&s);
        }
    } else if (e->kind == EFFECT_ACCEPT) {
        node->refused += e->accept.status != ERR_OK;
        for (size_t i = 0; i < r->air_count; i++)
            if (r->air[i].transfer == e->accept.receipt && r->air[i].from == e->accept.peer &&
                r->air[i].to == id) {
                ASSERT(!r->air[i].answered); /* exactly once */
                r->air[i].answered = true;
                r->air[i].verdict = e->accept.status == ERR_OK ? ERR_OK : ERR_BUSY;
            }
    } else if (e->kind == EFFECT_DISK) {
        rig_take_disk(r, node, &e->disk);
    } else if (e->kind == EFFECT_TRACE) {
        node->traces[e->trace.id]++;
    } else if (e->kind == EFFECT_POINT) {
        ASSERT(e->point.peer <= RIG_NODES && node->pointed[e->point.peer] != e->point.on);
        node->pointed[e->point.peer] = e->point.on;
    }
}

static inline void rig_step_end(struct rig *r)
{
    struct rig_node *node = &r->nodes[r->stepping];
    struct delivery d;
    while (node_core_next(&node->core, &d)) {
        if (d.kind == DELIVER_MESSAGE) {
            err e = network_send(node->network, &d.message);
            (void)e; /* as the node: the sender does without */
            slice_drop(&d.message.payload);
        }
        if (d.kind != DELIVER_MEMBER)
            continue;
        node->changes++;
        network_member(node->network, d.member);
    }
    for (size_t i = 0; i < node->core.effect_count; i++)
        rig_take_effect(r, r->stepping, &node->core.effects[i]);
    ASSERT(network_check(node->network));
}

static inline void rig_boot(struct rig *r, node_id id, const struct sky *sky)
{
    struct rig_node *node = &r->nodes[id];
    node->memory = malloc(RIG_HEAP);
    heap_init(&node->heap, node->memory, RIG_HEAP);
    ASSERT(node_core_init(&node->core, &node->heap) == ERR_OK);
    ASSERT(view_init(&node->view, &node->heap, RIG_NODES, id) == ERR_OK);
    uint32_t boot = node->config.boot + 1;
    struct limits limits = node->config.limits;
    node->config = (struct config){.self = id,
                                   .boot = boot,
                                   .incarnation = 1,
                                   .seed = 7,
                                   .heartbeat_ns = NS_PER_S,
                                   .heartbeats_missed = 3,
                                   .limits = limits};
    node->config.area_capacity_bytes[AREA_SPOOL] = RIG_DISK;
    node->config.area_used_bytes[AREA_SPOOL] = node->disk_used;
    for (node_id other = 1; other <= r->count; other++) {
        struct view_member *m;
        ASSERT(view_add(&node->view, other, &m) == ERR_OK);
    }
    memset(node->pointed, 0, sizeof node->pointed);
    node->running = true;
    port_init(&node->port, SERVICE_NETWORK, &node->core, &node->config, &node->view, sky);
    node->port.facts = r->facts_token;
    rig_step_begin(r, id);
    ASSERT(network_open(&node->network, &node->port, rig_deliver, node) == ERR_OK);
    if (!sky) { /* routes by the hand-made plan */
        route_free(&node->network->route);
        struct route_sky by_hand = hand_sky(&r->plan);
        ASSERT(route_init(&node->network->route, &node->heap, &by_hand, id, NS_PER_MS,
                          3 * NS_PER_S) == ERR_OK);
    }
    network_ready(node->network);
    rig_step_end(r);
}

static inline struct rig *rig_new(size_t count)
{
    struct rig *r = calloc(1, sizeof *r);
    rig_now = r;
    r->count = r->plan.count = count;
    r->now = (struct now){
        .mono = NS_PER_S, .wall = time_from_utc(2026, 11, 21, 0, 0, 0), .wall_rate = 1};
    r->facts_token = (struct facts *)r; /* never looked into */
    for (node_id id = 1; id <= count; id++) {
        r->nodes[id].disk = calloc(1, RIG_DISK);
        r->nodes[id].disk_now = calloc(1, RIG_DISK);
    }
    return r;
}

static inline void rig_boot_all(struct rig *r, const struct sky *sky)
{
    for (node_id id = 1; id <= r->count; id++)
        rig_boot(r, id, sky);
}

static inline void rig_drop_flight(struct rig *r, size_t i)
{
    buf_unref(r->air[i].bytes);
    memmove(r->air + i, r->air + i + 1, (r->air_count - i - 1) * sizeof *r->air);
    r->air_count--;
}

/* Stops a node; its unsynced writes survive sector by sector as `rng` says (NULL: none). */
static inline void rig_stop(struct rig *r, node_id id, struct rng *rng)
{
    struct rig_node *node = &r->nodes[id];
    network_close(node->network);
    node_core_begin(&node->core, &r->now);
    free(node->memory);
    node->running = false;
    for (size_t i = 0; i < node->write_count; i++) {
        struct rig_write *w = &node->writes[i];
        for (uint64_t at = w->offset; rng && at < w->offset + w->size;) {
            uint64_t end = MIN((at / DISK_SECTOR + 1) * DISK_SECTOR, w->offset + w->size);
            if (rng_chance(rng, 0.5))
                memcpy(node->disk + at, w->data + (at - w->offset), end - at);
            at = end;
        }
        free(w->data);
    }
    node->write_count = node->op_count = 0;
    memcpy(node->disk_now, node->disk, RIG_DISK);
    for (size_t i = r->air_count; i-- > 0;)
        if (r->air[i].from == id)
            rig_drop_flight(r, i);
}

static inline void rig_free(struct rig *r)
{
    for (node_id id = 1; id <= r->count; id++) {
        if (r->nodes[id].running)
            rig_stop(r, id, NULL);
        free(r->nodes[id].disk);
        free(r->nodes[id].disk_now);
    }
    while (r->air_count > 0)
        rig_drop_flight(r, 0);
    free(r->air);
    free(r);
}

static inline void rig_link_half(struct rig *r, node_id a, node_id b, bool up)
{
    if (!r->nodes[a].running)
        return;
    rig_step_begin(r, a);
    network_link(r->nodes[a].network,
                 &(struct event_link){.peer = b, .up = up, .rate_bps = 1000000000});
    rig_step_end(r);
}

static inline void rig_sent(struct rig *r, size_t i, err status)
{
    struct rig_flight f = r->air[i];
    buf_ref(f.bytes);
    rig_drop_flight(r, i);
    if (r->nodes[f.from].running) {
        rig_step_begin(r, f.from);
        network_sent(r->nodes[f.from].network,
                     &(struct event_sent){.peer = f.to, .transfer = f.transfer, .status = status});
        rig_step_end(r);
    }
    buf_unref(f.bytes);
}

static inline void rig_link(struct rig *r, node_id a, node_id b, bool up)
{
    r->linked[a][b] = r->linked[b][a] = up;
    rig_link_half(r, a, b, up);
    rig_link_half(r, b, a, up);
    for (size_t i = r->air_count; !up && i-- > 0;)
        if (i < r->air_count && ((r->air[i].from == a && r->air[i].to == b) ||
                                 (r->air[i].from == b && r->air[i].to == a)))
            rig_sent(r, i, ERR_UNREACHABLE);
}

static inline bool rig_run_air(struct rig *r)
{
    for (size_t i = 0; i < r->air_count; i++) {
        struct rig_flight *f = &r->air[i];
        if (f->answered) {
            rig_sent(r, i, f->verdict);
            return true;
        }
        if (f->arrived || !r->linked[f->from][f->to] || !r->nodes[f->to].running)
            continue;
        f->arrived = true;
        struct event_frame e = {
            .peer = f->from, .receipt = f->transfer, .data = slice_of(f->bytes, 0, f->bytes->size)};
        node_id to = f->to;
        struct buf *bytes = buf_ref(f->bytes);
        if (e.receipt == 0) /* a cast */
            rig_drop_flight(r, i);
        rig_step_begin(r, to);
        network_frame(r->nodes[to].network, &e);
        rig_step_end(r);
        buf_unref(bytes);
        return true;
    }
    return false;
}

static inline bool rig_run_disk(struct rig *r)
{
    for (node_id id = 1; id <= r->count; id++) {
        struct rig_node *node = &r->nodes[id];
        if (!node->running || node->op_count == 0)
            continue;
        struct rig_op op = node->ops[0];
        memmove(node->ops, node->ops + 1, --node->op_count * sizeof *node->ops);
        struct buf *data = NULL;
        if (op.read_size > 0 && op.done.status == ERR_OK) {
            data = buf_new_malloc(op.read_size);
            memcpy(data->data, node->disk_now + op.read_offset, op.read_size);
            op.done.data = slice_of(data, 0, op.read_size);
        }
        rig_step_begin(r, id);
        network_done(node->network, &op.done);
        rig_step_end(r);
        buf_unref(data);
        return true;
    }
    return false;
}

static inline bool rig_run_facts(struct rig *r)
{
    for (size_t i = 0; i < MIN(r->said_count, COUNT_OF(r->said)); i++)
        for (node_id id = 1; id <= r->count; id++)
            if (r->said[i].due[id]) {
                r->said[i].due[id] = false;
                if (!r->nodes[id].running)
                    continue;
                rig_step_begin(r, id);
                network_fact(r->nodes[id].network, &r->said[i].fact);
                rig_step_end(r);
                return true;
            }
    return false;
}

static inline void rig_run(struct rig *r)
{
    while (rig_run_facts(r) || (!r->hold_air && rig_run_air(r)) ||
           (!r->hold_disk && rig_run_disk(r)))
        ;
}

/* Lets time pass, with alarms. */
static inline void rig_wait(struct rig *r, duration_ns mono)
{
    mono_ns end = r->now.mono + mono;
    while (true) {
        rig_run(r);
        mono_ns next = end;
        for (node_id id = 1; id <= r->count; id++)
            if (r->nodes[id].running)
                next = MIN(next, MAX(r->nodes[id].port.alarm_at, r->now.mono));
        r->now.wall += (next - r->now.mono) * r->now.wall_rate;
        r->now.mono = next;
        if (next == end)
            break;
        for (node_id id = 1; id <= r->count; id++) {
            struct rig_node *node = &r->nodes[id];
            if (!node->running || node->port.alarm_at > r->now.mono)
                continue;
            rig_step_begin(r, id);
            node->port.alarm_at = TIME_NEVER;
            network_alarm(node->network);
            rig_step_end(r);
        }
    }
}

static inline err rig_send_message(struct rig *r, const struct message *m)
{
    struct rig_node *node = &r->nodes[m->from];
    rig_step_begin(r, m->from);
    err e = network_send(node->network, m);
    rig_step_end(r);
    return e;
}

/* A storage message with a recognisable payload. */
static inline err rig_send(struct rig *r, node_id from, node_id to, uint64_t request,
                           size_t payload)
{
    struct buf *bytes = buf_new_malloc(payload + 1);
    for (size_t i = 0; i < payload; i++)
        bytes->data[i] = (uint8_t)(i * 7 + request);
    struct message m = {.from = from,
                        .to = to,
                        .service = SERVICE_STORAGE,
                        .type = 5,
                        .request = request,
                        .body = SPAN_LITERAL("body"),
                        .payload = slice_of(bytes, 0, payload),
                        .priority = 1};
    err e = rig_send_message(r, &m);
    buf_unref(bytes);
    return e;
}

/* A fact is folded here at once and reaches the others in steps of their own. */
static inline err rig_publish(enum fact_type type, struct span body)
{
    struct rig *r = rig_now;
    node_id author = r->stepping;
    struct rig_fact *f = &r->said[r->said_count++ % COUNT_OF(r->said)];
    ASSERT(body.size <= sizeof f->body);
    memcpy(f->body, body.data, body.size);
    f->fact = (struct fact){.author = author,
                            .incarnation = 1,
                            .seq = ++r->nodes[author].fact_seq,
                            .type = (uint16_t)type,
                            .body = span_of(f->body, body.size)};
    r->nodes[author].lost_facts += type == FACT_LINK_LOST;
    r->nodes[author].found_facts += type == FACT_LINK_FOUND;
    for (node_id id = 1; id <= r->count; id++)
        f->due[id] = id != author && r->nodes[id].running;
    network_fact(r->nodes[author].network, &f->fact);
    return ERR_OK;
}

err facts_publish(struct facts *s, enum fact_type type, struct span body, struct fact *out)
{
    (void)s;
    *out = (struct fact){0};
    return rig_publish(type, body);
}

#endif
