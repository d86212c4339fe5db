#include "host/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "host/files.h"

enum { END_ROOM = 2 * JOURNAL_RECORD_HEADER_SIZE + 1, FILE_PIECE = 4 << 20, SEGMENTS_MAX = 1 << 16 };
enum { PAGES_FIRST = 1 << 12, PAGES_MAX = 1 << 18, PAGED_LEAST = 2 * JOURNAL_PAGE };

struct page { /* bytes that the journal of this boot already holds */
    struct digest128 digest;
    uint32_t segment, offset; /* offset 0: the slot is free */
};

struct segment_name {
    uint32_t boot, index;
};

struct journal {
    char directory[PATH_SIZE];
    node_id node;
    uint32_t boot, next_index;
    size_t segments_most;
    struct segment_name *names; /* on disk, in order */
    size_t name_count;
    uint8_t *map; /* NULL: ended */
    size_t used;
    uint64_t records, steps, bytes;
    bool ended;
    enum journal_end why;
    enum event_kind kind; /* of the step that runs */
    struct page *pages;   /* open addressing; capacity is a power of two, at most half full */
    size_t page_count, page_capacity;
};

/* ---- segments on disk ----------------------------------------------------------------------------------------------------- */

static bool segment_path(const struct journal *j, struct segment_name n, char path[PATH_SIZE])
{
    char name[48];
    snprintf(name, sizeof name, "%08u-%05u.segment", n.boot, n.index);
    return path_join(path, j->directory, name);
}

static int name_compare(const void *a, const void *b)
{
    const struct segment_name *p = a, *q = b;
    if (p->boot != q->boot)
        return p->boot < q->boot ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static void name_add(struct journal *j, struct segment_name n)
{
    if (j->name_count < SEGMENTS_MAX)
        j->names[j->name_count++] = n;
}

static err names_read(struct journal *j)
{
    DIR *d = opendir(j->directory);
    if (!d)
        return ERR_IO;
    for (struct dirent *e; (e = readdir(d));) {
        struct segment_name n;
        char end;
        if (sscanf(e->d_name, "%8u-%5u.segmen%c", &n.boot, &n.index, &end) == 3 && end == 't')
            name_add(j, n);
    }
    closedir(d);
    qsort(j->names, j->name_count, sizeof *j->names, name_compare);
    return ERR_OK;
}

/* Gives up the oldest boot, whole: without its head the rest of it is of no use. */
static bool oldest_drop(struct journal *j)
{
    char path[PATH_SIZE];
    size_t gone = 0;
    if (j->name_count == 0 || j->names[0].boot == j->boot)
        return false;
    while (gone < j->name_count && j->names[gone].boot == j->names[0].boot) {
        if (segment_path(j, j->names[gone], path))
            (void)unlink(path);
        gone++;
    }
    j->name_count -= gone;
    memmove(j->names, j->names + gone, j->name_count * sizeof *j->names);
    return true;
}

static void segment_close(struct journal *j)
{
    if (j->map)
        munmap(j->map, JOURNAL_SEGMENT_SIZE);
    j->map = NULL;
}

static enum journal_end segment_next(struct journal *j)
{
    char path[PATH_SIZE];
    struct segment_name n = {j->boot, j->next_index};
    while (j->name_count + 1 > j->segments_most)
        if (!oldest_drop(j))
            return JOURNAL_END_FULL;
    int file = segment_path(j, n, path) ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (file < 0)
        return JOURNAL_END_NO_SPACE;
    void *map = MAP_FAILED;
    if (posix_fallocate(file, 0, JOURNAL_SEGMENT_SIZE) == 0)
        map = mmap(NULL, JOURNAL_SEGMENT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (map == MAP_FAILED) {
        (void)unlink(path);
        return JOURNAL_END_NO_SPACE;
    }
    segment_close(j);
    j->map = map;
    j->next_index++;
    name_add(j, n);
    journal_header_write(&(struct journal_header){n.boot, n.index, j->node}, j->map);
    j->used = JOURNAL_HEADER_SIZE;
    j->bytes += JOURNAL_HEADER_SIZE;
    return JOURNAL_END_STOPPED;
}

/* ---- records ---------------------------------------------------------------------------------------------------------------- */

static void record_finish(struct journal *j, struct writer *w, uint8_t kind)
{
    uint8_t *head = j->map + j->used;
    ASSERT(writer_ok(w));
    head[8] = kind;
    uint32_t size = (uint32_t)w->at + 1;
    uint32_t crc = journal_crc(j->records++, span_of(head + 8, size));
    struct writer h = writer_of(head, 8);
    write_u32(&h, 0);
    write_u32(&h, crc);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the size appears last: a killed process leaves whole records only */
    h = writer_of(head, 4);
    write_u32(&h, size);
    j->used += 8 + size;
    j->bytes += 8 + size;
}

static void end_with(struct journal *j, enum journal_end why)
{
    if (j->ended)
        return;
    j->ended = true;
    j->why = why;
    if (j->map && j->used + END_ROOM <= JOURNAL_SEGMENT_SIZE) {
        struct writer w = writer_of(j->map + j->used + JOURNAL_RECORD_HEADER_SIZE, 1);
        write_u8(&w, (uint8_t)why);
        record_finish(j, &w, JOURNAL_END);
    }
    segment_close(j);
}

/* A writer over the body of the next record; false when the recording has ended. */
static bool record_begin(struct journal *j, size_t room, struct writer *w)
{
    size_t needed = JOURNAL_RECORD_HEADER_SIZE + room + END_ROOM;
    if (!j || j->ended)
        return false;
    if (room + 1 > JOURNAL_RECORD_MAX) { /* nothing that a node is told is that large; better an end than a hole */
        end_with(j, JOURNAL_END_FULL);
        return false;
    }
    if (!j->map || j->used + needed > JOURNAL_SEGMENT_SIZE) {
        enum journal_end why = segment_next(j);
        if (why != JOURNAL_END_STOPPED) {
            end_with(j, why);
            return false;
        }
    }
    *w = writer_of(j->map + j->used + JOURNAL_RECORD_HEADER_SIZE, room);
    return true;
}

void journal_file(struct journal *j, const char *name, struct span bytes)
{
    struct writer w;
    size_t at = 0;
    do {
        size_t piece = MIN(bytes.size - at, (size_t)FILE_PIECE);
        if (!record_begin(j, strlen(name) + piece + 24, &w))
            return;
        write_blob(&w, span_text(name));
        write_u64(&w, bytes.size);
        write_u64(&w, at);
        write_blob(&w, span_of(bytes.data + at, piece));
        record_finish(j, &w, JOURNAL_FILE);
        at += piece;
    } while (at < bytes.size);
}

void journal_start(struct journal *j, const struct journal_start *s)
{
    struct writer w;
    if (!record_begin(j, s->genesis.size + s->commit.size + 256, &w))
        return;
    journal_start_write(&w, s);
    record_finish(j, &w, JOURNAL_START);
}

void journal_sky(struct journal *j, bool forgotten, tai_ns t)
{
    struct writer w;
    if (!record_begin(j, 9, &w))
        return;
    write_u8(&w, forgotten);
    write_u64(&w, (uint64_t)t);
    record_finish(j, &w, JOURNAL_SKY);
}

/* ---- what comes from the disk: scrubs and starts read the same bytes again and again ------------------------------------------ */

static struct page *page_slot(struct page *pages, size_t capacity, struct digest128 d)
{
    size_t at = (size_t)d.low & (capacity - 1);
    while (pages[at].offset != 0 && !digest128_equal(pages[at].digest, d))
        at = (at + 1) & (capacity - 1);
    return &pages[at];
}

static void pages_grow(struct journal *j)
{
    size_t capacity = j->page_capacity ? 2 * j->page_capacity : PAGES_FIRST;
    struct page *pages = calloc(capacity, sizeof *pages);
    ASSERT(pages);
    for (size_t i = 0; i < j->page_capacity; i++)
        if (j->pages[i].offset != 0)
            *page_slot(pages, capacity, j->pages[i].digest) = j->pages[i];
    free(j->pages);
    j->pages = pages;
    j->page_capacity = capacity;
}

/* Writes where the page's bytes are, or the bytes. `base`: of the writer within the segment. */
static void put_page(struct journal *j, struct writer *w, size_t base, const uint8_t *bytes, size_t size)
{
    struct page *slot = NULL;
    if (size == JOURNAL_PAGE) {
        if (2 * (j->page_count + 1) > j->page_capacity && j->page_capacity < 2 * PAGES_MAX)
            pages_grow(j);
        struct digest128 d = hash128(bytes, size);
        slot = page_slot(j->pages, j->page_capacity, d);
        if (slot->offset != 0) {
            write_u32(w, slot->segment);
            write_u32(w, slot->offset);
            return;
        }
        slot->digest = d;
    }
    write_u32(w, JOURNAL_INLINE);
    if (slot && j->page_count < PAGES_MAX) {
        j->page_count++;
        slot->segment = j->next_index - 1;
        slot->offset = (uint32_t)(base + w->at);
    }
    write_bytes(w, bytes, size);
}

static void record_disk(struct journal *j, const struct event *e)
{
    struct writer w;
    struct slice data = e->done.data;
    if (!record_begin(j, 64 + data.size + (data.size / JOURNAL_PAGE + 1) * 8, &w))
        return;
    size_t base = j->used + JOURNAL_RECORD_HEADER_SIZE;
    journal_now_write(&w, &e->now);
    write_u64(&w, e->done.op);
    write_u8(&w, (uint8_t)e->done.status);
    write_u32(&w, (uint32_t)data.size);
    for (size_t at = 0; at < data.size; at += JOURNAL_PAGE)
        put_page(j, &w, base, data.data + at, MIN(data.size - at, (size_t)JOURNAL_PAGE));
    record_finish(j, &w, JOURNAL_DISK);
}

void journal_event(struct journal *j, const struct event *e)
{
    struct writer w;
    if (j && e->kind == EVENT_DONE && e->done.data.size >= PAGED_LEAST) {
        j->kind = e->kind;
        record_disk(j, e);
        return;
    }
    if (!record_begin(j, journal_event_room(e), &w))
        return;
    j->kind = e->kind;
    journal_event_write(&w, e);
    record_finish(j, &w, JOURNAL_EVENT);
}

void journal_signed(struct journal *j, struct span message, const uint8_t signature[64])
{
    struct writer w;
    if (!record_begin(j, 72, &w))
        return;
    write_u64(&w, hash64(message.data, message.size));
    write_bytes(&w, signature, 64);
    record_finish(j, &w, JOURNAL_SIGNED);
}

bool journal_wants_state(const struct journal *j)
{
    return j != NULL && !j->ended && (j->kind == EVENT_STOP || (j->steps + 1) % JOURNAL_STATE_EVERY == 0);
}

void journal_result(struct journal *j, const struct effects *effects, const uint64_t *state_digest)
{
    struct writer w;
    if (!record_begin(j, 32, &w))
        return;
    write_u64(&w, ++j->steps);
    write_u32(&w, (uint32_t)effects->count);
    write_u64(&w, journal_effects_digest(effects));
    write_u8(&w, state_digest != NULL);
    write_u64(&w, state_digest ? *state_digest : 0);
    record_finish(j, &w, JOURNAL_RESULT);
}

/* ---- life ---------------------------------------------------------------------------------------------------------------------- */

err journal_open(struct journal **out, const char *node_directory, node_id node, uint32_t boot, uint64_t limit_bytes)
{
    struct journal *j = calloc(1, sizeof *j);
    ASSERT(j);
    j->node = node;
    j->boot = boot;
    j->segments_most = MIN(limit_bytes / JOURNAL_SEGMENT_SIZE, (uint64_t)SEGMENTS_MAX);
    j->names = calloc(SEGMENTS_MAX, sizeof *j->names);
    ASSERT(j->names);
    err status = path_join(j->directory, node_directory, "journal") ? directory_make(j->directory) : ERR_TOO_LARGE;
    if (status == ERR_OK)
        status = names_read(j);
    if (status == ERR_OK && segment_next(j) != JOURNAL_END_STOPPED)
        status = ERR_NO_SPACE;
    if (status != ERR_OK) {
        free(j->names);
        free(j);
        return status;
    }
    *out = j;
    return ERR_OK;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    end_with(j, JOURNAL_END_STOPPED);
    segment_close(j);
    free(j->pages);
    free(j->names);
    free(j);
}

bool journal_ended(const struct journal *j, enum journal_end *why)
{
    *why = j->why;
    return j->ended;
}

uint64_t journal_bytes(const struct journal *j)
{
    return j->bytes;
}
