/*
 * compute/compute.h - the compute plane: tasks find a node, run in a lane near their data, and end exactly once.
 *
 * Story:    a task is submitted at any node (a gateway, or a satellite's trigger). That node is the task's sink: it
 *           writes the TASK fact and, as its manager, asks nodes near the data for bids. Each bidder alone owns its
 *           calendar (lanes, battery, heat) and answers with a forecast. The best becomes the owner of a lease
 *           (AWARD, epoch 1), the next two are its named successors. The owner stages inputs into a lane, runs the
 *           executors one after another, stores the outputs, writes TASK_RESULT. The sink accepts one result
 *           (TASK_RECEIPT). When the owner is convicted, the first live successor takes the lease with the next epoch
 *           and starts at once; whoever sees a higher epoch than its own stops its lane.
 * Owns:     the task table (folded from facts), auctions of tasks it manages, runs in its own lanes (RUNS_MAX).
 * Borrows:  fact bodies (they live as long as the node), the port.
 * Units:    nanoseconds, bytes, milliwatts, thousandths of a core.
 * Errors:   requests: INVALID or TOO_LARGE with the place and the rule, NOT_FOUND, FULL (limits.tasks_max open tasks).
 * Threads:  single owner; call from the node's step only.   Invariant: compute_check().
 * Limits:   limits.tasks_max ended tasks are kept, newest first; it must be equal in a region (see README).
 */
#ifndef NOCT_COMPUTE_COMPUTE_H
#define NOCT_COMPUTE_COMPUTE_H

#include "core/object_api.h"
#include "core/port.h"
#include "core/task_api.h"

struct compute;

err compute_open(struct compute **out, struct port *port) MUST_USE; /* NO_MEMORY */
void compute_close(struct compute *c); /* gives back what does not live in the node's heap; the heap is thrown away by the node */
void compute_ready(struct compute *c); /* all facts are folded: begin to act */
void compute_request(struct compute *c, const struct task_request *r);
void compute_message(struct compute *c, const struct message *m);
void compute_object(struct compute *c, const struct object_reply *r);
void compute_lane(struct compute *c, const struct event_lane *e);
void compute_craft(struct compute *c, const struct event_craft *e);
void compute_fact(struct compute *c, const struct fact *f);
void compute_held(struct compute *c, uint64_t tag, node_id node);
void compute_member(struct compute *c, node_id id);
void compute_alarm(struct compute *c);

uint64_t compute_digest(const struct compute *c); /* of the folded tasks: equal fact sets, equal digests */
bool compute_check(const struct compute *c);      /* full invariant walk */

/* For checkers: walks the tasks newest first; false when there is none at this index. O(index). */
struct compute_summary {
    struct uid id;
    enum task_state state;
    node_id owner, sink;
    uint32_t epoch;
    uint32_t receipts; /* promise I3: never above one */
    bool complete_result;  /* an awarded attempt has a complete result */
};
bool compute_summary_at(const struct compute *c, size_t index, struct compute_summary *out);
struct compute_counts {
    uint32_t tasks_open, tasks_ended;
    uint32_t receipts_most; /* of any task */
};
struct compute_counts compute_counts_of(const struct compute *c); /* O(tasks) */
uint32_t compute_open_count(const struct compute *c);     /* tasks without a receipt; O(1) */
uint32_t compute_lanes_busy(const struct compute *c); /* thousandths of a core in use now */

#endif
