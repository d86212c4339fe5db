#include "base/heap.h"

#include <string.h>

/* Each block is preceded by 16 bytes: its class, and a magic number that catches stray frees. */
struct block_header {
    uint32_t class_index, magic;
    uint64_t unused;
};

enum { HEADER_SIZE = 16, SMALLEST = 32 };
#define MAGIC_USED 0x6e6f6374u
#define MAGIC_FREE 0x66726565u

_Static_assert(sizeof(struct block_header) == HEADER_SIZE, "header keeps blocks aligned");

/* Class 2i is SMALLEST << i, class 2i+1 is one and a half times that. */
static size_t class_size(unsigned class_index)
{
    size_t whole = (size_t)SMALLEST << (class_index / 2);
    return class_index % 2 ? whole + whole / 2 : whole;
}

static unsigned class_of(size_t size)
{
    unsigned class_index = 0;
    if (size > SMALLEST) {
        unsigned bits = 63u - (unsigned)__builtin_clzll((unsigned long long)size - 1);
        class_index = 2 * (bits - 5);
        while (class_size(class_index) < size)
            class_index++;
    }
    return class_index;
}

void heap_init(struct heap *h, void *memory, size_t capacity)
{
    ASSERT(((uintptr_t)memory & 15) == 0);
    memset(h, 0, sizeof *h);
    h->memory = memory;
    h->capacity = capacity;
}

static struct block_header *header_of(const void *block)
{
    return (struct block_header *)(void *)((uint8_t *)(uintptr_t)block - HEADER_SIZE);
}

size_t heap_block_size(const void *block)
{
    return class_size(header_of(block)->class_index);
}

void *heap_alloc_unset(struct heap *h, size_t size)
{
    if (size > h->capacity)
        return NULL;
    unsigned class_index = class_of(size);
    ASSERT(class_index < HEAP_CLASSES);
    size_t block_size = class_size(class_index);
    uint8_t *block = h->free_list[class_index];
    if (block) {
        memcpy(&h->free_list[class_index], block, sizeof(void *));
        ASSERT(header_of(block)->magic == MAGIC_FREE);
    } else {
        if (block_size + HEADER_SIZE > h->capacity - h->used_bump)
            return NULL;
        block = h->memory + h->used_bump + HEADER_SIZE;
        h->used_bump += block_size + HEADER_SIZE;
    }
    *header_of(block) = (struct block_header){.class_index = class_index, .magic = MAGIC_USED};
    h->used_bytes += block_size;
    h->peak_bytes = MAX(h->peak_bytes, h->used_bytes);
    return block;
}

void *heap_alloc(struct heap *h, size_t size)
{
    void *block = heap_alloc_unset(h, size);
    if (block)
        memset(block, 0, size);
    return block;
}

void heap_free(struct heap *h, void *block)
{
    if (!block)
        return;
    struct block_header *header = header_of(block);
    ASSERT(header->magic == MAGIC_USED);
    header->magic = MAGIC_FREE;
    h->used_bytes -= class_size(header->class_index);
    memcpy(block, &h->free_list[header->class_index], sizeof(void *));
    h->free_list[header->class_index] = block;
}

void *heap_grow(struct heap *h, void *block, size_t size)
{
    if (!block)
        return heap_alloc(h, size);
    size_t have = heap_block_size(block);
    if (size <= have)
        return block;
    void *wider = heap_alloc(h, size);
    if (!wider)
        return NULL;
    memcpy(wider, block, have);
    heap_free(h, block);
    return wider;
}

char *heap_copy_text(struct heap *h, const void *text, size_t size)
{
    char *copy = heap_alloc(h, size + 1);
    if (copy && size)
        memcpy(copy, text, size);
    return copy;
}
