/*
 * core/journal.h - events as bytes, and effects as a digest: what a node was told, for replay on a desk.
 *
 * Story:    the real host writes each event into a journal before the step and the digest of its effects behind it
 *           (host/journal.h); the twin reads both and repeats the steps (twin/incident.h). Format: docs/format/journal.md.
 * Owns:     nothing. Reading borrows from the input; arrays of requests come from the given heap and die with it.
 * Errors:   a reader fails (reader_ok) for anything that is no event; counts and sizes are bounded before they are used.
 * Threads:  pure.
 */
#ifndef NOCT_CORE_JOURNAL_H
#define NOCT_CORE_JOURNAL_H

#include "base/heap.h"
#include "core/machine.h"

enum journal_kind { JOURNAL_FILE = 1, JOURNAL_START, JOURNAL_SKY, JOURNAL_EVENT, JOURNAL_SIGNED, JOURNAL_RESULT, JOURNAL_END, JOURNAL_DISK };
enum journal_end { JOURNAL_END_STOPPED, JOURNAL_END_FULL, JOURNAL_END_NO_SPACE };
enum {
    JOURNAL_HEADER_SIZE = 32,
    JOURNAL_RECORD_HEADER_SIZE = 9, /* size, crc, kind */
    JOURNAL_RECORD_MAX = 8 << 20,
    JOURNAL_SEGMENT_SIZE = 16 << 20,
    JOURNAL_FILES_MAX = 64,
    JOURNAL_PAGE = 4096, /* what was read from disk is recorded once per page of equal bytes */
    JOURNAL_STATE_EVERY = 1024, /* steps between digests of the whole state */
};
#define JOURNAL_MAGIC "NOCTJRN1"
#define JOURNAL_INLINE UINT32_MAX /* in place of a segment: the page follows */

struct journal_header {
    uint32_t boot, index, node;
};
void journal_header_write(const struct journal_header *h, uint8_t out[JOURNAL_HEADER_SIZE]);
err journal_header_read(struct span segment, struct journal_header *out) MUST_USE; /* TRUNCATED, VERSION, CORRUPT */

uint32_t journal_crc(uint64_t number, struct span kind_and_body);

/* START's body: what a node is made from beside its scenario. Spans are borrowed. */
struct journal_start {
    struct span commit;
    node_id node;
    uint32_t boot;
    uint64_t seed;
    uint64_t area_used_bytes[AREA_COUNT];
    tai_ns plan_start;
    uint8_t root_public_key[32];
    struct span genesis;
};
void journal_start_write(struct writer *w, const struct journal_start *s);
void journal_start_read(struct reader *r, struct journal_start *out);

size_t journal_event_room(const struct event *e); /* journal_event_write needs at most this */
void journal_event_write(struct writer *w, const struct event *e);
/* `out` borrows from the reader and from `heap`. A reader that failed leaves `out` unusable. */
void journal_event_read(struct reader *r, struct heap *heap, struct event *out);

/* The time stamps that every event begins with. */
void journal_now_write(struct writer *w, const struct now *now);
void journal_now_read(struct reader *r, struct now *now); /* fails for instants and rates beyond reason */

/* Of every field and byte of the effects, in order. Equal effects have equal digests. */
uint64_t journal_effects_digest(const struct effects *e);
const char *journal_event_name(enum event_kind k);   /* "FRAME" */
const char *journal_effect_name(enum effect_kind k); /* "SEND" */

#endif
