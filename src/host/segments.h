/*
 * host/segments.h - one disk area as a row of fixed-size segment files, zeroed and synced before they are needed.
 *
 * Story:   the area is one linear space; offset / segment_bytes names the file NNNNNNNN.seg. Overwriting blocks that the
 *          file system has already allocated and written costs half a commit and an eighth of the time per byte of
 *          growing a file, so segments_prepare makes spares ahead of need (spare-N.seg: zeros, synced), and the first
 *          write to a new segment only renames one. When no spare is ready the segment is allocated on the spot.
 * Owns:    the directory's *.seg files and their descriptors. A segment is never given back: the planes reuse offsets.
 * Units:   bytes.
 * Errors:  NO_SPACE (file system or capacity full), IO (sticky after a failed sync: what the kernel dropped is unknown),
 *          CORRUPT (unreadable medium), RANGE (outside the capacity), VERSION (files of another segment size).
 * Threads: write and sync from one thread, read from any, prepare from one other; a lock guards the descriptors.
 */
#ifndef NOCT_HOST_SEGMENTS_H
#define NOCT_HOST_SEGMENTS_H

#include "base/bytes.h"

struct segments;

struct segments_config {
    const char *directory; /* made when missing; copied */
    uint64_t segment_bytes, capacity_bytes;
    unsigned spares_most; /* how many spares may be kept ready; 0: never prepare */
    /* For tests: called before each system call of consequence; a non-zero errno makes that call fail. May be NULL. */
    int (*fail)(void *context, const char *call);
    void *fail_context;
};

err segments_open(struct segments **out, const struct segments_config *config) MUST_USE;
void segments_close(struct segments *s);
uint64_t segments_used_bytes(const struct segments *s); /* nothing was ever written at or beyond this offset */
err segments_write(struct segments *s, uint64_t offset, const struct span *parts, size_t part_count) MUST_USE;
err segments_sync(struct segments *s) MUST_USE; /* all earlier writes are on the medium */
err segments_read(struct segments *s, uint64_t offset, uint8_t *out, size_t size) MUST_USE; /* zeros where unwritten */
/* Makes one spare if fewer than wanted are ready; false when there was nothing to do (or no space to do it). */
bool segments_prepare(struct segments *s);

#endif
