#include "network/network.h"

#include <string.h>

#include "base/hash.h"
#include "network/plane.h"
#include "network/route_far.h"

enum { ITEMS_DEFAULT = 1024, MEMORY_DEFAULT = 16 * 1024 * 1024, LARGE_SKY = 128 };
#define HOP_NS NS_PER_MS          /* mono: what a relay needs to pass a bundle on */
#define ACQUIRE_NS (3 * NS_PER_S) /* mono: until an own link that should stand may come up */

/* ---- reach ---------------------------------------------------------------------------------------------------------
 *
 * In a small sky the reach of everybody is kept up to date and every change is told. In a large one (a patient route) nobody pays
 * for it before a plane asks; then it is kept for as long as planes go on asking.
 */

enum reach { REACH_UNSET, REACH_NEVER, REACH_LATER, REACH_SOON, REACH_LINKED };
#define REACH_SOON_NS (5 * NS_PER_S)
#define REACH_AGE_NS (10 * NS_PER_S)      /* mono: a large sky's reach is good for so long */
#define REACH_INTEREST_NS (60 * NS_PER_S) /* mono: and is told for so long after the last question */

static bool way_to(struct network *n, node_id id, duration_ns *reach_ns, tai_ns *reach_wall)
{
    const struct now *now = &n->port->now;
    struct route_way way;
    *reach_ns = *reach_wall = TIME_NEVER;
    if (!route_to(&n->route, ROUTE_SMALL, now->wall, id, &way))
        return false;
    *reach_wall = MAX(way.arrival, now->wall);
    *reach_ns = time_wall_to_mono(now, *reach_wall - now->wall);
    return !way.open;
}

static void find_reach(struct network *n, struct view_member *m)
{
    n->reach_moves |= way_to(n, m->id, &m->reach_ns, &m->reach_wall);
    if (m->link_up && m->reach_ns > REACH_SOON_NS) { /* a link that the plan does not know */
        m->reach_ns = 0;
        m->reach_wall = n->port->now.wall;
    }
}

static enum reach class_of(const struct view_member *m)
{
    if (m->link_up)
        return REACH_LINKED;
    return m->reach_ns == TIME_NEVER      ? REACH_NEVER
           : m->reach_ns <= REACH_SOON_NS ? REACH_SOON
                                          : REACH_LATER;
}

static void update_reach(struct network *n)
{
    const struct view *v = n->port->view;
    n->reach_moves = n->reach_due = false;
    n->reach_mono = n->port->now.mono;
    for (size_t i = 0; i < v->count; i++) {
        struct view_member *m = &v->members[i];
        if (m->id == v->self) {
            m->reach_ns = 0;
            m->reach_wall = n->port->now.wall;
            continue;
        }
        find_reach(n, m);
        if (m->reach_class == class_of(m))
            continue;
        m->reach_class = (uint8_t)class_of(m);
        port_member_changed(n->port, m->id);
    }
    n->reach_builds = n->route.builds;
}

static void reach_fresh(void *context)
{
    struct network *n = context;
    if (!n->route.patient || !n->ready)
        return;
    n->reach_asked = n->port->now.mono;
    network_tick_soon(n);
    if (n->reach_mono == 0 || n->port->now.mono - n->reach_mono >= REACH_AGE_NS)
        update_reach(n);
}

static void reach_find(void *context, node_id id, duration_ns *reach_ns, tai_ns *reach_wall)
{
    (void)way_to(context, id, reach_ns, reach_wall);
    network_tick_soon(context); /* gives the memory of the search back */
}

static void refresh_far(struct network *n)
{
    mono_ns now = n->port->now.mono;
    if (n->reach_asked != 0 && now - n->reach_asked < REACH_INTEREST_NS) {
        if (now - n->reach_mono >= REACH_AGE_NS)
            update_reach(n);
    } else if (n->route.far[0].labels && n->items.count == 0) {
        route_far_rest(&n->route);
    }
}

/* A tree that aged is built anew. */
static void refresh_routes(struct network *n)
{
    if (n->route.patient) {
        refresh_far(n);
        return;
    }
    for (size_t c = 0; c < ROUTE_CLASSES; c++)
        if (n->route.trees[c].valid &&
            (n->route.dirty || !route_is_fresh(&n->route, (enum route_class)c, n->port->now.wall)))
            route_stale(&n->route);
    if (n->reach_due || n->reach_moves || !n->route.trees[ROUTE_SMALL].valid ||
        n->reach_builds != n->route.builds)
        update_reach(n);
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

static err open_tables(struct network *n)
{
    struct port *p = n->port;
    map_init(&n->links, n->heap, sizeof(struct link));
    map_init(&n->items, n->heap, sizeof(struct item *));
    map_init(&n->keys, n->heap, sizeof(struct item *));
    map_init(&n->link_facts, n->heap, sizeof(struct link_fact));
    map_init(&n->near, n->heap, sizeof(struct near_word));
    n->seen = heap_alloc(n->heap, sizeof(uint64_t) * SEEN_SETS * SEEN_WAYS);
    n->seen_turn = heap_alloc(n->heap, SEEN_SETS);
    if (!n->seen || !n->seen_turn)
        return ERR_NO_MEMORY;
    struct route_sky sky = route_sky_of(p->sky);
    if (sky.node_count(sky.context) > LARGE_SKY)
        TRY(route_init_far(&n->route, n->heap, &sky, p->config->self, HOP_NS, ACQUIRE_NS));
    else
        TRY(route_init(&n->route, n->heap, &sky, p->config->self, HOP_NS, ACQUIRE_NS));
    p->view->reach_context = n;
    p->view->reach_fresh = reach_fresh;
    p->view->reach_find = reach_find;
    network_links_open(n);
    return spool_open(n);
}

err network_open(struct network **out, struct port *port,
                 void (*deliver)(void *context, const struct message *m), void *context)
{
    struct network *n = heap_alloc(port->heap, sizeof *n);
    if (!n)
        return ERR_NO_MEMORY;
    const struct limits *limits = &port->config->limits;
    *n = (struct network){.port = port,
                          .deliver = deliver,
                          .context = context,
                          .heap = port->heap,
                          .items_max = limits->bundles_max ? limits->bundles_max : ITEMS_DEFAULT,
                          .memory_max =
                              limits->bundle_bytes_max ? limits->bundle_bytes_max : MEMORY_DEFAULT,
                          .seen_salt = hash_mix(port->config->seed, port->config->self)};
    /* Transfer numbers of an earlier start must not be taken for ours. */
    n->next_id = (uint64_t)port->config->boot << 40;
    TRY(open_tables(n));
    *out = n;
    return ERR_OK;
}

void network_close(struct network *n)
{
    cast_close(n);
    for (struct item *item = n->oldest; item; item = item->all_next)
        item_drop_bytes(n, item);
}

/* ---- events
 * ------------------------------------------------------------------------------------------------------------
 */

static void set_alarm(struct network *n)
{
    const struct now *now = &n->port->now;
    mono_ns at = n->tick_at;
    if (n->ready && n->port->sky && n->next_edge != TIME_NEVER) {
        duration_ns until =
            n->next_edge > now->wall ? time_wall_to_mono(now, n->next_edge - now->wall) : 0;
        if (until < at - now->mono)
            at = now->mono + until;
    }
    port_alarm(n->port, MAX(at, now->mono + 1));
}

void network_tick_soon(struct network *n)
{
    if (!n->ready || n->tick_at <= n->port->now.mono + TICK_NS)
        return;
    n->tick_at = n->port->now.mono + TICK_NS;
    set_alarm(n);
}

/* In a large sky a node with nothing under way looks up less often. */
static bool rests(const struct network *n)
{
    bool asked = n->reach_asked != 0 && n->port->now.mono - n->reach_asked < REACH_INTEREST_NS;
    return n->route.patient && n->items.count == 0 && !n->watching && !asked && !n->route.far[0].labels && spool_rests(n);
}

static void tick(struct network *n)
{
    network_links_watch(n);
    refresh_routes(n);
    queue_tick(n);
    spool_kick(n);
    n->tick_at = n->port->now.mono + (rests(n) ? TICK_REST_NS : TICK_NS);
}

void network_ready(struct network *n)
{
    ASSERT(!n->ready);
    n->ready = true;
    n->route.hop_ns = time_mono_to_wall(&n->port->now, HOP_NS);
    n->route.acquire_ns = time_mono_to_wall(&n->port->now, ACQUIRE_NS);
    const struct view *v = n->port->view;
    for (size_t i = 0; i < v->count; i++)
        network_links_member(n, v->members[i].id);
    (void)network_links_point(n);
    tick(n);
    set_alarm(n);
}

void network_alarm(struct network *n)
{
    if (!n->ready)
        return;
    if (network_links_point(n))
        network_tick_soon(n);
    if (n->port->now.mono >= n->tick_at)
        tick(n);
    set_alarm(n);
}

/* What follows from any event of this step: reach is told at once when a link changed, in a large sky by the next tick. */
static void after_event(struct network *n)
{
    if (!n->ready)
        return;
    if (n->reach_due && !n->route.patient)
        update_reach(n);
    if (n->routed_builds != n->route.builds)
        queue_reroute_all(n);
}

err network_send(struct network *n, const struct message *m)
{
    return queue_send(n, m);
}

void network_link(struct network *n, const struct event_link *e)
{
    network_links_event(n, e);
    after_event(n);
    network_tick_soon(n);
}

void network_frame(struct network *n, const struct event_frame *e)
{
    frame_take(n, e);
}

void network_sent(struct network *n, const struct event_sent *e)
{
    queue_sent(n, e);
}

void network_done(struct network *n, const struct event_done *e)
{
    spool_done(n, e);
}

void network_fact(struct network *n, const struct fact *f)
{
    if (f->type != FACT_LINK_LOST && f->type != FACT_LINK_FOUND)
        return;
    network_links_fact(n, f);
    after_event(n);
    network_tick_soon(n);
}

void network_member(struct network *n, node_id member)
{
    network_links_member(n, member);
    if (!n->ready)
        return;
    network_tick_soon(n);
    const struct view_member *row = view_find(n->port->view, member);
    n->reach_due |= row && row->reach_class == REACH_UNSET && member != n->port->config->self;
    set_alarm(n);
    /* This call may come from telling a change of reach; it ends because only changes are told. */
    n->reach_due |= !n->route.patient && !n->route.trees[ROUTE_SMALL].valid;
    after_event(n);
}

/* ---- looking inside
 * ---------------------------------------------------------------------------------------------------------
 */

uint64_t network_digest(const struct network *n)
{
    uint64_t digest = 0;
    for (struct map_node *node = map_first(&n->link_facts); node;
         node = map_next(&n->link_facts, node)) {
        const struct link_fact *f = map_value(node);
        uint8_t memory[32];
        struct writer w = writer_of(memory, sizeof memory);
        write_u64(&w, map_key_u64(node));
        write_u32(&w, f->incarnation);
        write_u64(&w, f->seq);
        write_u64(&w, (uint64_t)f->until);
        digest = hash64_seeded(digest, memory, w.at);
    }
    return digest;
}

struct network_numbers network_numbers_of(const struct network *n)
{
    struct network_numbers numbers = {.bundles_in_flight = n->flying_count,
                                      .bundles_queued = n->items.count - n->flying_count,
                                      .bundles_spooled = n->spooled_count,
                                      .bytes_in_memory = n->memory_bytes,
                                      .spool_slots_used = n->spool.slots_used,
                                      .spool_recovered = n->spool.recovered};
    for (struct map_node *node = map_first(&n->links); node; node = map_next(&n->links, node))
        numbers.links_up += ((struct link *)map_value(node))->up;
    return numbers;
}

static bool queue_is_sound(const struct queue *q, const struct link *l, size_t *count)
{
    const struct item *previous = NULL;
    for (const struct item *item = q->first; item; item = item->next) {
        if (item->previous != previous || !item->queued || item->link != l ||
            item->state != ITEM_WAITING)
            return false;
        previous = item;
        (*count)++;
    }
    return q->last == previous;
}

bool network_check(const struct network *n)
{
    size_t queued = 0, flying = 0, spooled = 0, count = 0;
    uint64_t memory = 0;
    for (struct map_node *node = map_first(&n->links); node; node = map_next(&n->links, node)) {
        const struct link *l = map_value(node);
        for (size_t p = 0; p < PRIORITIES; p++)
            if (!queue_is_sound(&l->queues[p], l, &queued))
                return false;
    }
    if (!queue_is_sound(&n->parked, NULL, &queued))
        return false;
    for (const struct item *item = n->oldest; item; item = item->all_next) {
        count++;
        memory += item->resident;
        flying += item->state != ITEM_WAITING;
        spooled += item->spool == SPOOL_DURABLE;
        if ((item->state == ITEM_WAITING && !n->spool.recovered)
                ? false
                : item->queued != (item->state == ITEM_WAITING))
            return false;
        if ((item->resident == 0 && item->spool != SPOOL_DURABLE) ||
            (item->spool == SPOOL_DURABLE && item->upstream_count > 0))
            return false;
    }
    return count == n->items.count && memory == n->memory_bytes && flying == n->flying_count &&
           spooled == n->spooled_count && queued + flying <= count && route_check(&n->route) &&
           spool_check(n);
}
