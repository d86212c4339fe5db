/*
 * node/node.h - the composition root: five planes and the facts become one deterministic machine.
 *
 * Story:   node_open places a node into the memory it is given. Then the host feeds events, first START, and performs
 *          the effects of each step in order. The node routes messages between its planes within the step; only it
 *          knows who else exists.
 * Owns:    the memory block it was given, until the host throws it away (there is nothing else to release, except
 *          buffers whose references the node still holds: node_close drops them).
 * Errors:  node_open: NO_MEMORY when the block is too small, INVALID when the configuration makes no sense.
 * Threads: single owner.   Invariant: node_check().
 */
#ifndef NOCT_NODE_NODE_H
#define NOCT_NODE_NODE_H

#include "core/port.h"

struct node;

struct start {
    struct config config;             /* copied */
    const struct sky *sky;            /* borrowed for the life of the node */
    struct fact_crypto crypto;        /* signs as this node; checks anyone */
    uint8_t root_public_key[32];
    struct span genesis;              /* encoded root facts; copied during START. Ignored where there is a roster */
    const struct roster *roster;      /* the genesis, checked once for all nodes of the process; borrowed for the life of the node. NULL: none */
};

/* Checks a genesis fact by fact and takes over its JOINs up to the first that does not fit. Borrows `genesis` until
 * roster_free. ERR_NO_MEMORY. Made once per process by hosts (malloc). */
err roster_make(struct span genesis, const uint8_t root_public_key[32], const struct fact_crypto *crypto, struct roster **out) MUST_USE;
void roster_free(struct roster *r); /* NULL is allowed */

/* `memory` is 16-byte aligned, need not be zeroed, and stays with the node. A small satellite needs 4 MiB. */
err node_open(struct node **out, void *memory, size_t memory_size, const struct start *start) MUST_USE;
void node_close(struct node *n);

/* One event in; `effects` is filled with what the host must do, in order. Its items are lent until the next step. */
void node_step(struct node *n, const struct event *event, struct effects *effects);

/* Hints for hosts of many nodes, whose steps mostly wait for memory (base/expect.h): stages 0 to EXPECT_STAGES - 1, each a step of
 * the host or more after the one before. Nothing else changes. `peer`: of the frame that comes; NODE_NONE: an alarm, or something else. */
void node_expect(const struct node *n, unsigned stage, node_id peer);

bool node_ready(const struct node *n);              /* recovery is complete: requests are served */
uint64_t node_digest(const struct node *n);         /* of the folded state: equal fact sets, equal digests */
const char *node_digest_difference(const struct node *a, const struct node *b); /* the plane that differs; "none" */
uint64_t node_facts_digest(const struct node *n);   /* of the fact set */
bool node_check(const struct node *n);              /* full invariant walk */
const char *node_check_failure(const struct node *n); /* the plane whose invariant is broken; NULL: none */
const struct view *node_view(const struct node *n);
const uint64_t *node_metrics(const struct node *n); /* METRIC_COUNT values */
const uint32_t *node_probes(const struct node *n);  /* PROBE_COUNT values, since this boot */
struct facts *node_facts(struct node *n);
struct storage *node_storage(struct node *n);       /* for checkers and tools that look inside */
struct compute *node_compute(struct node *n);
struct network *node_network(struct node *n);

#endif
