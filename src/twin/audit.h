/*
 * twin/audit.h - an auditor that knows only the facts: replays what each node knew when it acted, and judges the act.
 *
 * Story:   after a run the auditor has the chains of all authors and, for each node, in which order it came to hold them. For one
 *          actor at a time it folds that history into a small state of its own (members, buckets, parts, leases), and before it
 *          takes in a fact of the actor itself, it asks whether a node with that knowledge may say this (promises I2, I3, I4, I6,
 *          I9). Each fact carries a digest of what its author knew (its knowledge cut): the auditor computes the same digest
 *          from the history by docs/format/fact.md, so it judges by what the author signed, not by what the twin believes.
 * Apart:   bodies are decoded here by the format pages, and folded here; nothing of the planes is called, so that a mistake
 *          in a plane cannot excuse itself.
 * Owns:    its tables (a heap in its own mapping). Units: HLC, nanoseconds. Threads: one.
 * Errors:  a body that does not decode is a violation of its author.
 * Chains:  one per author and incarnation: a member that was replaced acts on with a chain of its own, under the same number.
 * Limits:  a conviction by a single observer is not compared with the plan (tests/manage does).
 */
#ifndef NOCT_TWIN_AUDIT_H
#define NOCT_TWIN_AUDIT_H

#include "core/facts.h"

enum audit_promise { AUDIT_I2, AUDIT_I3, AUDIT_I4, AUDIT_I6, AUDIT_I9, AUDIT_PROMISES };
#define AUDIT_CHAIN_NONE UINT32_MAX

struct audit_chain {
    node_id author;
    uint32_t incarnation;
};
struct audit_step { /* one node came to hold `chain` up to `seq`; less than before: a crash took the rest */
    uint32_t chain;
    uint32_t seq;
    uint32_t turn; /* those with the same number came in one step of the node, in an order that is not known */
};

struct audit_actor {
    uint32_t chain; /* its own */
    const struct audit_step *steps; /* in order */
    size_t count;
};

struct audit {
    void *context;
    bool (*fact)(void *context, uint32_t chain, uint64_t seq, struct fact *out); /* the chains as they ended up */
    void (*judged)(void *context, enum audit_promise p, bool kept, const struct fact *f, const char *what);
    size_t nodes; /* ids 1..nodes; 0 is the root */
    const struct audit_chain *chains; /* [id]: the first of each author; behind those, later ones in any order */
    size_t chain_count;
    /* figures: */
    uint64_t facts; /* of actors, judged */
    uint64_t cuts_exact; /* those whose knowledge was found to the last fact; the others are judged by form alone */
};

uint32_t audit_chain_of(const struct audit *a, node_id author, uint32_t incarnation); /* AUDIT_CHAIN_NONE: no such chain */
void audit_actor_replay(struct audit *a, const struct audit_actor *actor);
/* What node_facts_digest must be when a node holds each chain up to limits[chain]. */
uint64_t audit_digest(struct audit *a, const uint64_t *limits);
/* The chain of a liar and the sequence that it used twice; false: `f` proves nothing. */
bool audit_proof(const struct audit *a, const struct fact *f, uint32_t *chain, uint64_t *twice);

#endif
