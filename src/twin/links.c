/*
 * twin/links.c - modelled links: pointing, acquisition, light time, rate, loss.
 *
 * Model:   a link stands while both ends point at each other, the contact plan's geometry holds, nobody cut it and both
 *          nodes live. Bringing an optical link up takes a slew of 2 s plus an exponential acquisition time with mean
 *          12 s (spiral search, Hechenblaikner arXiv 2302.09080; mean of a published operational figure), ground and fibre links 1 s.
 *          Each direction is a line of the contact's rate and the range's light time. Light time is taken from the
 *          propagated orbits every 4 s and linearly between: within 1 us of the truth (range accelerates by at most
 *          0.11 km/s^2 at a station's zenith, so a t^2 / 8 < 0.25 km).
 */
#include <stdlib.h>
#include <math.h>
#include <string.h>

#include "twin/world.h"

#define SLEW_NS (2 * NS_PER_S)
#define ACQUIRE_MEAN_NS (12 * NS_PER_S)
#define PLAIN_UP_NS NS_PER_S
#define LOSS_NOTICE_NS (200 * NS_PER_MS)
#define LIGHT_SLICE_NS (4 * NS_PER_S)

struct transfer { /* one bundle on its way, until the sender is told */
    struct transfer *next, *previous;
    struct link_state *link;
    uint64_t transfer, receipt;
    node_id from, to;
    uint32_t from_boot;
    err status;
    bool lost, answered, told; /* told: the sender got its SENT */
    uint8_t queued;            /* entries of the queue that point here */
    size_t size;
    uint8_t *data;
};

struct link_state {
    node_id a, b;
    bool pointed[2]; /* by a, by b */
    bool up, pending;
    uint64_t epoch; /* grows with every change; older happenings are void */
    mono_ns busy_until[2];
    mono_ns cut_until, edge_at;
    uint64_t rate_bps;
    struct transfer *transfers;
    uint64_t receipts;
    int64_t light_slice;         /* the memo holds the light time at both ends of this slice of wall time */
    duration_ns light_at[2];
    bool light_known;
};

static duration_ns light_time(struct world *w, struct link_state *l)
{
    tai_ns wall = world_wall(w);
    int64_t slice = wall / LIGHT_SLICE_NS;
    if (!l->light_known || l->light_slice != slice) {
        bool next = l->light_known && l->light_slice + 1 == slice;
        l->light_at[0] = next ? l->light_at[1] : sky_light_time(w->sky, l->a, l->b, slice * LIGHT_SLICE_NS);
        l->light_at[1] = sky_light_time(w->sky, l->a, l->b, (slice + 1) * LIGHT_SLICE_NS);
        l->light_slice = slice;
        l->light_known = true;
    }
    if (l->light_at[0] < 0 || l->light_at[1] < 0)
        return 1; /* no position: the link is about to end */
    duration_ns into = (wall - slice * LIGHT_SLICE_NS) / NS_PER_US;
    return MAX(l->light_at[0] + (l->light_at[1] - l->light_at[0]) * into / (LIGHT_SLICE_NS / NS_PER_US), 1);
}

static struct link_state *link_of(struct world *w, node_id a, node_id b, bool make)
{
    uint64_t key = (uint64_t)MIN(a, b) << 32 | MAX(a, b);
    if (!make) {
        struct link_state **found = map_find_u64(&w->links, key);
        return found ? *found : NULL;
    }
    struct link_state **slot = map_put_u64(&w->links, key, NULL);
    ASSERT(slot != NULL);
    if (!*slot) {
        *slot = calloc(1, sizeof **slot);
        ASSERT(*slot != NULL);
        (*slot)->a = MIN(a, b);
        (*slot)->b = MAX(a, b);
        (*slot)->edge_at = TIME_NEVER;
        for (int end = 0; end < 2; end++) {
            struct twin_node *n = world_node(w, end ? (*slot)->b : (*slot)->a);
            n->links = realloc(n->links, (n->link_count + 1) * sizeof(struct link_state *));
            ASSERT(n->links != NULL);
            n->links[n->link_count++] = *slot;
        }
    }
    return *slot;
}

static void transfer_remove(struct transfer *t)
{
    if (t->previous)
        t->previous->next = t->next;
    else
        t->link->transfers = t->next;
    if (t->next)
        t->next->previous = t->previous;
    free(t->data);
    free(t);
}

static void transfer_queue(struct world *w, struct transfer *t, mono_ns at, enum happening kind)
{
    t->queued++;
    queue_add(&w->queue, at, kind, kind == HAPPEN_FRAME ? t->to : t->from, 0, t);
}

static void transfer_settle(struct transfer *t)
{
    if (t->queued == 0 && t->told)
        transfer_remove(t);
}

static void transfer_answer(struct world *w, struct transfer *t, err status, mono_ns at)
{
    t->answered = true;
    t->status = status;
    transfer_queue(w, t, at, HAPPEN_SENT);
}

static void down(struct world *w, struct link_state *l)
{
    l->epoch++;
    l->pending = false;
    if (!l->up)
        return;
    l->up = false;
    /* Transfers of this epoch fail; each answers for itself when its time comes, at once for those. */
    for (struct transfer *t = l->transfers; t; t = t->next) {
        if (!t->answered)
            transfer_answer(w, t, ERR_UNREACHABLE, w->now);
    }
    queue_add(&w->queue, w->now, HAPPEN_LINK_EVENT, l->a, 0, l);
    queue_add(&w->queue, w->now, HAPPEN_LINK_EVENT, l->b, 0, l);
}

/* Decides whether the link should stand now, starts or ends it, and looks again at the next edge of the plan. */
static void evaluate(struct world *w, struct link_state *l)
{
    tai_ns wall = world_wall(w);
    const struct contact *c = sky_contact_at(w->sky, l->a, l->b, wall);
    bool pointed = l->pointed[0] && l->pointed[1];
    bool alive = world_node(w, l->a)->node && world_node(w, l->b)->node;
    bool want = pointed && alive && c && w->now >= l->cut_until;
    if (!want) {
        down(w, l);
    } else if (!l->up && !l->pending) {
        l->pending = true;
        l->epoch++;
        l->rate_bps = c->rate_bps;
        duration_ns wait = PLAIN_UP_NS;
        if (c->kind == LINK_ISL)
            wait = SLEW_NS + (duration_ns)(-log1p(-rng_unit(&w->link_rng)) * (double)ACQUIRE_MEAN_NS);
        queue_add(&w->queue, w->now + wait, HAPPEN_LINK_UP, 0, l->epoch, l);
    }
    if (!pointed)
        return;
    const struct contact *next = c ? NULL : sky_contact_next(w->sky, l->a, l->b, wall);
    tai_ns edge_wall = c ? MIN(c->end, TIME_NEVER - 1) + 1 : next ? next->start : sky_plan_end(w->sky) + 1;
    if (edge_wall > sky_plan_end(w->sky)) /* the plan will reach further by then */
        edge_wall = sky_plan_end(w->sky) - NS_PER_HOUR;
    mono_ns at = w->now + MAX(edge_wall - wall, NS_PER_S);
    if (w->now < l->cut_until)
        at = MIN(at, l->cut_until);
    if (at < l->edge_at || l->edge_at <= w->now) {
        l->edge_at = at;
        queue_add(&w->queue, at, HAPPEN_LINK_EDGE, 0, 0, l);
    }
}

void link_edge(struct world *w, struct link_state *l)
{
    if (l->edge_at <= w->now)
        l->edge_at = TIME_NEVER;
    evaluate(w, l);
}

void link_up(struct world *w, struct link_state *l, uint64_t epoch)
{
    if (epoch != l->epoch || !l->pending)
        return;
    l->pending = false;
    l->up = true;
    l->busy_until[0] = l->busy_until[1] = w->now;
    queue_add(&w->queue, w->now, HAPPEN_LINK_EVENT, l->a, 1, l);
    queue_add(&w->queue, w->now, HAPPEN_LINK_EVENT, l->b, 1, l);
}

void link_event(struct world *w, struct link_state *l, uint32_t subject, uint64_t up)
{
    struct twin_node *n = world_node(w, subject);
    struct event e = {.kind = EVENT_LINK,
                      .link = {.peer = subject == l->a ? l->b : l->a, .up = up != 0, .rate_bps = l->rate_bps}};
    if (n->node)
        world_step(w, n, &e);
}

void link_point(struct world *w, struct twin_node *n, const struct effect_point *e)
{
    if (!world_node(w, e->peer))
        return;
    struct link_state *l = link_of(w, n->id, e->peer, true);
    l->pointed[n->id == l->b] = e->on;
    evaluate(w, l);
}

void link_node_changed(struct world *w, struct twin_node *n)
{
    for (size_t i = 0; i < n->link_count; i++) {
        struct link_state *l = n->links[i];
        if (!n->node)
            l->pointed[n->id == l->b] = false; /* it starts anew without a memory of where it pointed */
        evaluate(w, l);
    }
}

void link_cut(struct world *w, node_id a, node_id b, mono_ns until)
{
    struct link_state *l = link_of(w, a, b, true);
    l->cut_until = MAX(l->cut_until, until);
    evaluate(w, l);
    queue_add(&w->queue, until, HAPPEN_LINK_EDGE, 0, 0, l);
}

bool link_connected(struct world *w, node_id a, node_id b)
{
    const struct link_state *l = link_of(w, a, b, false);
    return l && l->up;
}

void link_send(struct world *w, struct twin_node *n, const struct effect_send *e)
{
    struct link_state *l = link_of(w, n->id, e->peer, true);
    struct transfer *t = calloc(1, sizeof *t);
    ASSERT(t != NULL);
    *t = (struct transfer){.link = l, .transfer = e->transfer, .from = n->id, .from_boot = n->boot, .to = e->peer,
                           .next = l->transfers};
    for (size_t i = 0; i < COUNT_OF(e->parts); i++)
        t->size += e->parts[i].size;
    t->data = malloc(MAX(t->size, (size_t)1));
    ASSERT(t->data != NULL);
    size_t at = 0;
    for (size_t i = 0; i < COUNT_OF(e->parts); i++) {
        struct slice part = e->parts[i];
        if (part.size)
            memcpy(t->data + at, part.data, part.size);
        at += part.size;
        slice_drop(&part);
    }
    if (l->transfers)
        l->transfers->previous = t;
    l->transfers = t;
    w->figures.frames++;
    if (!l->up) {
        transfer_answer(w, t, ERR_UNREACHABLE, w->now);
        return;
    }
    int direction = n->id == l->b;
    duration_ns light = light_time(w, l);
    duration_ns line = (duration_ns)((double)t->size * 8e9 / (double)MAX(l->rate_bps, (uint64_t)1)) + 1;
    mono_ns leaves = MAX(w->now, l->busy_until[direction]) + line;
    l->busy_until[direction] = leaves;
    t->lost = w->faults_on && !w->healing && rng_chance(&w->loss_rng, w->scenario->faults.frame_loss);
    mono_ns arrives = leaves + light;
    transfer_queue(w, t, t->lost ? arrives + LOSS_NOTICE_NS : arrives, HAPPEN_FRAME);
}

void link_frame(struct world *w, struct transfer *t)
{
    t->queued--;
    if (t->answered) { /* the link went down under it: the sender is told or will be */
        transfer_settle(t);
        return;
    }
    if (t->lost) {
        w->figures.frames_lost++;
        transfer_answer(w, t, ERR_TIMEOUT, w->now);
        return;
    }
    struct twin_node *n = world_node(w, t->to);
    t->receipt = ++t->link->receipts;
    struct buf *b = host_buf_new(n, t->size);
    memcpy(b->data, t->data, t->size);
    free(t->data);
    t->data = NULL;
    struct event e = {.kind = EVENT_FRAME, .frame = {.peer = t->from, .receipt = t->receipt, .data = slice_of(b, 0, b->size)}};
    if (n->node)
        world_step(w, n, &e);
    buf_unref(b);
}

void link_accept(struct world *w, struct twin_node *n, const struct effect_accept *e)
{
    struct link_state *l = link_of(w, n->id, e->peer, false);
    for (struct transfer *t = l ? l->transfers : NULL; t; t = t->next) {
        if (t->to != n->id || t->receipt != e->receipt || t->answered)
            continue;
        transfer_answer(w, t, e->status == ERR_OK ? ERR_OK : ERR_BUSY, w->now + light_time(w, l));
        return;
    }
}

void link_sent(struct world *w, struct transfer *t)
{
    struct twin_node *n = world_node(w, t->from);
    struct event e = {.kind = EVENT_SENT, .sent = {.peer = t->to, .transfer = t->transfer, .status = t->status}};
    t->queued--;
    t->told = true;
    if (n->node && n->boot == t->from_boot)
        world_step(w, n, &e);
    transfer_settle(t);
}

void links_free(struct world *w)
{
    for (struct map_node *m = map_first(&w->links); m; m = map_next(&w->links, m)) {
        struct link_state *l = *(struct link_state **)map_value(m);
        while (l->transfers)
            transfer_remove(l->transfers);
        free(l);
    }
}
