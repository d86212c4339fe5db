#include "base/mutation.h"
#include "storage/chunk_store_internal.h"

#include <string.h>

enum { FULL_PAUSE_S = 5 };

static void sync_start(struct chunk_store *c);

struct chunk_pending *chunk_pending_new(struct chunk_store *c, enum chunk_pending_kind kind)
{
    struct chunk_pending *p = heap_alloc(c->port->heap, sizeof *p);
    if (p)
        p->kind = kind;
    return p;
}

err chunk_pending_start(struct chunk_store *c, struct chunk_pending *p, uint64_t op)
{
    struct chunk_pending **slot = op ? map_put_u64(&c->pending, op, NULL) : NULL;
    if (!slot) {
        heap_free(c->port->heap, p);
        return ERR_FULL;
    }
    *slot = p;
    return ERR_OK;
}

static void list_add(struct chunk_list *l, struct chunk_pending *p)
{
    p->next = NULL;
    if (l->last)
        l->last->next = p;
    else
        l->first = p;
    l->last = p;
}

static struct chunk_record *record_find(const struct chunk_store *c, struct chunk_key key)
{
    uint8_t bytes[CHUNK_KEY_SIZE];
    return map_find(&c->table, chunk_key_encode(key, bytes));
}

static void record_remove(struct chunk_store *c, struct chunk_key key)
{
    uint8_t bytes[CHUNK_KEY_SIZE];
    map_remove(&c->table, chunk_key_encode(key, bytes));
}

const struct chunk_record *chunk_store_find(const struct chunk_store *c, struct chunk_key key)
{
    const struct chunk_record *r = record_find(c, key);
    return r && r->state == CHUNK_DURABLE ? r : NULL;
}

static void gauges(struct chunk_store *c)
{
    port_gauge(c->port, METRIC_CHUNKS_HELD, c->table.count);
    port_gauge(c->port, METRIC_CHUNK_BYTES, c->durable_bytes);
    port_gauge(c->port, METRIC_DISK_FREE, chunk_store_free_bytes(c));
    port_gauge(c->port, METRIC_DISK_CAPACITY, chunk_store_capacity_bytes(c));
}

err chunk_store_open(struct chunk_store *c, struct port *port, const struct chunk_handlers *handlers)
{
    *c = (struct chunk_store){.port = port, .handlers = *handlers};
    map_init(&c->table, port->heap, sizeof(struct chunk_record));
    map_init(&c->pending, port->heap, sizeof(struct chunk_pending *));
    uint64_t units = port->config->area_capacity_bytes[AREA_CHUNKS] / CHUNK_UNIT;
    chunk_space_init(&c->space, port->heap, units);
    c->reserve_units = (uint32_t)MIN(units / 8, MAX(units / 64, (uint64_t)2 * CHUNK_SPAN_MAX / CHUNK_UNIT));
    gauges(c);
    return chunk_scan_start(c);
}

uint64_t chunk_store_capacity_bytes(const struct chunk_store *c)
{
    return (uint64_t)c->space.capacity * CHUNK_UNIT;
}

uint64_t chunk_store_free_bytes(const struct chunk_store *c)
{
    uint32_t taken = c->space.used + c->reserve_units;
    return taken < c->space.capacity ? (uint64_t)(c->space.capacity - taken) * CHUNK_UNIT : 0;
}

bool chunk_store_has_room(const struct chunk_store *c, uint64_t bytes)
{
    uint64_t chunks = bytes / CHUNK_DATA_MAX + 1;
    uint64_t need = bytes + chunks * (CHUNK_HEADER_SIZE + CHUNK_UNIT - 1);
    return c->port->now.mono >= c->full_until && need <= chunk_store_free_bytes(c);
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static err write_allowed(struct chunk_store *c, struct chunk_key key, struct digest128 digest, uint32_t units, bool urgent)
{
    if (!c->ready)
        return ERR_BUSY;
    const struct chunk_record *have = record_find(c, key);
    if (have && have->state == CHUNK_WRITING)
        return ERR_BUSY;
    if (have)
        port_probe(c->port, PROBE_CHUNK_EXISTS);
    if (have)
        return have->digest == digest.low ? ERR_EXISTS : ERR_CONFLICT;
    if (c->port->config->limits.chunks_max && c->table.count >= c->port->config->limits.chunks_max)
        return ERR_FULL;
    bool room = urgent || (uint64_t)units * CHUNK_UNIT <= chunk_store_free_bytes(c);
    return room && c->port->now.mono >= c->full_until ? ERR_OK : ERR_NO_SPACE;
}

static struct chunk_header header_new(struct chunk_store *c, struct chunk_key key, struct digest128 digest, uint64_t name_hash,
                                      uint32_t unit)
{
    return (struct chunk_header){.key = key,
                                 .area = c->area,
                                 .unit = unit,
                                 .digest = digest,
                                 .boot = c->port->config->boot,
                                 .sequence = ++c->sequence,
                                 .written = c->port->now.wall,
                                 .name_hash = name_hash};
}

/* Queues header and data. The record and the units are taken; the caller gives them back on error. */
static err write_queue(struct chunk_store *c, const struct chunk_header *h, struct slice data, uint64_t cookie)
{
    uint8_t bytes[CHUNK_HEADER_SIZE];
    chunk_header_encode(h, bytes);
    struct chunk_pending *p = chunk_pending_new(c, PENDING_WRITE);
    if (!p)
        return ERR_FULL;
    p->key = h->key;
    p->cookie = cookie;
    p->unit = h->unit;
    p->units = chunk_units(h->size);
    p->sequence = (uint32_t)h->sequence;
    uint64_t op = port_disk_write(c->port, AREA_CHUNKS, (uint64_t)h->unit * CHUNK_UNIT,
                                  slice_borrowed(span_of(bytes, sizeof bytes)), data);
    return chunk_pending_start(c, p, op);
}

err chunk_store_write(struct chunk_store *c, struct chunk_key key, struct digest128 digest, uint64_t name_hash,
                      struct slice data, bool urgent, uint64_t cookie)
{
    ASSERT(data.size > 0 && data.size <= CHUNK_DATA_MAX);
    uint32_t units = chunk_units((uint32_t)data.size), unit;
    TRY(write_allowed(c, key, digest, units, urgent));
    TRY(chunk_space_take(&c->space, units, &unit));
    struct chunk_header h = header_new(c, key, digest, name_hash, unit);
    chunk_header_seal(&h, slice_span(data));
    uint8_t bytes[CHUNK_KEY_SIZE];
    struct chunk_record *r = map_put(&c->table, chunk_key_encode(key, bytes), NULL);
    if (!r || write_queue(c, &h, data, cookie) != ERR_OK) {
        /* The write may have been queued before memory ran out: then only an erase makes the units clean. */
        if (r)
            record_remove(c, key);
        chunk_erase_units(c, unit, units);
        return ERR_FULL;
    }
    *r = (struct chunk_record){.written = h.written, .digest = digest.low, .unit = unit, .size = h.size,
                               .sequence = (uint32_t)h.sequence, .state = CHUNK_WRITING};
    return ERR_OK;
}

/* Zeroes the header, and gives the units back once that is durable. Without memory they stay taken until the next boot. */
void chunk_erase_units(struct chunk_store *c, uint32_t unit, uint32_t units)
{
    static const uint8_t zeros[CHUNK_HEADER_SIZE];
    struct chunk_pending *p = chunk_pending_new(c, PENDING_ERASE);
    if (!p)
        return;
    p->unit = unit;
    p->units = units;
    uint64_t op = port_disk_write(c->port, AREA_CHUNKS, (uint64_t)unit * CHUNK_UNIT,
                                  slice_borrowed(span_of(zeros, sizeof zeros)), (struct slice){0});
    if (chunk_pending_start(c, p, op) != ERR_OK)
        port_trace(c->port, TRACE_REFUSED, NODE_NONE, "no memory to erase a chunk at unit %u; kept until the next start", unit);
}

void chunk_store_erase(struct chunk_store *c, struct chunk_key key)
{
    struct chunk_record *r = record_find(c, key);
    if (!r)
        return;
    uint32_t unit = r->unit, units = chunk_units(r->size);
    bool durable = r->state == CHUNK_DURABLE;
    if (durable)
        c->durable_bytes -= r->size;
    record_remove(c, key);
    if (durable) /* one that is being written is erased when its write has ended: see write_finish */
        chunk_erase_units(c, unit, units);
    gauges(c);
}

static void write_finish(struct chunk_store *c, struct chunk_pending *p)
{
    struct chunk_record *r = record_find(c, p->key);
    bool wanted = r && r->sequence == p->sequence;
    if (p->status == ERR_NO_SPACE) {
        if (c->port->now.mono >= c->full_until)
            port_trace(c->port, TRACE_DISK_FULL, NODE_NONE, "the host's disk is full; new chunks are refused");
        port_probe(c->port, PROBE_CHUNK_DISK_FULL);
        c->full_until = c->port->now.mono + FULL_PAUSE_S * NS_PER_S;
    }
    if (wanted && p->status == ERR_OK) {
        r->state = CHUNK_DURABLE;
        c->durable_bytes += r->size;
    } else {
        if (wanted)
            record_remove(c, p->key);
        chunk_erase_units(c, p->unit, p->units);
    }
    gauges(c);
    c->handlers.written(c->handlers.context, p->cookie, wanted ? p->status : ERR_CANCELLED);
}

static void synced(struct chunk_store *c, err status)
{
    struct chunk_list riders = c->syncing;
    c->syncing = (struct chunk_list){0};
    c->sync_in_flight = false;
    for (struct chunk_pending *p = riders.first, *next; p; p = next) {
        next = p->next;
        if (p->status == ERR_OK)
            p->status = status;
        if (p->kind == PENDING_WRITE)
            write_finish(c, p);
        else if (p->status == ERR_OK)
            chunk_space_give(&c->space, p->unit, p->units);
        heap_free(c->port->heap, p);
    }
    gauges(c);
    sync_start(c);
}

/* One SYNC at a time; whatever has reached the medium by now rides it. */
static void sync_start(struct chunk_store *c)
{
    if (c->sync_in_flight || !c->unsynced.first)
        return;
    struct chunk_pending *p = chunk_pending_new(c, PENDING_SYNC);
    c->syncing = c->unsynced;
    c->unsynced = (struct chunk_list){0};
    c->sync_in_flight = true;
    if (!p || chunk_pending_start(c, p, port_disk_sync(c->port, AREA_CHUNKS)) != ERR_OK)
        synced(c, ERR_FULL);
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static err read_queue(struct chunk_store *c, struct chunk_key key, const struct chunk_record *r, uint64_t cookie, bool again)
{
    struct chunk_pending *p = chunk_pending_new(c, PENDING_READ);
    if (!p)
        return ERR_FULL;
    p->key = key;
    p->cookie = cookie;
    p->sequence = r->sequence;
    p->again = again;
    return chunk_pending_start(c, p, port_disk_read(c->port, AREA_CHUNKS, (uint64_t)r->unit * CHUNK_UNIT,
                                                    (uint64_t)CHUNK_HEADER_SIZE + r->size));
}

err chunk_store_read(struct chunk_store *c, struct chunk_key key, uint64_t cookie)
{
    if (!c->ready)
        return ERR_BUSY;
    const struct chunk_record *r = chunk_store_find(c, key);
    return r ? read_queue(c, key, r, cookie, false) : ERR_NOT_FOUND;
}

static err read_verify(const struct chunk_store *c, struct chunk_key key, const struct chunk_record *r, struct slice data)
{
    struct chunk_header h;
    if (data.size != (size_t)CHUNK_HEADER_SIZE + r->size || chunk_header_decode(slice_span(data), &h) != ERR_OK)
        return ERR_CORRUPT;
    if (h.area != c->area || h.unit != r->unit || h.key.index != key.index || !uid_equal(h.key.part, key.part) || h.size != r->size)
        return ERR_CORRUPT;
    if (MUTATION(READ_UNVERIFIED))
        return ERR_OK;
    return chunk_data_verify(&h, slice_span(slice_part(data, CHUNK_HEADER_SIZE, r->size)));
}

static void read_finish(struct chunk_store *c, struct chunk_pending *p, const struct event_done *done)
{
    struct chunk_record *r = record_find(c, p->key);
    struct slice data = {0};
    err status = done->status;
    if (!r || r->sequence != p->sequence || r->state != CHUNK_DURABLE)
        status = ERR_NOT_FOUND; /* erased meanwhile: the bytes may be anything */
    else if (status == ERR_OK)
        status = read_verify(c, p->key, r, done->data);
    if (status == ERR_OK)
        data = slice_part(done->data, CHUNK_HEADER_SIZE, r->size);
    if (status == ERR_CORRUPT)
        port_probe(c->port, p->again ? PROBE_CHUNK_DAMAGED : PROBE_CHUNK_READ_AGAIN);
    if (status == ERR_CORRUPT && !p->again && read_queue(c, p->key, r, p->cookie, true) == ERR_OK)
        return; /* a bit may have flipped on the way, not on the medium */
    if (status == ERR_CORRUPT) {
        port_count(c->port, METRIC_CHUNKS_CORRUPT, 1);
        port_trace(c->port, TRACE_CHUNK_CORRUPT, NODE_NONE, "chunk %u at unit %u does not match its checksums; dropped",
                   p->key.index, r->unit);
        chunk_store_erase(c, p->key);
        c->handlers.corrupt(c->handlers.context, p->key);
    }
    c->handlers.loaded(c->handlers.context, p->cookie, status, data);
}

/* ---- completions -------------------------------------------------------------------------------------------- */

void chunk_store_done(struct chunk_store *c, const struct event_done *done)
{
    struct chunk_pending **slot = map_find_u64(&c->pending, done->op);
    if (!slot)
        return; /* of an earlier boot */
    struct chunk_pending *p = *slot;
    map_remove_u64(&c->pending, done->op);
    switch (p->kind) {
    case PENDING_WRITE:
    case PENDING_ERASE:
        p->status = done->status;
        if (MUTATION(ACK_BEFORE_SYNC) && p->kind == PENDING_WRITE) {
            write_finish(c, p);
            heap_free(c->port->heap, p);
            return;
        }
        list_add(&c->unsynced, p);
        sync_start(c);
        return; /* kept until the sync */
    case PENDING_READ:
        read_finish(c, p, done);
        break;
    case PENDING_SYNC:
        synced(c, done->status);
        break;
    case PENDING_AREA:
        chunk_scan_area(c, done->status, slice_span(done->data));
        break;
    case PENDING_FORMAT:
        chunk_scan_formatted(c, done->status);
        break;
    case PENDING_SCAN:
        chunk_scan_window(c, done->status, slice_span(done->data));
        break;
    }
    heap_free(c->port->heap, p);
}

bool chunk_store_check(const struct chunk_store *c)
{
    uint64_t bytes = 0;
    for (struct map_node *n = map_first(&c->table); n; n = map_next(&c->table, n)) {
        const struct chunk_record *r = map_value(n);
        if (r->size == 0 || r->size > CHUNK_DATA_MAX || r->unit == 0)
            return false;
        for (uint32_t i = 0; i < chunk_units(r->size); i++)
            if (!chunk_space_taken(&c->space, r->unit + i))
                return false;
        bytes += r->state == CHUNK_DURABLE ? r->size : 0;
    }
    return bytes == c->durable_bytes && chunk_space_check(&c->space) && !c->sync_in_flight == !c->syncing.first;
}
