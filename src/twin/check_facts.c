/*
 * I5: equal facts, equal state. And the auditor at the end: I2, I3, I4, I6, I9. Each rank replays the nodes that it has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "twin/check_inner.h"

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

/* The first node of those here that the promises speak of. */
static struct node *witness_here(const struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++)
        if (w->nodes[i].node && node_promised(&w->nodes[i]) && node_ready(w->nodes[i].node))
            return w->nodes[i].node;
    return NULL;
}

/* The chains as they ended up: that node has them all after heal; if it has not, the author knows its own. */
bool check_fact_of(void *context, uint32_t chain, uint64_t seq, struct fact *out)
{
    struct world *w = context;
    struct audit_chain c = w->checks->chains[chain];
    struct node *first = witness_here(w);
    const struct twin_node *author = world_node(w, c.author);
    if (first && facts_chain_get(node_facts(first), c.author, c.incarnation, seq, out))
        return true;
    return author && author->node && facts_chain_get(node_facts(author->node), c.author, c.incarnation, seq, out);
}

struct audited { /* whose acts are judged now */
    struct world *world;
    struct twin_node *actor;
};

static bool fact_of(void *context, uint32_t chain, uint64_t seq, struct fact *out)
{
    return check_fact_of(((struct audited *)context)->world, chain, seq, out);
}

static void judged(void *context, enum audit_promise p, bool kept, const struct fact *f, const char *what)
{
    static const enum promise promises[AUDIT_PROMISES] = {[AUDIT_I2] = PROMISE_I2, [AUDIT_I3] = PROMISE_I3, [AUDIT_I4] = PROMISE_I4,
                                                          [AUDIT_I6] = PROMISE_I6, [AUDIT_I9] = PROMISE_I9};
    const struct audited *x = context;
    char when[40] = "";
    if (!kept)
        time_utc_text(hlc_time(f->time), 3, when);
    node_promise(x->actor, promises[p], kept, "%s, fact %llu (%s) of %s: %s", scenario_name(x->world->scenario, f->author),
                 (unsigned long long)f->seq, fact_type_name(f->type), when, what);
}

/* Where each chain ends: a proven liar's before the sequence that it used twice. */
static void limits_by_proofs(struct audit *a, uint64_t *limits)
{
    struct fact f;
    uint32_t liar;
    uint64_t twice;
    for (uint32_t chain = 0; chain < a->chain_count; chain++)
        for (uint64_t seq = 1; a->fact(a->context, chain, seq, &f); seq++)
            if (audit_proof(a, &f, &liar, &twice))
                limits[liar] = MIN(limits[liar], twice - 1);
}

/* I9: what every node counts is what the auditor counts: chains of liars only up to their lie. */
static void counted_by_all(struct world *w, struct audit *a, const uint64_t *limits)
{
    struct node *witness = witness_here(w);
    uint64_t *counted = calloc(a->chain_count, sizeof *counted);
    ASSERT(counted != NULL);
    for (size_t i = 0; i < a->chain_count && witness; i++)
        counted[i] = MIN(limits[i], facts_chain_seq(node_facts(witness), a->chains[i].author, a->chains[i].incarnation));
    uint64_t expected = audit_digest(a, counted);
    for (size_t i = 0; i < w->node_count; i++)
        if (w->nodes[i].node && node_promised(&w->nodes[i]))
            node_promise(&w->nodes[i], PROMISE_I9, node_facts_digest(w->nodes[i].node) == expected,
                         "%s counts other facts than those witnessed before the proofs", scenario_name(w->scenario, (node_id)(i + 1)));
    free(counted);
}

/* The acts of those who were lost are judged as far as their facts were heard; a liar's by what they cause in others. */
static void actor_replay(struct audit *a, struct audited *x, const struct knowledge *k, const uint64_t *limits)
{
    struct twin_node *n = world_node(x->world, a->chains[k->chain].author);
    bool speaks = node_promised(n) || n->faults.dead || n->faults.incarnation != a->chains[k->chain].incarnation;
    if (k->count == 0 || !speaks || limits[k->chain] != UINT64_MAX)
        return;
    x->actor = n;
    audit_actor_replay(a, &(struct audit_actor){k->chain, k->steps, k->count});
}

static void audit_run(struct world *w)
{
    const struct checks *c = w->checks;
    struct audited x = {.world = w};
    struct audit a = {.context = &x, .fact = fact_of, .judged = judged, .nodes = w->node_count, .chains = c->chains,
                      .chain_count = c->chain_count};
    uint64_t *limits = malloc(c->chain_count * sizeof *limits);
    ASSERT(limits != NULL);
    memset(limits, 0xff, c->chain_count * sizeof *limits);
    limits_by_proofs(&a, limits);
    for (size_t i = 0; i < w->node_count; i++)
        if (c->knowledge[i])
            actor_replay(&a, &x, c->knowledge[i], limits);
    for (size_t i = 0; i < c->former_count; i++)
        actor_replay(&a, &x, c->former[i], limits);
    counted_by_all(w, &a, limits);
    w->checks->audit_facts = a.facts;
    w->checks->audit_cuts_exact = a.cuts_exact;
    free(limits);
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
    audit_run(w);
}

void check_audit_add(struct world *w, const uint64_t counts[2])
{
    w->checks->audit_facts += counts[0];
    w->checks->audit_cuts_exact += counts[1];
}

void check_audit_counts(const struct world *w, uint64_t counts[2])
{
    counts[0] = w->checks->audit_facts;
    counts[1] = w->checks->audit_cuts_exact;
}

void check_audit_json(struct text *t, const struct world *w)
{
    json_uint(t, "audited_facts", w->checks->audit_facts);
    json_uint(t, "audited_with_exact_knowledge", w->checks->audit_cuts_exact);
}
