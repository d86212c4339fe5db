/*
 * compute/decide.c - what to do about one task, given the folded facts and who is alive. Level-triggered: called whenever
 * either may have changed, and idempotent.
 */
#include "compute/internal.h"

#include "base/mutation.h"
#include "base/text.h"

/* A lease that nobody reports on is given up after four times what was promised and six hours more. */
#define LEASE_SLACK (6 * NS_PER_HOUR)
/* So long (wall) a sink may be convicted before its tasks are ended without it: longer than what comes back usually takes. */
#define SINK_PATIENCE NS_PER_HOUR
#define PATIENCE_FIRST NS_PER_S
#define PATIENCE_MAX (10 * NS_PER_MINUTE)

duration_ns compute_lease_duration(duration_ns expected, tai_ns now, tai_ns promised)
{
    duration_ns until = MIN(MAX(promised - now, expected), COMPUTE_EXPECTED_MAX);
    return 4 * until + LEASE_SLACK;
}

/*
 * The first two takeovers happen at once. Further ones wait, twice as long each time: nodes that see different members
 * alive would otherwise take a task from each other for ever, and none would finish it. A far owner may be heard of late.
 */
static mono_ns patience_until(const struct compute *c, const struct task *t)
{
    if (t->lease.epoch <= 2)
        return t->lease_seen;
    return t->lease_seen + MIN(PATIENCE_FIRST << MIN(t->lease.epoch - 3, 20u), PATIENCE_MAX) + compute_far_light(c, t->lease.owner);
}

bool compute_lease_dead(const struct compute *c, const struct task *t)
{
    const struct attempt *a = compute_attempt_current(t);
    if (MUTATION(SUCCESSOR_IMPATIENT) && t->lease.epoch < 3 && t->lease.successors[0] == c->port->config->self)
        return true;
    if (a && a->ended)
        return a->state == TASK_SYSTEM_ERROR || a->state == TASK_PREEMPTED;
    const struct now *now = &c->port->now;
    if (!compute_alive(c, t->lease.owner))
        return now->mono >= patience_until(c, t);
    return t->lease.owner != c->port->config->self &&
           now->mono - t->lease_seen > time_wall_to_mono(now, t->lease.duration);
}

/* The first named successor that can take the lease. */
static node_id successor_of(const struct compute *c, const struct task *t)
{
    for (size_t i = 0; i < COUNT_OF(t->lease.successors); i++) {
        node_id id = t->lease.successors[i];
        if (id != NODE_NONE && id != t->lease.owner && compute_alive(c, id) && compute_health(c, id) < HEALTH_SAFE &&
            !compute_task_failed_on(t, id))
            return id;
    }
    return NODE_NONE;
}

/* The lowest live member: for a sink that is not there. */
static node_id stand_in_of(const struct compute *c)
{
    node_id first = view_first_alive(c->port->view);
    return first == NODE_NONE ? c->port->config->self : first;
}

/* Who looks for an owner: the sink; while that is convicted, the lowest live member. */
static node_id manager_of(const struct compute *c, const struct task *t)
{
    node_id sink = compute_task_sink(t);
    if (compute_alive(c, sink))
        return sink;
    port_probe(c->port, PROBE_MANAGER_STANDS_IN);
    return stand_in_of(c);
}

bool compute_manages(const struct compute *c, const struct task *t)
{
    return manager_of(c, t) == c->port->config->self;
}

static void sink_watch(const struct compute *c, struct task *t)
{
    if (compute_alive(c, compute_task_sink(t)))
        t->sink_missed = 0;
    else if (t->sink_missed == 0)
        t->sink_missed = c->port->now.wall;
}

static duration_ns sink_missed_for(const struct compute *c, const struct task *t)
{
    return t->sink_missed != 0 ? c->port->now.wall - t->sink_missed : 0;
}

/* Nobody waits for its receipt any more: it is proven to lie, has left, or was convicted an hour ago and did not return. */
static bool sink_is_gone(const struct compute *c, const struct task *t)
{
    node_id sink = compute_task_sink(t);
    if (sink == c->port->config->self)
        return false;
    enum member_state state = view_state(c->port->view, sink);
    return state == MEMBER_QUARANTINED || state == MEMBER_LEFT || sink_missed_for(c, t) >= SINK_PATIENCE;
}

/* Who ends the task: its sink, or the lowest live member in its place. */
static bool may_settle(const struct compute *c, const struct task *t)
{
    node_id self = c->port->config->self;
    return compute_task_sink(t) == self || MUTATION(RECEIPT_BY_ANYBODY) || (sink_is_gone(c, t) && stand_in_of(c) == self);
}

/* Two more names, so that the chain of successors goes on: the one left over, then the nearest live satellite. */
static void successors_after(const struct compute *c, const struct task *t, node_id out[2])
{
    node_id self = c->port->config->self;
    size_t count = 0;
    out[0] = out[1] = NODE_NONE;
    for (size_t i = 0; i < COUNT_OF(t->lease.successors); i++) {
        node_id id = t->lease.successors[i];
        if (id != NODE_NONE && id != self && id != t->lease.owner && compute_alive(c, id) && count < 2)
            out[count++] = id;
    }
    const struct view *v = c->port->view;
    const struct view_member *best = NULL;
    view_refresh(v);
    for (size_t i = 0; i < v->count && count < 2; i++) {
        const struct view_member *m = &v->members[i];
        bool able = m->role == ROLE_SATELLITE && compute_alive(c, m->id) &&
                    (!m->status_known || m->status.lanes_millis >= t->cpu_millis);
        if (able && m->id != self && m->id != t->lease.owner && m->id != out[0] && (!best || m->reach_ns < best->reach_ns))
            best = m;
    }
    if (best)
        out[count] = best->id;
}

static void take_over(struct compute *c, const struct task *t)
{
    tai_ns now = c->port->now.wall;
    struct announce a = {.id = t->id, .priority = t->priority, .cpu_millis = t->cpu_millis, .memory_bytes = t->memory_bytes,
                         .deadline = t->deadline, .expected = t->expected_ns};
    tai_ns promised = compute_forecast(c, &a).finish;
    struct award award = {.id = t->id,
                          .epoch = t->lease.epoch + 1,
                          .owner = c->port->config->self,
                          .promised = promised,
                          .lease = compute_lease_duration(t->expected_ns, now, promised)};
    if (award.epoch > COMPUTE_EPOCH_MAX)
        return;
    successors_after(c, t, award.successors);
    node_id nodes[] = {award.successors[0], award.successors[1], compute_task_sink(t)};
    node_id before = t->lease.owner;
    char text[UID_TEXT_SIZE];
    uid_text(t->id, text);
    uint8_t memory[COMPUTE_SMALL_MAX];
    struct writer w = writer_of(memory, sizeof memory);
    compute_award_write(&w, &award);
    const struct attempt *failed = compute_attempt_current(t);
    port_probe(c->port, PROBE_TAKEOVER);
    port_probe(c->port, failed && failed->ended ? PROBE_TAKEOVER_BY_FAILURE : compute_alive(c, before) ? PROBE_LEASE_EXPIRED : PROBE_TAKEOVER_AFTER_CONVICTION);
    if (compute_publish(c, award.id, FACT_AWARD, &w, nodes, COUNT_OF(nodes)) == ERR_OK)
        port_trace(c->port, TRACE_TASK_TAKEOVER, before, "task %s taken over from %s, epoch %u", text,
                   view_name(c->port->view, before), award.epoch);
}

/* ---- the sink ---- */

static void give_receipt(struct compute *c, const struct task *t, uint32_t epoch, node_id node, enum task_state state,
                   const char *reason)
{
    uint8_t memory[COMPUTE_SMALL_MAX];
    struct writer w = writer_of(memory, sizeof memory);
    struct receipt p = {.id = t->id, .epoch = epoch, .node = node, .state = state, .reason = span_text(reason)};
    char text[UID_TEXT_SIZE];
    uid_text(t->id, text);
    compute_receipt_write(&w, &p);
    if (compute_task_sink(t) != c->port->config->self)
        port_probe(c->port, PROBE_RECEIPT_STANDS_IN);
    if (compute_publish(c, t->id, FACT_TASK_RECEIPT, &w, NULL, 0) == ERR_OK)
        port_trace(c->port, TRACE_TASK_ENDED, node, "task %s: %s%s%s", text, task_state_name(state), reason[0] ? ": " : "",
                   reason);
}

static void accept_attempt(struct compute *c, const struct task *t, const struct attempt *a, enum task_state state)
{
    struct outcome o;
    char reason[COMPUTE_REASON_MAX] = "";
    if (compute_outcome_read(a->result, &o) == ERR_OK)
        (void)text_copy(reason, sizeof reason, o.reason);
    give_receipt(c, t, a->epoch, a->node, state, reason);
}

/* The sink accepts exactly one result. True when it did now. */
static bool settle(struct compute *c, const struct task *t)
{
    for (size_t i = 0; i < t->attempt_count; i++) {
        const struct attempt *a = &t->attempts[i];
        if (a->awarded && a->ended && a->state == TASK_COMPLETE) {
            accept_attempt(c, t, a, TASK_COMPLETE);
            return true;
        }
    }
    const struct attempt *now = compute_attempt_current(t);
    if (t->cancelled) {
        if (now && !now->ended && now->state != TASK_CANCELED && compute_alive(c, now->node))
            return false; /* the owner stops it first */
        port_probe(c->port, PROBE_TASK_CANCELLED);
        give_receipt(c, t, now ? now->epoch : 0, now ? now->node : NODE_NONE, TASK_CANCELED, "cancelled");
        return true;
    }
    if (now && now->ended && now->state == TASK_EXECUTOR_ERROR) {
        accept_attempt(c, t, now, TASK_EXECUTOR_ERROR);
        return true;
    }
    if (now && now->ended && compute_task_failures(t) >= FAILURES_MAX) {
        accept_attempt(c, t, now, TASK_SYSTEM_ERROR);
        return true;
    }
    bool waits = !now || compute_lease_dead(c, t);
    if (waits && t->deadline != 0 && c->port->now.wall > t->deadline) {
        port_probe(c->port, PROBE_TASK_DEADLINE);
        give_receipt(c, t, now ? now->epoch : 0, now ? now->node : NODE_NONE, TASK_SYSTEM_ERROR,
               "the deadline passed before a node could take the task");
        return true;
    }
    return false;
}

/* Others spoke of it, but what it is was cut off with its liar's chain: it can never run. */
static void never_said(struct compute *c, const struct task *t)
{
    node_id self = c->port->config->self, sink = compute_task_sink(t);
    enum member_state state = view_state(c->port->view, sink);
    bool removed = state == MEMBER_QUARANTINED || state == MEMBER_LEFT; /* what it said before may still be under way */
    if (removed && sink != self && sink_missed_for(c, t) >= SINK_PATIENCE && stand_in_of(c) == self)
        give_receipt(c, t, 0, NODE_NONE, TASK_SYSTEM_ERROR, "its sink is gone and nobody holds its specification");
}

/* ---- the owner ---- */

static void report_canceled(struct compute *c, const struct task *t)
{
    uint8_t memory[COMPUTE_SMALL_MAX];
    struct writer w = writer_of(memory, sizeof memory);
    node_id sink = compute_task_sink(t);
    struct report p = {.id = t->id, .epoch = t->lease.epoch, .state = TASK_CANCELED, .wall = c->port->now.wall};
    compute_report_write(&w, &p);
    (void)compute_publish(c, t->id, FACT_TASK_STATE, &w, &sink, 1); /* on failure the next sweep tries again */
}

static void reconcile_run(struct compute *c, const struct task *t)
{
    struct run *r = compute_run_find(c, t->id);
    bool lease_mine = t->lease.epoch != 0 && t->lease.owner == c->port->config->self;
    if (r && (!lease_mine || r->epoch != t->lease.epoch || t->receipts > 0)) {
        port_probe(c->port, PROBE_RUN_SUPERSEDED);
        compute_run_discard(c, r);
        return; /* decided again when it is gone */
    }
    const struct attempt *a = compute_attempt_current(t);
    bool over = t->receipts > 0 || !a || a->ended || a->state == TASK_CANCELED;
    if (!lease_mine || over || t->body.size == 0)
        return;
    if (t->cancelled) {
        if (r)
            compute_run_cancel(c, r);
        else
            report_canceled(c, t);
    } else if (!r) {
        (void)compute_run_new(c, t); /* calendar full: the next sweep tries again */
    }
}

/* A sink's earlier incarnation may have awarded the task or accepted its result, and the news be under way. */
static bool may_not_know(const struct compute *c, const struct task *t)
{
    return compute_task_sink(t) == c->port->config->self && t->incarnation != c->port->config->incarnation &&
           c->port->now.mono < c->replaced_until;
}

void compute_decide(struct compute *c, struct uid id)
{
    struct task *t = compute_table_find(&c->table, id);
    if (!t || t->receipts > 0 || t->cancelled)
        compute_auction_drop(c, id);
    if (t && t->receipts > 0)
        compute_unwatch(c, id);
    if (!t) {
        struct run *r = compute_run_find(c, id);
        if (r)
            compute_run_discard(c, r);
        return;
    }
    if (t->lease.epoch != 0)
        compute_hold_drop(c, id); /* awarded, to us or to another: the promise of our bid ends */
    reconcile_run(c, t);
    if (MUTATION(RECEIPT_TWICE) && t->receipts == 1 && t->body.size != 0 && compute_task_sink(t) == c->port->config->self)
        (void)settle(c, t);
    if (t->receipts > 0)
        return;
    sink_watch(c, t);
    port_alarm(c->port, c->sweep_at);
    if (t->body.size == 0) {
        never_said(c, t);
        return;
    }
    if (may_not_know(c, t))
        return; /* a sweep asks again */
    node_id self = c->port->config->self;
    if (may_settle(c, t) && settle(c, t))
        return;
    if (t->cancelled)
        return;
    if (t->lease.epoch != 0 && !compute_lease_dead(c, t)) {
        compute_auction_drop(c, id);
        if (patience_until(c, t) > c->port->now.mono && !compute_alive(c, t->lease.owner)) {
            c->sweep_at = MIN(c->sweep_at, patience_until(c, t)); /* look again then */
            port_alarm(c->port, c->sweep_at);
            port_probe(c->port, PROBE_TAKEOVER_PATIENT);
        }
        return;
    }
    const struct attempt *a = compute_attempt_current(t);
    bool given_up = a && a->ended && compute_task_failures(t) >= FAILURES_MAX; /* the sink says so when it hears */
    node_id successor = t->lease.epoch != 0 && !given_up ? successor_of(c, t) : NODE_NONE;
    if (successor == self)
        take_over(c, t);
    else if (successor == NODE_NONE && !given_up && manager_of(c, t) == self)
        compute_auction_want(c, t);
    else
        compute_auction_drop(c, id); /* the sink is back, or a successor is there: it is theirs to give */
}
