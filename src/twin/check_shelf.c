/*
 * What lies on each disk in truth: the checkers' own list of chunks, from the writes and syncs that pass by and, after a crash, from the
 * bytes that are left (docs/format/chunk.md). Nothing is asked of the storage plane.
 */
#include "twin/check_shelf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "twin/check_inner.h"
#include "twin/shard.h"

enum { HEADER = 512, KEY = 20, CHUNK_MOST = 1 << 20 };
#define SHELF_MEMORY_BYTES (256ull << 20) /* mapped, touched as far as it is used */

struct shelf *shelf_open(void)
{
    struct shelf *s = calloc(1, sizeof *s);
    ASSERT(s != NULL);
    s->memory = mmap(NULL, SHELF_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT(s->memory != MAP_FAILED);
    heap_init(&s->heap, s->memory, SHELF_MEMORY_BYTES);
    map_init(&s->chunks, &s->heap, sizeof(struct shelved));
    map_init(&s->places, &s->heap, KEY);
    return s;
}

void shelf_close(struct shelf *s)
{
    munmap(s->memory, SHELF_MEMORY_BYTES);
    free(s->pending);
    free(s->erased);
    free(s->acked);
    free(s);
}

struct span shelf_key(struct uid part, uint32_t index, uint8_t out[20])
{
    struct writer w = writer_of(out, KEY);
    write_bytes(&w, part.bytes, sizeof part.bytes);
    write_u32_be(&w, index);
    return writer_span(&w);
}

/* The header of a chunk: false when these are no such bytes. */
static bool header_read(const uint8_t *bytes, uint8_t key[KEY], uint32_t *size, struct digest128 *digest)
{
    struct reader r = reader_of(bytes, HEADER);
    if (memcmp(bytes, "NCHK", 4) != 0)
        return false;
    read_span(&r, 16);
    struct uid part;
    read_bytes(&r, part.bytes, sizeof part.bytes);
    uint32_t index = read_u32(&r);
    *size = read_u32(&r);
    digest->low = read_u64(&r);
    digest->high = read_u64(&r);
    shelf_key(part, index, key);
    return *size > 0 && *size <= CHUNK_MOST - HEADER;
}

/* Is a whole, undamaged chunk there? */
static bool bytes_verify(const struct virtual_disk *d, uint64_t offset, uint8_t key[KEY], uint32_t *size)
{
    uint8_t header[HEADER];
    struct digest128 digest;
    if (offset + HEADER > d->used_bytes[AREA_CHUNKS])
        return false;
    virtual_disk_read_into(d, AREA_CHUNKS, offset, header, HEADER);
    struct reader crc = reader_of(header + HEADER - 4, 4);
    if (crc32c(header, HEADER - 4) != read_u32(&crc) || !header_read(header, key, size, &digest))
        return false;
    uint8_t *data = malloc(*size);
    ASSERT(data != NULL);
    virtual_disk_read_into(d, AREA_CHUNKS, offset + HEADER, data, *size);
    bool good = digest128_equal(hash128(data, *size), digest);
    free(data);
    return good;
}

static void *row_add(void *rows, size_t *count, size_t *capacity, size_t size)
{
    if (*count == *capacity) {
        *capacity = MAX((size_t)16, 2 * *capacity);
        rows = realloc(rows, *capacity * size);
        ASSERT(rows != NULL);
    }
    ++*count;
    return rows;
}

static void pending_add(struct shelf *s, uint64_t offset, uint64_t sequence)
{
    s->pending = row_add(s->pending, &s->pending_count, &s->pending_capacity, sizeof *s->pending);
    s->pending[s->pending_count - 1] = (struct shelf_pending){offset, sequence};
}

static void remove_at(struct shelf *s, uint64_t offset)
{
    uint8_t key[KEY], *found = map_find_u64(&s->places, offset);
    if (!found)
        return;
    memcpy(key, found, KEY);
    const struct shelved *c = map_find(&s->chunks, span_of(key, KEY));
    if (c && c->offset == offset)
        map_remove(&s->chunks, span_of(key, KEY));
    map_remove_u64(&s->places, offset);
}

static void put_at(struct shelf *s, uint64_t offset, const uint8_t key[KEY], mono_ns synced_at)
{
    uint8_t *place = map_put_u64(&s->places, offset, NULL);
    struct shelved *c = map_put(&s->chunks, span_of(key, KEY), NULL);
    ASSERT(place && c);
    memcpy(place, key, KEY);
    *c = (struct shelved){.offset = offset, .synced_at = synced_at};
}

static struct shelf *shelf_of(const struct twin_node *n)
{
    return n->world->checks->shelves[n->id - 1];
}

static struct shelf *shelf_get(const struct twin_node *n)
{
    struct shelf **at = &n->world->checks->shelves[n->id - 1];
    if (!*at)
        *at = shelf_open();
    return *at;
}

static bool concerns(const struct shelf *s, const struct effect_disk *e)
{
    return s && e->area == AREA_CHUNKS && e->parts[0].size == HEADER;
}

/* A whole, durable chunk that the list has at this offset. */
static bool whole_at(const struct twin_node *n, const struct shelf *s, uint64_t offset)
{
    uint8_t key[KEY];
    uint32_t size;
    const uint8_t *found = map_find_u64(&s->places, offset);
    const struct shelved *c = found ? map_find(&s->chunks, span_of(found, KEY)) : NULL;
    return c && c->synced_at != 0 && c->offset == offset && bytes_verify(&n->disk, offset, key, &size) &&
           memcmp(key, found, KEY) == 0; /* a misdirected write leaves another chunk, whole, in its place */
}

bool check_disk_write(struct twin_node *n, const struct effect_disk *e)
{
    const struct shelf *s = shelf_of(n);
    return concerns(s, e) && whole_at(n, s, e->offset);
}

void check_disk_written(struct twin_node *n, const struct effect_disk *e, err status, bool was_whole)
{
    struct shelf *s = e->area == AREA_CHUNKS ? shelf_get(n) : NULL;
    uint8_t key[KEY];
    uint32_t size;
    struct digest128 digest;
    if (!concerns(s, e) || status != ERR_OK)
        return;
    const uint8_t *found = map_find_u64(&s->places, e->offset);
    bool erases = e->parts[1].size == 0;
    if (found && erases && was_whole && whole_at(n, s, e->offset))
        return; /* the disk lied: nothing was erased */
    if (found && was_whole) {
        s->erased = row_add(s->erased, &s->erased_count, &s->erased_capacity, sizeof *s->erased);
        struct shelf_erased *row = &s->erased[s->erased_count - 1];
        *row = (struct shelf_erased){.at = node_wall(n)};
        memcpy(row->key, found, KEY);
    }
    remove_at(s, e->offset);
    if (!erases && header_read(e->parts[0].data, key, &size, &digest))
        put_at(s, e->offset, key, 0); /* as the node was told, should the disk have lied */
    pending_add(s, e->offset, n->disk.sequence);
}

void check_disk_synced(struct twin_node *n, enum disk_area area, uint64_t until)
{
    struct shelf *s = shelf_of(n);
    size_t kept = 0;
    for (size_t i = 0; s && area == AREA_CHUNKS && i < s->pending_count; i++) {
        struct shelf_pending p = s->pending[i];
        if (p.sequence > until) {
            s->pending[kept++] = p;
            continue;
        }
        const uint8_t *key = map_find_u64(&s->places, p.offset);
        struct shelved *c = key ? map_find(&s->chunks, span_of(key, KEY)) : NULL;
        if (c && c->offset == p.offset && c->synced_at == 0)
            c->synced_at = node_now(n);
    }
    if (s && area == AREA_CHUNKS)
        s->pending_count = kept;
}

void check_disk_crashed(struct twin_node *n)
{
    struct shelf *s = shelf_of(n);
    for (size_t i = 0; s && i < s->pending_count; i++) {
        uint8_t key[KEY];
        uint32_t size;
        remove_at(s, s->pending[i].offset);
        if (bytes_verify(&n->disk, s->pending[i].offset, key, &size))
            put_at(s, s->pending[i].offset, key, node_now(n));
    }
    if (s)
        s->pending_count = 0;
}

void check_shelf_replaced(struct twin_node *n)
{
    struct shelf **at = &n->world->checks->shelves[n->id - 1];
    if (*at)
        shelf_close(*at);
    *at = NULL;
}

void check_put_acknowledged(struct twin_node *gateway, struct uid version)
{
    struct shelf *s = shelf_get(gateway);
    s->acked = row_add(s->acked, &s->acked_count, &s->acked_capacity, sizeof *s->acked);
    s->acked[s->acked_count - 1] = (struct shelf_acked){version, node_now(gateway)};
}

/* ---- questions -------------------------------------------------------------------------------------------------------------------- */

static bool holds(const struct world *w, node_id id, const struct shelf_question *q)
{
    const struct shelf *s = id >= 1 && id <= w->node_count && !w->nodes[id - 1].faults.dead ? w->checks->shelves[id - 1] : NULL;
    const struct shelved *c = s ? map_find(&s->chunks, span_of(q->key, KEY)) : NULL;
    return c && c->synced_at != 0 && c->synced_at <= q->until;
}

/* By the disks that are here. */
static uint32_t answer(const struct world *w, const struct shelf_question *q)
{
    uint32_t count = 0;
    for (size_t i = 0; i < q->only_count; i++)
        count += holds(w, q->only[i], q);
    for (node_id id = 1; q->only_count == 0 && id <= w->node_count; id++)
        count += id != q->but && holds(w, id, q);
    return count;
}

/* Everybody tells all others its questions, then each of them what it found. */
static void ask_ranks(struct world *w, const struct shelf_question *questions, size_t count, uint32_t *answers)
{
    uint64_t sizes[SHARDS_MAX];
    const uint8_t *came = ranks_share(w, questions, count * sizeof *questions, sizes);
    size_t total = 0, at = 0;
    for (unsigned k = 0; k < w->ranks->count; k++)
        total += sizes[k] / sizeof *questions;
    uint32_t *found = calloc(MAX(total, (size_t)1), sizeof *found);
    ASSERT(found != NULL);
    for (; at < total; at++) {
        struct shelf_question q;
        memcpy(&q, came + at * sizeof q, sizeof q);
        found[at] = answer(w, &q);
    }
    for (unsigned k = 0; k < w->ranks->count; k++)
        sizes[k] = sizes[k] / sizeof *questions * sizeof *found;
    came = w->ranks->exchange(w->ranks->context, (const uint8_t *)found, sizes);
    memset(answers, 0, count * sizeof *answers);
    for (unsigned k = 0; k < w->ranks->count; k++)
        for (size_t i = 0; i < count; i++) {
            uint32_t one;
            memcpy(&one, came, sizeof one);
            answers[i] += one;
            came += sizeof one;
        }
    free(found);
}

void shelf_ask(struct world *w, const struct shelf_question *questions, size_t count, uint32_t *answers)
{
    if (w->ranks && ranks_most(w, (int64_t)count) > 0)
        ask_ranks(w, questions, count, answers);
    for (size_t i = 0; i < count && !w->ranks; i++)
        answers[i] = answer(w, &questions[i]);
}
