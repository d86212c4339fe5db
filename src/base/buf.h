/*
 * base/buf.h - reference-counted byte buffers for bulk payloads, and slices of them.
 *
 * Story:   a megabyte that came off a socket goes to the disk and to two links without a copy. The
 *          buffer remembers who allocated it; the last buf_unref gives it back.
 * Owns:    nothing; a `slice` that is stored anywhere must hold a reference (slice_keep).
 * Threads: single owner (counts are not atomic). A host that hands a buffer to a worker thread keeps
 *          its own reference meanwhile and gives it up on its loop thread.
 */
#ifndef NOCT_BASE_BUF_H
#define NOCT_BASE_BUF_H

#include "base/bytes.h"
#include "base/heap.h"

struct buf {
    uint8_t *data;
    size_t size;
    uint32_t refs;
    void (*release)(struct buf *, void *owner);
    void *owner;
};

struct buf *buf_new_heap(struct heap *h, size_t size); /* one reference; NULL when full; zeroed */
struct buf *buf_new_heap_unset(struct heap *h, size_t size); /* the same, not zeroed */
struct buf *buf_new_malloc(size_t size);               /* hosts only; not zeroed; aborts when out of memory */
struct buf *buf_ref(struct buf *b);
void buf_unref(struct buf *b); /* NULL is allowed */

/* A part of a buffer. `buf` may be NULL: then the bytes are borrowed for the current step only. */
struct slice {
    struct buf *buf;
    const uint8_t *data;
    size_t size;
};

struct slice slice_of(struct buf *b, size_t offset, size_t size); /* does not take a reference */
struct slice slice_borrowed(struct span s);
struct span slice_span(struct slice s);
struct slice slice_part(struct slice s, size_t offset, size_t size);
/* Makes the slice safe to store: takes a reference, or copies borrowed bytes into the heap. */
err slice_keep(struct slice *s, struct heap *h) MUST_USE;
void slice_drop(struct slice *s); /* gives up what slice_keep took; leaves an empty slice */

#endif
