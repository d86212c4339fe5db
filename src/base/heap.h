/*
 * base/heap.h - a fixed memory budget with size-class free lists; the only allocator of a machine.
 *
 * Story:   a host gives a machine one block of memory at start; everything the machine ever holds
 *          comes out of it. Blocks are powers of two (and halves between them); a freed block goes
 *          to its class's list and is handed out again. Addresses never decide anything.
 * Units:   bytes.
 * Errors:  heap_alloc returns NULL when the budget is used up; callers turn that into ERR_FULL.
 * Threads: single owner.
 */
#ifndef NOCT_BASE_HEAP_H
#define NOCT_BASE_HEAP_H

#include "base/err.h"

enum { HEAP_CLASSES = 96 };

struct heap {
    uint8_t *memory;
    size_t capacity, used_bump, used_bytes, peak_bytes;
    void *free_list[HEAP_CLASSES];
};

/* `memory` stays the caller's and must outlive the heap; 16-byte aligned. Need not be zeroed. */
void heap_init(struct heap *h, void *memory, size_t capacity);
void *heap_alloc(struct heap *h, size_t size);  /* zeroed, 16-byte aligned; NULL when full */
void *heap_alloc_unset(struct heap *h, size_t size); /* the same, but with whatever was there: for bytes that are written before they are read */
void heap_free(struct heap *h, void *block);    /* NULL is allowed */
void *heap_grow(struct heap *h, void *block, size_t size); /* like realloc; old block kept on NULL */
size_t heap_block_size(const void *block);      /* usable size */
char *heap_copy_text(struct heap *h, const void *text, size_t size); /* zero-terminated copy */

#endif
