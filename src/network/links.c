/*
 * Links: terminals follow the contact plan, unpredicted losses become facts.
 *
 * Body of LINK_LOST and LINK_FOUND (little-endian):
 *   u32  the peer at the other end
 *   i64  LOST: TAI ns until which the link shall not be counted on (the end of the contact). FOUND:
 * 0
 */
#include "network/plane.h"

#include "core/facts.h"

enum { LINK_FACT_SIZE = 12 };

struct link *link_find(const struct network *n, node_id peer)
{
    return map_find_u64(&n->links, peer);
}

struct link *link_add(struct network *n, node_id peer)
{
    bool added = false;
    struct link *l = map_put_u64(&n->links, peer, &added);
    if (l && added)
        *l = (struct link){.peer = peer, .lost_at = INT64_MIN / 2, .near_at = INT64_MIN / 2};
    return l;
}

void network_links_open(struct network *n)
{
    if (!n->port->sky)
        return;
    size_t count;
    n->sky_generation = sky_generation(n->port->sky);
    const uint32_t *peers = sky_peers(n->port->sky, n->port->config->self, &count);
    for (size_t i = 0; i < count; i++)
        if (!link_add(n, peers[i]))
            return; /* the rest is added when such a link comes up */
}

/* ---- pointing
 * -------------------------------------------------------------------------------------------------
 */

static bool may_point(const struct network *n, node_id peer)
{
    enum member_state state = view_state(n->port->view, peer);
    return state != MEMBER_QUARANTINED && state != MEMBER_LEFT;
}

static void set_pointed(struct network *n, struct link *l, bool on)
{
    if (l->pointed == on)
        return;
    l->pointed = on;
    l->was_up = on && l->up;
    port_effect(n->port,
                &(struct effect){.kind = EFFECT_POINT,
                                 .point = {.peer = l->peer, .on = on, .rate_bps = l->rate_bps}});
}

static void set_open(struct network *n, struct link *l, bool open)
{
    if (open && !l->open)
        l->open_since = n->port->now.mono;
    l->open = open;
}

static void look_at_plan(struct network *n, struct link *l)
{
    const struct sky *sky = n->port->sky;
    node_id self = n->port->config->self;
    tai_ns now = n->port->now.wall;
    const struct contact *c = sky_contact_at(sky, self, l->peer, now);
    const struct contact *next = sky_contact_next(sky, self, l->peer, now);
    /* Where the plan stops it will have been extended when we get there. */
    tai_ns edge = sky_plan_end(sky) > now ? sky_plan_end(sky) : now + NS_PER_S;
    set_open(n, l, c != NULL);
    if (c) {
        l->contact_end = c->end;
        l->laser = c->kind == LINK_ISL;
        if (c->end < edge) /* fibre never ends */
            edge = c->end + 1;
    } else if (next) {
        edge = MIN(edge, next->start - POINT_AHEAD_NS <= now ? next->start
                                                             : next->start - POINT_AHEAD_NS);
    }
    const struct contact *aim = c ? c : next && next->start - POINT_AHEAD_NS <= now ? next : NULL;
    if (aim)
        l->rate_bps = aim->rate_bps;
    set_pointed(n, l, aim && may_point(n, l->peer));
    l->edge = edge;
}

bool network_links_point(struct network *n)
{
    tai_ns now = n->port->now.wall;
    if (!n->port->sky || !n->ready || now < n->next_edge)
        return false;
    if (sky_generation(n->port->sky) != n->sky_generation)
        network_links_open(n); /* in large meshes peers come when they first meet */
    tai_ns plan_end = sky_plan_end(n->port->sky);
    n->next_edge = plan_end > now ? plan_end : now + NS_PER_S;
    for (struct map_node *node = map_first(&n->links); node; node = map_next(&n->links, node)) {
        struct link *l = map_value(node);
        if (now >= l->edge)
            look_at_plan(n, l);
        n->next_edge = MIN(n->next_edge, l->edge);
    }
    return true;
}

/* ---- what links really do
 * ---------------------------------------------------------------------------------------- */

static void publish(struct network *n, struct link *l, enum fact_type type, tai_ns until)
{
    uint8_t memory[LINK_FACT_SIZE];
    struct writer w = writer_of(memory, sizeof memory);
    write_u32(&w, l->peer);
    write_u64(&w, (uint64_t)until);
    ASSERT(writer_ok(&w));
    l->lost_at = n->port->now.mono;
    struct fact fact;
    err e = n->port->facts ? facts_publish(n->port->facts, type, writer_span(&w), &fact)
                           : ERR_UNREACHABLE;
    if (e == ERR_OK)
        port_probe(n->port, type == FACT_LINK_LOST ? PROBE_LINK_LOST_TOLD : PROBE_LINK_FOUND_TOLD);
}

static tai_ns said(const struct network *n, node_id author, node_id peer)
{
    const struct link_fact *f = map_find_u64(&n->link_facts, (uint64_t)author << 32 | peer);
    return f ? f->until : 0;
}

/* Does our own word that this link is lost still stand? Also after a restart. */
static bool called_lost(const struct network *n, const struct link *l)
{
    return said(n, n->port->config->self, l->peer) > n->port->now.wall;
}

static void tell_near(struct network *n, struct link *l, bool lost)
{
    l->told_near = lost;
    l->near_at = n->port->now.mono;
    near_tell(n, l->peer, lost ? MIN(l->contact_end, n->port->now.wall + NEAR_FOR_NS) : 0);
}

void network_links_event(struct network *n, const struct event_link *e)
{
    struct link *l = may_point(n, e->peer) || !e->up ? link_add(n, e->peer) : NULL;
    if (!l || l->up == e->up)
        return;
    l->up = e->up;
    l->rate_bps = e->rate_bps ? e->rate_bps : l->rate_bps;
    n->reach_due = true;
    struct view_member *m = view_find(n->port->view, e->peer);
    if (m)
        m->link_up = e->up;
    route_set_linked(&n->route, e->peer, e->up);
    if (e->up) {
        port_probe(n->port, l->lost ? PROBE_LINK_LOST_UP : PROBE_LINK_DOWN_UP);
        l->was_up = true;
        l->lost = false;
        port_trace(n->port, TRACE_LINK_UP, e->peer, "link to %s stands",
                   view_name(n->port->view, e->peer));
        if (n->ready && called_lost(n, l))
            publish(n, l, FACT_LINK_FOUND, 0);
        if (n->ready && l->told_near)
            tell_near(n, l, false);
    } else {
        l->down_since = n->port->now.mono;
        bool lost = l->open && l->pointed && n->port->now.wall < l->contact_end;
        port_probe(n->port, lost ? PROBE_LINK_UP_LOST : PROBE_LINK_UP_DOWN);
        l->lost = lost;
        if (lost && n->ready && n->port->view->large && !l->told_near && n->port->now.mono - l->near_at >= LOST_INTERVAL_NS)
            tell_near(n, l, true); /* whoever would send over it now needs to know now */
        port_trace(n->port, lost ? TRACE_LINK_LOST : TRACE_LINK_DOWN, e->peer, "link to %s ended%s",
                   view_name(n->port->view, e->peer), lost ? ", not as planned" : "");
    }
    queue_reroute_all(n);
}

/* How long a link that should stand may be down before others are told: those around, and (large missions) everybody. */
static duration_ns patience(const struct network *n, const struct link *l, bool everybody)
{
    const struct config *c = n->port->config;
    duration_ns most = c->heartbeat_ns * MAX(c->heartbeats_missed, 1u);
    if (!everybody)
        return most + (l->was_up ? 0 : ACQUIRE_GRACE_NS);
    return l->was_up ? MAX(most, LASTS_NS) : most + MAX(ACQUIRE_GRACE_NS, l->laser ? c->acquire_ns : 0);
}

static void watch_down(struct network *n, struct link *l)
{
    mono_ns now = n->port->now.mono;
    if (!l->pointed || !l->open || !view_alive(n->port->view, l->peer) || called_lost(n, l))
        return;
    bool large = n->port->view->large;
    duration_ns down = now - (l->was_up ? MAX(l->down_since, l->open_since) : l->open_since);
    if (large && !l->told_near && down > patience(n, l, false) && now - l->near_at >= LOST_INTERVAL_NS)
        tell_near(n, l, true);
    if (down > patience(n, l, large) && now - l->lost_at >= LOST_INTERVAL_NS)
        publish(n, l, FACT_LINK_LOST, l->contact_end);
}

void network_links_watch(struct network *n)
{
    mono_ns now = n->port->now.mono;
    n->watching = false;
    for (struct map_node *node = map_first(&n->links); node; node = map_next(&n->links, node)) {
        struct link *l = map_value(node);
        n->watching |= l->up ? n->link_facts.count > 0 && called_lost(n, l) : l->pointed && l->open;
        if (!l->up)
            watch_down(n, l);
        else if (now - l->lost_at >= LOST_INTERVAL_NS && called_lost(n, l))
            publish(n, l, FACT_LINK_FOUND, 0);
    }
}

/* ---- facts
 * ------------------------------------------------------------------------------------------------------------
 */

void network_links_fact(struct network *n, const struct fact *f)
{
    struct reader r = reader_of(f->body.data, f->body.size);
    node_id peer = read_u32(&r);
    tai_ns until = (tai_ns)read_u64(&r);
    bool lost = f->type == FACT_LINK_LOST;
    if (!reader_at_end(&r) || peer == f->author || peer == NODE_NONE || until < 0 ||
        (!lost && until != 0)) {
        port_trace(n->port, TRACE_REFUSED, f->author, "a malformed link fact is ignored");
        return;
    }
    bool added = false;
    struct link_fact *state = map_put_u64(&n->link_facts, (uint64_t)f->author << 32 | peer, &added);
    if (!state)
        return; /* routing goes on by the plan */
    if (!added && (state->incarnation > f->incarnation ||
                   (state->incarnation == f->incarnation && state->seq >= f->seq)))
        return;
    *state = (struct link_fact){.incarnation = f->incarnation, .seq = f->seq, .until = until};
    network_links_lost(n, f->author, peer);
}

void network_links_lost(struct network *n, node_id a, node_id b)
{
    tai_ns facts = MAX(said(n, a, b), said(n, b, a)), near = MAX(near_until(n, a, b), near_until(n, b, a));
    if (route_set_lost(&n->route, a, b, MAX(facts, near)) == ERR_OK && n->ready)
        n->reach_due |= !n->route.dirty;
}

void network_links_member(struct network *n, node_id member)
{
    if (!view_knows(n->port->view, member))
        return;
    route_set_closed(&n->route, member, !view_alive(n->port->view, member));
    struct link *l = link_find(n, member);
    if (!l)
        return;
    struct view_member *row = view_find(n->port->view, member);
    if (row)
        row->link_up = l->up;
    if (!n->ready || !n->port->sky)
        return;
    look_at_plan(n, l);
    n->next_edge = MIN(n->next_edge, l->edge);
}
