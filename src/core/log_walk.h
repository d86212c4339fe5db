/*
 * core/log_walk.h - reads a log from front to back: records, and the holes between them.
 *
 * Story:    whoever has bytes of the log hands them in and pulls items out. Where no record begins, the walk goes on in steps
 *           of 8 bytes until one does (resynchronisation): what lay between is a hole. A record of which only the payload is
 *           lost is a hole of its own. A record counts only if it belongs to
 *           its place (its checksum says the offset), if its index rises and its epoch does not fall. Of a hole it tells
 *           whether a sector of it is blank, as after a write that the power cut, or not, as after rot.
 * Owns:     a copy of the last record whose bits it turned back (heap), until the next call or log_walk_close.
 */
#ifndef NOCT_CORE_LOG_WALK_H
#define NOCT_CORE_LOG_WALK_H

#include "base/heap.h"
#include "core/log_record.h"

#define LOG_NOWHERE UINT64_MAX

struct log_walk {
    struct heap *heap;
    uint64_t at, end;     /* the next byte to look at; where the walk ends */
    uint64_t index;       /* of the last record */
    uint32_t epoch;
    bool in_hole;
    uint64_t hole;        /* where the hole began that the walk is in */
    uint64_t noise_end;   /* behind its last byte that is not zero */
    uint64_t reach;       /* at least so far a record that began there went */
    bool header, first;   /* a record whose header holds began there; it was the first of its group */
    bool torn_start;      /* a torn write may have begun there */
    uint64_t blank;       /* its first part of a sector that is all zero; LOG_NOWHERE: none */
    uint64_t portion;     /* where the part of a sector at hand began */
    bool portion_zero;
    uint8_t *copy;
};

enum log_item { LOG_ITEM_RECORD, LOG_ITEM_HOLE, LOG_ITEM_MORE, LOG_ITEM_END };

struct log_found {
    uint64_t offset, size; /* of the record with its padding, or of the hole */
    /* LOG_ITEM_RECORD: */
    struct log_header header;
    struct span payload;   /* borrowed from the bytes, or from the walk when mended */
    const uint8_t *mended; /* the whole record with its bits turned back; NULL: nothing was wrong with it */
    /* LOG_ITEM_HOLE: */
    bool last;             /* no record behind it */
    bool noisy;            /* it is not all zero */
    bool blank;            /* a sector of what was written there is all zero, as after a torn write */
    bool group_first;      /* a record began there of which only the payload is lost: LOG_GROUP_FIRST was set */
    uint64_t noise_end;
    uint64_t reach;        /* at least so far went what was written there */
};

void log_walk_open(struct log_walk *w, struct heap *heap, uint64_t at, uint64_t end, uint64_t index, uint32_t epoch);
void log_walk_close(struct log_walk *w);
/* The next item of `bytes`, which lie at `offset` of the log. MORE: read on from w->at;
 * `final` says that no longer read is possible from `offset`. */
enum log_item log_walk_next(struct log_walk *w, struct span bytes, uint64_t offset, bool final, struct log_found *found);
/* The bytes at w->at up to `to` cannot be read: they count as damaged. */
void log_walk_skip(struct log_walk *w, uint64_t to);

#endif
