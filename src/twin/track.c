#include "twin/track.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "core/port.h"

enum { HEADER_SIZE = 48, RECORD_MAX = 4 << 20, ROWS_FIRST = 256 };
enum { TABLE_SAMPLES, TABLE_LINKS, TABLE_EVENTS, TABLE_TRAFFIC, TABLE_PROMISES, TABLE_FAULTS };

static void *grow(struct track *t, int table, void *rows, size_t count, size_t size)
{
    if (count < t->capacity[table])
        return rows;
    t->capacity[table] = MAX(2 * t->capacity[table], (size_t)ROWS_FIRST);
    rows = realloc(rows, t->capacity[table] * size);
    ASSERT(rows != NULL);
    return rows;
}

static bool known(const struct track *t, node_id id)
{
    return id >= 1 && id <= t->node_count;
}

static size_t offset_in(const struct track *t, const void *p)
{
    return (size_t)((const uint8_t *)p - t->map);
}

/* ---- records: each returns whether it makes sense ----------------------------------------------------------------------------- */

static bool take_node(struct track *t, struct reader *r)
{
    node_id id = read_u32(r);
    uint8_t role = read_u8(r);
    uint32_t plane = read_u32(r);
    struct span name = read_blob(r, TRACK_TEXT_MAX);
    if (!reader_at_end(r) || id != t->nodes_read + 1 || id > t->node_count || role > 1 || !utf8_valid(name))
        return false;
    struct track_node *n = &t->nodes[t->nodes_read++];
    *n = (struct track_node){.id = id, .gateway = role == 1, .plane = plane};
    return text_copy(n->name, sizeof n->name, name);
}

static bool take_sample(struct track *t, struct reader *r)
{
    tai_ns when = (tai_ns)read_u64(r);
    struct span rows = read_span(r, t->node_count * TRACK_ROW_SIZE);
    if (!reader_at_end(r) || (t->sample_count && t->samples[t->sample_count - 1].t > when))
        return false;
    t->samples = grow(t, TABLE_SAMPLES, t->samples, t->sample_count, sizeof *t->samples);
    t->samples[t->sample_count++] = (struct track_sample){when, offset_in(t, rows.data)};
    t->last = MAX(t->last, when);
    return true;
}

static bool take_link(struct track *t, struct reader *r)
{
    struct track_link l = {.t = (tai_ns)read_u64(r)};
    l.a = read_u32(r);
    l.b = read_u32(r);
    l.up = read_u8(r) != 0;
    if (!reader_at_end(r) || !known(t, l.a) || !known(t, l.b) || l.a >= l.b || (t->link_count && t->links[t->link_count - 1].t > l.t))
        return false;
    t->links = grow(t, TABLE_LINKS, t->links, t->link_count, sizeof *t->links);
    t->links[t->link_count++] = l;
    t->last = MAX(t->last, l.t);
    return true;
}

static bool take_event(struct track *t, struct reader *r)
{
    struct track_event e = {.t = (tai_ns)read_u64(r)};
    e.node = read_u32(r);
    e.about = read_u32(r);
    e.id = read_u16(r);
    struct span text = read_blob(r, TRACK_TEXT_MAX);
    if (!reader_at_end(r) || !known(t, e.node) || e.id >= TRACE_COUNT || t->event_count >= TRACK_EVENTS_MAX)
        return false;
    e.text_size = (uint16_t)text.size;
    e.text = text.size ? offset_in(t, text.data) : 0;
    t->events = grow(t, TABLE_EVENTS, t->events, t->event_count, sizeof *t->events);
    t->events[t->event_count++] = e;
    t->last = MAX(t->last, e.t);
    return true;
}

static bool take_traffic(struct track *t, struct reader *r)
{
    tai_ns when = (tai_ns)read_u64(r);
    uint32_t count = read_u32(r);
    if (!reader_ok(r) || reader_left(r) != (size_t)count * 24)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct track_traffic f = {.t = when, .from = read_u32(r)};
        f.to = read_u32(r);
        f.bytes = read_u64(r);
        f.bundles = read_u32(r);
        f.lost = read_u32(r);
        if (!known(t, f.from) || !known(t, f.to))
            return false;
        t->traffic = grow(t, TABLE_TRAFFIC, t->traffic, t->traffic_count, sizeof *t->traffic);
        t->traffic[t->traffic_count++] = f;
    }
    return true;
}

static bool take_promises(struct track *t, struct reader *r)
{
    struct track_promises p = {.t = (tai_ns)read_u64(r)};
    for (size_t i = 0; i < t->promise_count; i++) {
        p.evaluated[i] = read_u64(r);
        p.violations[i] = read_u64(r);
    }
    if (!reader_at_end(r))
        return false;
    t->promises = grow(t, TABLE_PROMISES, t->promises, t->promises_count, sizeof *t->promises);
    t->promises[t->promises_count++] = p;
    return true;
}

static bool take_fault(struct track *t, struct reader *r)
{
    struct track_fault f = {.t = (tai_ns)read_u64(r)};
    f.duration = (duration_ns)read_u64(r);
    f.node = read_u32(r);
    f.peer = read_u32(r);
    struct span line = read_blob(r, TRACK_TEXT_MAX);
    (void)text_copy(f.line, sizeof f.line, line);
    if (!reader_at_end(r) || !utf8_valid(line))
        return false;
    t->faults = grow(t, TABLE_FAULTS, t->faults, t->fault_count, sizeof *t->faults);
    t->faults[t->fault_count++] = f;
    return true;
}

static bool take_promise_name(struct track *t, struct reader *r)
{
    uint8_t index = read_u8(r);
    struct span id = read_blob(r, TRACK_TEXT_MAX), text = read_blob(r, TRACK_TEXT_MAX);
    if (!reader_at_end(r) || index >= t->promise_count || !utf8_valid(id) || !utf8_valid(text))
        return false;
    (void)text_copy(t->promise_id[index], sizeof t->promise_id[index], id);
    (void)text_copy(t->promise_text[index], sizeof t->promise_text[index], text);
    return true;
}

static bool take_end(struct track *t, struct reader *r)
{
    tai_ns when = (tai_ns)read_u64(r);
    t->last = MAX(t->last, when);
    t->digest = read_u64(r);
    t->ended = true;
    return reader_at_end(r);
}

static bool take(struct track *t, uint8_t kind, struct reader *r)
{
    if (kind != 1 && t->nodes_read != t->node_count)
        return false;
    switch (kind) {
    case 1: return take_node(t, r);
    case 2: return take_sample(t, r);
    case 3: return take_link(t, r);
    case 4: return take_event(t, r);
    case 5: return take_traffic(t, r);
    case 6: return take_promises(t, r);
    case 7: return take_fault(t, r);
    case 8: return take_promise_name(t, r);
    case 9: return take_end(t, r);
    default: return false;
    }
}

/* ---- the file ------------------------------------------------------------------------------------------------------------------ */

static err bad(struct track *t, const char *what)
{
    snprintf(t->why, sizeof t->why, "offset %zu: %s", t->at, what);
    return ERR_CORRUPT;
}

static err take_header(struct track *t)
{
    struct reader r = reader_of(t->map, t->map_size);
    if (t->map_size < HEADER_SIZE || memcmp(t->map, "NOCTTRK1", 8) != 0)
        return bad(t, "this is no track");
    (void)read_u64(&r);
    t->seed = read_u64(&r);
    t->epoch = (tai_ns)read_u64(&r);
    t->length = (duration_ns)read_u64(&r);
    t->node_count = read_u32(&r);
    t->sample_s = read_u32(&r);
    t->promise_count = read_u32(&r);
    bool good = read_u32(&r) == crc32c(t->map, HEADER_SIZE - 4) && t->node_count >= 1 && t->node_count <= TRACK_NODES_MAX &&
                t->promise_count <= TRACK_PROMISES_MAX && t->epoch > 0 && t->length >= 0 && t->sample_s > 0;
    if (!good)
        return bad(t, "the header is damaged");
    t->nodes = calloc(t->node_count, sizeof *t->nodes);
    ASSERT(t->nodes != NULL);
    t->last = t->epoch;
    t->at = HEADER_SIZE;
    return ERR_OK;
}

/* Whole records from t->at; stops at one that is still being written. */
static err take_records(struct track *t)
{
    while (t->map_size - t->at >= 9) {
        struct reader r = reader_of(t->map + t->at, t->map_size - t->at);
        uint32_t size = read_u32(&r), crc = read_u32(&r);
        if (size < 1 || size > RECORD_MAX)
            return bad(t, "a record of an impossible size");
        if (size > reader_left(&r))
            return ERR_OK;
        if (crc32c(t->map + t->at + 8, size) != crc)
            return bad(t, "a checksum does not match");
        uint8_t kind = read_u8(&r);
        struct reader body = reader_of(t->map + t->at + 9, size - 1);
        if (!take(t, kind, &body))
            return bad(t, "a record does not make sense");
        t->at += 8 + size;
    }
    return ERR_OK;
}

err track_read(struct track *t, struct span bytes)
{
    *t = (struct track){.file = -1, .map = bytes.data, .map_size = bytes.size};
    TRY(take_header(t));
    return take_records(t);
}

static bool map_file(struct track *t)
{
    struct stat about;
    if (fstat(t->file, &about) != 0 || about.st_size <= (off_t)t->map_size)
        return false;
    void *map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, t->file, 0);
    if (map == MAP_FAILED)
        return false;
    if (t->map)
        munmap((void *)(uintptr_t)t->map, t->map_size);
    t->map = map;
    t->map_size = (size_t)about.st_size;
    return true;
}

err track_open(struct track *t, const char *folder)
{
    char path[1024];
    *t = (struct track){.file = -1};
    snprintf(path, sizeof path, "%s/%s", folder, TRACK_FILE);
    t->file = open(path, O_RDONLY | O_CLOEXEC);
    if (t->file < 0 || !map_file(t)) {
        snprintf(t->why, sizeof t->why, "there is no %s (a run writes one unless it is large; say --outputs track)", TRACK_FILE);
        return ERR_NOT_FOUND;
    }
    TRY(take_header(t));
    return take_records(t);
}

bool track_refresh(struct track *t)
{
    size_t before = t->at;
    if (t->file >= 0 && !t->ended && map_file(t))
        (void)!take_records(t);
    return t->at != before;
}

void track_close(struct track *t)
{
    if (t->file >= 0) {
        if (t->map)
            munmap((void *)(uintptr_t)t->map, t->map_size);
        close(t->file);
    }
    free(t->nodes);
    free(t->samples);
    free(t->links);
    free(t->events);
    free(t->traffic);
    free(t->promises);
    free(t->faults);
    *t = (struct track){.file = -1};
}

/* ---- looking ------------------------------------------------------------------------------------------------------------------- */

size_t track_sample_at(const struct track *t, tai_ns when)
{
    size_t low = 0, high = t->sample_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (t->samples[middle].t <= when)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

struct track_row track_row_of(const struct track *t, size_t sample, node_id node)
{
    struct reader r = reader_of(t->map + t->samples[sample].rows + (node - 1) * TRACK_ROW_SIZE, TRACK_ROW_SIZE);
    struct track_row row = {0};
    uint8_t flags = read_u8(&r);
    row.up = flags & 1;
    row.ready = flags & 2;
    row.heater = flags & 4;
    row.shedding = flags & 8;
    row.links = read_u8(&r);
    row.battery_permille = read_u16(&r);
    row.core_k = read_u16(&r) / 10.0;
    row.radiator_k = read_u16(&r) / 10.0;
    row.generation_mw = read_u32(&r);
    row.load_mw = read_u32(&r);
    row.sunlit_permille = read_u16(&r);
    row.repairs = read_u16(&r);
    row.tasks = read_u16(&r);
    row.lanes_busy_millis = read_u16(&r);
    row.objects = read_u32(&r);
    row.facts = read_u32(&r);
    return row;
}

struct span track_event_text(const struct track *t, const struct track_event *e)
{
    return span_of(t->map + e->text, e->text_size);
}

const char *track_name(const struct track *t, node_id id)
{
    return known(t, id) ? t->nodes[id - 1].name : "?";
}

static int pair_compare(const void *a, const void *b)
{
    const struct track_link *p = *(const struct track_link *const *)a, *q = *(const struct track_link *const *)b;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    if (p->b != q->b)
        return p->b < q->b ? -1 : 1;
    return p < q ? -1 : p > q; /* order of the file */
}

void track_links_at(const struct track *t, tai_ns when, void (*link)(void *context, node_id a, node_id b, tai_ns since), void *context)
{
    size_t count = 0;
    while (count < t->link_count && t->links[count].t <= when)
        count++;
    const struct track_link **rows = malloc((count + 1) * sizeof *rows);
    ASSERT(rows != NULL);
    for (size_t i = 0; i < count; i++)
        rows[i] = &t->links[i];
    qsort(rows, count, sizeof *rows, pair_compare);
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count || rows[i + 1]->a != rows[i]->a || rows[i + 1]->b != rows[i]->b;
        if (last && rows[i]->up)
            link(context, rows[i]->a, rows[i]->b, rows[i]->t);
    }
    free(rows);
}
