#include "core/log.h"

#include <string.h>

#define RETRY_FIRST (100 * NS_PER_MS)
#define RETRY_MOST (10 * NS_PER_S)

void log_wait(struct log *l, err trouble)
{
    l->state = l->state < LOG_IDLE ? l->state : LOG_WAITING;
    l->trouble = trouble;
    l->op = 0;
    l->retry_delay = l->retry_delay ? MIN(2 * l->retry_delay, RETRY_MOST) : RETRY_FIRST;
    l->retry_at = l->port->now.mono + l->retry_delay;
    port_alarm(l->port, l->retry_at);
}

void log_open(struct log *l, struct port *port, enum disk_area area, uint32_t epoch, const struct log_handlers *handlers)
{
    uint64_t capacity = port->config->area_capacity_bytes[area];
    *l = (struct log){.port = port, .area = area, .handlers = *handlers, .capacity = capacity, .epoch = epoch,
                      .scan_end = MIN(capacity, port->config->area_used_bytes[area]), .retry_at = TIME_NEVER};
    l->pass.due = TIME_NEVER;
    log_recovery_begin(l);
}

/* ---- appending ---------------------------------------------------------------------------------------------- */

static void group_write(struct log *l)
{
    struct slice nothing = {0};
    l->state = LOG_WRITING;
    l->op = port_disk_write(l->port, l->area, l->flight_offset, slice_of(l->flight, 0, l->flight_size), nothing);
    if (l->op == 0)
        log_wait(l, ERR_NO_MEMORY);
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
    if (l->state < LOG_IDLE)
        return ERR_BUSY;
    err room = l->pending_size + log_record_size(payload_size) > LOG_PENDING_MAX ? ERR_FULL : ERR_OK;
    if (l->state == LOG_WAITING)
        room = l->trouble == ERR_NO_SPACE ? ERR_NO_SPACE : ERR_FULL;
    if (l->at + log_record_size(payload_size) > l->capacity)
        room = ERR_NO_SPACE;
    if (room != ERR_OK)
        port_probe(l->port, PROBE_LOG_REFUSED);
    return room;
}

err log_append(struct log *l, uint16_t type, struct span payload, uint64_t *index)
{
    TRY(log_room(l, payload.size));
    size_t size = log_record_size(payload.size);
    size_t have = l->pending ? heap_block_size(l->pending) : 0;
    if (have < l->pending_size + size) {
        uint8_t *wider = heap_grow(l->port->heap, l->pending, MAX(l->pending_size + size, 2 * have));
        if (!wider)
            return ERR_FULL;
        l->pending = wider;
    }
    struct log_header h = {.type = type, .epoch = l->epoch, .index = l->index + 1,
                           .flags = l->pending_size == 0 ? LOG_GROUP_FIRST : 0};
    log_record_write(l->pending + l->pending_size, l->at, &h, payload);
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
        log_wait(l, ERR_NO_MEMORY);
}

static void synced(struct log *l)
{
    ASSERT(l->flight_index > l->durable_index);
    l->durable_index = l->flight_index;
    l->durable_at = l->flight_offset + l->flight_size;
    buf_unref(l->flight);
    l->flight = NULL;
    l->state = LOG_IDLE;
    group_begin(l);
    l->handlers.durable(l->handlers.context, l->durable_index);
}

bool log_done(struct log *l, const struct event_done *done)
{
    if (done->op == 0)
        return false;
    if (done->op == l->pass.op) {
        log_pass_done(l, done);
        return true;
    }
    if (done->op != l->op)
        return false;
    l->op = 0;
    if (l->state < LOG_IDLE) {
        log_recovery_done(l, done);
        return true;
    }
    if (done->status != ERR_OK) {
        if (l->trouble == ERR_OK)
            port_trace(l->port, TRACE_DISK_FULL, NODE_NONE, "fact log: %s; will be written again", err_text(done->status));
        log_wait(l, done->status);
        return true;
    }
    l->trouble = ERR_OK;
    l->retry_delay = 0;
    if (l->state == LOG_WRITING)
        written(l);
    else if (l->state == LOG_SYNCING)
        synced(l);
    return true;
}

static void try_again(struct log *l)
{
    l->retry_at = TIME_NEVER;
    if (l->state < LOG_IDLE)
        log_recovery_again(l);
    else if (l->state == LOG_WAITING)
        group_write(l);
    else
        group_begin(l);
}

void log_alarm(struct log *l)
{
    if (l->retry_at > l->port->now.mono)
        port_alarm(l->port, l->retry_at);
    else
        try_again(l);
    log_pass_alarm(l);
}
