/*
 * I12: what recovery takes, against bounds that follow from the contact plan of this run.
 *
 *   conviction  a crash is known to every node that stays connected to two observers within (missed + 1.5) heartbeats plus twice the
 *               light time of the longest way in that part of the mesh. Where light counts: plus what an observer waits for a link that
 *               only needs to be set up again, and six crossings, since news may be lost and asked for. Nodes whose disks are full or
 *               slow meanwhile do not count: they tell and pass on only what they could keep
 *   heal        whatever one node knows has reached every other one after a flood over the plan's contacts. Four floods: facts,
 *               copies and leases that follow from them, what those say, results. Plus the work that is open, and the hour that a
 *               sink may be missed where somebody is gone for good.
 */
#include <stdlib.h>
#include <string.h>

#include "compute/compute.h"
#include "twin/check_inner.h"

#define EXCHANGE_NS (60 * NS_PER_S)     /* of a contact: acquisition and sync */
#define TASK_NS (4 * NS_PER_MINUTE)     /* at most what a modelled task takes, with its inputs and outputs */
#define WORK_NS (30 * NS_PER_MINUTE)
#define SINK_NS (2 * NS_PER_HOUR)       /* before the tasks of a sink that is gone are ended without it, with what follows */
#define HORIZON_NS (24 * NS_PER_HOUR)
enum { FLOODS = 4, SOURCES_MAX = 32, LIGHT_CROSSINGS = 6, OBSERVER_CROSSINGS = 4 };

void check_recovery_open(struct world *w)
{
    struct crash_watch *c = &w->checks->watch;
    c->known = calloc(w->node_count, sizeof(bool));
    c->joined = calloc(w->node_count, sizeof(bool));
    ASSERT(c->known && c->joined);
}

void check_recovery_close(struct world *w)
{
    free(w->checks->watch.known);
    free(w->checks->watch.joined);
}

/* ---- convictions ------------------------------------------------------------------------------------------------------------- */

/* A node whose disk is full or slow, now or at any time since, says and passes on only what it could keep: it is no witness. */
static bool cannot_keep(const struct world *w, node_id id, mono_ns since)
{
    const struct node_faults *f = &w->nodes[id - 1].faults;
    return f->full_until > since || f->slow_until > since;
}

/* Live nodes that are connected over links that stand now, from `from`; *way_ns: light time of the longest way. */
static void connected_from(struct world *w, node_id from, mono_ns since, bool *in, duration_ns *way_ns)
{
    node_id *row = calloc(w->node_count, sizeof *row);
    duration_ns *way = calloc(w->node_count, sizeof *way);
    ASSERT(row && way);
    size_t count = 0;
    *way_ns = 0;
    row[count++] = from;
    in[from - 1] = true;
    for (size_t at = 0; at < count; at++) {
        size_t peers;
        const uint32_t *peer = sky_peers(w->sky, row[at], &peers);
        for (size_t i = 0; i < peers; i++) {
            size_t k = peer[i] - 1;
            if (in[k] || !w->nodes[k].node || !link_connected(w, row[at], peer[i]) || cannot_keep(w, peer[i], since))
                continue;
            in[k] = true;
            way[k] = way[row[at] - 1] + MAX(sky_light_time(w->sky, row[at], peer[i], world_wall(w)), 0) + NS_PER_MS;
            *way_ns = MAX(*way_ns, way[k]);
            row[count++] = peer[i];
        }
    }
    free(row);
    free(way);
}

/* As the detector: light for a link to be set up again, where it takes more than half a heartbeat. */
static duration_ns observer_lag(const struct world *w, node_id victim, node_id observer)
{
    duration_ns light = sky_light_time(w->sky, victim, observer, world_wall(w));
    return light > w->scenario->node.heartbeat_ns / 2 ? OBSERVER_CROSSINGS * light : 0;
}

/* Does the plan show a contact from `before` ago until `ahead` from now? */
static bool plan_steady(struct world *w, node_id a, node_id b, duration_ns before, duration_ns ahead)
{
    tai_ns wall = world_wall(w);
    const struct contact *c = sky_contact_at(w->sky, a, b, wall);
    return c && c->end - wall > ahead && wall - c->start > before;
}

/* Who stays connected to the first observer; what is cut off for a while may learn of the crash later. */
static void joined_still(struct world *w)
{
    struct crash_watch *c = &w->checks->watch;
    bool *in = calloc(w->node_count, sizeof *in);
    duration_ns way;
    ASSERT(in != NULL);
    if (w->nodes[c->observers[0] - 1].node)
        connected_from(w, c->observers[0], c->at, in, &way);
    for (size_t i = 0; i < w->node_count; i++)
        c->joined[i] = c->joined[i] && in[i];
    free(in);
}

void check_recovery_sample(struct world *w)
{
    if (w->checks->watch.open)
        joined_still(w);
}

static void crash_judge(struct world *w, void *context, uint64_t number)
{
    struct crash_watch *c = &w->checks->watch;
    (void)context;
    (void)number;
    c->open = false;
    if (world_node(w, c->victim)->node)
        return; /* back before anybody had to know */
    joined_still(w);
    if (!c->joined[c->observers[0] - 1] || !c->joined[c->observers[1] - 1] || cannot_keep(w, c->observers[0], c->at))
        return;
    for (size_t i = 0; i < w->node_count; i++)
        if (c->joined[i] && w->nodes[i].node)
            checks_count(w, PROMISE_I12, c->known[i], "%s did not know of the crash of %s within %.2f s",
                         scenario_name(w->scenario, (node_id)(i + 1)), scenario_name(w->scenario, c->victim),
                         (double)(c->bound - c->at) / 1e9);
}

/* The two nearest peers whose links to the victim stand, and stand by the plan well beyond the bound; false: there are none. */
static bool observers_choose(struct world *w, node_id victim, duration_ns beats, struct crash_watch *c, duration_ns *lag)
{
    size_t peers, count = 0;
    duration_ns least[2] = {0, 0};
    const uint32_t *peer = sky_peers(w->sky, victim, &peers);
    for (size_t i = 0; i < peers; i++) {
        if (!w->nodes[peer[i] - 1].node || !link_connected(w, victim, peer[i]) || cannot_keep(w, peer[i], w->now))
            continue;
        duration_ns its = observer_lag(w, victim, peer[i]), margin = MAX(30 * NS_PER_S, its > 0 ? beats : 0) + its;
        if (!plan_steady(w, victim, peer[i], margin, margin + beats) || (count == 2 && its >= least[1]))
            continue;
        size_t at = count > 0 && its < least[0] ? 0 : MIN(count, (size_t)1);
        if (at == 0) {
            least[1] = least[0];
            c->observers[1] = c->observers[0];
        }
        least[at] = its;
        c->observers[at] = peer[i];
        count = MIN(count + 1, (size_t)2);
    }
    *lag = least[1] + least[1] / OBSERVER_CROSSINGS; /* and the last heartbeat was under way */
    return count == 2;
}

/* A crash is measured when at least two links of the victim stand. */
void checks_crash(struct world *w, struct twin_node *n)
{
    struct crash_watch *c = &w->checks->watch;
    if (c->open || w->ranks) /* who is connected to whom, no single rank knows */
        return;
    duration_ns beat = w->scenario->node.heartbeat_ns, way, lag;
    duration_ns beats = beat * (2 * MAX(w->scenario->node.heartbeats_missed, 1u) + 3) / 2;
    if (!observers_choose(w, n->id, beats, c, &lag))
        return;
    memset(c->known, 0, w->node_count * sizeof *c->known);
    memset(c->joined, 0, w->node_count * sizeof *c->joined);
    connected_from(w, c->observers[0], w->now, c->joined, &way);
    c->joined[n->id - 1] = false;
    c->victim = n->id;
    c->at = w->now;
    c->bound = w->now + beats + lag + (way > beat / 2 ? LIGHT_CROSSINGS : 2) * way;
    c->open = true;
    world_serially(w, c->bound, crash_judge, NULL, 0);
}

/* Recovery as the nodes' own traces show it: figures, not promises. */
static void recovery_measure(struct world *w, struct twin_node *n, const struct effect_trace *t)
{
    struct figures *f = &w->figures;
    if (t->id == TRACE_BOOT) {
        n->convicted_at = n->takeover_at = n->repair_at = 0;
    } else if (t->id == TRACE_CONVICT) {
        n->convicted_at = w->now;
        n->convicted = t->about;
    } else if (t->id == TRACE_TASK_TAKEOVER) { /* of the dead only: a lane that failed is taken over, too */
        const struct twin_node *victim = world_node(w, t->about);
        n->takeover_at = victim && !victim->up && n->convicted == t->about ? n->convicted_at : 0;
    } else if (t->id == TRACE_TASK_ENDED) {
        n->takeover_at = 0;
    } else if (t->id == TRACE_TASK_STARTED && n->takeover_at) {
        duration_ns took = w->now - n->takeover_at;
        f->restarts_measured++;
        f->restart_sum += took;
        f->restart_max = MAX(f->restart_max, took);
        n->takeover_at = 0;
    } else if (t->id == TRACE_REPAIR_QUEUED && !n->repair_at) {
        n->repair_at = w->now;
    } else if (t->id == TRACE_REPAIR_DONE && n->repair_at) {
        duration_ns took = w->now - n->repair_at;
        f->repairs_measured++;
        f->repair_sum += took;
        f->repair_max = MAX(f->repair_max, took);
        n->repair_at = 0;
    }
}

void checks_trace(struct world *w, struct twin_node *n, const struct effect_trace *t)
{
    recovery_measure(w, n, t);
    struct crash_watch *c = &w->checks->watch;
    if (t->id != TRACE_CONVICT || !c->open || t->about != c->victim || c->known[n->id - 1])
        return;
    c->known[n->id - 1] = true;
    duration_ns took = w->now - c->at;
    w->figures.convictions_measured++;
    w->figures.conviction_sum += took;
    w->figures.conviction_max = MAX(w->figures.conviction_max, took);
}

/* ---- heal ------------------------------------------------------------------------------------------------------------------------ */

/* When what `from` knows at `known` has crossed to the other end of the contact; TIME_NEVER: not in this one. */
static tai_ns hop(const struct contact *c, tai_ns known)
{
    /* A far link: light crosses for the hello and its answer, a digest, a vector, what is missing, and once more for what came since. */
    duration_ns exchange = EXCHANGE_NS + LIGHT_CROSSINGS * (duration_ns)c->delay_us_mean * NS_PER_US;
    tai_ns begin = MAX(known, c->start);
    return begin > c->end - exchange && c->end != TIME_NEVER ? TIME_NEVER : begin + exchange;
}

struct flooding {
    const struct world *w;
    tai_ns *earliest; /* index = id - 1 */
    struct queue front;
};

/* By the contacts of one pair: a later one may serve sooner, if light is slower in the one before. */
static void flood_pair(struct flooding *f, node_id from, node_id to)
{
    size_t count;
    const struct contact *c = sky_contacts(f->w->sky, from, to, &count);
    tai_ns known = f->earliest[from - 1];
    for (size_t i = 0; i < count && c[i].start < f->earliest[to - 1]; i++) {
        tai_ns at = hop(&c[i], known);
        if (at >= f->earliest[to - 1])
            continue;
        f->earliest[to - 1] = at;
        queue_add(&f->front, &(struct queue_entry){.at = at, .order = queue_order(to, from, 0), .number = to});
    }
}

/* When what `source` knows at `from` has reached the last node, by the plan; TIME_NEVER beyond its end. In order of time, so that each
 * node passes on once. */
static tai_ns flood_from(struct flooding *f, node_id source, tai_ns from)
{
    const struct world *w = f->w;
    struct queue_entry q;
    for (size_t i = 0; i < w->node_count; i++)
        f->earliest[i] = TIME_NEVER;
    f->earliest[source - 1] = from;
    queue_add(&f->front, &(struct queue_entry){.at = from, .order = queue_order(source, source, 0), .number = source});
    while (queue_take(&f->front, &q)) {
        size_t peers;
        const uint32_t *peer = sky_peers(w->sky, q.number, &peers);
        for (size_t i = 0; i < peers && q.at == f->earliest[q.number - 1]; i++)
            flood_pair(f, q.number, peer[i]);
    }
    tai_ns last = from;
    for (size_t i = 0; i < w->node_count; i++)
        last = MAX(last, f->earliest[i]);
    return last;
}

static tai_ns flood(const struct world *w, tai_ns from)
{
    struct flooding f = {.w = w, .earliest = calloc(w->node_count, sizeof *f.earliest)};
    size_t step = MAX(w->node_count / SOURCES_MAX, (size_t)1);
    tai_ns last = from;
    ASSERT(f.earliest != NULL);
    for (size_t i = 0; i < w->node_count && last != TIME_NEVER; i += step)
        last = MAX(last, flood_from(&f, (node_id)(i + 1), from));
    queue_free(&f.front);
    free(f.earliest);
    return last;
}

duration_ns check_heal_bound(struct world *w)
{
    tai_ns now = world_wall(w), at = now;
    duration_ns horizon = w->node_count <= CHECK_NODES_MAX ? HORIZON_NS : 6 * NS_PER_HOUR;
    err e = sky_plan_extend(w->sky, now + horizon);
    ASSERT(e == ERR_OK);
    for (int i = 0; i < FLOODS && at != TIME_NEVER; i++)
        at = flood(w, at);
    uint32_t open = 0;
    for (size_t i = 0; i < w->node_count; i++)
        if (w->nodes[i].node)
            open = MAX(open, compute_counts_of(node_compute(w->nodes[i].node)).tasks_open);
    duration_ns floods = at == TIME_NEVER ? horizon : at - now;
    bool gone = false;
    for (size_t i = 0; i < w->node_count; i++)
        gone = gone || !node_promised(&w->nodes[i]);
    return floods + WORK_NS + (duration_ns)open * TASK_NS + (gone ? SINK_NS : 0);
}
