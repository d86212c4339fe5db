/*
 * network/network.h - the network plane: messages to other nodes become bundles, bundles find their
 * way.
 *
 * Story:   every node knows the sky, so routes need no chatter: earliest arrival over the predicted
 * contacts, corrected by what links really do. When the next link stands, a bundle leaves at once;
 * when it does not, it waits in memory and, if it travels with custody, on disk. The next hop's
 * acknowledgement frees it here. Terminals are pointed at peers as contacts begin and end. Custody:
 * a bundle from a peer is acknowledged (EFFECT_ACCEPT) when it was delivered here, when the next
 * hop has acknowledged it, or when it is durable in AREA_SPOOL: so an acknowledged bundle survives
 * a crash of its keeper. Delivery is at least once; copies are suppressed within a window. Planes
 * have their own end-to-end answers. Owns:    links, queues, the spool, its folded state: all in
 * port->heap. Limits: config->limits.{links,bundles}_max and bundle_bytes_max; beyond them senders
 * are told FULL (back-pressure), nothing is dropped that was accepted. Writes:
 * view->members[].link_up, reach_ns, reach_wall; port_member_changed when a member's reach class
 * changes. Units:   bytes, ns; "wall" and "mono" as in base/time.h. Errors:  network_open:
 * NO_MEMORY. network_send: see there. Threads: single owner; called within the node's step.
 * Invariant: network_check().
 */
#ifndef NOCT_NETWORK_NETWORK_H
#define NOCT_NETWORK_NETWORK_H

#include "core/port.h"

struct network;

/* `deliver` is called within a step for each message that arrives for this node; spans and slices
 * are valid during the call, the payload's buffer may be kept by reference. Starts the recovery of
 * the spool. */
err network_open(struct network **out, struct port *port,
                 void (*deliver)(void *context, const struct message *m), void *context) MUST_USE;
void network_close(
    struct network *n); /* drops the references to buffers; the memory goes with the heap */
void network_ready(struct network *n); /* points terminals, sends what was recovered */

/* Takes a message for another node (body copied, payload kept by reference). FULL: a limit is
 * reached, try later. UNREACHABLE: link_only and no link stands. NOT_FOUND: no such member.
 * TOO_LARGE. */
err network_send(struct network *n, const struct message *m) MUST_USE;

void network_link(struct network *n, const struct event_link *e);
void network_frame(struct network *n,
                   const struct event_frame *e); /* answered by one EFFECT_ACCEPT, now or later */
void network_sent(struct network *n, const struct event_sent *e);
void network_done(struct network *n, const struct event_done *e);
void network_alarm(struct network *n);
void network_fact(struct network *n, const struct fact *f); /* LINK_LOST, LINK_FOUND */
void network_member(struct network *n, node_id member); /* a member joined or changed its state */

uint64_t network_digest(const struct network *n); /* of the folded link facts */
bool network_check(const struct network *n);

/* base/expect.h; peer: of a frame, or NODE_NONE for an alarm */
void network_expect(const struct network *n, unsigned stage, node_id peer);

struct network_numbers { /* for tools and tests */
    size_t links_up, bundles_queued, bundles_in_flight, bundles_spooled;
    uint64_t bytes_in_memory, spool_slots_used;
    bool spool_recovered;
};
struct network_numbers network_numbers_of(const struct network *n);

#endif
