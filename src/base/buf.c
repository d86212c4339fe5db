#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

static void release_heap(struct buf *b, void *owner)
{
    heap_free(owner, b);
}

static void release_malloc(struct buf *b, void *owner)
{
    (void)owner;
    free(b);
}

static struct buf *dress(void *block, size_t size, void (*release)(struct buf *, void *), void *owner)
{
    struct buf *b = block;
    *b = (struct buf){.data = (uint8_t *)block + 64, .size = size, .refs = 1,
                      .release = release, .owner = owner};
    return b;
}

_Static_assert(sizeof(struct buf) <= 64, "the header fits before the data");

struct buf *buf_new_heap(struct heap *h, size_t size)
{
    void *block = heap_alloc(h, size + 64);
    return block ? dress(block, size, release_heap, h) : NULL;
}

struct buf *buf_new_heap_unset(struct heap *h, size_t size)
{
    void *block = heap_alloc_unset(h, size + 64);
    return block ? dress(block, size, release_heap, h) : NULL;
}

struct buf *buf_new_malloc(size_t size)
{
    void *block = malloc(size + 64);
    ASSERT(block != NULL);
    return dress(block, size, release_malloc, NULL);
}

struct buf *buf_ref(struct buf *b)
{
    ASSERT(b->refs > 0 && b->refs < UINT32_MAX);
    b->refs++;
    return b;
}

void buf_unref(struct buf *b)
{
    if (!b)
        return;
    ASSERT(b->refs > 0);
    if (--b->refs == 0)
        b->release(b, b->owner);
}

struct slice slice_of(struct buf *b, size_t offset, size_t size)
{
    ASSERT(offset <= b->size && size <= b->size - offset);
    return (struct slice){b, b->data + offset, size};
}

struct slice slice_borrowed(struct span s)
{
    return (struct slice){NULL, s.data, s.size};
}

struct span slice_span(struct slice s)
{
    return (struct span){s.data, s.size};
}

struct slice slice_part(struct slice s, size_t offset, size_t size)
{
    ASSERT(offset <= s.size && size <= s.size - offset);
    return (struct slice){s.buf, s.data ? s.data + offset : NULL, size};
}

err slice_keep(struct slice *s, struct heap *h)
{
    if (s->buf) {
        buf_ref(s->buf);
        return ERR_OK;
    }
    if (s->size == 0)
        return ERR_OK;
    struct buf *copy = buf_new_heap(h, s->size);
    if (!copy)
        return ERR_FULL;
    memcpy(copy->data, s->data, s->size);
    *s = slice_of(copy, 0, s->size);
    return ERR_OK;
}

void slice_drop(struct slice *s)
{
    buf_unref(s->buf);
    *s = (struct slice){0};
}
