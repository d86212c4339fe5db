/*
 * core/roster.h - who was admitted before a node started: the first facts of the genesis, decoded once by the host and
 * shared by all nodes of a process.
 *
 * Story:  a mission of ten thousand begins with ten thousand JOIN facts. They never change, so no node copies, checks,
 *         logs or folds them for itself: facts are referenced in place, names and keys are read here, and a node's own
 *         tables hold only what differs from it (docs/adr/0010-scope.md). Made by node/roster.c.
 * Owns:   nothing here; the host keeps it alive and unchanged for the life of its nodes. Threads: read-only.
 */
#ifndef NOCT_CORE_ROSTER_H
#define NOCT_CORE_ROSTER_H

#include "core/ids.h"

enum { ROSTER_NAME_SIZE = 32, ROSTER_INCARNATION = 1 };

struct roster_member {
    node_id id;
    uint8_t role; /* enum member_role */
    uint16_t plane, batch;
    uint8_t public_key[32];
    char name[ROSTER_NAME_SIZE];
};

struct roster {
    const uint8_t **facts; /* encoded facts of the root by sequence - 1: one JOIN of incarnation 1 for each member */
    size_t count;          /* facts = members */
    struct roster_member *members; /* in order of id */
    uint8_t head[32];      /* hash of the last of these facts */
    hlc time_most;         /* the latest of their times */
    struct span rest;      /* of the genesis: facts that each node takes for itself */
};

const struct roster_member *roster_find(const struct roster *r, node_id id); /* NULL: not in it; r may be NULL */

#endif
