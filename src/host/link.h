/*
 * host/link.h - the links of one node: who may be linked when, by the sky, over TCP on this machine.
 *
 * Story:    the node points a terminal at a peer; while it does, and while the contact stands by the true sky and no drill
 *           has cut the pair, the lower node id dials the other's port. When both certificates have been checked and the
 *           session is established the link is up. It ends when either lets go, when the contact ends or the pair is
 *           cut (at once: what is under way is lost), or when the peer's process dies. While it is up its bytes are held
 *           back by light time and rate, both at the scenario's speed.
 * Owns:     listener, sessions, the list of cuts. Borrows sky and clock for its life.
 * Calls:    `event` is called with EVENT_LINK, EVENT_FRAME (data holds a reference for the receiver) and EVENT_SENT, also
 *           from within the functions below: the receiver queues them.
 * Errors:   link_set_open: BUSY when the port is taken, CRYPTO.
 * Threads:  the loop's.
 */
#ifndef NOCT_HOST_LINK_H
#define NOCT_HOST_LINK_H

#include "host/clock.h"
#include "host/wire.h"
#include "core/machine.h"
#include "orbit/sky.h"

struct link_set;

struct link_set_config {
    uv_loop_t *loop;
    node_id self;
    uint16_t port;                                         /* ours, on 127.0.0.1 */
    uint16_t (*port_of)(void *context, node_id peer);      /* 0: unknown */
    bool (*allowed)(void *context, node_id peer);          /* a member that is not quarantined */
    void (*event)(void *context, const struct event *event); /* `now` is not set */
    void *context;
    X509 *authority, *certificate; /* borrowed */
    EVP_PKEY *key;
    const struct sky *sky;
    const struct clock *clock;
    bool emulate; /* delay and rate of the real link; false: only its windows */
};

struct link_info { /* of one candidate pair, for status */
    node_id peer;
    bool pointed, up, cut, contact;
    uint64_t rate_bps, bytes_out, bytes_in;
    duration_ns light_time;
    tai_ns until; /* end of the contact that stands */
};

err link_set_open(struct link_set **out, const struct link_set_config *config) MUST_USE;
void link_set_point(struct link_set *l, const struct effect_point *effect);
void link_set_send(struct link_set *l, const struct effect_send *effect); /* takes over the slices */
void link_set_accept(struct link_set *l, const struct effect_accept *effect);
void link_set_cut(struct link_set *l, node_id peer, tai_ns until); /* 0: heal; TIME_NEVER: until healed */
size_t link_set_count(const struct link_set *l);
void link_set_info(const struct link_set *l, size_t index, struct link_info *out);
void link_set_close(struct link_set *l); /* drops every link; run the loop until it is idle, then link_set_free */
void link_set_free(struct link_set *l);

#endif
