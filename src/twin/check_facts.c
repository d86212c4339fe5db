/*
 * I5: equal facts, equal state. And the histories of knowledge that the auditor replays at the end: I2, I3, I4, I6, I9.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "twin/check_inner.h"

/* ---- who held what when ------------------------------------------------------------------------------------------------------ */

void check_knowledge_open(struct world *w)
{
    struct checks *c = w->checks;
    if (!check_deep(w)) {
        static const enum promise unknown[] = {PROMISE_I2, PROMISE_I4, PROMISE_I6, PROMISE_I9};
        for (size_t i = 0; i < COUNT_OF(unknown); i++)
            c->results[unknown[i]].not_checked = "the knowledge of each node is recorded up to 100 nodes, in one process";
        return;
    }
    c->knowledge = calloc(w->node_count, sizeof *c->knowledge);
    ASSERT(c->knowledge != NULL);
    for (size_t i = 0; i < w->node_count; i++) {
        c->knowledge[i].held = calloc(w->node_count + 1, sizeof *c->knowledge[i].held);
        ASSERT(c->knowledge[i].held != NULL);
    }
}

void check_knowledge_close(struct world *w)
{
    struct checks *c = w->checks;
    for (size_t i = 0; c->knowledge && i < w->node_count; i++) {
        free(c->knowledge[i].steps);
        free(c->knowledge[i].held);
    }
    free(c->knowledge);
}

static void step_add(struct knowledge *k, struct audit_step step)
{
    if (k->count == k->capacity) {
        k->capacity = MAX((size_t)256, k->capacity * 2);
        k->steps = realloc(k->steps, k->capacity * sizeof *k->steps);
        ASSERT(k->steps != NULL);
    }
    k->steps[k->count++] = step;
}

void check_step(struct twin_node *n)
{
    const struct world *w = n->world;
    struct knowledge *k = w->checks->knowledge ? &w->checks->knowledge[n->id - 1] : NULL;
    if (!k || !n->node || !node_ready(n->node))
        return;
    struct facts *facts = node_facts(n->node);
    uint64_t count = facts_count(facts);
    if (count == k->facts && n->boot == k->boot)
        return;
    if (n->boot != k->boot)
        check_disk_booted(n);
    k->facts = count;
    k->boot = n->boot;
    k->turn++;
    for (node_id author = 0; author <= w->node_count; author++) {
        uint32_t seq = (uint32_t)facts_seq_of(facts, author);
        if (seq != k->held[author])
            step_add(k, (struct audit_step){author, seq, k->turn});
        k->held[author] = seq;
    }
}

/* ---- I5 ------------------------------------------------------------------------------------------------------------------------- */

/* Which plane of two nodes differs, where both are here to be asked. */
static const char *difference(const struct twin_node *a, const struct twin_node *b)
{
    return a->node && b->node ? node_digest_difference(a->node, b->node) : "some plane";
}

static void equal_facts_equal_state(struct world *w, const struct node_summary *all)
{
    for (size_t i = 0; i < w->node_count; i++) {
        if (!all[i].ready || !node_promised(&w->nodes[i]))
            continue;
        for (size_t j = i + 1; j < w->node_count; j++) {
            if (!all[j].ready || !node_promised(&w->nodes[j]) || all[i].facts_digest != all[j].facts_digest)
                continue;
            const struct twin_node *a = &w->nodes[i], *b = &w->nodes[j];
            bool same = all[i].state_digest == all[j].state_digest;
            checks_count(w, PROMISE_I5, same, "%s and %s hold the same facts but differ in %s", scenario_name(w->scenario, a->id),
                         scenario_name(w->scenario, b->id), same ? "" : difference(a, b));
            break; /* pairwise along the row is enough: equality is transitive */
        }
    }
}

void check_facts_sample(struct world *w)
{
    equal_facts_equal_state(w, world_summaries(w, true));
}

/* ---- the auditor ------------------------------------------------------------------------------------------------------------------ */

/* The chains as they ended up: the first node has them all after heal; if it has not, the author knows its own. */
bool check_fact_of(void *context, node_id author, uint64_t seq, struct fact *out)
{
    struct world *w = context;
    struct node *first = world_witness(w)->node, *own = author ? world_node(w, author)->node : NULL;
    if (first && facts_get(node_facts(first), author, seq, out))
        return true;
    return own && facts_get(node_facts(own), author, seq, out);
}

static void judged(void *context, enum audit_promise p, bool kept, const struct fact *f, const char *what)
{
    static const enum promise promises[AUDIT_PROMISES] = {[AUDIT_I2] = PROMISE_I2, [AUDIT_I3] = PROMISE_I3, [AUDIT_I4] = PROMISE_I4,
                                                          [AUDIT_I6] = PROMISE_I6, [AUDIT_I9] = PROMISE_I9};
    struct world *w = context;
    char when[40] = "";
    if (!kept)
        time_utc_text(hlc_time(f->time), 3, when);
    checks_count(w, promises[p], kept, "%s, fact %llu (%s) of %s: %s", scenario_name(w->scenario, f->author),
                 (unsigned long long)f->seq, fact_type_name(f->type), when, what);
}

/* Where the chain of a proven liar ends: before the sequence that it used twice. */
static void limits_by_proofs(struct world *w, uint64_t *limits)
{
    struct fact f;
    for (node_id author = 0; author <= w->node_count; author++)
        for (uint64_t seq = 1; check_fact_of(w, author, seq, &f); seq++) {
            struct reader r = reader_of(f.body.data, f.body.size);
            struct span one = f.type == FACT_PROOF ? read_blob(&r, FACT_BODY_MAX) : (struct span){0};
            struct reader head = reader_of(one.data, one.size);
            read_u32(&head);
            node_id liar = read_u32(&head);
            read_span(&head, 8);
            uint64_t twice = read_u64(&head);
            if (f.type == FACT_PROOF && reader_ok(&head) && liar <= w->node_count && twice > 0)
                limits[liar] = MIN(limits[liar], twice - 1);
        }
}

/* I9: what every node counts is what the auditor counts: chains of liars only up to their lie. */
static void counted_by_all(struct world *w, struct audit *a)
{
    uint64_t *limits = calloc(w->node_count + 1, sizeof *limits);
    ASSERT(limits != NULL);
    for (node_id author = 0; author <= w->node_count; author++)
        limits[author] = world_witness(w)->node ? facts_seq_of(node_facts(world_witness(w)->node), author) : 0;
    limits_by_proofs(w, limits);
    bool again = false; /* somebody was replaced and writes a new chain: the old one is not asked for */
    for (size_t i = 0; i < w->node_count; i++)
        again = again || w->nodes[i].faults.incarnation > 1;
    uint64_t expected = audit_digest(a, limits);
    for (size_t i = 0; i < w->node_count && !again; i++)
        if (w->nodes[i].node && node_promised(&w->nodes[i]))
            checks_count(w, PROMISE_I9, node_facts_digest(w->nodes[i].node) == expected,
                         "%s counts other facts than those witnessed before the proofs", scenario_name(w->scenario, (node_id)(i + 1)));
    free(limits);
}

static void audit_run(struct world *w)
{
    struct audit a = {.context = w, .fact = check_fact_of, .judged = judged, .nodes = w->node_count};
    for (size_t i = 0; i < w->node_count; i++) {
        if (w->nodes[i].faults.dead || !node_promised(&w->nodes[i]))
            continue; /* a liar's acts are judged by what they cause in others */
        const struct knowledge *k = &w->checks->knowledge[i];
        audit_actor_replay(&a, &(struct audit_actor){(node_id)(i + 1), k->steps, k->count});
    }
    w->checks->audit_facts = a.facts;
    w->checks->audit_cuts_exact = a.cuts_exact;
    counted_by_all(w, &a);
}

void check_facts_final(struct world *w)
{
    const struct node_summary *all = world_summaries(w, true), *first = &all[world_witness(w)->id - 1];
    equal_facts_equal_state(w, all);
    for (size_t i = 0; i < w->node_count; i++) {
        const struct twin_node *n = &w->nodes[i];
        if (!node_promised(n))
            continue;
        bool both = n->up && world_witness(w)->up;
        checks_count(w, PROMISE_I5, both && all[i].facts_digest == first->facts_digest, "%s lacks facts after heal",
                     scenario_name(w->scenario, n->id));
        checks_count(w, PROMISE_I5, both && all[i].state_digest == first->state_digest, "%s differs from %s after heal",
                     scenario_name(w->scenario, n->id), scenario_name(w->scenario, world_witness(w)->id));
    }
    w->figures.facts = first->facts;
    if (w->checks->knowledge)
        audit_run(w);
}

void check_audit_json(struct text *t, const struct world *w)
{
    json_uint(t, "audited_facts", w->checks->audit_facts);
    json_uint(t, "audited_with_exact_knowledge", w->checks->audit_cuts_exact);
}
