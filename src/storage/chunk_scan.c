/*
 * Recovery of the chunk store: reads the area front to back in windows of 1 MiB, takes each chunk whose header and data
 * verify into the table, and erases those whose data never arrived. A window begins at the first chunk that did not fit into
 * the last one, so that every chunk is seen whole once.
 */
#include "storage/chunk_store_internal.h"

enum { SCAN_WINDOW = CHUNK_SPAN_MAX / CHUNK_UNIT };

static err window_read(struct chunk_store *c)
{
    uint32_t units = MIN(c->scan.end - c->scan.unit, c->scan.window);
    struct chunk_pending *p = chunk_pending_new(c, PENDING_SCAN);
    if (!p)
        return ERR_FULL;
    return chunk_pending_start(c, p, port_disk_read(c->port, AREA_CHUNKS, (uint64_t)c->scan.unit * CHUNK_UNIT,
                                                    (uint64_t)units * CHUNK_UNIT));
}

static void scan_end(struct chunk_store *c)
{
    c->ready = true;
    port_gauge(c->port, METRIC_CHUNKS_HELD, c->table.count);
    port_gauge(c->port, METRIC_CHUNK_BYTES, c->durable_bytes);
    port_gauge(c->port, METRIC_DISK_FREE, chunk_store_free_bytes(c));
    if (c->scan.torn)
        port_trace(c->port, TRACE_CHUNK_CORRUPT, NODE_NONE, "%llu chunks were incomplete or damaged at start and were dropped",
                   (unsigned long long)c->scan.torn);
    c->handlers.ready(c->handlers.context);
}

static void format_start(struct chunk_store *c)
{
    uint8_t unit[CHUNK_UNIT];
    do
        c->area = rng_u64(&c->port->rng);
    while (c->area == 0);
    chunk_area_encode(c->area, unit);
    struct chunk_pending *p = chunk_pending_new(c, PENDING_FORMAT);
    uint64_t op = port_disk_write(c->port, AREA_CHUNKS, 0, slice_borrowed(span_of(unit, sizeof unit)), (struct slice){0});
    ASSERT(p && chunk_pending_start(c, p, op) == ERR_OK); /* at start there is memory, or the budget is wrong */
}

err chunk_scan_start(struct chunk_store *c)
{
    uint64_t used = c->port->config->area_used_bytes[AREA_CHUNKS];
    uint64_t end = (used + CHUNK_UNIT - 1) / CHUNK_UNIT;
    c->scan.end = (uint32_t)MIN(end, (uint64_t)UINT32_MAX - 1024);
    TRY(chunk_space_mark(&c->space, 0, 1)); /* unit 0 is the identity */
    c->scan.unit = 1;
    c->scan.window = SCAN_WINDOW;
    if (c->scan.end == 0) {
        format_start(c);
        return ERR_OK;
    }
    struct chunk_pending *p = chunk_pending_new(c, PENDING_AREA);
    if (!p)
        return ERR_FULL;
    return chunk_pending_start(c, p, port_disk_read(c->port, AREA_CHUNKS, 0, CHUNK_UNIT));
}

void chunk_scan_area(struct chunk_store *c, err status, struct span data)
{
    if (status != ERR_OK || chunk_area_decode(data, &c->area) != ERR_OK) {
        /* A crash while formatting, or a damaged disk: begin afresh. The copies elsewhere make up for what was here. */
        c->scan.end = 0;
        format_start(c);
    } else if (c->scan.unit >= c->scan.end) {
        scan_end(c);
    } else if (window_read(c) != ERR_OK) {
        ASSERT(false && "memory for the scan");
    }
}

/* The identity is written but not yet synced: the first sync of a chunk covers it too, before that nothing counts. */
void chunk_scan_formatted(struct chunk_store *c, err status)
{
    if (status != ERR_OK) {
        port_trace(c->port, TRACE_DISK_FULL, NODE_NONE, "the chunk area cannot be written (%s); this node holds no chunks",
                   err_name(status));
        c->space.capacity = 0;
    }
    scan_end(c);
}

/* Two copies of one chunk can exist when an erase was cut off: the later write wins. */
static bool replaces(struct chunk_store *c, const struct chunk_header *h, struct chunk_record *have)
{
    if (have->sequence > (uint32_t)h->sequence)
        return false;
    c->durable_bytes -= have->size;
    chunk_erase_units(c, have->unit, chunk_units(have->size));
    return true;
}

static void chunk_found(struct chunk_store *c, const struct chunk_header *h)
{
    uint8_t bytes[CHUNK_KEY_SIZE];
    bool added;
    uint32_t units = chunk_units(h->size);
    if (chunk_space_mark(&c->space, h->unit, units) != ERR_OK)
        return;
    struct chunk_record *r = map_put(&c->table, chunk_key_encode(h->key, bytes), &added);
    if (!r || (!added && !replaces(c, h, r))) {
        chunk_erase_units(c, h->unit, units);
        return;
    }
    *r = (struct chunk_record){.written = h->written, .digest = h->digest.low, .unit = h->unit, .size = h->size,
                               .sequence = (uint32_t)h->sequence, .state = CHUNK_DURABLE};
    c->durable_bytes += h->size;
    c->sequence = MAX(c->sequence, h->sequence);
    c->scan.found++;
}

/* Looks at the unit at `at` of the window; returns how many units to go on, 0 when the chunk is not wholly inside. */
static uint32_t unit_look(struct chunk_store *c, struct span window, size_t at)
{
    uint32_t unit = c->scan.unit + (uint32_t)(at / CHUNK_UNIT);
    struct chunk_header h;
    err e = chunk_header_decode((struct span){window.data + at, window.size - at}, &h);
    if (e != ERR_OK || h.area != c->area || h.unit != unit)
        return 1;
    size_t whole = (size_t)chunk_units(h.size) * CHUNK_UNIT;
    bool beyond = chunk_units(h.size) > c->scan.end - unit;
    if (!beyond && whole > window.size - at)
        return 0;
    struct span data = {window.data + at + CHUNK_HEADER_SIZE, h.size};
    if (!beyond && chunk_data_verify(&h, data) == ERR_OK) {
        chunk_found(c, &h);
        return chunk_units(h.size);
    }
    c->scan.torn++;
    port_probe(c->port, PROBE_CHUNK_TORN);
    if (chunk_space_mark(&c->space, unit, 1) == ERR_OK)
        chunk_erase_units(c, unit, 1);
    return 1; /* its size cannot be trusted: what lies inside is looked at as well */
}

/* A window with an unreadable sector is halved until the sector is alone; what holds it is given up. */
static void window_narrow(struct chunk_store *c, uint32_t units)
{
    if (units > 1) {
        c->scan.window = units / 2;
    } else {
        c->scan.unit++;
        c->scan.window = SCAN_WINDOW;
    }
}

static void window_walk(struct chunk_store *c, uint32_t units, struct span data)
{
    uint32_t went = 0, step = 1;
    while (went < units && step > 0) {
        step = unit_look(c, data, (size_t)went * CHUNK_UNIT);
        went += step;
    }
    c->scan.unit += MAX(went, 1u); /* 0: a chunk that reaches into an unreadable sector */
    c->scan.window = SCAN_WINDOW;
}

void chunk_scan_window(struct chunk_store *c, err status, struct span data)
{
    uint32_t units = MIN(c->scan.end - c->scan.unit, c->scan.window);
    if (status == ERR_OK && data.size == (size_t)units * CHUNK_UNIT)
        window_walk(c, units, data);
    else
        window_narrow(c, units);
    if (c->scan.unit >= c->scan.end)
        scan_end(c);
    else if (window_read(c) != ERR_OK)
        ASSERT(false && "memory for the scan");
}
