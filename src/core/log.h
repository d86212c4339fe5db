/*
 * core/log.h - an append-only record log over a disk area, with group commit, recovery and scrub. Layout: docs/format/log.md.
 *
 * Story:    records go to a pending group; when the disk is idle the group is written and then synced, while the
 *           next group gathers. `durable` tells up to which index records are safe. At start the log reads itself back.
 *           A torn tail (nobody was told of it) is cut off and blanked. Rot is something else: a wrong bit is turned
 *           back; what cannot be mended is a hole, and what lies behind it is kept. A pass over the log, each scrub
 *           interval, finds rot while there is time, and writes mended records back.
 * Owns:     the pending group and the one in flight (heap). Borrows: the port.
 * Errors:   log_append: ERR_NO_SPACE (area full, or the disk said so), ERR_FULL (memory, or a backlog of
 *           LOG_PENDING_MAX), ERR_TOO_LARGE, ERR_BUSY (still recovering). Nothing is changed then.
 * Threads:  single owner; call from the node's step only.
 */
#ifndef NOCT_CORE_LOG_H
#define NOCT_CORE_LOG_H

#include "core/log_walk.h"
#include "core/port.h"

enum {
    LOG_READ_SIZE = 1 << 20,
    LOG_READ_LEAST = 4096,
    LOG_PENDING_MAX = 8 << 20,
};

enum log_pass_kind {
    LOG_PASS_NONE,
    LOG_PASS_CHECK,  /* turns wrong bits back, looks for holes */
    LOG_PASS_CENSUS, /* the same, and tells every record that is there */
    LOG_PASS_FILL,   /* the same, and covers holes: what they held is in the log elsewhere */
};

struct log_handlers {
    void *context;
    void (*record)(void *context, uint16_t type, struct span payload); /* recovery: in order, bytes borrowed */
    void (*recovered)(void *context);                                  /* once: appends are welcome; see log.damage */
    void (*durable)(void *context, uint64_t index);                    /* all records up to index are on the medium */
    void (*census)(void *context, uint16_t type, struct span payload); /* a record that a census found */
    void (*passed)(void *context, enum log_pass_kind kind, bool whole); /* a pass ended; whole: it met no hole that it left */
};

/* All before LOG_IDLE are part of recovery. */
enum log_state { LOG_REFUSED, LOG_READING, LOG_PROBING, LOG_BLANKING, LOG_SETTLING, LOG_IDLE, LOG_WRITING, LOG_SYNCING, LOG_WAITING };

struct log_recovery { /* what the scan knows; see log.c */
    struct log_walk walk;
    bool second;              /* the first pass met a hole, looked behind it, and this one takes what is there */
    bool limited;             /* the last read was made shorter because of an unreadable sector */
    bool behind;              /* records lie behind the first hole */
    uint64_t first_hole, index_before, torn_at, noise_end, blank_at;
    uint32_t epoch_before;
};

struct log_pass {
    enum log_pass_kind kind;
    struct log_walk walk;
    enum log_pass_step { LOG_PASS_READS, LOG_PASS_WRITES, LOG_PASS_SYNCS } step;
    uint64_t op, read_size;
    bool wrote, hole_left;
    uint64_t hole, hole_end; /* what FILL still has to cover */
    mono_ns due;             /* of the next check; TIME_NEVER: none */
};

struct log {
    struct port *port;
    enum disk_area area;
    struct log_handlers handlers;
    enum log_state state;
    uint64_t capacity, scan_end, read_size;
    struct log_recovery recovery;
    struct log_damage {     /* met by recovery */
        uint32_t mended;    /* records with a wrong bit */
        uint32_t holes;     /* records are lost: they were durable, or may have been */
        bool torn;
    } damage;
    struct log_pass pass;
    uint64_t at;            /* where the next record goes (behind pending ones) */
    uint64_t index;         /* of the last record appended or recovered */
    uint64_t durable_index, durable_at; /* at: behind that record */
    uint32_t epoch;         /* this boot's */
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
/* Begins a pass over what is durable, now; ends with `passed`. False: one is under way, or the log is not ready. */
bool log_pass_begin(struct log *l, enum log_pass_kind kind);

/* Inside. log.c: */
void log_wait(struct log *l, err trouble); /* the operation at hand is tried again later */
/* log_recovery.c: */
void log_recovery_begin(struct log *l);
void log_recovery_done(struct log *l, const struct event_done *done);
void log_recovery_again(struct log *l); /* after log_wait */
/* log_pass.c: */
void log_pass_schedule(struct log *l, bool soon);
void log_pass_done(struct log *l, const struct event_done *done);
void log_pass_alarm(struct log *l);

#endif
