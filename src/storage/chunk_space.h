/*
 * storage/chunk_space.h - which units of the chunk area are taken: a bitmap that grows with use.
 *
 * Story:    runs of contiguous units are handed out first-fit below the high-water mark, behind it when nothing fits;
 *           so the area grows from zero and a young disk is written front to back.
 * Owns:     the bitmap (in the heap, one bit per unit below the mark).
 * Errors:   NO_SPACE (no such run within the capacity), FULL (no memory for the bitmap).
 */
#ifndef NOCT_STORAGE_CHUNK_SPACE_H
#define NOCT_STORAGE_CHUNK_SPACE_H

#include "base/heap.h"

struct chunk_space {
    struct heap *heap;
    uint64_t *words;
    size_t word_count;
    uint32_t capacity, mark; /* in units; nothing at or above the mark is taken */
    uint32_t used, hint;
    uint32_t hopeless;       /* no free run of so many units below the mark; 0: not known */
};

void chunk_space_init(struct chunk_space *s, struct heap *heap, uint64_t capacity_units);
err chunk_space_take(struct chunk_space *s, uint32_t count, uint32_t *first) MUST_USE;
err chunk_space_mark(struct chunk_space *s, uint32_t first, uint32_t count) MUST_USE; /* at recovery; EXISTS: overlaps */
void chunk_space_give(struct chunk_space *s, uint32_t first, uint32_t count);
bool chunk_space_taken(const struct chunk_space *s, uint32_t unit);
bool chunk_space_check(const struct chunk_space *s);

#endif
