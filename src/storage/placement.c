#include "storage/placement.h"

#include "orbit/sky.h"

#include <string.h>

#include "base/hash.h"
#include "base/rng.h"

/* Whom to take first: members that the policy wants and that answer at once; then ground nodes that bridge; then members
 * that the policy wants but that come into reach only in a while. */
enum rank { RANK_NEAR, RANK_BRIDGE, RANK_FAR };
#define NEAR_NS (1500 * NS_PER_MS)

struct candidate {
    uint64_t score;
    node_id id;
    uint16_t plane, batch;
    enum rank rank;
};

struct draft { /* the best PLACEMENT_MAX, in order */
    struct candidate best[PLACEMENT_MAX];
    uint8_t count;
};

/* -log2(u / 2^32) in 1/65536, u > 0; piecewise linear: integers, so that all nodes agree. */
static uint64_t negative_log2(uint32_t u)
{
    uint32_t whole = 31 - (uint32_t)__builtin_clz(u);
    uint64_t fraction = (((uint64_t)u << 16) >> whole) - 65536;
    return ((uint64_t)32 << 16) - ((uint64_t)whole << 16) - fraction;
}

static uint64_t permille(uint64_t part, uint64_t whole)
{
    return whole ? MIN(part, whole) / MAX(whole / 1000, UINT64_C(1)) : 500;
}

static uint64_t weight(const struct view_member *m)
{
    uint64_t w = 500, battery = 1000;
    if (m->status_known) {
        w = 1 + MIN(permille(m->status.disk_free_bytes, m->status.disk_capacity_bytes), UINT64_C(1000));
        if (m->status.battery_capacity_mwh)
            battery = 100 + MIN(permille(m->status.battery_mwh, m->status.battery_capacity_mwh), UINT64_C(1000));
    }
    w = w * battery;
    if (m->link_up)
        w *= 4;
    else if (m->reach_ns > 2 * NS_PER_S)
        w /= 2;
    return MAX(w, UINT64_C(1));
}

duration_ns placement_far_light(const struct port *port, node_id node)
{
    return port->sky ? time_wall_to_mono(&port->now, 2 * sky_far_light(port->sky, port->config->self, node, port->now.wall)) : 0;
}

uint64_t placement_nearness(const struct port *port, node_id node, duration_ns within)
{
    static const struct view_member beyond; /* the scope: neither a link nor a status */
    duration_ns reach_ns;
    tai_ns reach_wall;
    if (node == port->config->self)
        return UINT64_MAX;
    if (!view_alive(port->view, node))
        return 0;
    view_reach(port->view, node, &reach_ns, &reach_wall);
    if (reach_ns > within && reach_ns > within + placement_far_light(port, node))
        return 0;
    const struct view_member *row = view_find(port->view, node), *m = row ? row : &beyond;
    uint64_t late_ms = (uint64_t)(reach_ns > 0 ? reach_ns / NS_PER_MS : 0);
    uint64_t base = m->link_up ? UINT64_C(1) << 40 : UINT64_C(1) << 32;
    return base - MIN(late_ms, UINT64_C(1) << 30) + (m->status_known ? permille(m->status.battery_mwh, m->status.battery_capacity_mwh) / 100 : 5);
}

static bool listed(const node_id *nodes, size_t count, node_id id)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i] == id)
            return true;
    return false;
}

static bool fits(const struct view_member *m, const struct placement_query *q, bool self)
{
    if (self)
        return q->self_has_room;
    if (!m->status_known || m->status.disk_capacity_bytes == 0)
        return true;
    return m->status.disk_free_bytes > q->bytes;
}

static bool better(const struct candidate *a, const struct candidate *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    return a->score != b->score ? a->score > b->score : a->id < b->id;
}

static void draft_add(struct draft *d, const struct candidate *c)
{
    uint8_t at = d->count;
    while (at > 0 && better(c, &d->best[at - 1]))
        at--;
    if (at == PLACEMENT_MAX)
        return;
    uint8_t keep = MIN(d->count, (uint8_t)(PLACEMENT_MAX - 1));
    memmove(d->best + at + 1, d->best + at, (size_t)(keep - at) * sizeof d->best[0]);
    d->best[at] = *c;
    d->count = (uint8_t)(keep + 1);
}

static struct candidate candidate_of(const struct port *port, const struct placement_query *q, const struct view_member *m)
{
    bool proper = q->policy.where == PLACE_ANY || m->role == ROLE_SATELLITE;
    bool near = m->id == port->config->self || m->reach_ns <= NEAR_NS;
    struct candidate c = {.id = m->id, .plane = m->plane, .batch = m->batch,
                          .rank = !proper ? RANK_BRIDGE : near ? RANK_NEAR : RANK_FAR};
    if (m->id == port->config->self) {
        c.score = UINT64_MAX;
    } else if (q->policy.copies == 1) {
        c.score = placement_nearness(port, m->id, (duration_ns)PLACEMENT_REACH_S * NS_PER_S); /* one copy: the nearest, nothing to spread */
    } else {
        uint64_t pair = hash64_seeded(m->id, q->part.bytes, sizeof q->part.bytes);
        uint32_t u = (uint32_t)(hash_mix(pair, m->id) >> 32) | 1u;
        c.score = weight(m) * 65536 / MAX(negative_log2(u), UINT64_C(1));
    }
    return c;
}

/* Takes the candidates of one rank in order, those in new planes and batches first. */
static void spread(const struct draft *d, enum rank rank, struct places *out)
{
    bool used[PLACEMENT_MAX] = {false};
    uint16_t planes[PLACEMENT_MAX], batches[PLACEMENT_MAX];
    uint8_t domains = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint8_t i = 0; i < d->count; i++) {
            const struct candidate *c = &d->best[i];
            bool seen = false;
            for (uint8_t k = 0; k < domains && pass == 0; k++)
                seen = seen || (planes[k] == c->plane && batches[k] == c->batch);
            if (c->rank != rank || used[i] || seen)
                continue;
            used[i] = true;
            planes[domains] = c->plane;
            batches[domains++] = c->batch;
            out->nodes[out->count++] = c->id;
        }
    }
}

static bool barred(const struct placement_query *q, const struct view_member *m)
{
    return q->no_bridges && q->policy.where == PLACE_ORBIT && m->role != ROLE_SATELLITE;
}

/* The wall instant when `least` members that may hold copies are within reach, by the contact plan. */
static tai_ns retry_instant(const struct port *port, const struct placement_query *q, uint8_t least)
{
    tai_ns soonest[OBJECT_COPIES_MAX];
    uint8_t count = 0;
    for (size_t i = 0; i < port->view->count; i++) {
        const struct view_member *m = &port->view->members[i];
        bool self = m->id == port->config->self;
        if (!view_alive(port->view, m->id) || listed(q->exclude, q->exclude_count, m->id) || (!self && m->reach_wall == TIME_NEVER))
            continue;
        if (!fits(m, q, self) || barred(q, m))
            continue; /* waiting for it would not help */
        tai_ns when = self ? port->now.wall : m->reach_wall;
        uint8_t at = count;
        while (at > 0 && soonest[at - 1] > when)
            at--;
        if (at == OBJECT_COPIES_MAX)
            continue;
        uint8_t keep = MIN(count, (uint8_t)(OBJECT_COPIES_MAX - 1));
        memmove(soonest + at + 1, soonest + at, (size_t)(keep - at) * sizeof soonest[0]);
        soonest[at] = when;
        count = (uint8_t)(keep + 1);
    }
    return least > 0 && count >= least ? soonest[least - 1] : 0;
}

err placement_choose(const struct port *port, const struct placement_query *q, uint8_t least, struct places *out)
{
    struct draft d = {.count = 0};
    *out = (struct places){.count = 0};
    for (size_t i = 0; i < port->view->count; i++) {
        const struct view_member *m = &port->view->members[i];
        bool self = m->id == port->config->self;
        const duration_ns reach = (duration_ns)PLACEMENT_REACH_S * NS_PER_S;
        bool may = self || view_reachable(port->view, m->id, reach) ||
                   (m->reach_ns > reach && view_reachable(port->view, m->id, reach + placement_far_light(port, m->id)));
        if (!may || listed(q->exclude, q->exclude_count, m->id))
            continue;
        if (barred(q, m))
            continue;
        if (!fits(m, q, self)) {
            out->space_short = true;
            continue;
        }
        if (!self && m->status_known && m->status.health >= HEALTH_SURVIVAL)
            continue;
        struct candidate c = candidate_of(port, q, m);
        draft_add(&d, &c);
    }
    for (enum rank rank = RANK_NEAR; rank <= RANK_FAR; rank++)
        spread(&d, rank, out);
    if (out->count >= least)
        return ERR_OK;
    out->retry_at = retry_instant(port, q, least);
    return out->space_short && out->retry_at == 0 ? ERR_NO_SPACE : ERR_UNREACHABLE;
}
