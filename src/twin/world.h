/*
 * twin/world.h - the simulated world of one run: nodes, links, disks, lanes, craft, faults and customers under virtual time.
 *
 * Story:   one queue of what happens next. Taking an entry may step one node; its effects are performed at once by the
 *          models here, which put their outcomes back into the queue. Nothing else moves: a run is one history, decided by
 *          scenario and seed.
 * Models:  docs/format/twin.md says which model stands for what, with sources.
 * Owns:    everything (malloc and one mapping per node). Threads: one.
 */
#ifndef NOCT_TWIN_WORLD_H
#define NOCT_TWIN_WORLD_H

#include "base/map.h"
#include "base/text.h"
#include "core/object_api.h"
#include "core/task_api.h"
#include "craft/craft.h"
#include "crypto/signature.h"
#include "node/node.h"
#include "node/scenario.h"
#include "twin/fault_plan.h"
#include "twin/queue.h"
#include "twin/virtual_disk.h"

enum happening {
    HAPPEN_ALARM, HAPPEN_LINK_EDGE, HAPPEN_LINK_UP, HAPPEN_LINK_EVENT, HAPPEN_FRAME, HAPPEN_SENT, HAPPEN_DISK, HAPPEN_LANE,
    HAPPEN_SCENE, HAPPEN_CRAFT, HAPPEN_FAULT, HAPPEN_BOOT, HAPPEN_CUSTOMER, HAPPEN_SAMPLE, HAPPEN_PLAN, HAPPEN_PHASE, HAPPEN_COUNT
};

struct world;
struct link_state;
struct transfer;
struct lane_state;
struct host_buf;
struct customer;
struct checks;

struct twin_node {
    node_id id;
    struct node *node; /* NULL while down */
    void *memory;
    size_t memory_size;
    uint32_t boot;
    uint64_t alarm_version;
    mono_ns alarm_at;
    struct virtual_disk disk;
    struct craft craft;
    tai_ns craft_at;
    uint32_t lanes_busy_millis;
    uint8_t radios_on;
    struct lane_state *lanes;
    struct host_buf *bufs; /* buffers lent to the node: taken back when it crashes */
    struct link_state **links;
    size_t link_count;
    struct signer *signer;
    uint8_t public_key[32];
    struct world *world;
    mono_ns crashed_at;
    node_id convicted;
    mono_ns convicted_at, takeover_at, repair_at; /* of the last such event here, for the figures; 0: none is open */
};

struct figures {
    uint64_t puts_acked, puts_refused, gets_ok, gets_refused, deletes_acked, tasks_created, tasks_ended;
    uint64_t crashes, link_losses, bit_flips, frames, frames_lost, steps, facts;
    duration_ns put_latency_sum, put_latency_max, get_latency_sum, get_latency_max;
    uint64_t convictions_measured;
    duration_ns conviction_sum, conviction_max; /* crash -> all connected nodes know */
    duration_ns converge_ns;                    /* heal -> all equal */
    uint64_t restarts_measured;                 /* conviction known to the successor -> its task runs */
    duration_ns restart_sum, restart_max;
    uint64_t repairs_measured;                  /* a node has copies to make -> none any more */
    duration_ns repair_sum, repair_max;
    uint64_t trace_counts[TRACE_COUNT];
    uint64_t battery_min_mwh;
    uint32_t core_max_mk;
};

struct world {
    const struct scenario *scenario;
    uint64_t seed;
    duration_ns duration; /* virtual */
    struct heap heap;     /* of the world's own tables */
    struct sky *sky;
    struct twin_node *nodes; /* index = id - 1 */
    size_t node_count;
    struct queue queue;
    mono_ns now;
    struct map links; /* key: a << 32 | b */
    struct rng link_rng, disk_rng, loss_rng;
    struct fault_plan plan;
    struct text plan_remarks; /* the options that were drawn */
    struct text genesis;
    struct signer *root_signer;
    uint8_t root_public[32];
    bool faults_on;
    bool healing;        /* after the safety phase: no more faults, no new work */
    struct customer *customers; /* one per gateway */
    size_t customer_count;
    struct checks *checks;
    struct figures figures;
    uint64_t digest;     /* running: every step and what it did */
    struct map verified; /* memo of checked signatures (a pure function) */
    void (*on_trace)(void *context, const struct twin_node *n, const struct effect_trace *t);
    void *trace_context;
    void (*on_progress)(void *context, double share);
    void *progress_context;
    void (*on_sample)(void *context, struct world *w); /* every minute of virtual time */
    void *sample_context;
};

struct twin_node *world_node(struct world *w, node_id id);
tai_ns world_wall(const struct world *w); /* now */
void world_digest_add(struct world *w, uint64_t value);

/* world.c */
err world_open(struct world **out, const struct scenario *s, uint64_t seed, duration_ns duration, bool faults_on) MUST_USE;
void world_close(struct world *w);
void world_run(struct world *w);                     /* to the end of `duration`, then heal and converge */
void world_step(struct world *w, struct twin_node *n, struct event *e); /* stamps the time, steps, performs */
void node_boot(struct world *w, struct twin_node *n);
void node_crash(struct world *w, struct twin_node *n);
struct buf *host_buf_new(struct twin_node *n, size_t size);

/* links.c */
void link_point(struct world *w, struct twin_node *n, const struct effect_point *e);
void link_send(struct world *w, struct twin_node *n, const struct effect_send *e);
void link_accept(struct world *w, struct twin_node *n, const struct effect_accept *e);
void link_edge(struct world *w, struct link_state *l);
void link_up(struct world *w, struct link_state *l, uint64_t epoch);
void link_event(struct world *w, struct link_state *l, uint32_t subject, uint64_t up);
void link_frame(struct world *w, struct transfer *t);
void link_sent(struct world *w, struct transfer *t);
void link_node_changed(struct world *w, struct twin_node *n); /* it crashed or booted */
void link_cut(struct world *w, node_id a, node_id b, mono_ns until);
bool link_connected(struct world *w, node_id a, node_id b); /* up right now */
void links_free(struct world *w);

/* lanes.c: lanes and the camera */
void lane_effect(struct world *w, struct twin_node *n, const struct effect_lane *e);
void lane_happen(struct world *w, struct twin_node *n, uint64_t boot, void *data);
void lanes_drop(struct twin_node *n);
void scene_effect(struct world *w, struct twin_node *n, const struct effect_capture *e);
void scene_happen(struct world *w, struct twin_node *n, uint64_t boot, void *data);

/* faults.c */
void faults_plan(struct world *w);
void faults_close(struct world *w);
void fault_happen(struct world *w, const struct fault *f);

/* customers.c */
void customers_open(struct world *w);
void customers_close(struct world *w);
void customer_happen(struct world *w, uint32_t index);
void customer_object(struct world *w, struct twin_node *gateway, const struct object_reply *r);
void customer_task(struct world *w, struct twin_node *gateway, const struct task_reply *r);
void customers_gateway_down(struct world *w, struct twin_node *gateway);
void customers_gateway_ready(struct world *w, struct twin_node *gateway);
bool customers_idle(const struct world *w);
void customers_verify_begin(struct world *w); /* read everything back through every gateway */
bool customers_verify_done(struct world *w); /* also asks for more */
void customers_verify_end(struct world *w);  /* what was never read breaks I1 */

/* checks.c: the promises */
enum promise { PROMISE_I1, PROMISE_I3, PROMISE_I5, PROMISE_I7, PROMISE_I12, PROMISE_COUNT };
struct promise_result {
    const char *id, *text;
    uint64_t evaluated, violations;
    char first[240]; /* the first violation, with its time */
};
void checks_open(struct world *w);
void checks_close(struct world *w);
void checks_count(struct world *w, enum promise p, bool kept, const char *format, ...) PRINTF_LIKE(4, 5);
void checks_sample(struct world *w); /* every minute of virtual time */
void checks_trace(struct world *w, struct twin_node *n, const struct effect_trace *t);
void checks_crash(struct world *w, struct twin_node *n);
bool checks_converged(struct world *w); /* all nodes hold the same facts and the same state */
void checks_final(struct world *w);
const struct promise_result *checks_results(const struct world *w); /* PROMISE_COUNT */
uint64_t world_end_digest(struct world *w);

#endif
