/*
 * host/process.h - the inside of a node process, shared by node_process.c (life), process_step.c (events and effects),
 * process_journal.c (what the node is told, for replay), process_status.c (control and status) and gateway.c (the region).
 *
 * Owns:    everything of the process. Threads: the loop's; work and captures run in libuv's pool and come back.
 */
#ifndef NOCT_HOST_PROCESS_H
#define NOCT_HOST_PROCESS_H

#include <uv.h>

#include "host/clock.h"
#include "host/craft_model.h"
#include "host/disk.h"
#include "host/eye.h"
#include "host/journal.h"
#include "host/lanes.h"
#include "host/link.h"
#include "host/node_process.h"
#include "host/state.h"
#include "node/node.h"

enum { EVENTS_PER_TURN = 128, PROCESS_LINE_MAX = 4096 };

struct posted { /* an event that waits for its step; owns its slices and the copies of its spans */
    struct posted *next;
    struct event event;
    void *copies;
};

struct gateway;

struct process {
    struct node_process_options options;
    uv_loop_t loop;
    struct host_state state;
    struct node_identity identity;
    struct clock clock;
    size_t site; /* index in state.scenario->sites */
    node_id self;
    bool is_gateway;
    char directory[PATH_SIZE];
    struct sky sky;
    tai_ns plan_start;
    struct config config;
    uint8_t *memory;
    size_t memory_size;
    struct node *node;
    struct disk *disk;
    struct journal *journal; /* NULL: not asked for */
    bool journal_end_said;
    struct fact_crypto crypto; /* the real one, behind the journal */
    struct link_set *links;
    struct lanes *lanes; /* NULL: this machine cannot make sandboxes, or the node has none */
    struct eye *eye;
    struct eye_event eye_events[SCENARIO_EVENTS_MAX];
    struct craft_model craft;
    struct event_craft telemetry;
    struct gateway *gateway;
    struct posted *first, **last;
    uv_idle_t pump; /* runs while events wait */
    uv_timer_t alarm, second;
    uv_signal_t on_terminate, on_interrupt;
    uv_pipe_t control;
    char line[PROCESS_LINE_MAX];
    size_t line_size;
    uint64_t steps;
    unsigned seconds;
    bool stepping, stopping, said_ready, disk_failed;
    struct timespec started;
};

/* process_step.c */
void process_post(struct process *p, const struct event *e); /* takes over slices, copies spans; stepped from the loop */
void process_step(struct process *p, struct event *e);       /* one step now, effects performed; not from within another */
void process_events_drop(struct process *p);
/* process_journal.c: everything the node is told, when a journal was asked for; without one these only do the thing itself */
err process_journal_open(struct process *p, char why[STATE_WHY]) MUST_USE;
void process_journal_start(struct process *p, const struct start *start);
struct fact_crypto process_journal_crypto(struct process *p); /* signs as before, and records what was signed */
void process_journal_watch(struct process *p);                /* says so, once, when the recording has ended */
void process_sky_extend(struct process *p, tai_ns until);
void process_sky_forget(struct process *p, tai_ns before);
/* process_status.c */
err process_control_open(struct process *p) MUST_USE;
void process_status_say(struct process *p);
/* gateway.c */
err gateway_open(struct gateway **out, struct process *p, uint16_t port, char why[STATE_WHY]) MUST_USE;
void gateway_tick(struct gateway *g);
void gateway_object(struct gateway *g, const struct object_reply *reply);
void gateway_task(struct gateway *g, const struct task_reply *reply);
void gateway_trace(struct gateway *g, const struct effect_trace *trace);
void gateway_settle(struct gateway *g); /* after the effects of a step */
size_t gateway_connections(const struct gateway *g);
void gateway_close(struct gateway *g);

#endif
