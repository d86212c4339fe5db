/*
 * twin/links.c - modelled links: pointing, acquisition, light time, rate, loss.
 *
 * Model:   a link stands while both ends point at each other, the contact plan's geometry holds, nobody cut it and both
 *          nodes live. Bringing an optical link up takes the turn of both telescopes and an exponential search (terminals.c), radio
 *          and fibre 1 s. Tracking of optical links is lost at a rate and found again soon; clouds over an optical station
 *          and jammers end a link while they last. Each direction is a line of the plan's rate, or of what the
 *          terminals carry over the distance of the moment (`terminals: {rates: ladder}`); a bundle arrives framing plus light time after its last bit left.
 * Ends:    each node has its own end of a link and knows of the other only what came over: that the other beam was seen or
 *          lost (noticed 10 ms after light time), that acquisition is complete. The end with the lower id leads: it knows
 *          both pointings, draws the acquisition time and says when the link is up. Frames that reach an end that
 *          is not up with the same epoch are lost; the sender hears of it when its own end goes down.
 * Draws:   acquisition and loss come from streams of (seed, end), so another link never shifts them.
 */
#include <stdlib.h>
#include <string.h>

#include "twin/shard.h"
#include "twin/terminals.h"

#define PLAIN_UP_NS NS_PER_S
#define LOSS_NOTICE_NS (200 * NS_PER_MS)

struct sending { /* a bundle whose sender waits to be told */
    struct sending *next, *previous;
    uint64_t transfer;
    uint32_t serial, boot;
    node_id peer;
};

struct link_end {
    struct twin_node *node, *peer;
    bool pointed, seen; /* this beam is on the peer; the peer's beam was seen (the leading end keeps that) */
    bool up, pending;
    uint32_t epoch;     /* grows with every change at the leading end; older happenings are void */
    uint32_t serials, attempts;
    bool tracked;       /* tracking was lost a moment ago: the peer is near where it was (the leading end keeps that) */
    uint64_t rate_bps;  /* of the plan */
    struct rate_ladder *steps; /* rates by distance; NULL: the plan's */
    bool steps_known;
    struct aim aims[2];
    uint32_t lossy_epoch; /* of the next loss of tracking that stands in the queue */
    mono_ns busy_until, cut_until, edge_at;
    struct sending *first, *last; /* oldest first */
    struct rng rng;
    uint64_t light_slice;
    duration_ns light_at[2];
    bool cable;
};

static struct link_end *end_find(const struct twin_node *n, node_id peer, size_t *at)
{
    size_t low = 0, high = n->link_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (n->links[middle].peer < peer)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return low < n->link_count && n->links[low].peer == peer ? n->links[low].end : NULL;
}

void link_expect(const struct twin_node *n, node_id peer, bool end)
{
    if (!end) {
        for (size_t i = 0; i < n->link_count; i += 64 / sizeof *n->links)
            __builtin_prefetch(&n->links[i]);
        return;
    }
    size_t at;
    const char *l = (const char *)end_find(n, peer, &at);
    for (size_t i = 0; l && i < sizeof(struct link_end); i += 64)
        __builtin_prefetch(l + i);
}

/* This node's end of the link; made when it is first spoken of. */
static struct link_end *end_of(struct twin_node *n, node_id peer)
{
    size_t at;
    struct link_end *l = end_find(n, peer, &at);
    if (l)
        return l;
    l = calloc(1, sizeof *l);
    n->links = realloc(n->links, (n->link_count + 1) * sizeof *n->links);
    ASSERT(l != NULL && n->links != NULL);
    memmove(n->links + at + 1, n->links + at, (n->link_count - at) * sizeof *n->links);
    n->links[at] = (struct link_slot){peer, l};
    n->link_count++;
    l->node = n;
    l->peer = world_node(n->world, peer);
    l->edge_at = TIME_NEVER;
    l->rng = node_stream(n, 0x6c696e6b00000000 + peer);
    l->cable = scenario_is_gateway(n->world->scenario, n->id) && scenario_is_gateway(n->world->scenario, peer);
    return l;
}

static bool leads(const struct link_end *l)
{
    return l->node->id < l->peer->id;
}

static void light_refresh(struct link_end *l)
{
    const struct world *w = l->node->world;
    if (l->light_slice == light_slice(w) || (l->cable && l->light_slice)) /* a cable's length does not change */
        return;
    light_pair(w, l->node->id, l->peer->id, l->light_at);
    l->light_slice = light_slice(w);
}

static duration_ns light_time(struct link_end *l)
{
    light_refresh(l);
    return light_between(l->node->world, l->light_at, node_now(l->node));
}

static duration_ns light_least(struct link_end *l)
{
    light_refresh(l);
    return MIN(l->light_at[0], l->light_at[1]);
}

duration_ns links_light_min(struct twin_node *n)
{
    duration_ns least = TIME_NEVER;
    for (size_t i = 0; i < n->link_count; i++) {
        struct link_end *l = n->links[i].end;
        if ((l->up || l->pending) && l->peer->shard != n->shard)
            least = MIN(least, light_least(l));
    }
    return least;
}

/* From now on things may be sent that arrive light time and framing later. */
static void crossing_begins(struct link_end *l)
{
    struct shard *s = l->node->shard;
    if (l->peer->shard != s)
        s->light_min = MIN(s->light_min, light_least(l));
}

/* ---- up and down --------------------------------------------------------------------------------------------------- */

static void tell_node(struct link_end *l, bool up)
{
    node_later(l->node, node_now(l->node), HAPPEN_LINK_TELL, up, l);
}

static void sending_unlink(struct link_end *l, struct sending *s)
{
    *(s->previous ? &s->previous->next : &l->first) = s->next;
    *(s->next ? &s->next->previous : &l->last) = s->previous;
}

static void sending_answer(struct link_end *l, struct sending *s, err status)
{
    node_later(l->node, node_now(l->node), HAPPEN_SENT, (uint32_t)status, s);
}

static void down(struct link_end *l)
{
    if (leads(l))
        l->epoch++;
    l->pending = false;
    if (!l->up)
        return;
    l->up = false;
    while (l->first) { /* what was not acknowledged has failed */
        struct sending *s = l->first;
        sending_unlink(l, s);
        sending_answer(l, s, ERR_UNREACHABLE);
    }
    if (leads(l))
        node_post(l->node, l->peer, node_now(l->node) + light_time(l) + NOTICE_NS, HAPPEN_LINK_DOWN, l->epoch - 1, NULL);
    tell_node(l, false);
}

static void figures_note(struct figures *f, const struct optical_acquisition *found, duration_ns slew)
{
    uint64_t cell = (uint64_t)(found->duration / ACQUISITION_CELL_NS);
    f->acquisitions++;
    f->acquisition_searches += found->searches;
    f->slew_sum += slew;
    f->acquisition_sum += found->duration;
    f->acquisition_max = MAX(f->acquisition_max, found->duration);
    f->acquisition_cells[MIN(cell, (uint64_t)ACQUISITION_CELLS - 1)]++;
}

/* How long it takes to bring the beams together. */
static duration_ns acquisition_time(struct link_end *l, enum link_kind kind)
{
    const struct world *w = l->node->world;
    if (!terminal_is_optical(w, l->node->id, l->peer->id, kind))
        return PLAIN_UP_NS;
    if (l->tracked) {
        l->tracked = false;
        return MAX(terminal_reacquire(w, l->node->id, l->peer->id, l->attempts++), NS_PER_MS);
    }
    duration_ns slew;
    struct optical_acquisition found = terminal_acquire(w, l->node->id, l->peer->id, l->attempts++, node_wall(l->node), l->aims, &slew);
    figures_note(node_figures(l->node), &found, slew);
    return MAX(slew + found.duration, NS_PER_MS);
}

/* The plan says what the whole contact carries; with a ladder a line is faster while the ends are near. */
static void rate_prepare(struct link_end *l, const struct contact *c)
{
    const struct world *w = l->node->world;
    if (!l->steps_known)
        l->steps = terminal_steps_of(w, l->node->id, l->peer->id, (enum link_kind)c->kind);
    l->steps_known = true;
    const struct link_rules *rules = &w->scenario->links;
    l->rate_bps = !l->steps ? c->rate_bps : c->kind == LINK_ISL ? rules->isl_rate_bps : rules->ground_rate_bps;
}

static uint64_t line_rate_bps(struct link_end *l)
{
    return terminal_rate_bps(l->steps, l->rate_bps, light_time(l));
}

static void begin_acquisition(struct link_end *l, const struct contact *c)
{
    l->pending = true;
    l->epoch++;
    rate_prepare(l, c);
    crossing_begins(l);
    node_later(l->node, node_now(l->node) + acquisition_time(l, (enum link_kind)c->kind), HAPPEN_LINK_ACQUIRED, l->epoch, l);
}

/* The next loss of tracking within this contact, once per epoch. */
static void loss_plan(struct link_end *l)
{
    const struct contact *c = sky_contact_at(l->node->world->sky, l->node->id, l->peer->id, node_wall(l->node));
    if (!c || !terminal_is_optical(l->node->world, l->node->id, l->peer->id, (enum link_kind)c->kind))
        return;
    tai_ns wall = node_wall(l->node), at = terminal_loss(l->node->world, l->node->id, l->peer->id, wall, wall + 10 * NS_PER_DAY);
    if (at == TIME_NEVER)
        return;
    l->lossy_epoch = l->epoch;
    node_later(l->node, node_now(l->node) + (at - wall), HAPPEN_LINK_EDGE, l->epoch, l);
}

/* Looks again when the plan's geometry changes or a cut heals. */
static void edge_plan(struct link_end *l, const struct contact *c, tai_ns weather_changes)
{
    const struct sky *sky = l->node->world->sky;
    mono_ns now = node_now(l->node);
    tai_ns wall = node_wall(l->node);
    const struct contact *next = c ? NULL : sky_contact_next(sky, l->node->id, l->peer->id, wall);
    tai_ns edge_wall = c ? MIN(c->end, TIME_NEVER - 1) + 1 : next ? next->start : sky_plan_end(sky) + 1;
    edge_wall = MIN(edge_wall, weather_changes);
    if (edge_wall > sky_plan_end(sky)) /* the plan will reach further by then */
        edge_wall = sky_plan_end(sky) - NS_PER_HOUR;
    mono_ns at = now + MAX(edge_wall - wall, NS_PER_S);
    if (now < l->cut_until)
        at = MIN(at, l->cut_until);
    if (at < l->edge_at || l->edge_at <= now) {
        l->edge_at = at;
        node_later(l->node, at, HAPPEN_LINK_EDGE, 0, l);
    }
}

/* Decides whether the link may stand as far as this end knows; the leading end starts it. */
static void evaluate(struct link_end *l)
{
    const struct contact *c = sky_contact_at(l->node->world->sky, l->node->id, l->peer->id, node_wall(l->node));
    tai_ns weather_changes = TIME_NEVER;
    bool may = l->pointed && l->node->node && c && node_now(l->node) >= l->cut_until &&
               terminal_open(l->node->world, l->node->id, l->peer->id, (enum link_kind)c->kind, node_wall(l->node), &weather_changes);
    if (!may || (leads(l) && !l->seen))
        down(l);
    else if (leads(l) && !l->up && !l->pending)
        begin_acquisition(l, c);
    if (l->pointed)
        edge_plan(l, c, weather_changes);
}

static void point(struct link_end *l, bool on)
{
    if (l->pointed == on)
        return;
    l->pointed = on;
    if (!leads(l)) /* the other end sees this beam, or misses it */
        node_post(l->node, l->peer, node_now(l->node) + light_time(l) + NOTICE_NS, HAPPEN_LINK_SEEN, on, NULL);
}

static void acquired(struct link_end *l, uint32_t epoch)
{
    if (epoch != l->epoch || !l->pending)
        return;
    l->pending = false;
    l->up = true;
    l->busy_until = node_now(l->node);
    loss_plan(l);
    node_post(l->node, l->peer, node_now(l->node) + light_time(l) + FRAMING_NS, HAPPEN_LINK_UP, epoch, NULL);
    tell_node(l, true);
}

static void came_up(struct link_end *l, uint32_t epoch)
{
    const struct contact *c = sky_contact_at(l->node->world->sky, l->node->id, l->peer->id, node_wall(l->node));
    if (!l->pointed || !l->node->node || !c || node_now(l->node) < l->cut_until)
        return; /* the leading end hears of the reason, or sees it itself */
    down(l); /* found again before its loss was noticed here: that notice comes later and is of an older epoch */
    l->up = true;
    l->epoch = epoch;
    l->busy_until = node_now(l->node);
    rate_prepare(l, c);
    crossing_begins(l);
    tell_node(l, true);
}

static void tell(struct link_end *l, bool up)
{
    struct event e = {.kind = EVENT_LINK, .link = {.peer = l->peer->id, .up = up, .rate_bps = line_rate_bps(l)}};
    node_event(l->node, &e);
}

void link_point(struct twin_node *n, const struct effect_point *e)
{
    if (!world_node(n->world, e->peer) || e->peer == n->id)
        return;
    struct link_end *l = end_of(n, e->peer);
    point(l, e->on);
    evaluate(l);
}

void link_node_changed(struct twin_node *n)
{
    for (size_t i = 0; i < n->link_count; i++) {
        if (!n->node)
            point(n->links[i].end, false); /* it starts anew without a memory of where it pointed */
        evaluate(n->links[i].end);
    }
}

void link_cut(struct world *w, node_id a, node_id b, mono_ns until)
{
    for (int i = 0; i < 2; i++) {
        struct twin_node *n = world_node(w, i ? b : a);
        if (!n->shard->here)
            continue;
        struct link_end *l = end_of(n, i ? a : b);
        l->cut_until = MAX(l->cut_until, until);
        evaluate(l);
        node_later(l->node, until, HAPPEN_LINK_EDGE, 0, l);
    }
}

bool link_stands_at(const struct twin_node *n, node_id peer)
{
    size_t at;
    const struct link_end *here = end_find(n, peer, &at);
    return here && here->up;
}

bool link_connected(struct world *w, node_id a, node_id b)
{
    size_t at;
    const struct link_end *here = end_find(world_node(w, a), b, &at);
    const struct link_end *there = here && here->up ? end_find(world_node(w, b), a, &at) : NULL;
    return there && there->up;
}

/* ---- bundles --------------------------------------------------------------------------------------------------------- */

static struct host_buf *frame_make(struct twin_node *n, const struct effect_send *e)
{
    size_t size = 0, at = 0;
    for (size_t i = 0; i < COUNT_OF(e->parts); i++)
        size += e->parts[i].size;
    struct host_buf *frame = host_buf_frame(n, size);
    for (size_t i = 0; i < COUNT_OF(e->parts); i++) {
        struct slice part = e->parts[i];
        if (part.size)
            memcpy(frame->buf.data + at, part.data, part.size);
        at += part.size;
        slice_drop(&part);
    }
    return frame;
}

/* The line is taken until the frame has left; returns when it arrives, if it does. */
static mono_ns frame_leaves(struct twin_node *n, struct link_end *l, const struct host_buf *frame, bool *lost)
{
    struct world *w = n->world;
    duration_ns line = (duration_ns)((double)frame->buf.size * 8e9 / (double)MAX(line_rate_bps(l), (uint64_t)1)) + 1;
    mono_ns leaves = MAX(node_now(n), l->busy_until) + line;
    mono_ns arrives = leaves + light_time(l) + FRAMING_NS;
    l->busy_until = leaves;
    *lost = w->faults_on && !w->healing && rng_chance(&l->rng, w->scenario->faults.frame_loss);
    if (w->engine->tell_frames)
        record_frame(n, l->peer->id, frame->buf.data, frame->buf.size, *lost);
    return arrives;
}

/* A frame for which nobody waits: it arrives or it does not. */
static void cast(struct twin_node *n, struct link_end *l, struct host_buf *frame)
{
    bool lost = true;
    node_figures(n)->frames++;
    mono_ns arrives = l->up ? frame_leaves(n, l, frame, &lost) : 0;
    if (lost) {
        node_figures(n)->frames_lost += l->up;
        shard_free(n->shard, frame);
        return;
    }
    frame->serial = 0;
    frame->epoch = l->epoch;
    arrives = fault_frame(n, l->peer, l->epoch, &frame, arrives);
    node_post(n, l->peer, arrives, HAPPEN_FRAME, 0, frame);
}

void link_send(struct twin_node *n, const struct effect_send *e)
{
    struct link_end *l = end_of(n, e->peer);
    struct host_buf *frame = frame_make(n, e);
    if (e->transfer == 0) {
        cast(n, l, frame);
        return;
    }
    struct sending *s = shard_alloc(n->shard, sizeof *s);
    *s = (struct sending){.transfer = e->transfer, .serial = ++l->serials, .boot = n->boot, .peer = e->peer};
    node_figures(n)->frames++;
    if (!l->up) {
        shard_free(n->shard, frame);
        sending_answer(l, s, ERR_UNREACHABLE);
        return;
    }
    s->previous = l->last;
    *(l->last ? &l->last->next : &l->first) = s;
    l->last = s;
    bool lost;
    mono_ns arrives = frame_leaves(n, l, frame, &lost);
    if (lost) {
        node_figures(n)->frames_lost++;
        shard_free(n->shard, frame);
        node_later(n, arrives + LOSS_NOTICE_NS, HAPPEN_TIMEOUT, s->serial, l);
        return;
    }
    frame->serial = s->serial;
    frame->epoch = l->epoch;
    arrives = fault_frame(n, l->peer, l->epoch, &frame, arrives);
    node_post(n, l->peer, arrives, HAPPEN_FRAME, 0, frame);
}

static void frame_arrives(struct twin_node *n, struct link_end *l, struct host_buf *frame)
{
    if (!n->node || !l->up || l->epoch != frame->epoch) {
        shard_free(n->shard, frame);
        return;
    }
    if (byzantine_swallows(n, frame)) {
        link_accept(n, &(struct effect_accept){.peer = l->peer->id, .receipt = frame->serial, .status = ERR_OK});
        shard_free(n->shard, frame);
        return;
    }
    host_buf_lend(frame, n);
    struct event e = {.kind = EVENT_FRAME,
                      .frame = {.peer = l->peer->id, .receipt = frame->serial, .data = slice_of(&frame->buf, 0, frame->buf.size)}};
    node_event(n, &e);
    buf_unref(&frame->buf);
}

void link_inject(struct twin_node *n, node_id peer, struct host_buf *frame)
{
    struct link_end *l = end_of(n, peer);
    if (!frame || !l->up) {
        shard_free(n->shard, frame);
        return;
    }
    frame->serial = 0; /* nobody waits for the answer */
    frame->epoch = l->epoch;
    node_post(n, l->peer, node_now(n) + light_time(l) + FRAMING_NS, HAPPEN_FRAME, 0, frame);
}

void link_accept(struct twin_node *n, const struct effect_accept *e)
{
    size_t at;
    struct link_end *l = end_find(n, e->peer, &at);
    if (!l || !l->up)
        return; /* the sender is told that the link went down */
    err status = e->status == ERR_OK ? ERR_OK : ERR_BUSY;
    node_post(n, l->peer, node_now(n) + light_time(l) + FRAMING_NS, HAPPEN_ACCEPTED, (uint32_t)e->receipt,
              (void *)(uintptr_t)status);
}

static void answered(struct twin_node *n, struct link_end *l, uint32_t serial, err status)
{
    struct sending *s = l->first;
    while (s && s->serial != serial)
        s = s->next;
    if (!s)
        return; /* the link went down meanwhile, and it was told so */
    sending_unlink(l, s);
    struct event e = {.kind = EVENT_SENT, .sent = {.peer = s->peer, .transfer = s->transfer, .status = status}};
    bool same = s->boot == n->boot;
    shard_free(n->shard, s);
    if (same)
        node_event(n, &e);
}

static void sent(struct twin_node *n, struct sending *s, err status)
{
    struct event e = {.kind = EVENT_SENT, .sent = {.peer = s->peer, .transfer = s->transfer, .status = status}};
    bool same = s->boot == n->boot;
    shard_free(n->shard, s);
    if (same)
        node_event(n, &e);
}

/* The beam slipped off: the leading end starts again at once. */
static void tracking_lost(struct link_end *l, uint32_t epoch)
{
    if (!l->up || l->epoch != epoch || l->lossy_epoch != epoch)
        return;
    node_figures(l->node)->tracking_losses++;
    l->tracked = true;
    down(l);
    evaluate(l);
}

static void edge(struct link_end *l, uint32_t lossy_epoch)
{
    if (lossy_epoch) {
        tracking_lost(l, lossy_epoch);
        return;
    }
    if (l->edge_at <= node_now(l->node))
        l->edge_at = TIME_NEVER;
    evaluate(l);
}

void link_happen(struct twin_node *n, const struct queue_entry *q)
{
    if (q->kind == HAPPEN_SENT) {
        sent(n, q->data, (err)q->number);
        return;
    }
    bool own = q->kind == HAPPEN_LINK_EDGE || q->kind == HAPPEN_LINK_ACQUIRED || q->kind == HAPPEN_LINK_TELL ||
               q->kind == HAPPEN_TIMEOUT;
    struct link_end *l = own ? q->data : end_of(n, queue_order_from(q->order));
    if (q->kind == HAPPEN_LINK_EDGE) {
        edge(l, q->number);
    } else if (q->kind == HAPPEN_LINK_ACQUIRED) {
        acquired(l, q->number);
    } else if (q->kind == HAPPEN_LINK_TELL) {
        tell(l, q->number != 0);
    } else if (q->kind == HAPPEN_TIMEOUT) {
        answered(n, l, q->number, ERR_TIMEOUT);
    } else if (q->kind == HAPPEN_LINK_SEEN) {
        l->seen = q->number != 0;
        evaluate(l);
    } else if (q->kind == HAPPEN_LINK_UP) {
        came_up(l, q->number);
    } else if (q->kind == HAPPEN_LINK_DOWN) {
        if (l->up && l->epoch == q->number)
            down(l);
    } else if (q->kind == HAPPEN_FRAME) {
        frame_arrives(n, l, q->data);
    } else {
        ASSERT(q->kind == HAPPEN_ACCEPTED);
        answered(n, l, q->number, (err)(uintptr_t)q->data);
    }
}

void links_free(struct twin_node *n)
{
    for (size_t i = 0; i < n->link_count; i++) {
        struct link_end *l = n->links[i].end;
        while (l->first) {
            struct sending *s = l->first;
            sending_unlink(l, s);
            shard_free(n->shard, s);
        }
        free(l->steps);
        free(l);
    }
    free(n->links);
}
