/*
 * twin/checks.c - the promises, checked while the run goes on.
 *
 *   I1   every read gives acknowledged bytes (customers.c); after heal every acknowledged object is readable everywhere
 *   I3   a task has at most one receipt; after heal every task that was created has ended
 *   I5   nodes with equal fact sets have equal state digests; after heal and quiet all nodes are equal
 *   I7   battery never below its floor, core never above its limit (world.c, every minute)
 *   I12  a crash is known to every node that stays connected to the observers within the bound 3.5 heartbeats + light time
 *        + one heartbeat of grace; after heal everything converges within the printed bound
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "compute/compute.h"
#include "twin/world.h"

struct crash_watch { /* one crash whose conviction is awaited */
    node_id victim;
    mono_ns at, bound;
    bool known[64]; /* by node index, small runs only */
    bool open;
};

struct checks {
    struct promise_result results[PROMISE_COUNT];
    struct crash_watch watch;
};

void checks_open(struct world *w)
{
    static const struct promise_result promises[PROMISE_COUNT] = {
        [PROMISE_I1] = {"I1", "acknowledged objects stay readable; no read returns wrong bytes", 0, 0, ""},
        [PROMISE_I3] = {"I3", "at most one result per task is accepted, and exactly one after heal", 0, 0, ""},
        [PROMISE_I5] = {"I5", "equal facts give equal state; after heal all nodes are equal", 0, 0, ""},
        [PROMISE_I7] = {"I7", "battery above its floor, temperature below its limit", 0, 0, ""},
        [PROMISE_I12] = {"I12", "recovery within the printed bound", 0, 0, ""},
    };
    w->checks = calloc(1, sizeof *w->checks);
    ASSERT(w->checks != NULL);
    memcpy(w->checks->results, promises, sizeof promises);
}

void checks_close(struct world *w)
{
    free(w->checks);
}

const struct promise_result *checks_results(const struct world *w)
{
    return w->checks->results;
}

void checks_count(struct world *w, enum promise p, bool kept, const char *format, ...)
{
    struct promise_result *r = &w->checks->results[p];
    r->evaluated++;
    if (kept)
        return;
    if (r->violations++ > 0)
        return;
    char when[40];
    time_utc_text(world_wall(w), 0, when);
    int n = snprintf(r->first, sizeof r->first, "%s ", when);
    va_list list;
    va_start(list, format);
    vsnprintf(r->first + n, sizeof r->first - (size_t)n, format, list);
    va_end(list);
}

void checks_kept(struct world *w, enum promise p, uint64_t count)
{
    w->checks->results[p].evaluated += count;
}

/* ---- I12: convictions ------------------------------------------------------------------------------------------------ */

/* Live nodes that are connected over links that stand now, from `from`. */
static void connected_from(struct world *w, node_id from, bool *in)
{
    in[from - 1] = true;
    for (bool grew = true; grew;) {
        grew = false;
        for (size_t i = 0; i < w->node_count; i++)
            for (size_t j = 0; in[i] && j < w->node_count; j++)
                if (!in[j] && w->nodes[j].node && link_connected(w, (node_id)(i + 1), (node_id)(j + 1)))
                    in[j] = grew = true;
    }
}

/* A crash is measured when at least two links of the victim stand, to two neighbours that are connected without it. */
void checks_crash(struct world *w, struct twin_node *n)
{
    struct crash_watch *c = &w->checks->watch;
    if (w->node_count > COUNT_OF(c->known) || c->open)
        return;
    size_t observers = 0;
    for (size_t i = 0; i < w->node_count; i++)
        observers += w->nodes[i].node && link_connected(w, n->id, (node_id)(i + 1));
    if (observers < 2)
        return;
    duration_ns beat = w->scenario->node.heartbeat_ns;
    *c = (struct crash_watch){.victim = n->id, .at = w->now, .bound = w->now + 9 * beat / 2, .open = true};
}

static bool plan_steady(struct world *w, node_id a, node_id b, duration_ns ahead)
{
    tai_ns wall = world_wall(w);
    const struct contact *c = sky_contact_at(w->sky, a, b, wall);
    return c && c->end - wall > ahead && wall - c->start > ahead;
}

static void crash_judge(struct world *w)
{
    struct crash_watch *c = &w->checks->watch;
    if (!c->open || w->now < c->bound)
        return;
    c->open = false;
    /* Judge only what the promise covers: observers whose contact with the victim holds well beyond the bound. */
    node_id observers[2];
    size_t count = 0;
    for (size_t i = 0; i < w->node_count && count < 2; i++)
        if (w->nodes[i].node && (node_id)(i + 1) != c->victim && plan_steady(w, c->victim, (node_id)(i + 1), 30 * NS_PER_S))
            observers[count++] = (node_id)(i + 1);
    if (count < 2)
        return;
    bool in[64] = {false};
    connected_from(w, observers[0], in);
    if (!in[observers[1] - 1])
        return;
    for (size_t i = 0; i < w->node_count; i++)
        if (in[i] && w->nodes[i].node)
            checks_count(w, PROMISE_I12, c->known[i], "%s did not know of the crash of %s within %.1f s",
                         scenario_name(w->scenario, (node_id)(i + 1)), scenario_name(w->scenario, c->victim),
                         (double)(c->bound - c->at) / 1e9);
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
        n->takeover_at = victim && !victim->node && n->convicted == t->about ? n->convicted_at : 0;
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
    crash_judge(w);
    if (t->id != TRACE_CONVICT || !c->open || t->about != c->victim || c->known[n->id - 1])
        return;
    c->known[n->id - 1] = true;
    duration_ns took = w->now - c->at;
    w->figures.convictions_measured++;
    w->figures.conviction_sum += took;
    w->figures.conviction_max = MAX(w->figures.conviction_max, took);
}

/* ---- I3 and I5 ------------------------------------------------------------------------------------------------------------ */

static void equal_facts_equal_state(struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++) {
        struct twin_node *a = &w->nodes[i];
        if (!a->node || !node_ready(a->node))
            continue;
        for (size_t j = i + 1; j < w->node_count; j++) {
            struct twin_node *b = &w->nodes[j];
            if (!b->node || !node_ready(b->node) || node_facts_digest(a->node) != node_facts_digest(b->node))
                continue;
            bool same = node_digest(a->node) == node_digest(b->node);
            checks_count(w, PROMISE_I5, same, "%s and %s hold the same facts but differ in %s", scenario_name(w->scenario, a->id),
                         scenario_name(w->scenario, b->id), same ? "" : node_digest_difference(a->node, b->node));
            break; /* pairwise along the row is enough: equality is transitive */
        }
    }
}

static void one_receipt(struct world *w, const struct twin_node *n)
{
    struct compute_counts counts = compute_counts_of(node_compute(n->node));
    checks_count(w, PROMISE_I3, counts.receipts_most <= 1, "%s holds %u receipts of one task",
                 scenario_name(w->scenario, n->id), counts.receipts_most);
}

void checks_sample(struct world *w)
{
    crash_judge(w);
    bool large = w->node_count > 100;
    uint64_t minute = (uint64_t)(w->now / NS_PER_MINUTE);
    if (minute % 30 == 0)
        equal_facts_equal_state(w);
    for (size_t i = 0; i < w->node_count; i++) {
        struct twin_node *n = &w->nodes[i];
        if (!n->node || !node_ready(n->node))
            continue;
        if (minute % 60 == i % 60)
            one_receipt(w, n);
        if (!large && minute % 60 == i % 60)
            ASSERT(node_check(n->node));
    }
}

bool checks_converged(struct world *w)
{
    uint64_t facts = 0;
    for (size_t i = 0; i < w->node_count; i++) {
        struct twin_node *n = &w->nodes[i];
        if (!n->node || !node_ready(n->node))
            return false;
        uint64_t digest = node_facts_digest(n->node);
        if (i == 0)
            facts = digest;
        if (digest != facts)
            return false;
        struct compute_counts counts = compute_counts_of(node_compute(n->node));
        if (counts.tasks_open > 0 || node_metrics(n->node)[METRIC_REPAIRS_QUEUED] > 0)
            return false;
    }
    return true;
}

void checks_final(struct world *w)
{
    equal_facts_equal_state(w);
    const struct twin_node *first = &w->nodes[0];
    for (size_t i = 0; i < w->node_count; i++) {
        const struct twin_node *n = &w->nodes[i];
        checks_count(w, PROMISE_I5, node_facts_digest(n->node) == node_facts_digest(first->node), "%s lacks facts after heal",
                     scenario_name(w->scenario, n->id));
        checks_count(w, PROMISE_I5, node_digest(n->node) == node_digest(first->node), "%s differs from %s after heal",
                     scenario_name(w->scenario, n->id), scenario_name(w->scenario, first->id));
        one_receipt(w, n);
        ASSERT(node_check(n->node));
    }
    struct compute_counts counts = compute_counts_of(node_compute(first->node));
    checks_count(w, PROMISE_I3, counts.tasks_open == 0, "%u tasks have no result after heal", counts.tasks_open);
    w->figures.tasks_ended = counts.tasks_ended;
    w->figures.facts = facts_count(node_facts(first->node));
}
