/*
 * twin/journal_reader.h - the records of one boot of a node's journal, in order, checked (docs/format/journal.md).
 *
 * Story:    maps the segments of the boot one after the other, hands out record by record. It ends at the first record that is not
 *           whole: that is where a power cut or a full disk ended the recording, or where somebody damaged it.
 * Owns:     the mapped segments; bodies are borrowed until the reader is closed.
 * Errors:   journal_reader_open: NOT_FOUND (no such folder, no segment, no such boot), and `why` says so in a sentence.
 * Limits:   JOURNAL_SEGMENTS_MAX segments of JOURNAL_SEGMENT_SIZE.
 */
#ifndef NOCT_TWIN_JOURNAL_READER_H
#define NOCT_TWIN_JOURNAL_READER_H

#include "core/journal.h"

enum { JOURNAL_SEGMENTS_MAX = 1 << 16, JOURNAL_WHY = 400, JOURNAL_BOOT_NEWEST = 0 };

struct journal_record {
    enum journal_kind kind;
    struct span body;
    uint32_t segment; /* where it is, for messages */
    size_t offset;
};

struct journal_reader {
    char directory[1024];
    uint32_t boot;
    struct span *segments; /* mapped so far; the last one is being read */
    uint32_t segment_count;
    size_t at;
    uint64_t records;
    bool memory; /* the only segment is the caller's */
    bool ended;
    char why[JOURNAL_WHY]; /* of the end: "" when an END record or an unused tail was reached */
};

/* `boot` JOURNAL_BOOT_NEWEST: the newest there is. */
err journal_reader_open(struct journal_reader *r, const char *directory, uint32_t boot) MUST_USE;
void journal_reader_memory(struct journal_reader *r, struct span segment); /* one segment, for tests and fuzzing */
bool journal_reader_next(struct journal_reader *r, struct journal_record *out); /* false: `why` says how it ended */
/* What came from the disk (a record of kind DISK): the event, its bytes in a new buffer that the caller gives up. False: not such a record. */
bool journal_reader_disk(const struct journal_reader *r, const struct journal_record *record, struct event *out);
void journal_reader_close(struct journal_reader *r);

#endif
