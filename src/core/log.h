/*
 * core/log.h - an append-only record log over a disk area, with group commit and recovery. Layout: docs/format/log.md.
 *
 * Story:    records go to a pending group; when the disk is idle the group is written and then synced, while the
 *           next group gathers. `durable` tells up to which index records are safe. At start the log reads itself back,
 *           record by record, up to the torn tail.
 * Owns:     the pending group and the one in flight (heap). Borrows: the port.
 * Errors:   log_append: ERR_NO_SPACE (area full, or the disk said so), ERR_FULL (memory, or a backlog of
 *           LOG_PENDING_MAX), ERR_TOO_LARGE, ERR_BUSY (still recovering). Nothing is changed then.
 * Threads:  single owner; call from the node's step only.
 */
#ifndef NOCT_CORE_LOG_H
#define NOCT_CORE_LOG_H

#include "core/port.h"

enum {
    LOG_HEADER_SIZE = 24,
    LOG_PAYLOAD_MAX = 1048000,
    LOG_READ_SIZE = 1 << 20,
    LOG_PENDING_MAX = 8 << 20,
};

struct log_handlers {
    void *context;
    void (*record)(void *context, uint16_t type, struct span payload); /* recovery: in order, bytes borrowed */
    void (*recovered)(void *context);                                  /* once: appends are welcome */
    void (*durable)(void *context, uint64_t index);                    /* all records up to index are on the medium */
};

enum log_state { LOG_READING, LOG_SETTLING, LOG_IDLE, LOG_WRITING, LOG_SYNCING, LOG_WAITING };

struct log {
    struct port *port;
    enum disk_area area;
    struct log_handlers handlers;
    enum log_state state;
    uint64_t capacity, scan_end, read_size;
    uint64_t at;            /* where the next record goes (behind pending ones) */
    uint64_t index;         /* of the last record appended or recovered */
    uint64_t durable_index;
    uint32_t crc, epoch, epoch_last; /* running chain; this boot's; of the last valid record */
    uint8_t *pending;       /* bytes that wait for the next group */
    size_t pending_size;
    struct buf *flight;     /* the group being written, kept until synced */
    size_t flight_size;
    uint64_t flight_offset, flight_index;
    uint64_t op;            /* the one operation in flight */
    err trouble;            /* why it waits */
    mono_ns retry_at;       /* TIME_NEVER: none */
    duration_ns retry_delay;
};

/* Begins recovery. `epoch` must be larger than at every earlier start (the boot count). */
void log_open(struct log *l, struct port *port, enum disk_area area, uint32_t epoch, const struct log_handlers *handlers);
err log_append(struct log *l, uint16_t type, struct span payload, uint64_t *index) MUST_USE;
err log_room(const struct log *l, size_t payload_size) MUST_USE; /* what log_append would say, but for memory */
bool log_done(struct log *l, const struct event_done *done);     /* true when the operation was the log's */
void log_alarm(struct log *l);

#endif
