#include "twin/journal_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool PRINTF_LIKE(2, 3) end(struct journal_reader *r, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->why, sizeof r->why, format, arguments);
    va_end(arguments);
    r->ended = true;
    return false;
}

err journal_reader_open(struct journal_reader *r, const char *directory, uint32_t boot)
{
    *r = (struct journal_reader){0};
    uint32_t newest = 0, found_boot, found_index;
    char last;
    bool found = false;
    DIR *d = opendir(directory);
    if (!d) {
        end(r, "%.300s is no folder that can be read; give STATE/NODE/journal", directory);
        return ERR_NOT_FOUND;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (sscanf(e->d_name, "%8u-%5u.segmen%c", &found_boot, &found_index, &last) != 3 || last != 't')
            continue;
        newest = newest > found_boot ? newest : found_boot;
        found = found || boot == JOURNAL_BOOT_NEWEST || found_boot == boot;
    }
    closedir(d);
    snprintf(r->directory, sizeof r->directory, "%s", directory);
    r->boot = boot == JOURNAL_BOOT_NEWEST ? newest : boot;
    if (!found) {
        end(r, newest ? "%.300s holds no journal of boot %u; the newest is %u" : "%.300s holds no journal", directory, r->boot, newest);
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

static void segment_add(struct journal_reader *r, struct span segment)
{
    r->segments = realloc(r->segments, (r->segment_count + 1) * sizeof *r->segments);
    ASSERT(r->segments);
    r->segments[r->segment_count++] = segment;
    r->at = JOURNAL_HEADER_SIZE;
}

void journal_reader_memory(struct journal_reader *r, struct span segment)
{
    *r = (struct journal_reader){.memory = true};
    segment_add(r, segment);
    struct journal_header h;
    if (journal_header_read(segment, &h) != ERR_OK)
        end(r, "this is no segment of a journal");
    r->boot = h.boot;
}

/* False: there is none, or it is damaged. */
static bool segment_open(struct journal_reader *r)
{
    char path[1100];
    struct stat about;
    struct journal_header h = {0};
    uint32_t index = r->segment_count;
    if (r->memory || index == JOURNAL_SEGMENTS_MAX)
        return end(r, "%s", "");
    snprintf(path, sizeof path, "%s/%08u-%05u.segment", r->directory, r->boot, index);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return index == 0 ? end(r, "%.300s: the first segment of boot %u is missing", r->directory, r->boot) : end(r, "%s", "");
    void *map = MAP_FAILED;
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size >= JOURNAL_HEADER_SIZE && about.st_size <= JOURNAL_SEGMENT_SIZE)
        map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (map == MAP_FAILED)
        return end(r, "%.300s: not a segment (%d to %d bytes)", path, JOURNAL_HEADER_SIZE, JOURNAL_SEGMENT_SIZE);
    segment_add(r, span_of(map, (size_t)about.st_size));
    err status = journal_header_read(r->segments[index], &h);
    if (status != ERR_OK)
        return end(r, "%.300s: its header: %s", path, err_text(status));
    if (h.boot != r->boot || h.index != index)
        return end(r, "%.300s: its header says boot %u, segment %u: the file was renamed", path, h.boot, h.index);
    return true;
}

bool journal_reader_next(struct journal_reader *r, struct journal_record *out)
{
    while (!r->ended) {
        if (r->segment_count == 0 && !segment_open(r))
            return false;
        uint32_t index = r->segment_count - 1;
        struct span segment = r->segments[index];
        struct reader head = reader_of(segment.data + r->at, segment.size - r->at);
        uint32_t size = read_u32(&head), crc = read_u32(&head);
        if (!reader_ok(&head) || size == 0) { /* the rest of the segment is unused */
            if (!segment_open(r))
                return false;
            continue;
        }
        if (size > JOURNAL_RECORD_MAX || size > reader_left(&head))
            return end(r, "segment %u, offset %zu: a record of %u bytes does not fit", index, r->at, size);
        struct span whole = span_of(segment.data + r->at + 8, size);
        if (journal_crc(r->records, whole) != crc)
            return end(r, "segment %u, offset %zu: the checksum of record %llu does not match: torn or damaged", index,
                       r->at, (unsigned long long)r->records);
        *out = (struct journal_record){(enum journal_kind)whole.data[0], span_of(whole.data + 1, size - 1), index, r->at};
        if (out->kind < JOURNAL_FILE || out->kind > JOURNAL_DISK)
            return end(r, "segment %u, offset %zu: kind %u is unknown", out->segment, out->offset, whole.data[0]);
        r->at += 8 + size;
        r->records++;
        return true;
    }
    return false;
}

static bool get_page(const struct journal_reader *r, struct reader *in, uint8_t *out, size_t size)
{
    uint32_t segment = read_u32(in);
    if (segment == JOURNAL_INLINE) {
        read_bytes(in, out, size);
        return reader_ok(in);
    }
    uint32_t offset = read_u32(in);
    if (!reader_ok(in) || segment >= r->segment_count || offset > r->segments[segment].size || size > r->segments[segment].size - offset)
        return false;
    memcpy(out, r->segments[segment].data + offset, size);
    return true;
}

bool journal_reader_disk(const struct journal_reader *r, const struct journal_record *record, struct event *out)
{
    struct reader in = reader_of(record->body.data, record->body.size);
    *out = (struct event){.kind = EVENT_DONE};
    journal_now_read(&in, &out->now);
    out->done.op = read_u64(&in);
    uint8_t status = read_u8(&in);
    uint32_t size = read_u32(&in);
    if (!reader_ok(&in) || status >= ERR_COUNT || size == 0 || size > JOURNAL_RECORD_MAX)
        return false;
    out->done.status = (err)status;
    struct buf *b = buf_new_malloc(size);
    bool good = true;
    for (size_t at = 0; good && at < size; at += JOURNAL_PAGE)
        good = get_page(r, &in, b->data + at, MIN(size - at, (size_t)JOURNAL_PAGE));
    if (!good || !reader_at_end(&in)) {
        buf_unref(b);
        return false;
    }
    out->done.data = slice_of(b, 0, size);
    return true;
}

void journal_reader_close(struct journal_reader *r)
{
    for (uint32_t i = 0; i < r->segment_count && !r->memory; i++)
        munmap((void *)(uintptr_t)r->segments[i].data, r->segments[i].size);
    free(r->segments);
    r->segments = NULL;
    r->segment_count = 0;
    r->ended = true;
}
