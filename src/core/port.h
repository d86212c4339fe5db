/*
 * core/port.h - what a plane is given to act on the world: messages, disk, facts, alarms, traces, metrics.
 *
 * Story:    the node gives each plane its own port. Nothing happens at once: a call queues an effect or a message; the
 *           node delivers messages between planes of the same node within the same step and hands everything else to
 *           the host. Answers come back through the plane's own functions:
 *             X_message(x, m)   a message for this service          X_done(x, done)   a disk operation finished
 *             X_alarm(x)        now.mono reached the alarm          X_fact(x, f)      a fact of this plane's types
 *             X_object(x, r)    a reply of the storage plane        X_member(x, id)   a member's state or reach changed
 *             X_held(x, tag, n) a watched fact is durable on n      X_task(x, r)      a reply of the compute plane
 *             X_ready(x)        all facts are recovered and folded: begin to act (called once)
 * Threads:  single owner.
 */
#ifndef NOCT_CORE_PORT_H
#define NOCT_CORE_PORT_H

#include "base/heap.h"
#include "base/rng.h"
#include "core/facts.h"
#include "core/machine.h"
#include "core/view.h"

struct sky;
struct object_request;
struct object_reply;
struct task_request;
struct task_reply;

enum trace_id {
#define TRACE(name, level, text) TRACE_##name,
#include "core/trace.def"
#undef TRACE
    TRACE_COUNT
};
const char *trace_name(enum trace_id id);  /* "LINK_UP" */
char trace_level(enum trace_id id);        /* 'D', 'I', 'W', 'E' */

enum metric_id {
#define METRIC(name, kind, text, help) METRIC_##name,
#include "core/metric.def"
#undef METRIC
    METRIC_COUNT
};

enum probe_id {
#define PROBE(name, text) PROBE_##name,
#define EDGE(machine, from, to) PROBE_##machine##_##from##_##to,
#include "core/probe.def"
    PROBE_COUNT
};
const char *probe_name(enum probe_id id); /* "PUT_HOLDER_REPLACED", "MEMBER ALIVE -> SUSPECT" */
bool probe_is_edge(enum probe_id id);     /* a step of a state machine, not a branch */

/* A message between planes; travels as a bundle when `to` is another node. */
struct message {
    node_id from, to;
    enum service service;   /* of the receiver; the sender's is the same service (planes talk to their own kind) */
    uint16_t type;          /* the plane's own numbering */
    uint64_t request;       /* chosen by the requester, echoed by the answer; 0 for one-way messages */
    struct span body;       /* small, encoded by the plane */
    struct slice payload;   /* bulk bytes, may be empty */
    /* sending only: */
    uint8_t priority;       /* 0 control, 1 normal, 2 bulk */
    bool link_only;         /* only if a direct link stands now; never stored, never routed (heartbeats) */
    bool unanswered;        /* with link_only: lost is lost, nobody counts on it; costs the least (heartbeats, digests) */
    bool no_custody;        /* drop rather than write to disk when no link stands (requests that will be repeated) */
    duration_ns lifetime_ns; /* wall; 0: the default of one day */
};
enum { MESSAGE_BODY_MAX = 300 * 1024, MESSAGE_PAYLOAD_MAX = 2 * 1024 * 1024 };

struct limits { /* what a node may hold; set per scenario so that ten thousand fit in a machine or one fills it */
    uint32_t members_max, links_max, bundles_max, streams_max, chunks_max, tasks_max, lanes_max;
    uint64_t bundle_bytes_max;   /* memory for bundles in flight or queued */
    uint64_t fact_bytes_max;     /* memory for facts */
};

struct config { /* the static part of START that planes read */
    node_id self;
    char name[32];
    enum member_role role;
    uint32_t boot;              /* grows with every start of this node */
    uint32_t incarnation;
    uint64_t seed;
    struct limits limits;
    uint64_t area_capacity_bytes[AREA_COUNT]; /* how much the host lets each area hold */
    uint64_t area_used_bytes[AREA_COUNT];     /* nothing was ever written at or beyond this offset */
    duration_ns heartbeat_ns;   /* mono, default 1 s */
    uint32_t heartbeats_missed; /* default 3 */
    duration_ns acquire_ns;     /* mono: its lasers find a peer within this, but for one in a million; 0: not known */
    uint32_t lanes_millis;      /* compute capacity; 0 on nodes without lanes */
    uint64_t lane_memory_bytes;
    uint64_t lane_power_mw;     /* extra load of one busy core */
    uint64_t base_power_mw, radio_power_mw;
    uint64_t battery_floor_mwh, battery_economy_mwh;
    uint32_t core_limit_mk;
    duration_ns scrub_interval_ns; /* wall: every chunk is verified once in this time; default 7 days */
    struct sensor_config {
        bool present;
        char name[24];             /* "eo-1" */
        char bucket[64];           /* "eo" */
        double half_width_km;
        uint32_t pixels;
        duration_ns interval_ns;   /* wall, at most one picture per interval */
        double off_nadir_max_km;   /* how far a target may be from the ground track */
        uint32_t target_count;
        struct sensor_target {
            char name[32];
            double lat_deg, lon_deg;
        } targets[16];
        bool sample_track;         /* also take pictures along the track where there is no target, every 5 intervals */
        bool detect_changes;       /* submit the change-detection task when a tile has two pictures */
        char alert_bucket[64];     /* "alerts" */
    } sensor;
};

struct outbox_item;
struct node_core; /* the node's side of the port, src/core/port.c */

struct port {
    enum service service;
    struct node_core *core;
    struct heap *heap;
    const struct config *config;
    struct view *view;
    struct facts *facts;       /* NULL until opened */
    const struct sky *sky;     /* who is where, and the contact plan; may be NULL in unit tests */
    struct now now;            /* of this step */
    mono_ns alarm_at;          /* set by the plane (port_alarm); TIME_NEVER when none */
    uint64_t op_count;
    struct rng rng;            /* this plane's own stream */
};

/* Queues a message. Body is copied, payload kept by reference (or copied when borrowed). ERR_FULL. */
err port_send(struct port *p, const struct message *m) MUST_USE;

/* Disk: each returns the op id that DONE will carry. Parts with a buf are kept by reference, borrowed ones copied.
 * 0 is returned when there is no memory to queue the operation. */
uint64_t port_disk_write(struct port *p, enum disk_area area, uint64_t offset, struct slice first, struct slice second);
uint64_t port_disk_read(struct port *p, enum disk_area area, uint64_t offset, uint64_t size);
uint64_t port_disk_sync(struct port *p, enum disk_area area);
uint64_t port_disk_discard(struct port *p, enum disk_area area, uint64_t offset, uint64_t size);
uint64_t port_op(struct port *p); /* a fresh op id of this plane for any other effect */

/* Any other effect, performed after those queued before it. Slices inside must hold a reference (the host drops it);
 * spans inside must stay valid until the next step: port_keep copies bytes into step memory. */
void port_effect(struct port *p, const struct effect *e);
struct span port_keep(struct port *p, struct span s); /* lives until the next step; empty when out of memory */

void port_alarm(struct port *p, mono_ns at);      /* X_alarm at the earliest time asked for since the last call of X_alarm */
void port_trace(struct port *p, enum trace_id id, node_id about, const char *format, ...) PRINTF_LIKE(4, 5);
void port_count(struct port *p, enum metric_id id, uint64_t more);
void port_gauge(struct port *p, enum metric_id id, uint64_t value);
void port_probe(struct port *p, enum probe_id id);  /* counts a rare branch: core/probe.def */
uint64_t port_metric(const struct port *p, enum metric_id id);
/* Asks the storage plane of this node; the reply comes to X_object. Delivered within this step, after the current call. */
void port_object(struct port *p, const struct object_request *r);
void port_object_reply(struct port *p, const struct object_reply *r); /* storage plane only: routed by r->client */
/* Asks the compute plane of this node; the reply comes to X_task. */
void port_task(struct port *p, const struct task_request *r);
void port_task_reply(struct port *p, const struct task_reply *r);     /* compute plane only: routed by r->client */
/* Tells every plane that a member's state changed (manage) or its reachability did (network). */
void port_member_changed(struct port *p, node_id member);

#endif
