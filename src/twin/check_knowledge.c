/*
 * Who held what when: for each audited node, in which order it came to hold the facts of each chain. Own to the node's shard; the
 * auditor replays it at the end (check_facts.c).
 *
 * The order within a step comes from the signatures that the node had checked or made in it: a fact joins the set right after.
 * What that does not explain (a start, a fact of the genesis) is found by asking for every chain, and stands in one turn.
 *
 * Up to CHECK_NODES_MAX nodes all are audited. Above, a sample: half of it gateways, evenly spread; which ones follows from the seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"
#include "twin/check_inner.h"

enum {
    SAMPLED_NODES = 32,
    SAMPLED_NODES_OF_LARGE = 8, /* above LARGE_NODES: each holds facts of all the others */
    LARGE_NODES = 2000,
    STEPS_MAX = 8000000, /* over all audited nodes; a history that is full ends there */
};

static size_t sample_size(const struct world *w)
{
    return w->node_count <= CHECK_NODES_MAX ? w->node_count : w->node_count > LARGE_NODES ? SAMPLED_NODES_OF_LARGE : SAMPLED_NODES;
}

static struct knowledge *knowledge_new(const struct world *w, uint32_t chain)
{
    struct knowledge *k = calloc(1, sizeof *k);
    ASSERT(k != NULL);
    *k = (struct knowledge){.chain = chain, .capacity_max = STEPS_MAX / sample_size(w)};
    return k;
}

static void knowledge_free(struct knowledge *k)
{
    if (!k)
        return;
    free(k->steps);
    free(k->held);
    free(k->seen);
    free(k);
}

/* `wanted` of the nodes [first, first + count), evenly spread. */
static void choose(struct world *w, size_t first, size_t count, size_t wanted)
{
    for (size_t i = 0; i < wanted; i++) {
        size_t at = first + (i * count / wanted + w->seed % MAX(count / wanted, (size_t)1)) % count;
        if (!w->checks->knowledge[at])
            w->checks->knowledge[at] = knowledge_new(w, (uint32_t)(at + 1));
    }
}

void check_knowledge_open(struct world *w)
{
    struct checks *c = w->checks;
    size_t satellites = w->scenario->satellite_count, gateways = w->node_count - satellites, wanted = sample_size(w);
    size_t of_gateways = wanted == w->node_count ? gateways : MIN(gateways, wanted / 2);
    c->knowledge = calloc(w->node_count, sizeof *c->knowledge);
    c->chains = calloc(w->node_count + 1, sizeof *c->chains);
    ASSERT(c->knowledge && c->chains);
    c->chain_count = w->node_count + 1;
    for (node_id id = 1; id <= w->node_count; id++)
        c->chains[id] = (struct audit_chain){id, 1};
    if (satellites > 0)
        choose(w, 0, satellites, MIN(wanted - of_gateways, satellites));
    if (of_gateways > 0)
        choose(w, satellites, gateways, of_gateways);
    static const enum promise audited[] = {PROMISE_I2, PROMISE_I4, PROMISE_I6, PROMISE_I9};
    for (size_t i = 0; i < COUNT_OF(audited) && wanted < w->node_count; i++)
        snprintf(c->results[audited[i]].sampled, sizeof c->results[0].sampled, "acts of %zu of %zu nodes, %zu of them gateways", wanted,
                 w->node_count, of_gateways);
}

void check_knowledge_close(struct world *w)
{
    struct checks *c = w->checks;
    for (size_t i = 0; c->knowledge && i < w->node_count; i++)
        knowledge_free(c->knowledge[i]);
    for (size_t i = 0; i < c->former_count; i++)
        knowledge_free(c->former[i]);
    free(c->knowledge);
    free(c->former);
    free(c->chains);
}

bool check_audited(const struct world *w, const struct twin_node *n)
{
    return w->checks->knowledge[n->id - 1] != NULL;
}

void check_replaced(struct twin_node *n)
{
    struct checks *c = n->world->checks;
    struct knowledge **k = &c->knowledge[n->id - 1];
    c->chains = realloc(c->chains, (c->chain_count + 1) * sizeof *c->chains);
    ASSERT(c->chains != NULL);
    c->chains[c->chain_count] = (struct audit_chain){n->id, n->faults.incarnation};
    check_shelf_replaced(n);
    if (*k) {
        c->former = realloc(c->former, (c->former_count + 1) * sizeof(struct knowledge *));
        ASSERT(c->former != NULL);
        c->former[c->former_count++] = *k;
        *k = knowledge_new(n->world, (uint32_t)c->chain_count);
    }
    c->chain_count++;
}

/* ---- while the run goes on --------------------------------------------------------------------------------------------------- */

static void step_add(struct knowledge *k, struct audit_step step)
{
    if (k->count == k->capacity_max)
        return;
    if (k->count == k->capacity) {
        k->capacity = MIN(MAX((size_t)256, k->capacity * 2), k->capacity_max);
        k->steps = realloc(k->steps, k->capacity * sizeof *k->steps);
        ASSERT(k->steps != NULL);
    }
    k->steps[k->count++] = step;
}

void check_fact_signed(struct twin_node *n, struct span message)
{
    struct knowledge *k = n->world->checks ? n->world->checks->knowledge[n->id - 1] : NULL;
    if (!k || message.size < FACT_HEADER_SIZE)
        return;
    if (k->seen_count == k->seen_capacity) {
        k->seen_capacity = MAX((size_t)16, 2 * k->seen_capacity);
        k->seen = realloc(k->seen, k->seen_capacity * sizeof *k->seen);
        ASSERT(k->seen != NULL);
    }
    struct reader r = reader_of(message.data + 4, 20);
    struct knowledge_seen *s = &k->seen[k->seen_count++];
    s->author = read_u32(&r);
    s->incarnation = read_u32(&r);
    read_u32(&r); /* clock uncertainty */
    s->seq = read_u64(&r);
}

/* Room for chains that began since: their number changes in serial code only. */
static void held_widen(struct knowledge *k, size_t chains)
{
    if (k->chains >= chains)
        return;
    k->held = realloc(k->held, chains * sizeof *k->held);
    ASSERT(k->held != NULL);
    memset(k->held + k->chains, 0, (chains - k->chains) * sizeof *k->held);
    k->chains = chains;
}

/* The facts that were seen, as far as they were taken; returns how many. */
static uint64_t follow_seen(const struct checks *c, struct knowledge *k, const struct facts *facts, size_t nodes)
{
    const struct audit a = {.nodes = nodes, .chains = c->chains, .chain_count = c->chain_count};
    uint64_t taken = 0;
    for (size_t i = 0; i < k->seen_count; i++) {
        const struct knowledge_seen *s = &k->seen[i];
        uint32_t chain = audit_chain_of(&a, s->author, s->incarnation);
        if (chain == AUDIT_CHAIN_NONE || s->seq != k->held[chain] + 1ull ||
            s->seq > facts_chain_seq(facts, s->author, s->incarnation))
            continue;
        k->held[chain] = (uint32_t)s->seq;
        step_add(k, (struct audit_step){chain, (uint32_t)s->seq, ++k->turn});
        taken++;
    }
    return taken;
}

static void ask_for_all(const struct checks *c, struct knowledge *k, const struct facts *facts)
{
    k->turn++;
    for (uint32_t chain = 0; chain < c->chain_count; chain++) {
        uint32_t seq = (uint32_t)facts_chain_seq(facts, c->chains[chain].author, c->chains[chain].incarnation);
        if (seq != k->held[chain])
            step_add(k, (struct audit_step){chain, seq, k->turn});
        k->held[chain] = seq;
    }
}

void check_step(struct twin_node *n)
{
    const struct checks *c = n->world->checks;
    struct knowledge *k = c->knowledge[n->id - 1];
    if (!k || !n->node)
        return;
    if (node_ready(n->node)) {
        const struct facts *facts = node_facts(n->node);
        uint64_t count = facts_count(facts);
        bool booted = n->boot != k->boot;
        if (count != k->facts || booted) {
            held_widen(k, c->chain_count);
            if (booted || k->facts + follow_seen(c, k, facts, n->world->node_count) != count)
                ask_for_all(c, k, facts);
        }
        k->facts = count;
        k->boot = n->boot;
    }
    k->seen_count = 0;
}
