#include "twin/virtual_disk.h"

#include <stdlib.h>
#include <string.h>

enum { CLUSTER_BYTES = 16 };

struct disk_undo { /* what one write covered */
    struct disk_undo *next, *previous;
    enum disk_area area;
    uint64_t offset, size, sequence;
    uint8_t old[];
};

void virtual_disk_init(struct virtual_disk *d, const uint64_t capacity_bytes[AREA_COUNT])
{
    *d = (struct virtual_disk){0};
    memcpy(d->capacity_bytes, capacity_bytes, sizeof d->capacity_bytes);
}

static void undo_remove(struct virtual_disk *d, struct disk_undo *u)
{
    if (u->previous)
        u->previous->next = u->next;
    else
        d->undo = u->next;
    if (u->next)
        u->next->previous = u->previous;
    free(u);
}

void virtual_disk_wipe(struct virtual_disk *d)
{
    while (d->undo)
        undo_remove(d, d->undo);
    for (size_t a = 0; a < AREA_COUNT; a++) {
        for (size_t i = 0; i < d->page_count[a]; i++)
            free(d->pages[a][i]);
        free(d->pages[a]);
        d->pages[a] = NULL;
        d->page_count[a] = 0;
        d->used_bytes[a] = 0;
    }
}

void virtual_disk_free(struct virtual_disk *d)
{
    virtual_disk_wipe(d);
}

static uint8_t *page_for(struct virtual_disk *d, enum disk_area area, uint64_t offset)
{
    size_t index = offset / DISK_PAGE;
    if (index >= d->page_count[area]) {
        size_t count = MAX(index + 1, d->page_count[area] * 3 / 2 + 4);
        d->pages[area] = realloc(d->pages[area], count * sizeof *d->pages[area]);
        ASSERT(d->pages[area] != NULL);
        memset(d->pages[area] + d->page_count[area], 0, (count - d->page_count[area]) * sizeof *d->pages[area]);
        d->page_count[area] = count;
    }
    if (!d->pages[area][index]) {
        d->pages[area][index] = calloc(1, DISK_PAGE);
        ASSERT(d->pages[area][index] != NULL);
    }
    return d->pages[area][index];
}

static void copy_in(struct virtual_disk *d, enum disk_area area, uint64_t offset, const uint8_t *data, uint64_t size)
{
    while (size > 0) {
        uint64_t inside = offset % DISK_PAGE, piece = MIN(size, DISK_PAGE - inside);
        memcpy(page_for(d, area, offset) + inside, data, piece);
        offset += piece;
        data += piece;
        size -= piece;
    }
}

static void copy_out(const struct virtual_disk *d, enum disk_area area, uint64_t offset, uint8_t *data, uint64_t size)
{
    while (size > 0) {
        uint64_t inside = offset % DISK_PAGE, piece = MIN(size, DISK_PAGE - inside), index = offset / DISK_PAGE;
        const uint8_t *page = index < d->page_count[area] ? d->pages[area][index] : NULL;
        if (page)
            memcpy(data, page + inside, piece);
        else
            memset(data, 0, piece);
        offset += piece;
        data += piece;
        size -= piece;
    }
}

err virtual_disk_write(struct virtual_disk *d, const struct effect_disk *e)
{
    if (e->offset > d->capacity_bytes[e->area] || e->size > d->capacity_bytes[e->area] - e->offset)
        return ERR_NO_SPACE;
    struct disk_undo *u = malloc(sizeof *u + e->size);
    ASSERT(u != NULL);
    *u = (struct disk_undo){.next = d->undo, .area = e->area, .offset = e->offset, .size = e->size,
                              .sequence = ++d->sequence};
    copy_out(d, e->area, e->offset, u->old, e->size);
    if (d->undo)
        d->undo->previous = u;
    d->undo = u;
    uint64_t at = e->offset;
    for (size_t i = 0; i < COUNT_OF(e->parts); i++) {
        copy_in(d, e->area, at, e->parts[i].data, e->parts[i].size);
        at += e->parts[i].size;
    }
    d->used_bytes[e->area] = MAX(d->used_bytes[e->area], at);
    d->written_bytes += e->size;
    return ERR_OK;
}

void virtual_disk_read_into(const struct virtual_disk *d, enum disk_area area, uint64_t offset, uint8_t *data, uint64_t size)
{
    copy_out(d, area, offset, data, size);
}

void virtual_disk_sync(struct virtual_disk *d, enum disk_area area, uint64_t until)
{
    for (struct disk_undo *u = d->undo, *next; u; u = next) {
        next = u->next;
        if (u->area == area && u->sequence <= until)
            undo_remove(d, u);
    }
}

void virtual_disk_crash(struct virtual_disk *d, struct rng *r)
{
    while (d->undo) { /* newest first, so that older contents come back last */
        struct disk_undo *u = d->undo;
        for (uint64_t at = u->offset; at < u->offset + u->size;) {
            uint64_t end = MIN((at / DISK_SECTOR + 1) * DISK_SECTOR, u->offset + u->size);
            if (rng_chance(r, 0.5))
                copy_in(d, u->area, at, u->old + (at - u->offset), end - at);
            at = end;
        }
        undo_remove(d, u);
    }
}

bool virtual_disk_flip(struct virtual_disk *d, enum disk_area area, struct rng *r)
{
    if (d->used_bytes[area] == 0)
        return false;
    uint64_t offset = rng_below(r, d->used_bytes[area]);
    page_for(d, area, offset)[offset % DISK_PAGE] ^= (uint8_t)(1u << rng_below(r, 8));
    return true;
}

uint64_t virtual_disk_flip_cluster(struct virtual_disk *d, enum disk_area area, uint64_t count, struct rng *r)
{
    if (d->used_bytes[area] == 0)
        return 0;
    uint64_t first = rng_below(r, d->used_bytes[area]), size = MIN(d->used_bytes[area] - first, (uint64_t)CLUSTER_BYTES);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t offset = first + rng_below(r, size);
        page_for(d, area, offset)[offset % DISK_PAGE] ^= (uint8_t)(1u << rng_below(r, 8));
    }
    return count;
}

duration_ns virtual_disk_latency(enum disk_kind kind, uint64_t size)
{
    duration_ns transfer = (duration_ns)(size * 2 / 3); /* 1.5 GB/s */
    switch (kind) {
    case DISK_READ:
        return 90 * NS_PER_US + transfer;
    case DISK_WRITE:
        return 20 * NS_PER_US + transfer;
    case DISK_SYNC:
        return 160 * NS_PER_US;
    case DISK_DISCARD:
        return 10 * NS_PER_US;
    }
    return 0;
}
