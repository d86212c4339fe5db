/*
 * compute/internal.h - what the files of this plane share: the plane's state and the calls between its parts.
 *
 * Story:    every entry point (compute.c) enters, folds or notes what came, and leaves. Leaving decides: for each task
 *           that was touched, compute_decide looks at the folded state and at who is alive, and brings auction and run
 *           in line with it. So decisions depend on state, not on the order of events.
 *           auction.c finds an owner for tasks this node manages; bid.c forecasts this node's own calendar, power.c its battery; run.c leads
 *           a run through its phases, stage.c fetches inputs, save.c stores outputs.
 */
#ifndef NOCT_COMPUTE_INTERNAL_H
#define NOCT_COMPUTE_INTERNAL_H

#include "compute/compute.h"
#include "compute/table.h"
#include "crypto/digest.h"

enum {
    BIDDERS_MAX = 12,
    HOLDERS_MAX = 16,
    RUNS_MAX = 32,
    HOLDS_MAX = 16,
    FAILURES_MAX = 3,        /* SYSTEM_ERRORs of a task before its sink gives up */
    RETRIES_MAX = 20,        /* of one object operation */
    RESTARTS_MAX = 10000,    /* exit code 85 */
    EXIT_NOTHING = 3,        /* convention: nothing to report, outputs may be missing */
    EXIT_CHECKPOINT = 85,    /* convention: checkpoint written, restart me */
    PIECE_BYTES = 256 * 1024,
    STREAM_CREDIT = 1024 * 1024,
};

struct offer {
    node_id node;
    uint64_t held_bytes;
    duration_ns reach, far; /* `far`: light there and back, where it counts */
    bool answered, willing;
    tai_ns finish;
    uint64_t energy_mwh;
};

enum auction_phase { AUCTION_LOOKUP, AUCTION_COLLECT, AUCTION_WAIT };
struct auction {
    struct uid id;
    enum auction_phase phase;
    mono_ns at;        /* when the phase ends */
    duration_ns backoff;
    uint64_t request;  /* of the announcement; answers to others are stale */
    uint32_t lookups;  /* SHOWs without an answer */
    uint64_t input_bytes;
    struct {
        node_id node;
        uint64_t bytes;
    } holders[HOLDERS_MAX];
    size_t holder_count;
    struct offer offers[BIDDERS_MAX];
    size_t offer_count;
    tai_ns announced;
};

enum run_phase { RUN_WAITING, RUN_STAGING, RUN_STARTING, RUN_RUNNING, RUN_SAVING, RUN_REPORTING, RUN_STOPPING };
struct run {
    struct uid id;
    uint32_t epoch;
    enum run_phase phase;
    uint8_t priority;
    uint32_t cpu_millis;
    uint64_t memory_bytes;
    duration_ns expected_ns; /* wall */
    uint64_t lane;           /* 0: none yet */
    bool deferred;           /* said so once */
    bool stopping_reports_preempted, stopping_reports_canceled;
    const char *preempted_by; /* why, for people */
    mono_ns wake_at;
    uint32_t retries, restarts;
    size_t item;             /* STAGING: inputs, then images. SAVING: outputs */
    size_t executor;
    uint64_t object_tag;     /* of the open stream; 0: none */
    bool stream_is_put, reading, ending;
    uint64_t offset, size, credit;
    struct digest *md5;      /* of the open PUT; NULL: none */
    tai_ns started;          /* of the first executor */
    uint64_t cpu_us, memory_peak_bytes;
    int32_t exit_code;
    bool nothing;            /* an executor said: nothing to report */
    struct slice output, error_output; /* tails, copies in the heap */
    enum task_state outcome;
    char reason[COMPUTE_REASON_MAX];
    bool output_saved[TASK_FILES_MAX];
    uint64_t output_size[TASK_FILES_MAX];
};

enum waiter_kind { WAITER_SHOW, WAITER_STREAM };
struct waiter { /* an object operation on the way, by tag */
    enum waiter_kind kind;
    struct uid id;
};

struct ack { /* an answer that waits until its fact is durable, by tag */
    enum task_op op;
    enum service client;
    uint64_t client_tag;
    struct uid id;
    node_id other; /* NODE_NONE: here is enough */
    bool here, there;
    mono_ns at;
};

struct hold { /* capacity promised in a bid whose award has not come (or will not) */
    struct uid id;
    mono_ns until;
    uint32_t cpu_millis;
    duration_ns expected_ns;
};

enum { LIGHT_MINUTES = 256 };
struct light_ahead { /* of this node, by minutes of wall time: known from `from` up to `to` */
    int64_t from, to;
    uint16_t permille[LIGHT_MINUTES];
};

struct compute {
    struct port *port;
    struct heap *heap;
    struct task_table table;
    struct map dirty;    /* inverted ids to decide about */
    struct map auctions; /* inverted id -> struct auction */
    struct map runs;     /* inverted id -> struct run */
    struct map waiters;  /* tag -> struct waiter */
    struct map acks;     /* tag -> struct ack */
    unsigned depth;
    mono_ns replaced_until; /* this node took another's place: what that accepted, it may not know before */
    bool ready, dirty_all;
    mono_ns start_after; /* runs of leases from before the boot wait for news of a takeover */
    mono_ns sweep_at;
    uint64_t tag_last, lane_last;
    struct event_craft craft;
    bool craft_known;
    struct light_ahead *light;
    uint64_t generation_lit_mw, idle_mw; /* of the array in full light, 0: not seen yet; what draws beside the lanes */
    uint32_t load_told_millis; /* what the craft was last told to draw power for */
    uint8_t load_told_radios;
    struct hold holds[HOLDS_MAX];
};

/* compute.c */
void compute_touch(struct compute *c, struct uid id);
uint64_t compute_tag(struct compute *c);
bool compute_alive(const struct compute *c, node_id id); /* this node always is, in its own eyes */
duration_ns compute_far_light(const struct compute *c, node_id id); /* mono: light there and back to a node so far that it counts, else 0 */
enum health compute_health(const struct compute *c, node_id id);
err compute_publish(struct compute *c, struct uid id, enum fact_type type, const struct writer *w, const node_id *nodes,
                    size_t count);
void compute_unwatch(struct compute *c, struct uid id);

/* decide.c */
void compute_decide(struct compute *c, struct uid id);
bool compute_lease_dead(const struct compute *c, const struct task *t);
duration_ns compute_lease_duration(duration_ns expected, tai_ns now, tai_ns promised);

/* report.c */
void compute_answer(struct compute *c, const struct task_request *r);

/* auction.c */
bool compute_manages(const struct compute *c, const struct task *t); /* decide.c: is it this node that looks for an owner? */
void compute_auction_want(struct compute *c, const struct task *t);
void compute_auction_drop(struct compute *c, struct uid id);
void compute_auction_show(struct compute *c, struct uid id, const struct object_reply *r);
void compute_auction_bid(struct compute *c, const struct message *m);
void compute_auction_alarm(struct compute *c, struct auction *a);
void compute_auction_member(struct compute *c); /* reach changed: waiting auctions try again */

/* bid.c */
struct forecast {
    enum compute_verdict verdict;
    tai_ns finish;
    uint64_t energy_mwh;
};
struct forecast compute_forecast(const struct compute *c, const struct announce *a);
void compute_bid_answer(struct compute *c, const struct message *m);
void compute_hold_drop(struct compute *c, struct uid id);
const char *compute_verdict_text(enum compute_verdict v);

/* power.c */
void compute_power_note(struct compute *c, const struct event_craft *e);
/* May the lanes draw for so many thousandths of a core, for so long (wall)? */
enum compute_verdict compute_power_verdict(const struct compute *c, uint64_t lanes_millis, duration_ns lasts);
bool compute_power_thin(const struct compute *c); /* what runs must stop for the battery's sake */

/* run.c */
struct run *compute_run_find(const struct compute *c, struct uid id);
bool compute_run_new(struct compute *c, const struct task *t);
void compute_run_discard(struct compute *c, struct run *r);  /* a higher epoch or a receipt: stop without a word */
void compute_run_cancel(struct compute *c, struct run *r);
void compute_run_pump(struct compute *c);                    /* starts what waits and fits */
void compute_run_lane(struct compute *c, const struct event_lane *e);
void compute_run_alarm(struct compute *c, struct run *r);
void compute_run_health(struct compute *c);                  /* survival stops what runs */
void compute_run_power(struct compute *c);                   /* so does a battery that would not last until the light */
void compute_run_end(struct compute *c, struct run *r, enum task_state outcome, const char *reason, ...) PRINTF_LIKE(4, 5);
void compute_run_execute(struct compute *c, struct run *r);  /* starts executor r->executor */
void compute_run_load(struct compute *c);                    /* tells the craft and the gauges when the busy lanes changed */
void compute_lane_effect(struct compute *c, const struct effect_lane *e);
bool compute_run_spec(const struct compute *c, const struct run *r, struct task_spec *out);

/* stage.c */
void compute_stage_next(struct compute *c, struct run *r);
void compute_stage_object(struct compute *c, struct run *r, const struct object_reply *o);
bool compute_stream_retry(struct compute *c, struct run *r, err status, tai_ns retry_at); /* false: give up */
void compute_stream_close(struct compute *c, struct run *r); /* ends an open stream without a result */
uint64_t compute_stream_tag(struct compute *c, struct run *r);

/* save.c */
void compute_save_next(struct compute *c, struct run *r);
void compute_save_object(struct compute *c, struct run *r, const struct object_reply *o);
void compute_save_data(struct compute *c, struct run *r, const struct event_lane *e);

#endif
