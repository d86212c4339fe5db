/*
 * I3: one receipt per task, one result after heal. I11: nobody waits beside an idle lane that would take the work.
 *
 * A task waits while it has no receipt and no living lease. A lane is willing when, in truth and not by forecast, its satellite is up,
 * joined to the task's sink by links that stand, idle, well charged and cool. Both together for more than the bound is a violation.
 * The bound counts light where that is far: announcement and bid, both once more since either may be lost, and news of the lane.
 */
#include <stdlib.h>
#include <string.h>

#include "compute/compute.h"
#include "twin/check_inner.h"
#include "twin/check_reach.h"

enum { WAIT_MINUTES_MAX = 15, LIGHT_CROSSINGS = 6, TASKS_LOOKED_AT = 48 };

struct waiting { /* value of `waits`, by task id */
    uint32_t minutes;   /* in a row */
    uint32_t seen_at;   /* sample number */
    uint32_t far_minutes; /* that light may add: the most of these minutes */
};

struct check_tasks {
    struct heap heap;
    void *memory;
    struct map waits;
    uint32_t samples;
};

#define TASKS_MEMORY_BYTES (64ull << 20)

void check_tasks_open(struct world *w)
{
    struct check_tasks *t = calloc(1, sizeof *t);
    ASSERT(t != NULL);
    t->memory = malloc(TASKS_MEMORY_BYTES);
    ASSERT(t->memory != NULL);
    heap_init(&t->heap, t->memory, TASKS_MEMORY_BYTES);
    map_init(&t->waits, &t->heap, sizeof(struct waiting));
    w->checks->tasks = t;
}

void check_tasks_close(struct world *w)
{
    free(w->checks->tasks->memory);
    free(w->checks->tasks);
}

static void one_receipt(struct twin_node *n)
{
    struct compute_counts counts = compute_counts_of(node_compute(n->node));
    node_promise(n, PROMISE_I3, counts.receipts_most <= 1, "%s holds %u receipts of one task",
                 scenario_name(n->world->scenario, n->id), counts.receipts_most);
}

/* ---- I11 ------------------------------------------------------------------------------------------------------------------------ */

/* As its sink knows it: no owner, or one that it knows to be dead. */
static bool task_waits(const struct twin_node *sink, const struct compute_summary *t)
{
    if (t->receipts > 0 || t->complete_result || t->state != TASK_QUEUED)
        return false;
    const struct view_member *owner = t->epoch ? view_find(node_view(sink->node), t->owner) : NULL;
    return !owner || owner->state == MEMBER_CONVICTED;
}

static size_t waiting_of(const struct twin_node *n)
{
    size_t count = 0;
    struct compute_summary t;
    for (size_t i = 0; i < TASKS_LOOKED_AT && compute_summary_at(node_compute(n->node), i, &t); i++)
        count += t.sink == n->id && task_waits(n, &t);
    return count;
}

static void waits_of(struct world *w, struct twin_node *n, const struct reach *reach)
{
    struct check_tasks *all = w->checks->tasks;
    struct compute_summary t;
    for (size_t i = 0; i < TASKS_LOOKED_AT && compute_summary_at(node_compute(n->node), i, &t); i++) {
        if (t.sink != n->id || !task_waits(n, &t))
            continue;
        bool may_sign = w->now >= n->faults.full_until; /* a sink whose disk is full can award nothing */
        duration_ns light = may_sign ? check_reach_willing(reach, n->id) : -1;
        uint32_t far_minutes = (uint32_t)(LIGHT_CROSSINGS * MAX(light, 0) / NS_PER_MINUTE);
        bool near = light >= 0;
        struct waiting *v = map_put(&all->waits, uid_span(&t.id), NULL);
        ASSERT(v != NULL);
        bool goes_on = near && v->seen_at + 1 == all->samples;
        v->minutes = goes_on ? v->minutes + 1 : near;
        v->far_minutes = goes_on ? MAX(v->far_minutes, far_minutes) : far_minutes;
        v->seen_at = all->samples;
        char text[UID_TEXT_SIZE];
        uid_text(t.id, text);
        node_promise(n, PROMISE_I11, v->minutes <= WAIT_MINUTES_MAX + v->far_minutes, "task %s of %s waits for %u min beside a willing lane", text,
                     scenario_name(w->scenario, n->id), v->minutes);
    }
}

static bool asks(const struct twin_node *n)
{
    return n->node && node_ready(n->node) && node_promised(n) && compute_open_count(node_compute(n->node)) > 0;
}

/* All ranks look at their sinks first: links and lanes are gathered only when somebody waits. */
static void waits_sample(struct world *w)
{
    int64_t waiting = 0;
    for (size_t i = 0; i < w->node_count; i++)
        waiting += asks(&w->nodes[i]) ? (int64_t)waiting_of(&w->nodes[i]) : 0;
    if (ranks_most(w, waiting) == 0)
        return;
    struct reach *reach = check_reach_open(w);
    for (size_t i = 0; i < w->node_count; i++)
        if (asks(&w->nodes[i]))
            waits_of(w, &w->nodes[i], reach);
    check_reach_close(reach);
}

void check_tasks_sample(struct world *w, uint64_t minute)
{
    w->checks->tasks->samples++;
    for (size_t i = 0; i < w->node_count; i++) {
        struct twin_node *n = &w->nodes[i];
        if (!n->node || !node_ready(n->node) || !node_promised(n))
            continue;
        if (minute % 60 == i % 60)
            one_receipt(n);
    }
    waits_sample(w);
}

void check_tasks_final(struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++)
        if (w->nodes[i].node && node_promised(&w->nodes[i]))
            one_receipt(&w->nodes[i]);
    const struct node_summary counts = world_summaries(w, false)[world_witness(w)->id - 1];
    if (!world_witness(w)->up)
        return;
    checks_count(w, PROMISE_I3, counts.tasks_open == 0, "%u tasks have no result after heal", counts.tasks_open);
    checks_count(w, PROMISE_I11, counts.tasks_open == 0, "%u tasks wait after heal", counts.tasks_open);
    w->figures.tasks_ended = counts.tasks_ended;
}
