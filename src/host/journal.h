/*
 * host/journal.h - writes down everything that a node is told, so that an incident can be replayed (docs/format/journal.md).
 *
 * Story:    each event is recorded before its step, the digest of its effects behind it. Segments are mapped shared: what was recorded
 *           survives the death of the process without a system call per step. A ring of segments is bounded in bytes; the running
 *           boot is never cut at its head, because a replay begins at START.
 * Owns:     the folder NODE/journal and one mapped segment.
 * Errors:   journal_open: those of the file system. Later ones end the recording (journal_ended), never the node.
 * Cost:     one copy and one checksum of what comes in, one hash of what goes out; `bench-journal` measures it.
 * Threads:  the loop's.
 */
#ifndef NOCT_HOST_JOURNAL_H
#define NOCT_HOST_JOURNAL_H

#include "core/journal.h"

enum { JOURNAL_LIMIT_LEAST_MIB = 64, JOURNAL_LIMIT_MOST_MIB = 1 << 20 };

struct journal;

err journal_open(struct journal **out, const char *node_directory, node_id node, uint32_t boot, uint64_t limit_bytes) MUST_USE;
void journal_close(struct journal *j); /* records END; NULL is allowed */

void journal_file(struct journal *j, const char *name, struct span bytes); /* of the scenario */
void journal_start(struct journal *j, const struct journal_start *s);
void journal_sky(struct journal *j, bool forgotten, tai_ns t);
void journal_event(struct journal *j, const struct event *e);
void journal_signed(struct journal *j, struct span message, const uint8_t signature[64]);
/* `state_digest` is asked for now and then (journal_wants_state); NULL otherwise. */
void journal_result(struct journal *j, const struct effects *effects, const uint64_t *state_digest);
bool journal_wants_state(const struct journal *j); /* of the step that runs */

/* The recording goes on, or why it ended. */
bool journal_ended(const struct journal *j, enum journal_end *why);
uint64_t journal_bytes(const struct journal *j); /* recorded in this boot */

#endif
