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
 * Limits:  one incarnation per author; a conviction by a single observer is not compared with the plan (tests/manage does).
 */
#ifndef NOCT_TWIN_AUDIT_H
#define NOCT_TWIN_AUDIT_H

#include "core/facts.h"

enum audit_promise { AUDIT_I2, AUDIT_I3, AUDIT_I4, AUDIT_I6, AUDIT_I9, AUDIT_PROMISES };

struct audit_step { /* one node came to hold the chain of `author` up to `seq`; less than before: a crash took the rest */
    node_id author;
    uint32_t seq;
    uint32_t turn; /* those with the same number came in one step of the node, in an order that is not known */
};

struct audit_actor {
    node_id id;
    const struct audit_step *steps; /* in order */
    size_t count;
};

struct audit {
    void *context;
    bool (*fact)(void *context, node_id author, uint64_t seq, struct fact *out); /* the chains as they ended up */
    void (*judged)(void *context, enum audit_promise p, bool kept, const struct fact *f, const char *what);
    size_t nodes;   /* ids 1..nodes; 0 is the root */
    /* figures: */
    uint64_t facts; /* of actors, judged */
    uint64_t cuts_exact; /* those whose knowledge was found to the last fact; the others are judged by form alone */
};

void audit_actor_replay(struct audit *a, const struct audit_actor *actor);
/* What node_facts_digest must be when a node holds each chain up to limits[author] (index 0: the root). */
uint64_t audit_digest(struct audit *a, const uint64_t *limits);

#endif
