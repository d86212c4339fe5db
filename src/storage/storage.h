/*
 * storage/storage.h - the storage plane: objects held as durable copies on chosen nodes, found by an index that every node folds.
 *
 * Story:    requests (core/object_api.h) come from planes and the region of this node. A PUT is cut into chunks that go to their holders
 *           while data still arrives; when each chunk is durable on enough of them the index fact is signed and made durable,
 *           then the client hears of it. A GET fetches chunks from the nearest holders and verifies them. Whatever falls
 *           below its policy is copied again by the first holder alive; corrupt chunks are dropped and repaired.
 * Owns:     streams, readers, the chunk table and the folded index, all in the node's heap. Units: bytes, nanoseconds.
 * Errors:   in replies only; see core/object_api.h.
 * Threads:  single owner; the node calls everything from its step.   Invariant: storage_check().
 */
#ifndef NOCT_STORAGE_STORAGE_H
#define NOCT_STORAGE_STORAGE_H

#include "core/object_api.h"
#include "core/port.h"

struct storage;

err storage_open(struct storage **out, struct port *port) MUST_USE; /* starts the recovery of the chunk area */
void storage_ready(struct storage *s);                              /* all facts are folded: begin to act */
void storage_request(struct storage *s, const struct object_request *r);
void storage_message(struct storage *s, const struct message *m);
void storage_done(struct storage *s, const struct event_done *done);
void storage_alarm(struct storage *s);
void storage_fact(struct storage *s, const struct fact *f);
void storage_held(struct storage *s, uint64_t tag, node_id node); /* a watched fact is durable there */
void storage_member(struct storage *s, node_id id);               /* state or reach changed */
uint64_t storage_digest(const struct storage *s);                 /* of the folded index alone */
bool storage_check(const struct storage *s);

/* For checkers and tests: what this node's disk holds, and what the index says. */
bool storage_serving(const struct storage *s);                   /* recovered and ready */
uint64_t storage_object_count(const struct storage *s);
uint64_t storage_repairs_queued(const struct storage *s);        /* runs that this node must copy */

#endif
