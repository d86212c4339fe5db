/*
 * manage/manage.h - who belongs, who is alive, how everybody is: membership, detector, status, health.
 *
 * Story:    JOIN, LEAVE, SUSPECT, CONVICT, RETURN and PROOF facts fold into the shared table of members (port->view).
 *           Each heartbeat interval this node tells its neighbours its status and passes on some of others'. Silence in
 *           time that the contact plan calls contact is suspicion; two observers convict.
 * Owns:     one record per member and per (observer, member) suspicion, in the node's heap. Writes port->view: rows, states,
 *           status. Calls facts_key_add for every JOIN (also during recovery).
 * Units:    heartbeats in mono time; windows of the plan in wall time.
 * Errors:   ERR_NO_MEMORY from manage_open. A record that does not fit (limits.members_max) is refused and traced.
 * Threads:  single owner; call from the node's step only.   Invariant: manage_check().
 * Source:   docs/protocol/membership.md.
 */
#ifndef NOCT_MANAGE_MANAGE_H
#define NOCT_MANAGE_MANAGE_H

#include "core/port.h"
#include "manage/member_wire.h"

struct manage; /* opaque: src/manage/manage_private.h */

/* Before facts_open, or after it: facts are folded from the first manage_fact on; port->facts must be set by then. */
err manage_open(struct manage **out, struct port *port) MUST_USE;
void manage_ready(struct manage *m); /* all facts are recovered: begin to beat and to watch */
void manage_message(struct manage *m, const struct message *message);
void manage_alarm(struct manage *m);
void manage_fact(struct manage *m, const struct fact *f);
void manage_link(struct manage *m, node_id peer, bool up);
void manage_craft(struct manage *m, const struct event_craft *craft);
/* The fact store found two facts with one sequence: publishes the proof. */
void manage_equivocation(struct manage *m, node_id author, struct span fact_a, struct span fact_b);
enum health manage_health(const struct manage *m);
uint64_t manage_digest(const struct manage *m); /* of the folded state only */
bool manage_check(const struct manage *m);
void manage_expect(const struct manage *m, unsigned stage, node_id peer); /* base/expect.h; peer: of a frame, or NODE_NONE for an alarm */

#endif
