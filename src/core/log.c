#include "core/log.h"

#include <string.h>

#include "base/hash.h"

#define CHAIN_START 0x6e6f6374u
#define RETRY_FIRST (100 * NS_PER_MS)
#define RETRY_MOST (10 * NS_PER_S)
enum { READ_SIZE_LEAST = 4096 };

static size_t record_size(size_t payload_size)
{
    return (LOG_HEADER_SIZE + payload_size + 7) & ~(size_t)7;
}

/* ---- recovery --------------------------------------------------------------------------------------------- */

static void wait_and_retry(struct log *l, err trouble)
{
    l->state = l->state == LOG_READING || l->state == LOG_SETTLING ? l->state : LOG_WAITING;
    l->trouble = trouble;
    l->op = 0;
    l->retry_delay = l->retry_delay ? MIN(2 * l->retry_delay, RETRY_MOST) : RETRY_FIRST;
    l->retry_at = l->port->now.mono + l->retry_delay;
    port_alarm(l->port, l->retry_at);
}

static void settle(struct log *l)
{
    l->state = LOG_SETTLING;
    l->op = port_disk_sync(l->port, l->area);
    if (l->op == 0)
        wait_and_retry(l, ERR_NO_MEMORY);
}

static void read_more(struct log *l)
{
    uint64_t left = l->scan_end > l->at ? l->scan_end - l->at : 0;
    if (left <= LOG_HEADER_SIZE) {
        settle(l);
        return;
    }
    l->op = port_disk_read(l->port, l->area, l->at, MIN(left, l->read_size));
    if (l->op == 0)
        wait_and_retry(l, ERR_NO_MEMORY);
}

enum scan { SCAN_RECORD, SCAN_SHORT, SCAN_INVALID };

/* Looks at the record at the start of `s`; takes it over when it is valid. */
static enum scan scan_record(struct log *l, struct span s, size_t *used)
{
    struct reader r = reader_of(s.data, s.size);
    uint32_t crc = read_u32(&r), size = read_u32(&r);
    uint16_t type = read_u16(&r), zero = read_u16(&r);
    uint32_t epoch = read_u32(&r);
    uint64_t index = read_u64(&r);
    if (!reader_ok(&r))
        return SCAN_SHORT;
    if (size == 0 || size > LOG_PAYLOAD_MAX || zero != 0 || index != l->index + 1 || epoch < l->epoch_last)
        return SCAN_INVALID;
    struct span payload = read_span(&r, size);
    if (!reader_ok(&r))
        return SCAN_SHORT;
    if (crc32c_more(l->crc, s.data + 4, LOG_HEADER_SIZE - 4 + (size_t)size) != crc)
        return SCAN_INVALID;
    l->crc = crc;
    l->index = index;
    l->epoch_last = epoch;
    *used = record_size(size);
    l->at += *used;
    l->handlers.record(l->handlers.context, type, payload);
    return SCAN_RECORD;
}

static void scan(struct log *l, struct span bytes)
{
    enum scan found = SCAN_RECORD;
    size_t at = 0, used = 0;
    while (found == SCAN_RECORD && at < bytes.size) {
        found = scan_record(l, span_of(bytes.data + at, bytes.size - at), &used);
        at += found == SCAN_RECORD ? used : 0;
    }
    l->read_size = LOG_READ_SIZE;
    /* A record that the read began with but did not hold whole: it ends behind the area's end, or in a bad sector. */
    if (found == SCAN_INVALID || (found == SCAN_SHORT && at == 0)) {
        if (at < bytes.size && bytes.data[at] != 0) /* not merely the end of what was written */
            port_probe(l->port, PROBE_LOG_TORN_TAIL);
        settle(l);
    }
    else {
        read_more(l);
    }
}

static void read_done(struct log *l, const struct event_done *done)
{
    if (done->status == ERR_OK) {
        l->retry_delay = 0;
        scan(l, slice_span(done->data));
    } else if (done->status == ERR_CORRUPT && l->read_size > READ_SIZE_LEAST) {
        l->read_size /= 2; /* come closer to the unreadable sector */
        read_more(l);
    } else if (done->status == ERR_CORRUPT) {
        settle(l);
    } else {
        wait_and_retry(l, done->status);
    }
}

void log_open(struct log *l, struct port *port, enum disk_area area, uint32_t epoch, const struct log_handlers *handlers)
{
    uint64_t capacity = port->config->area_capacity_bytes[area];
    *l = (struct log){.port = port, .area = area, .handlers = *handlers, .capacity = capacity, .epoch = epoch,
                      .scan_end = MIN(capacity, port->config->area_used_bytes[area]), .read_size = LOG_READ_SIZE,
                      .crc = CHAIN_START, .retry_at = TIME_NEVER};
    read_more(l);
}

static void recovered(struct log *l)
{
    l->state = LOG_IDLE;
    l->epoch = MAX(l->epoch, l->epoch_last + 1);
    l->durable_index = l->index;
    l->handlers.recovered(l->handlers.context);
}

/* ---- appending ---------------------------------------------------------------------------------------------- */

static void group_write(struct log *l)
{
    struct slice nothing = {0};
    l->state = LOG_WRITING;
    l->op = port_disk_write(l->port, l->area, l->flight_offset, slice_of(l->flight, 0, l->flight_size), nothing);
    if (l->op == 0)
        wait_and_retry(l, ERR_NO_MEMORY);
}

static void group_begin(struct log *l)
{
    if (l->state != LOG_IDLE || l->pending_size == 0)
        return;
    l->flight = buf_new_heap(l->port->heap, l->pending_size);
    if (!l->flight) {
        l->retry_at = l->port->now.mono + RETRY_FIRST;
        port_alarm(l->port, l->retry_at);
        return;
    }
    memcpy(l->flight->data, l->pending, l->pending_size);
    l->flight_size = l->pending_size;
    l->flight_offset = l->at - l->pending_size;
    l->flight_index = l->index;
    l->pending_size = 0;
    if (heap_block_size(l->pending) > LOG_READ_SIZE / 16) { /* bursts give their memory back */
        heap_free(l->port->heap, l->pending);
        l->pending = NULL;
    }
    group_write(l);
}

err log_room(const struct log *l, size_t payload_size)
{
    if (payload_size == 0 || payload_size > LOG_PAYLOAD_MAX)
        return ERR_TOO_LARGE;
    if (l->state == LOG_READING || l->state == LOG_SETTLING)
        return ERR_BUSY;
    if (l->at + record_size(payload_size) > l->capacity)
        return ERR_NO_SPACE;
    if (l->state == LOG_WAITING)
        return l->trouble == ERR_NO_SPACE ? ERR_NO_SPACE : ERR_FULL;
    return l->pending_size + record_size(payload_size) > LOG_PENDING_MAX ? ERR_FULL : ERR_OK;
}

err log_append(struct log *l, uint16_t type, struct span payload, uint64_t *index)
{
    err room = log_room(l, payload.size);
    if (room != ERR_OK) {
        port_probe(l->port, PROBE_LOG_REFUSED);
        return room;
    }
    size_t size = record_size(payload.size);
    size_t have = l->pending ? heap_block_size(l->pending) : 0;
    if (have < l->pending_size + size) {
        uint8_t *wider = heap_grow(l->port->heap, l->pending, MAX(l->pending_size + size, 2 * have));
        if (!wider)
            return ERR_FULL;
        l->pending = wider;
    }
    uint8_t *at = l->pending + l->pending_size;
    struct writer w = writer_of(at, size);
    write_hole(&w, 4);
    write_u32(&w, (uint32_t)payload.size);
    write_u16(&w, type);
    write_u16(&w, 0);
    write_u32(&w, l->epoch);
    write_u64(&w, l->index + 1);
    write_bytes(&w, payload.data, payload.size);
    l->crc = crc32c_more(l->crc, at + 4, w.at - 4);
    writer_patch_u32(&w, 0, l->crc);
    write_hole(&w, size - w.at);
    ASSERT(writer_ok(&w));
    l->pending_size += size;
    l->at += size;
    *index = ++l->index;
    group_begin(l);
    return ERR_OK;
}

static void written(struct log *l)
{
    l->state = LOG_SYNCING;
    l->op = port_disk_sync(l->port, l->area);
    if (l->op == 0)
        wait_and_retry(l, ERR_NO_MEMORY);
}

static void synced(struct log *l)
{
    ASSERT(l->flight_index > l->durable_index);
    l->durable_index = l->flight_index;
    buf_unref(l->flight);
    l->flight = NULL;
    l->state = LOG_IDLE;
    group_begin(l);
    l->handlers.durable(l->handlers.context, l->durable_index);
}

bool log_done(struct log *l, const struct event_done *done)
{
    if (done->op != l->op || done->op == 0)
        return false;
    l->op = 0;
    if (l->state == LOG_READING) {
        read_done(l, done);
        return true;
    }
    if (done->status != ERR_OK) {
        if (l->trouble == ERR_OK)
            port_trace(l->port, TRACE_DISK_FULL, NODE_NONE, "fact log: %s; will be written again", err_text(done->status));
        wait_and_retry(l, done->status);
        return true;
    }
    l->trouble = ERR_OK;
    l->retry_delay = 0;
    if (l->state == LOG_SETTLING)
        recovered(l);
    else if (l->state == LOG_WRITING)
        written(l);
    else if (l->state == LOG_SYNCING)
        synced(l);
    return true;
}

void log_alarm(struct log *l)
{
    if (l->retry_at > l->port->now.mono) {
        port_alarm(l->port, l->retry_at);
        return;
    }
    l->retry_at = TIME_NEVER;
    if (l->state == LOG_READING)
        read_more(l);
    else if (l->state == LOG_SETTLING)
        settle(l);
    else if (l->state == LOG_WAITING)
        group_write(l);
    else
        group_begin(l);
}
