/*
 * compute/compute.c - the entry points: enter, note what came, leave; leaving decides about every touched task.
 */
#include "compute/internal.h"
#include "orbit/sky.h"

#include <stdio.h>
#include <string.h>

/* After a boot: how long leases of earlier boots wait for news of a takeover; how long a node that replaced another waits for news of what
 * that one accepted as a sink. Between sweeps: for leases that expire. */
#define START_GRACE NS_PER_S
#define REPLACED_GRACE (10 * NS_PER_MINUTE)
#define SWEEP_EVERY (30 * NS_PER_S)
#define ACK_PATIENCE (3 * NS_PER_S)
#define ACK_REACH (2 * NS_PER_S)
enum { ACKS_MAX = 4096 };

err compute_open(struct compute **out, struct port *port)
{
    struct compute *c = heap_alloc(port->heap, sizeof *c);
    struct light_ahead *light = heap_alloc(port->heap, sizeof *light);
    if (!c || !light)
        return ERR_NO_MEMORY;
    c->light = light;
    c->port = port;
    c->heap = port->heap;
    compute_table_init(&c->table, port->heap, MAX(port->config->limits.tasks_max, 1u));
    map_init(&c->dirty, c->heap, 1);
    map_init(&c->auctions, c->heap, sizeof(struct auction));
    map_init(&c->runs, c->heap, sizeof(struct run));
    map_init(&c->waiters, c->heap, sizeof(struct waiter));
    map_init(&c->acks, c->heap, sizeof(struct ack));
    c->lane_last = (uint64_t)port->config->boot << 32;
    *out = c;
    return ERR_OK;
}

void compute_close(struct compute *c)
{
    for (struct map_node *n = map_first(&c->runs); n; n = map_next(&c->runs, n)) {
        struct run *r = map_value(n);
        digest_close(r->md5);
        r->md5 = NULL;
        slice_drop(&r->output);
        slice_drop(&r->error_output);
    }
}

/* ---- shared small things ---- */

void compute_touch(struct compute *c, struct uid id)
{
    struct task_key key = compute_task_key(id);
    if (!map_put(&c->dirty, span_of(key.bytes, sizeof key.bytes), NULL))
        c->dirty_all = true; /* no memory for the note: decide about all */
}

uint64_t compute_tag(struct compute *c)
{
    return ++c->tag_last;
}

bool compute_alive(const struct compute *c, node_id id)
{
    return id == c->port->config->self || view_alive(c->port->view, id);
}

duration_ns compute_far_light(const struct compute *c, node_id id)
{
    const struct port *p = c->port;
    return p->sky ? time_wall_to_mono(&p->now, 2 * sky_far_light(p->sky, p->config->self, id, p->now.wall)) : 0;
}

enum health compute_health(const struct compute *c, node_id id)
{
    const struct view_member *m = view_find(c->port->view, id);
    return m && m->status_known && m->status.health <= HEALTH_SURVIVAL ? (enum health)m->status.health : HEALTH_NOMINAL;
}

/* Publishes; live ones of `nodes` get the fact by the fast way. One such watch per task: the newest. */
err compute_publish(struct compute *c, struct uid id, enum fact_type type, const struct writer *w, const node_id *nodes,
                    size_t count)
{
    ASSERT(writer_ok(w));
    node_id watched[4];
    size_t watched_count = 0;
    for (size_t i = 0; i < count && watched_count < COUNT_OF(watched); i++)
        if (nodes[i] != NODE_NONE && nodes[i] != c->port->config->self && compute_alive(c, nodes[i]))
            watched[watched_count++] = nodes[i];
    struct task *t = compute_table_find(&c->table, id);
    if (watched_count > 0 && t) {
        compute_unwatch(c, id);
        t->watch_tag = compute_tag(c);
        if (facts_publish_watched(c->port->facts, type, writer_span(w), watched, watched_count, SERVICE_COMPUTE,
                                  t->watch_tag) == ERR_OK)
            return ERR_OK;
        t->watch_tag = 0; /* too many watches: the common way does as well, only slower */
    }
    struct fact published;
    return facts_publish(c->port->facts, type, writer_span(w), &published);
}

void compute_unwatch(struct compute *c, struct uid id)
{
    struct task *t = compute_table_find(&c->table, id);
    if (!t || t->watch_tag == 0)
        return;
    facts_unwatch(c->port->facts, SERVICE_COMPUTE, t->watch_tag);
    t->watch_tag = 0;
}

/* ---- enter and leave ---- */

static void enter(struct compute *c)
{
    c->depth++;
}

static void touch_open(struct compute *c)
{
    for (struct map_node *n = map_first(&c->table.tasks); n; n = map_next(&c->table.tasks, n)) {
        const struct task *t = map_value(n);
        if (t->receipts == 0)
            compute_touch(c, t->id);
    }
}

static void decide_dirty(struct compute *c)
{
    struct map_node *n;
    while ((n = map_first(&c->dirty)) != NULL) {
        struct task_key key;
        memcpy(key.bytes, map_key(n).data, sizeof key.bytes);
        (void)map_remove(&c->dirty, span_of(key.bytes, sizeof key.bytes));
        struct uid id;
        for (size_t i = 0; i < sizeof id.bytes; i++)
            id.bytes[i] = (uint8_t)~key.bytes[i];
        compute_decide(c, id);
    }
}

static void leave(struct compute *c)
{
    ASSERT(c->depth > 0);
    if (c->depth > 1 || !c->ready) {
        c->depth--;
        return;
    }
    if (c->dirty_all) {
        c->dirty_all = false;
        touch_open(c);
    }
    do {
        decide_dirty(c);
        compute_run_pump(c);
    } while (c->dirty.count > 0); /* starting a run writes a fact */
    compute_run_load(c);
    c->depth--;
}

void compute_ready(struct compute *c)
{
    enter(c);
    c->ready = true;
    c->start_after = c->port->now.mono + START_GRACE;
    c->replaced_until = c->port->config->incarnation > ROSTER_INCARNATION ? c->port->now.mono + REPLACED_GRACE : 0;
    c->sweep_at = c->port->now.mono + SWEEP_EVERY;
    port_alarm(c->port, c->start_after);
    for (struct map_node *n = map_first(&c->table.tasks); n; n = map_next(&c->table.tasks, n)) {
        struct task *t = map_value(n);
        t->lease_seen = c->port->now.mono;
        compute_touch(c, t->id);
    }
    leave(c);
}

void compute_fact(struct compute *c, const struct fact *f)
{
    enter(c);
    struct uid id;
    err e = compute_table_fold(&c->table, f, c->port->now.mono, &id);
    if (e == ERR_OK) {
        if (c->ready)
            compute_touch(c, id);
    } else if (e != ERR_EXPIRED) {
        port_trace(c->port, TRACE_REFUSED, f->author, "%s fact %llu of %s: %s", fact_type_name(f->type),
                   (unsigned long long)f->seq, view_name(c->port->view, f->author), err_text(e));
    }
    leave(c);
}

void compute_message(struct compute *c, const struct message *m)
{
    enter(c);
    if (!c->ready) {
        c->depth--;
        return; /* announcements are repeated */
    }
    if (m->type == COMPUTE_ANNOUNCE)
        compute_bid_answer(c, m);
    else if (m->type == COMPUTE_BID)
        compute_auction_bid(c, m);
    else
        port_trace(c->port, TRACE_REFUSED, m->from, "compute message of unknown type %u", m->type);
    leave(c);
}

void compute_object(struct compute *c, const struct object_reply *o)
{
    enter(c);
    struct waiter *w = map_find_u64(&c->waiters, o->tag);
    if (w) {
        struct waiter waiter = *w;
        if (o->final)
            (void)map_remove_u64(&c->waiters, o->tag);
        struct run *r = waiter.kind == WAITER_STREAM ? compute_run_find(c, waiter.id) : NULL;
        if (waiter.kind == WAITER_SHOW)
            compute_auction_show(c, waiter.id, o);
        else if (r && r->object_tag == o->tag && r->phase == RUN_STAGING)
            compute_stage_object(c, r, o);
        else if (r && r->object_tag == o->tag && r->phase == RUN_SAVING)
            compute_save_object(c, r, o);
    }
    leave(c);
}

void compute_lane(struct compute *c, const struct event_lane *e)
{
    enter(c);
    compute_run_lane(c, e);
    leave(c);
}

void compute_craft(struct compute *c, const struct event_craft *e)
{
    enter(c);
    c->craft = *e;
    c->craft_known = true;
    compute_power_note(c, e);
    compute_run_health(c);
    compute_run_power(c);
    leave(c);
}

void compute_member(struct compute *c, node_id id)
{
    enter(c);
    for (struct map_node *n = map_first(&c->table.tasks); n; n = map_next(&c->table.tasks, n)) {
        const struct task *t = map_value(n);
        bool named = t->lease.owner == id || t->lease.successors[0] == id || t->lease.successors[1] == id;
        if (t->receipts == 0 && (named || compute_task_sink(t) == id))
            compute_touch(c, t->id);
    }
    if (id == c->port->config->self)
        compute_run_health(c);
    compute_auction_member(c);
    leave(c);
}

/* ---- requests ---- */

static void reply_plain(struct compute *c, enum task_op op, enum service client, uint64_t tag, struct uid id)
{
    port_task_reply(c->port, &(struct task_reply){.op = op, .client = client, .tag = tag, .status = ERR_OK, .id = id});
}

static void refuse(struct compute *c, const struct task_request *r, err status, const char *reason)
{
    struct task_reply reply = {.op = r->op, .client = r->client, .tag = r->tag, .status = status, .id = r->id};
    snprintf(reply.reason, sizeof reply.reason, "%s", reason);
    port_task_reply(c->port, &reply);
}

/* The member that a small message reaches first; NODE_NONE when nobody is near. */
static node_id nearest_member(const struct compute *c)
{
    const struct view *v = c->port->view;
    node_id best = NODE_NONE;
    duration_ns best_reach = TIME_NEVER;
    for (size_t i = 0; i < v->count; i++) {
        const struct view_member *m = &v->members[i];
        if (m->id != v->self && view_reachable(v, m->id, ACK_REACH) && m->reach_ns < best_reach) {
            best = m->id;
            best_reach = m->reach_ns;
        }
    }
    return best;
}

static void ack_consider(struct compute *c, uint64_t tag, bool out_of_patience)
{
    struct ack *a = map_find_u64(&c->acks, tag);
    ASSERT(a != NULL);
    bool enough = a->there || a->other == NODE_NONE || out_of_patience;
    if (!a->here || !enough)
        return;
    struct ack done = *a;
    (void)map_remove_u64(&c->acks, tag);
    facts_unwatch(c->port->facts, SERVICE_COMPUTE, tag);
    if (done.op == TASK_CREATE) {
        char text[UID_TEXT_SIZE];
        uid_text(done.id, text);
        port_trace(c->port, TRACE_TASK_SUBMITTED, NODE_NONE, "task %s accepted, durable on %d node%s", text,
                   done.there ? 2 : 1, done.there ? "s" : "");
    }
    reply_plain(c, done.op, done.client, done.client_tag, done.id);
}

void compute_held(struct compute *c, uint64_t tag, node_id node)
{
    enter(c);
    struct ack *a = map_find_u64(&c->acks, tag);
    if (a) {
        a->here |= node == c->port->config->self;
        a->there |= node == a->other;
        ack_consider(c, tag, false);
    }
    leave(c);
}

/* Publishes a fact whose durability (here and on one more node) answers the request. */
static void publish_and_ack(struct compute *c, const struct task_request *r, enum fact_type type, struct span body,
                            struct uid id)
{
    node_id other = nearest_member(c);
    node_id nodes[2] = {c->port->config->self, other};
    duration_ns patience = ACK_PATIENCE + (other == NODE_NONE ? 0 : compute_far_light(c, other));
    uint64_t tag = compute_tag(c);
    struct ack *a = c->acks.count < ACKS_MAX ? map_put_u64(&c->acks, tag, NULL) : NULL;
    if (!a) {
        refuse(c, r, ERR_FULL, "too many requests wait for the disk; try again");
        return;
    }
    *a = (struct ack){.op = r->op,
                      .client = r->client,
                      .client_tag = r->tag,
                      .id = id,
                      .other = other,
                      .at = c->port->now.mono + patience};
    err e = facts_publish_watched(c->port->facts, type, body, nodes, other == NODE_NONE ? 1 : 2, SERVICE_COMPUTE, tag);
    if (e != ERR_OK) {
        (void)map_remove_u64(&c->acks, tag);
        refuse(c, r, e, err_text(e));
        return;
    }
    port_alarm(c->port, c->port->now.mono + patience);
}

static void request_create(struct compute *c, const struct task_request *r)
{
    char reason[160] = "";
    if (!r->spec) {
        refuse(c, r, ERR_INVALID, "no specification");
        return;
    }
    struct task_spec spec = *r->spec;
    spec.cpu_millis = spec.cpu_millis ? spec.cpu_millis : 1000;
    spec.memory_bytes = spec.memory_bytes ? spec.memory_bytes : 256ull << 20;
    spec.expected_ns = spec.expected_ns ? spec.expected_ns : 60 * NS_PER_S;
    err e = compute_spec_check(&spec, reason);
    if (e == ERR_OK && c->table.open_count >= MAX(c->port->config->limits.tasks_max, 1u)) {
        e = ERR_FULL;
        snprintf(reason, sizeof reason, "the region already has %zu open tasks, its limit", c->table.open_count);
    }
    uint8_t *memory = e == ERR_OK ? heap_alloc(c->heap, COMPUTE_SPEC_MAX) : NULL;
    if (e != ERR_OK || !memory) {
        refuse(c, r, e != ERR_OK ? e : ERR_FULL, e != ERR_OK ? reason : "no memory for the specification; try again");
        return;
    }
    struct uid id = facts_uid(c->port->facts);
    struct writer w = writer_of(memory, COMPUTE_SPEC_MAX);
    compute_spec_write(&w, id, &spec);
    if (writer_ok(&w))
        publish_and_ack(c, r, FACT_TASK, writer_span(&w), id);
    else
        refuse(c, r, ERR_TOO_LARGE, "the specification is larger than 200 KiB");
    heap_free(c->heap, memory);
}

static void request_cancel(struct compute *c, const struct task_request *r)
{
    const struct task *t = compute_table_find(&c->table, r->id);
    if (!t || !t->body.size) {
        refuse(c, r, ERR_NOT_FOUND, "no such task");
        return;
    }
    if (t->cancelled || t->receipts) {
        reply_plain(c, r->op, r->client, r->tag, r->id);
        return;
    }
    uint8_t memory[COMPUTE_SMALL_MAX];
    struct writer w = writer_of(memory, sizeof memory);
    compute_cancel_write(&w, r->id);
    publish_and_ack(c, r, FACT_TASK_CANCEL, writer_span(&w), r->id);
}

void compute_request(struct compute *c, const struct task_request *r)
{
    enter(c);
    if (!c->ready)
        refuse(c, r, ERR_BUSY, "the node is still recovering its facts");
    else if (r->op == TASK_CREATE)
        request_create(c, r);
    else if (r->op == TASK_CANCEL)
        request_cancel(c, r);
    else
        compute_answer(c, r);
    leave(c);
}

/* ---- timers ---- */

static void acks_alarm(struct compute *c)
{
    mono_ns now = c->port->now.mono;
    for (struct map_node *n = map_first(&c->acks), *next; n; n = next) {
        next = map_next(&c->acks, n);
        struct ack *a = map_value(n);
        if (a->at > now)
            port_alarm(c->port, a->at);
        else if (a->here)
            ack_consider(c, map_key_u64(n), true);
    }
}

static void sweep(struct compute *c)
{
    mono_ns now = c->port->now.mono;
    if (now >= c->sweep_at) {
        c->sweep_at = now + SWEEP_EVERY;
        touch_open(c);
    }
    if (c->table.open_count > 0)
        port_alarm(c->port, c->sweep_at);
}

void compute_alarm(struct compute *c)
{
    enter(c);
    if (c->ready) {
        mono_ns now = c->port->now.mono;
        if (now < c->start_after)
            port_alarm(c->port, c->start_after);
        acks_alarm(c);
        for (struct map_node *n = map_first(&c->auctions), *next; n; n = next) {
            next = map_next(&c->auctions, n);
            struct auction *a = map_value(n);
            if (a->at > now)
                port_alarm(c->port, a->at);
            else
                compute_auction_alarm(c, a);
        }
        for (struct map_node *n = map_first(&c->runs), *next; n; n = next) {
            next = map_next(&c->runs, n);
            struct run *r = map_value(n);
            if (r->wake_at == TIME_NEVER)
                continue;
            if (r->wake_at > now)
                port_alarm(c->port, r->wake_at);
            else
                compute_run_alarm(c, r);
        }
        compute_run_health(c);
        sweep(c);
    }
    leave(c);
}

/* ---- for checkers ---- */

uint64_t compute_digest(const struct compute *c)
{
    return compute_table_digest(&c->table);
}

uint32_t compute_open_count(const struct compute *c)
{
    return (uint32_t)c->table.open_count;
}

bool compute_summary_at(const struct compute *c, size_t index, struct compute_summary *out)
{
    struct map_node *n = map_first(&c->table.tasks);
    while (n && index-- > 0)
        n = map_next(&c->table.tasks, n);
    if (!n)
        return false;
    const struct task *t = map_value(n);
    *out = (struct compute_summary){.id = t->id,
                                    .state = compute_task_state(t),
                                    .owner = t->lease.owner,
                                    .sink = compute_task_sink(t),
                                    .epoch = t->lease.epoch,
                                    .receipts = t->receipts};
    for (size_t i = 0; i < t->attempt_count; i++)
        out->complete_result |= t->attempts[i].awarded && t->attempts[i].ended && t->attempts[i].state == TASK_COMPLETE;
    return true;
}

static bool runs_sound(const struct compute *c)
{
    uint64_t cpu = 0;
    for (struct map_node *n = map_first(&c->runs); n; n = map_next(&c->runs, n)) {
        const struct run *r = map_value(n);
        if (r->phase != RUN_WAITING && r->phase != RUN_REPORTING)
            cpu += r->cpu_millis;
        if ((r->phase == RUN_WAITING) != (r->lane == 0))
            return false;
        if ((r->md5 != NULL) != (r->object_tag != 0 && r->stream_is_put))
            return false;
    }
    return c->runs.count <= RUNS_MAX && cpu <= c->port->config->lanes_millis;
}

bool compute_check(const struct compute *c)
{
    return c->depth == 0 && compute_table_check(&c->table) && runs_sound(c);
}
