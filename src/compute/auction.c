/*
 * compute/auction.c - the manager's side of the contract net: look where the inputs are, announce, collect bids, award.
 */
#include "base/mutation.h"
#include "compute/internal.h"
#include "orbit/sky.h"

#include <string.h>

#define LOOKUP_PATIENCE (300 * NS_PER_MS)
#define BID_WINDOW (150 * NS_PER_MS)
#define FAR_SLACK 8 /* a far bidder may take so much (an eighth) longer than light there and back */
#define BID_REACH_WALL (60 * NS_PER_S) /* bidders farther than this do not take part ... */
#define BID_REACH_MONO (1 * NS_PER_S)  /* ... unless nearer than this on the machine's clock */
#define BACKOFF_FIRST (500 * NS_PER_MS)
#define BACKOFF_MAX (30 * NS_PER_S)
#define BACKOFF_MAX_WALL (60 * NS_PER_S) /* or this, when the wall clock runs fast: passes are short then */

static struct auction *find(const struct compute *c, struct uid id)
{
    struct task_key key = compute_task_key(id);
    return map_find(&c->auctions, span_of(key.bytes, sizeof key.bytes));
}

void compute_auction_drop(struct compute *c, struct uid id)
{
    struct task_key key = compute_task_key(id);
    (void)map_remove(&c->auctions, span_of(key.bytes, sizeof key.bytes));
}

static void phase_set(struct compute *c, struct auction *a, enum auction_phase phase, duration_ns lasts)
{
    a->phase = phase;
    a->at = c->port->now.mono + lasts;
    port_alarm(c->port, a->at);
}

static void wait_and_retry(struct compute *c, struct auction *a)
{
    duration_ns most = MIN(MAX(time_wall_to_mono(&c->port->now, BACKOFF_MAX_WALL), BACKOFF_FIRST), BACKOFF_MAX);
    a->backoff = a->backoff ? MIN(a->backoff * 2, most) : BACKOFF_FIRST;
    if (MUTATION(AUCTION_SLEEPS))
        a->backoff = NS_PER_DAY;
    phase_set(c, a, AUCTION_WAIT, a->backoff);
}

static duration_ns reach_bound(const struct compute *c)
{
    return MAX(time_wall_to_mono(&c->port->now, BID_REACH_WALL), BID_REACH_MONO);
}

static uint64_t held_by(const struct auction *a, node_id node)
{
    for (size_t i = 0; i < a->holder_count; i++)
        if (a->holders[i].node == node)
            return MIN(a->holders[i].bytes, a->input_bytes);
    return 0;
}

/* ---- bidders ---- */

static bool eligible(const struct compute *c, const struct task *t, const struct view_member *m, bool failed_too)
{
    if (m->role != ROLE_SATELLITE || !compute_alive(c, m->id) || compute_health(c, m->id) >= HEALTH_SAFE)
        return false;
    if (m->status_known && m->status.lanes_millis < t->cpu_millis)
        return false;
    if (!failed_too && compute_task_failed_on(t, m->id))
        return false;
    duration_ns bound = reach_bound(c);
    return view_reachable(c->port->view, m->id, bound) || /* light is no reason to leave it out */
           (m->reach_ns != TIME_NEVER && view_reachable(c->port->view, m->id, bound + compute_far_light(c, m->id)));
}

static bool offer_before(const struct offer *a, const struct offer *b)
{
    if (a->held_bytes != b->held_bytes)
        return a->held_bytes > b->held_bytes;
    if (a->reach != b->reach)
        return a->reach < b->reach;
    return a->node < b->node;
}

/* Keeps the BIDDERS_MAX best candidates in order: nearest to the data first. */
static void candidate_add(struct auction *a, const struct offer *o)
{
    size_t at = a->offer_count;
    while (at > 0 && offer_before(o, &a->offers[at - 1]))
        at--;
    if (at == BIDDERS_MAX)
        return;
    size_t moved = MIN(a->offer_count, (size_t)BIDDERS_MAX - 1) - at;
    memmove(a->offers + at + 1, a->offers + at, moved * sizeof *o);
    a->offers[at] = *o;
    a->offer_count = MIN(a->offer_count + 1, (size_t)BIDDERS_MAX);
}

static void candidates(const struct compute *c, struct auction *a, const struct task *t, bool failed_too)
{
    const struct view *v = c->port->view;
    a->offer_count = 0;
    for (size_t i = 0; i < v->count; i++) {
        const struct view_member *m = &v->members[i];
        if (!eligible(c, t, m, failed_too))
            continue;
        struct offer o = {.node = m->id, .held_bytes = held_by(a, m->id), .reach = m->id == v->self ? 0 : m->reach_ns, .far = compute_far_light(c, m->id)};
        candidate_add(a, &o);
    }
}

static struct announce announcement(const struct auction *a, const struct task *t, const struct offer *o)
{
    return (struct announce){.id = t->id,
                             .priority = t->priority,
                             .cpu_millis = t->cpu_millis,
                             .memory_bytes = t->memory_bytes,
                             .deadline = t->deadline,
                             .expected = t->expected_ns,
                             .input_bytes = a->input_bytes,
                             .held_bytes = o->held_bytes};
}

static void bid_take(const struct compute *c, const struct auction *a, struct offer *o, const struct forecast *f);
static void collected(struct compute *c, struct auction *a);

static void announce(struct compute *c, struct auction *a, const struct task *t)
{
    candidates(c, a, t, false);
    if (a->offer_count == 0)
        candidates(c, a, t, true);
    if (a->offer_count == 0) {
        wait_and_retry(c, a);
        return;
    }
    a->request = compute_tag(c);
    a->announced = c->port->now.wall;
    duration_ns window = 0;
    for (size_t i = 0; i < a->offer_count; i++) {
        struct offer *o = &a->offers[i];
        struct announce n = announcement(a, t, o);
        if (o->node == c->port->config->self) {
            struct forecast f = compute_forecast(c, &n);
            bid_take(c, a, o, &f);
            continue;
        }
        uint8_t memory[COMPUTE_SMALL_MAX];
        struct writer w = writer_of(memory, sizeof memory);
        compute_announce_write(&w, &n);
        struct message m = {.to = o->node, .type = COMPUTE_ANNOUNCE, .request = a->request, .body = writer_span(&w), .no_custody = true};
        if (port_send(c->port, &m) != ERR_OK)
            o->answered = true; /* not asked */
        /* The plan's delay is a contact's mean, and the distance changes while bids are under way. */
        window = MAX(window, MAX(2 * o->reach, o->far) + o->far / FAR_SLACK);
    }
    phase_set(c, a, AUCTION_COLLECT, BID_WINDOW + window);
    collected(c, a);
}

/* ---- looking for the inputs ---- */

static void lookup(struct compute *c, struct auction *a, const struct task *t)
{
    struct task_spec spec;
    struct uid id;
    ASSERT(compute_spec_read(t->body, &id, &spec) == ERR_OK); /* it was folded */
    a->input_bytes = 0;
    a->holder_count = 0;
    a->lookups = 0;
    phase_set(c, a, AUCTION_LOOKUP, LOOKUP_PATIENCE);
    for (size_t i = 0; i < spec.input_count; i++) {
        const struct task_file *f = &spec.inputs[i];
        if (!f->bucket.size)
            continue;
        uint64_t tag = compute_tag(c);
        struct waiter *w = map_put_u64(&c->waiters, tag, NULL);
        if (!w)
            break; /* fewer hints */
        *w = (struct waiter){.kind = WAITER_SHOW, .id = t->id};
        a->lookups++;
        struct object_request r = {.op = OBJECT_SHOW, .client = SERVICE_COMPUTE, .tag = tag, .bucket = f->bucket, .key = f->key};
        port_object(c->port, &r);
    }
    if (a->lookups == 0)
        announce(c, a, t);
}

static void holder_add(struct auction *a, node_id node, uint64_t bytes)
{
    for (size_t i = 0; i < a->holder_count; i++)
        if (a->holders[i].node == node) {
            a->holders[i].bytes += bytes;
            return;
        }
    if (a->holder_count < HOLDERS_MAX) {
        a->holders[a->holder_count].node = node;
        a->holders[a->holder_count++].bytes = bytes;
    }
}

void compute_auction_show(struct compute *c, struct uid id, const struct object_reply *o)
{
    struct auction *a = find(c, id);
    const struct task *t = compute_table_find(&c->table, id);
    if (!a || !t || a->phase != AUCTION_LOOKUP)
        return;
    if (o->status == ERR_OK && o->info.size <= (1ull << 44)) {
        uint64_t chunks = 0;
        a->input_bytes += o->info.size;
        for (size_t i = 0; i < o->holder_count; i++)
            chunks += o->holders[i].chunk_count;
        for (size_t i = 0; i < o->holder_count; i++)
            for (size_t j = 0; j < MIN((size_t)o->holders[i].node_count, (size_t)OBJECT_COPIES_MAX); j++)
                holder_add(a, o->holders[i].nodes[j], o->info.size / MAX(chunks, 1u) * o->holders[i].chunk_count);
    }
    if (o->final && a->lookups > 0 && --a->lookups == 0)
        announce(c, a, t);
}

/* ---- bids and the award ---- */

/* Wall: what light adds to staging here, since the bidder knows nothing of where its inputs are. */
static duration_ns staging_light(const struct compute *c, const struct auction *a, const struct offer *o)
{
    duration_ns least = TIME_NEVER;
    if (!c->port->sky || a->holder_count == 0 || o->held_bytes >= a->input_bytes)
        return 0;
    for (size_t i = 0; i < a->holder_count; i++)
        least = MIN(least, 2 * sky_far_light(c->port->sky, o->node, a->holders[i].node, c->port->now.wall));
    return least;
}

static void bid_take(const struct compute *c, const struct auction *a, struct offer *o, const struct forecast *f)
{
    o->answered = true;
    o->willing = f->verdict == VERDICT_YES;
    o->finish = f->finish + staging_light(c, a, o);
    o->energy_mwh = f->energy_mwh;
}

/* Deadline kept first, then the earliest end (in whole seconds), the least energy, the most input bytes, the id. */
static bool better(const struct offer *a, const struct offer *b, tai_ns deadline)
{
    bool a_late = deadline != 0 && a->finish > deadline, b_late = deadline != 0 && b->finish > deadline;
    if (a_late != b_late)
        return b_late;
    if (a->finish / NS_PER_S != b->finish / NS_PER_S)
        return a->finish < b->finish;
    if (a->energy_mwh != b->energy_mwh)
        return a->energy_mwh < b->energy_mwh;
    if (a->held_bytes != b->held_bytes)
        return a->held_bytes > b->held_bytes;
    return a->node < b->node;
}

/* The best who is still alive: a far one may have been convicted since it bid. */
static const struct offer *take_best(const struct compute *c, struct auction *a, tai_ns deadline)
{
    struct offer *best = NULL;
    for (size_t i = 0; i < a->offer_count; i++) {
        struct offer *o = &a->offers[i];
        if (o->willing && compute_alive(c, o->node) && (!best || better(o, best, deadline)))
            best = o;
    }
    if (best)
        best->willing = false;
    return best;
}

static void conclude(struct compute *c, struct auction *a)
{
    const struct task *t = compute_table_find(&c->table, a->id);
    if (!t)
        return;
    if (!compute_manages(c, t)) { /* the sink came back while this node stood in for it: the lease is the sink's to give */
        compute_auction_drop(c, a->id);
        return;
    }
    const struct offer *best[3] = {NULL};
    for (size_t i = 0; i < COUNT_OF(best); i++)
        best[i] = take_best(c, a, t->deadline);
    if (!best[0] || t->lease.epoch >= COMPUTE_EPOCH_MAX || (MUTATION(AUCTION_SLEEPS) && a->backoff == 0)) {
        port_probe(c->port, PROBE_AUCTION_NO_BIDDER);
        wait_and_retry(c, a);
        return;
    }
    struct award award = {.id = t->id,
                          .epoch = t->lease.epoch + 1,
                          .owner = best[0]->node,
                          .successors = {best[1] ? best[1]->node : NODE_NONE, best[2] ? best[2]->node : NODE_NONE},
                          .promised = best[0]->finish,
                          .lease = compute_lease_duration(t->expected_ns, c->port->now.wall, best[0]->finish)};
    uint8_t memory[COMPUTE_SMALL_MAX];
    struct writer w = writer_of(memory, sizeof memory);
    compute_award_write(&w, &award);
    node_id nodes[] = {award.owner, award.successors[0], award.successors[1]};
    char text[UID_TEXT_SIZE];
    uid_text(t->id, text);
    if (compute_publish(c, award.id, FACT_AWARD, &w, nodes, COUNT_OF(nodes)) != ERR_OK) {
        wait_and_retry(c, a);
        return;
    }
    port_trace(c->port, TRACE_TASK_AWARDED, award.owner, "task %s to %s, epoch %u, successors %s %s", text,
               view_name(c->port->view, award.owner), award.epoch, view_name(c->port->view, award.successors[0]),
               view_name(c->port->view, award.successors[1]));
    compute_auction_drop(c, award.id);
}

/* Nobody waits minutes for the bid of one who, by light alone, would end later than another promised. */
static bool comes_too_late(const struct compute *c, const struct auction *a, const struct offer *o, duration_ns expected)
{
    tai_ns earliest = a->announced + time_mono_to_wall(&c->port->now, o->far / 2) + expected;
    for (size_t i = 0; i < a->offer_count && o->far > 0; i++)
        if (a->offers[i].answered && a->offers[i].willing && compute_alive(c, a->offers[i].node) && a->offers[i].finish <= earliest)
            return true;
    return false;
}

static void collected(struct compute *c, struct auction *a)
{
    const struct task *t = compute_table_find(&c->table, a->id);
    for (size_t i = 0; i < a->offer_count; i++)
        if (!a->offers[i].answered && !(t && comes_too_late(c, a, &a->offers[i], t->expected_ns)))
            return;
    conclude(c, a);
}

void compute_auction_bid(struct compute *c, const struct message *m)
{
    struct bid b;
    if (compute_bid_read(m->body, &b) != ERR_OK) {
        port_trace(c->port, TRACE_REFUSED, m->from, "malformed bid");
        return;
    }
    struct auction *a = find(c, b.id);
    if (!a || a->phase != AUCTION_COLLECT || a->request != m->request)
        return; /* late, or never asked */
    for (size_t i = 0; i < a->offer_count; i++) {
        struct offer *o = &a->offers[i];
        if (o->node != m->from || o->answered)
            continue;
        struct forecast f = {.verdict = b.verdict, .finish = b.finish, .energy_mwh = b.energy_mwh};
        bid_take(c, a, o, &f);
        collected(c, a);
        return;
    }
}

/* ---- when ---- */

void compute_auction_want(struct compute *c, const struct task *t)
{
    struct task_key key = compute_task_key(t->id);
    bool added;
    struct auction *a = map_put(&c->auctions, span_of(key.bytes, sizeof key.bytes), &added);
    if (!a || !added)
        return; /* under way, or the next sweep tries again */
    a->id = t->id;
    lookup(c, a, t);
}

void compute_auction_alarm(struct compute *c, struct auction *a)
{
    const struct task *t = compute_table_find(&c->table, a->id);
    ASSERT(t != NULL);
    switch (a->phase) {
    case AUCTION_LOOKUP: /* without the missing answers */
        announce(c, a, t);
        break;
    case AUCTION_COLLECT:
        port_probe(c->port, PROBE_AUCTION_WINDOW_ENDED);
        conclude(c, a);
        break;
    case AUCTION_WAIT:
        compute_touch(c, a->id); /* the deadline may have passed, or somebody else may manage now */
        lookup(c, a, t);
        break;
    }
}

void compute_auction_member(struct compute *c)
{
    for (struct map_node *n = map_first(&c->auctions); n; n = map_next(&c->auctions, n)) {
        struct auction *a = map_value(n);
        if (a->phase != AUCTION_WAIT || c->port->now.mono + 50 * NS_PER_MS > a->at)
            continue;
        a->at = c->port->now.mono + 50 * NS_PER_MS; /* several changes come together */
        a->backoff = 0;
        port_alarm(c->port, a->at);
    }
}
