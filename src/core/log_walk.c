#include "core/log_walk.h"

#include <string.h>

#include "base/hash.h"
#include "core/machine.h"

enum { WORD = 8 };

void log_walk_open(struct log_walk *w, struct heap *heap, uint64_t at, uint64_t end, uint64_t index, uint32_t epoch)
{
    *w = (struct log_walk){.heap = heap, .at = at, .end = end, .index = index, .epoch = epoch};
}

void log_walk_close(struct log_walk *w)
{
    heap_free(w->heap, w->copy);
    w->copy = NULL;
}

/* ---- holes ------------------------------------------------------------------------------------------------------ */

/* `h`: the header of the record that began there, if it holds. */
static void hole_begin(struct log_walk *w, const struct log_header *h)
{
    w->in_hole = true;
    w->hole = w->noise_end = w->portion = w->at;
    w->header = h != NULL;
    w->first = h && (h->flags & LOG_GROUP_FIRST);
    w->reach = w->at + (h ? log_record_size(h->size) : LOG_HEADER_SIZE);
    w->blank = LOG_NOWHERE;
    w->portion_zero = true;
    /* Sectors are written whole or not at all: a header that a torn write left within one sector is whole. */
    w->torn_start = h || DISK_SECTOR - w->at % DISK_SECTOR < LOG_HEADER_SIZE;
}

static void portion_end(struct log_walk *w)
{
    if (w->portion < w->at && w->portion_zero && w->blank == LOG_NOWHERE)
        w->blank = w->portion;
    if (w->portion == w->hole && w->portion_zero)
        w->torn_start = true;
    w->portion = w->at;
    w->portion_zero = true;
}

static void hole_step(struct log_walk *w, struct span bytes)
{
    size_t size = MIN(bytes.size, (size_t)WORD);
    for (size_t i = 0; i < size; i++)
        if (bytes.data[i] != 0) {
            w->noise_end = w->at + i + 1;
            w->portion_zero = false;
        }
    w->at += size;
    if (w->at % DISK_SECTOR == 0)
        portion_end(w);
}

static enum log_item hole_end(struct log_walk *w, bool last, struct log_found *found)
{
    portion_end(w);
    uint64_t written = MAX(w->noise_end, w->reach);
    *found = (struct log_found){.offset = w->hole, .size = w->at - w->hole, .last = last, .noisy = w->noise_end > w->hole,
                                .noise_end = w->noise_end, .reach = written, .group_first = w->first,
                                .blank = w->torn_start && (w->blank < written || (last && written > w->at))};
    w->in_hole = false;
    return LOG_ITEM_HOLE;
}

void log_walk_skip(struct log_walk *w, uint64_t to)
{
    if (!w->in_hole)
        hole_begin(w, NULL);
    w->at = MIN(to, w->end);
    w->noise_end = w->at;
    w->portion = w->at;
    w->portion_zero = false; /* nobody knows */
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static bool in_order(const struct log_walk *w, const struct log_header *h)
{
    return h->epoch >= w->epoch && (h->index > w->index || (h->type == LOG_FILLER && h->index == w->index));
}

/* Turns the wrong bits back in a copy; false: that was not it after all, or there is no memory. */
static bool mend(struct log_walk *w, struct span bytes, const struct log_header *h, const struct log_mend *m)
{
    size_t size = log_record_size(h->size);
    w->copy = heap_alloc(w->heap, size);
    if (!w->copy)
        return false;
    memcpy(w->copy, bytes.data, MIN(size, bytes.size));
    log_record_mend(w->copy, m);
    memset(w->copy + LOG_HEADER_SIZE + h->size, 0, size - LOG_HEADER_SIZE - h->size);
    if (hash64(w->copy + LOG_HEADER_SIZE, h->size) == h->payload_digest)
        return true;
    log_walk_close(w);
    return false;
}

static enum log_look look(struct log_walk *w, struct span bytes, struct log_found *found)
{
    static const uint8_t zeros[WORD];
    struct log_mend m;
    if (bytes.size >= WORD && memcmp(bytes.data, zeros, WORD) == 0)
        return LOOK_NONE; /* both checksums zero: blank space */
    enum log_look l = log_record_look(bytes, w->at, &found->header, &m);
    bool header = l == LOOK_SHORT ? bytes.size >= LOG_HEADER_SIZE : l != LOOK_NONE;
    if (header && !in_order(w, &found->header))
        return LOOK_NONE;
    if (l == LOOK_MENDED && !mend(w, bytes, &found->header, &m))
        return LOOK_DAMAGED;
    return l;
}

static enum log_item record_found(struct log_walk *w, struct span bytes, struct log_found *found)
{
    const uint8_t *record = w->copy ? w->copy : bytes.data;
    found->mended = w->copy;
    found->offset = w->at;
    found->size = log_record_size(found->header.size);
    found->payload = span_of(record + LOG_HEADER_SIZE, found->header.size);
    w->index = found->header.index;
    w->epoch = found->header.epoch;
    w->at += found->size;
    return LOG_ITEM_RECORD;
}

/* A damaged record whose header holds is passed over whole: what lies in its payload is no record. */
static void pass_over(struct log_walk *w, struct span bytes, const struct log_header *h)
{
    size_t size = MIN(h ? log_record_size(h->size) : WORD, bytes.size);
    if (!w->in_hole)
        hole_begin(w, h);
    for (size_t at = 0; at < size; at += WORD)
        hole_step(w, span_of(bytes.data + at, size - at));
}

enum log_item log_walk_next(struct log_walk *w, struct span bytes, uint64_t offset, bool final, struct log_found *found)
{
    log_walk_close(w);
    *found = (struct log_found){0};
    while (w->at < w->end) {
        if (w->at >= offset + bytes.size)
            return LOG_ITEM_MORE;
        struct span rest = span_of(bytes.data + (w->at - offset), bytes.size - (size_t)(w->at - offset));
        enum log_look l = look(w, rest, found);
        if (l == LOOK_SHORT && offset + bytes.size < w->end && !(final && w->at == offset))
            return LOG_ITEM_MORE;
        bool whole = l == LOOK_WHOLE || l == LOOK_MENDED;
        bool header = l == LOOK_DAMAGED || (l == LOOK_SHORT && rest.size >= LOG_HEADER_SIZE);
        if ((whole || header) && w->in_hole) {
            log_walk_close(w);
            return hole_end(w, false, found);
        }
        if (whole)
            return record_found(w, rest, found);
        pass_over(w, rest, header ? &found->header : NULL);
        if (header)
            return hole_end(w, w->at >= w->end, found);
    }
    return w->in_hole ? hole_end(w, true, found) : LOG_ITEM_END;
}
