/*
 * orbit/memory.h - blocks from a machine's heap, or malloc'd where there is none.
 *
 * Story:   the sky, its index and its ways live in a node (which has a heap) and in tools (which have not). Blocks are zeroed.
 * Owns:    nothing; who takes a block gives it back to the same heap.   Errors: NULL when memory ran out.
 * Threads: as the heap.
 */
#ifndef NOCT_ORBIT_MEMORY_H
#define NOCT_ORBIT_MEMORY_H

#include <stdlib.h>

#include "base/heap.h"

static inline void *memory_take(struct heap *heap, size_t size)
{
    return heap ? heap_alloc(heap, size) : calloc(1, size);
}

static inline void memory_give(struct heap *heap, void *block)
{
    if (heap)
        heap_free(heap, block);
    else
        free(block);
}

#endif
