/*
 * twin/world.h - the simulated world of one run: nodes, links, disks, lanes, craft, faults and customers under virtual time.
 *
 * Story:   two kinds of things happen. What concerns one node (an alarm, a frame, a disk's answer) stands in the queue of
 *          the node's shard and steps that node; its effects are performed at once by the models here. What concerns
 *          the world (faults, samples, the plan, phases) is serial: it runs alone, when every shard stands at its instant.
 *          Nodes touch each other only by messages that take at least the modem's framing delay plus light time, so
 *          shards may go ahead of each other by that much: a window. docs/adr/0009-parallel-windows.md.
 * Order:   instant, then destination, source, the source's count. So a run is one history, decided by scenario and seed:
 *          neither threads nor shards nor ranks change a digest, a figure or a line of a log.
 * Rules for models:
 *          - serial code asks n->up whether a node lives; n->node, n->disk, … only where the node is here.
 *          - code that runs for a node (n) uses node_now(n), n->shard->figures, n's own random streams, node_post() and
 *            node_promise(); it looks at no other node.
 *          - serial code (world_serially() callbacks, on_sample, fault_happen, checks_*) uses w->now, w->figures and
 *            may look at everything and step any node.
 *          - observers' on_trace and on_frame are serial, too, fed in order of (instant, node); w->now is the record's
 *            instant, but nodes may be up to WINDOW_MAX_NS ahead of it: judge by the record and by what only
 *            serial code changes (who lives, the plan, cuts); for the rest ask world_serially() to be called back.
 * Models:  docs/format/twin.md says which model stands for what, with sources.
 * Owns:    everything (malloc and one mapping per node).
 * Threads: w->threads work on shards between two serial points; all else on the caller's thread.
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
#include "twin/check.h"
#include "twin/fault_plan.h"
#include "twin/faults.h"
#include "twin/queue.h"
#include "twin/ranks.h"
#include "twin/virtual_disk.h"

#define WORLD_START_NS (10 * NS_PER_S)  /* monotonic time at the scenario's epoch: never zero */
#define FRAMING_NS (500 * NS_PER_US)    /* what a modem adds to light time: framing, coding, interleaving */
#define NOTICE_NS (10 * NS_PER_MS)      /* until a terminal notices, beyond light time, that the other beam came or went */
#define WINDOW_MAX_NS NOTICE_NS         /* no window is longer */

enum happening { /* to one node */
    HAPPEN_ALARM, HAPPEN_LINK_EDGE, HAPPEN_LINK_ACQUIRED, HAPPEN_LINK_TELL, HAPPEN_LINK_SEEN, HAPPEN_LINK_UP, HAPPEN_LINK_DOWN,
    HAPPEN_FRAME, HAPPEN_ACCEPTED, HAPPEN_TIMEOUT, HAPPEN_SENT, HAPPEN_DISK, HAPPEN_LANE, HAPPEN_SCENE, HAPPEN_CRAFT,
    HAPPEN_CUSTOMER, HAPPEN_COUNT
};

struct world;
struct shard;
struct engine;
struct link_end;
struct lane_state;
struct host_buf;
struct customer;
struct checks;
struct radiation_sky;

struct twin_node {
    /* What each step touches comes first. */
    node_id id;
    uint32_t sequence; /* of what it put into queues */
    uint32_t boot;
    bool up;           /* lives, here or elsewhere; changes in serial code only */
    struct node *node; /* NULL while down, and always where another rank has it; changes in serial code only */
    struct shard *shard;
    struct world *world;
    uint64_t digest;   /* running: every step and what it did */
    mono_ns alarm_at, alarm_entry_at; /* when it wants to be woken; when its earliest entry in the queue comes */
    struct host_buf *bufs;   /* buffers lent to the node: taken back when it crashes */
    struct link_slot {
        node_id peer;
        struct link_end *end;
    } *links; /* sorted by peer */
    size_t link_count;
    struct node_faults faults;
    void *memory;
    size_t memory_size;
    struct virtual_disk disk;
    struct rng disk_rng; /* what a crash keeps, which bit flips */
    struct craft craft;
    tai_ns craft_at;
    uint32_t lanes_busy_millis;
    uint8_t radios_on;
    struct lane_state *lanes;
    struct signer *signer;
    uint8_t public_key[32];
    mono_ns crashed_at;
    node_id convicted;
    mono_ns convicted_at, takeover_at, repair_at; /* of the last such event here, for the figures; 0: none is open */
};

enum { ACQUISITION_CELLS = 24 };
#define ACQUISITION_CELL_NS (5 * NS_PER_S) /* the last cell holds what took longer */

struct figures { /* sums, and extremes: shards have their own, which are folded into the world's at serial points */
    uint64_t puts_acked, puts_refused, gets_ok, gets_refused, deletes_acked, tasks_created, tasks_ended;
    uint64_t objects_lost; /* beyond the policy: read by nobody after heal, and said so */
    uint64_t crashes, link_losses, bit_flips, frames, frames_lost, steps, facts;
    duration_ns put_latency_sum, put_latency_max, get_latency_sum, get_latency_max;
    uint64_t convictions_measured;
    duration_ns conviction_sum, conviction_max; /* crash -> all connected nodes know */
    duration_ns converge_ns;                    /* heal -> all equal */
    duration_ns heal_bound_ns;                  /* the bound for it, by the contact plan */
    uint64_t restarts_measured;                 /* conviction known to the successor -> its task runs */
    duration_ns restart_sum, restart_max;
    uint64_t repairs_measured;                  /* a node has copies to make -> none any more */
    duration_ns repair_sum, repair_max;
    uint64_t trace_counts[TRACE_COUNT];
    struct fault_figures faults;
    uint64_t battery_min_mwh;
    uint32_t core_max_mk;
    uint64_t acquisitions, acquisition_searches, tracking_losses; /* of optical links */
    duration_ns acquisition_sum, acquisition_max, slew_sum; /* searching; turning before it */
    uint64_t acquisition_cells[ACQUISITION_CELLS];
};

struct request_told { /* one request of a customer and its answer */
    node_id gateway;
    enum request_kind { REQUEST_PUT, REQUEST_GET, REQUEST_DELETE } kind;
    err status;
    bool verifying; /* of the final reading */
    duration_ns latency;
};

struct observer { /* each function may be NULL; all are serial */
    void *context;
    void (*on_trace)(void *context, const struct twin_node *n, const struct effect_trace *t);
    void (*on_sample)(void *context, struct world *w); /* every minute of virtual time */
    void (*on_progress)(void *context, double share);
    /* A bundle left `from` for `to` at `at`; its bytes arrive one light time and framing after the last of them left, or never. */
    void (*on_frame)(void *context, struct world *w, node_id from, node_id to, mono_ns at, const void *bytes, size_t size, bool lost);
    void (*on_request)(void *context, struct world *w, const struct request_told *r); /* a customer's request was answered */
};
enum { OBSERVERS_MAX = 8 };

struct world {
    const struct scenario *scenario;
    uint64_t seed;
    duration_ns duration; /* virtual */
    struct sky *sky;         /* read-only but in serial code */
    struct twin_node *nodes; /* index = id - 1 */
    size_t node_count;
    mono_ns now;             /* in serial code; node_now(n) elsewhere */
    struct shard *shards;
    size_t shard_count;
    unsigned threads;        /* set before world_run: 0 is as many as serve; the digest does not depend on it */
    size_t shards_wanted;    /* set before world_run: 0 is as many as serve the threads; neither does it on this */
    const struct ranks *ranks; /* NULL: one process */
    struct engine *engine;   /* shard.h */
    struct fault_plan plan;
    struct radiation_sky *radiation; /* what doses come from; NULL: the scenario has no radiation */
    bool beyond;             /* the plan exceeds the policy: only honest detection is demanded */
    struct text plan_remarks; /* the options that were drawn */
    struct text genesis;
    struct roster *roster; /* the same, checked once for all nodes */
    struct genesis_old { /* what both were before members were replaced: nodes still borrow them */
        struct text genesis;
        struct roster *roster;
    } *genesis_old;
    size_t genesis_old_count;
    struct signer *root_signer;
    uint8_t root_public[32];
    bool faults_on;
    bool healing;            /* after the safety phase: no more faults, no new work */
    struct customer *customers; /* one per gateway, all in the gateways' shard */
    size_t customer_count;
    struct checks *checks;
    struct figures figures;
    struct observer observers[OBSERVERS_MAX];
    size_t observer_count;
};

struct twin_node *world_node(struct world *w, node_id id);
tai_ns world_wall(const struct world *w);            /* now, in serial code */
mono_ns node_now(const struct twin_node *n);         /* now, in code that runs for a node, and in serial code */
tai_ns node_wall(const struct twin_node *n);         /* true time, whatever the node's clock says */
struct figures *node_figures(struct twin_node *n);   /* to add to, in code that runs for a node */

/* world.c */
err world_open(struct world **out, const struct scenario *s, uint64_t seed, duration_ns duration, bool faults_on) MUST_USE;
err world_open_on(struct world **out, const struct scenario *s, uint64_t seed, duration_ns duration, bool faults_on,
                  const struct ranks *ranks) MUST_USE; /* the same on several processes; `ranks` is borrowed */
void world_close(struct world *w);
void world_observe(struct world *w, const struct observer *o); /* copied; at most OBSERVERS_MAX */
void world_run(struct world *w);                     /* to the end of `duration`, then heal and converge */
/* Serial code at `at` (never before w->now; from on_trace and on_frame: at least WINDOW_MAX_NS ahead). Equal instants in order of call. */
void world_serially(struct world *w, mono_ns at, void (*run)(struct world *w, void *context, uint64_t number), void *context,
                    uint64_t number);
uint64_t world_end_digest(struct world *w);

/* step.c: one node under virtual time */
void node_event(struct twin_node *n, struct event *e); /* stamps the time, steps, performs the effects */
void node_boot(struct twin_node *n);                 /* serial */
void node_crash(struct twin_node *n);                /* serial */
void node_restart(struct twin_node *n, uint32_t boot); /* serial: soon, unless this boot is over by then */
/* Puts an entry for `n` itself into its queue. */
void node_later(struct twin_node *n, mono_ns at, enum happening kind, uint32_t number, void *data);
/* Sends something to another node: at least a window ahead, unless serial code sends it. */
void node_post(struct twin_node *from, struct twin_node *to, mono_ns at, enum happening kind, uint32_t number, void *data);
/* Counts an evaluated promise in code that runs for a node; a broken one reaches checks_count in order. */
void node_promise(struct twin_node *n, enum promise p, bool kept, const char *format, ...) PRINTF_LIKE(4, 5);
struct buf *host_buf_new(struct twin_node *n, size_t size); /* lent to the node, taken back when it crashes */
struct rng node_stream(const struct twin_node *n, uint64_t purpose); /* keyed by seed, node and purpose: nobody else's draws shift it */

/* links.c */
void link_point(struct twin_node *n, const struct effect_point *e);
void link_send(struct twin_node *n, const struct effect_send *e);
void link_accept(struct twin_node *n, const struct effect_accept *e);
void link_happen(struct twin_node *n, const struct queue_entry *q);
/* Ahead of a step: asks the processor for what an entry from `peer` will touch of this node's end. First the list, then the end. */
void link_expect(const struct twin_node *n, node_id peer, bool end);
void link_node_changed(struct twin_node *n); /* serial: it crashed or booted */
/* serial: a bundle that no SEND stands behind goes to `peer`, if the link stands; takes `frame` over, which may be NULL */
void link_inject(struct twin_node *n, node_id peer, struct host_buf *frame);
void link_cut(struct world *w, node_id a, node_id b, mono_ns until); /* serial */
bool link_connected(struct world *w, node_id a, node_id b); /* serial: up right now at both ends */
bool link_stands_at(const struct twin_node *n, node_id peer); /* serial: up at the end of `n`, which is here */
void links_free(struct twin_node *n);

/* lanes.c: lanes and the camera */
void lane_effect(struct twin_node *n, const struct effect_lane *e);
void lane_happen(struct twin_node *n, uint32_t boot, void *data);
void lanes_drop(struct twin_node *n);
void scene_effect(struct twin_node *n, const struct effect_capture *e);
void scene_happen(struct twin_node *n, uint32_t boot, void *data);

/* faults.c: faults.h; replace.c */
bool node_replace(struct world *w, struct twin_node *n); /* serial: a new one in the place of a lost one; false: not now */

/* customers.c */
enum { CUSTOMERS_COPIES = 2 }; /* in orbit, of what they put */
void customers_open(struct world *w);
void customers_close(struct world *w);
void customer_happen(struct twin_node *gateway, uint32_t tag);
void customer_object(struct twin_node *gateway, const struct object_reply *r);
void customer_task(struct twin_node *gateway, const struct task_reply *r);
void customers_gateway_down(struct twin_node *gateway); /* serial */
void customers_gateway_ready(struct twin_node *gateway);
bool customers_idle(const struct world *w);
void customers_verify_begin(struct world *w); /* read everything back through every gateway */
bool customers_verify_done(struct world *w); /* also asks for more */
void customers_serve_begin(struct world *w); /* beyond the policy: a new object through every gateway */
bool customers_serve_done(struct world *w);
void customers_serve_end(struct world *w);
void customers_verify_end(struct world *w);  /* what was never read breaks I1 */

#endif
