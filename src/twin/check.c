#include "twin/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/compute.h"
#include "twin/check_inner.h"

static const struct promise_result promises[PROMISE_COUNT] = {
    [PROMISE_I1] = {.id = "I1", .text = "acknowledged objects are durable and stay readable; no read returns wrong bytes"},
    [PROMISE_I2] = {.id = "I2", .text = "no act is illegal under what its actor knew"},
    [PROMISE_I3] = {.id = "I3", .text = "at most one result per task is accepted, and exactly one after heal"},
    [PROMISE_I4] = {.id = "I4", .text = "only the holder of a right uses it: results are accepted by the sink, leases given by manager or successor"},
    [PROMISE_I5] = {.id = "I5", .text = "equal facts give equal state; after heal all nodes are equal"},
    [PROMISE_I6] = {.id = "I6", .text = "epochs, lives and boot counts only grow"},
    [PROMISE_I7] = {.id = "I7", .text = "battery above its floor, temperature below its limit"},
    [PROMISE_I8] = {.id = "I8", .text = "escrow sums never exceed the quota", .not_checked = "no plane gives quotas: there are no escrow shares to add up"},
    [PROMISE_I9] = {.id = "I9", .text = "a proven liar causes nothing that was not witnessed before the proof"},
    [PROMISE_I10] = {.id = "I10", .text = "no deletion takes an object below its policy"},
    [PROMISE_I11] = {.id = "I11", .text = "no task waits while a willing lane in reach stands idle"},
    [PROMISE_I12] = {.id = "I12", .text = "recovery within the printed bound"},
    [PROMISE_OWN] = {.id = "own", .text = "the invariants that each node walks by itself hold"},
};

void checks_open(struct world *w)
{
    w->checks = calloc(1, sizeof *w->checks);
    ASSERT(w->checks != NULL);
    memcpy(w->checks->results, promises, sizeof promises);
    check_knowledge_open(w);
    check_objects_open(w);
    check_tasks_open(w);
    check_recovery_open(w);
}

void checks_close(struct world *w)
{
    if (!w->checks)
        return; /* the world did not open */
    check_recovery_close(w);
    check_tasks_close(w);
    check_objects_close(w);
    check_knowledge_close(w);
    free(w->checks);
}

const struct promise_result *checks_results(const struct world *w)
{
    return w->checks->results;
}

uint64_t checks_violations(const struct world *w)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < PROMISE_COUNT; i++)
        sum += w->checks->results[i].violations;
    return sum;
}

void checks_count(struct world *w, enum promise p, bool kept, const char *format, ...)
{
    struct promise_result *r = &w->checks->results[p];
    r->evaluated++;
    if (kept)
        return;
    if (w->beyond && p != PROMISE_I1) { /* more was lost than was promised: only honesty is demanded */
        r->excused++;
        return;
    }
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

static void own_invariants(struct world *w, struct twin_node *n)
{
    if (!n->node || !node_ready(n->node))
        return;
    const char *broken = node_check_failure(n->node);
    node_promise(n, PROMISE_OWN, broken == NULL, "%s: a table of its plane %s contradicts itself", scenario_name(w->scenario, n->id),
                 broken ? broken : "");
}

void checks_sample(struct world *w)
{
    uint64_t minute = (uint64_t)(w->now / NS_PER_MINUTE);
    if (minute % 30 == 0)
        check_facts_sample(w);
    check_objects_sample(w);
    check_tasks_sample(w, minute);
    check_recovery_sample(w);
    for (size_t i = 0; i < w->node_count; i++)
        if (minute % 60 == i % 60 && check_audited(w, &w->nodes[i]))
            own_invariants(w, &w->nodes[i]);
}

/* Are there as many satellites as policies want copies in orbit? With fewer, copies stay on the ground and wait for others for good. */
static bool policies_can_be_met(const struct world *w)
{
    uint32_t satellites = 0, wanted = CUSTOMERS_COPIES;
    for (size_t i = 0; i < w->scenario->bucket_count; i++) {
        struct policy p = w->scenario->buckets[i].policy;
        wanted = p.where == PLACE_ORBIT ? MAX(wanted, p.copies) : wanted;
    }
    for (size_t i = 0; i < w->node_count; i++)
        satellites += node_promised(&w->nodes[i]) && !scenario_is_gateway(w->scenario, w->nodes[i].id);
    return satellites >= wanted;
}

static bool equal(struct world *w, bool idle)
{
    bool copies = idle && policies_can_be_met(w);
    const struct node_summary *all = world_summaries(w, false);
    const struct node_summary *first = NULL;
    for (size_t i = 0; i < w->node_count; i++) {
        if (!node_promised(&w->nodes[i]))
            continue;
        if (!first)
            first = &all[i];
        if (!all[i].ready || all[i].facts_digest != first->facts_digest)
            return false;
        if ((copies && all[i].repairs_queued > 0) || (idle && all[i].tasks_open > 0))
            return false;
    }
    return true;
}

bool checks_facts_equal(struct world *w)
{
    return equal(w, false);
}

bool checks_converged(struct world *w)
{
    return equal(w, true);
}

void checks_final(struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++) {
        own_invariants(w, &w->nodes[i]);
        check_probes_fold(&w->nodes[i]);
    }
    check_facts_final(w);
    check_objects_final(w);
    check_tasks_final(w);
}
