/*
 * storage/chunk_store.h - the chunks on this node's disk: write durably, read verified, erase for good.
 *
 * Story:    a write queues at once; when it has reached the medium it waits for the next SYNC (one in flight, everybody
 *           who is ready rides it), and only then it counts. A read verifies header, block checksums and digest and
 *           never returns anything else. An erased chunk's header is zeroed and synced before its units are used again, so it
 *           cannot come back. After a crash the table is rebuilt from the headers; a chunk whose data did not arrive
 *           is found by its checksums and erased: a torn chunk is never readable.
 * Owns:     the table of chunks (limits.chunks_max), the bitmap of units. Holds references to data in flight.
 * Errors:   NO_SPACE, FULL (limits or memory), EXISTS (that chunk is durable already), BUSY (being written),
 *           NOT_FOUND, CORRUPT, IO.
 * Threads:  single owner.   Invariant: chunk_store_check().
 */
#ifndef NOCT_STORAGE_CHUNK_STORE_H
#define NOCT_STORAGE_CHUNK_STORE_H

#include "core/port.h"
#include "storage/chunk_format.h"
#include "storage/chunk_space.h"

enum chunk_state { CHUNK_WRITING, CHUNK_DURABLE };

struct chunk_record { /* value of the table */
    tai_ns written;
    uint64_t digest; /* low half */
    uint32_t unit, size, sequence;
    uint8_t state;
    uint8_t verified; /* by the last scan or read; a bad first read is repeated once */
};

struct chunk_handlers { /* called from chunk_store_done */
    void *context;
    void (*ready)(void *context);
    void (*written)(void *context, uint64_t cookie, err status);
    void (*loaded)(void *context, uint64_t cookie, err status, struct slice data); /* keep by reference */
    void (*corrupt)(void *context, struct chunk_key key); /* erased already */
};

struct chunk_pending;
struct chunk_list {
    struct chunk_pending *first, *last;
};

struct chunk_scan {
    uint32_t unit, end; /* next unit to look at; first unit that was never written */
    uint32_t window;    /* units of the next read */
    uint64_t torn, found;
};

struct chunk_store {
    struct port *port;
    struct chunk_handlers handlers;
    struct map table;   /* chunk key -> struct chunk_record */
    struct map pending; /* op -> struct chunk_pending * */
    struct chunk_space space;
    struct chunk_list unsynced, syncing;
    struct chunk_scan scan;
    uint64_t area, sequence, durable_bytes;
    uint32_t reserve_units;
    bool sync_in_flight, ready;
    mono_ns full_until;   /* the host said NO_SPACE: refuse until then */
};

err chunk_store_open(struct chunk_store *c, struct port *port, const struct chunk_handlers *handlers) MUST_USE;
/* `urgent` writes (repairs) may use the reserve. The answer comes to `written` unless an error is returned. */
err chunk_store_write(struct chunk_store *c, struct chunk_key key, struct digest128 digest, uint64_t name_hash,
                      struct slice data, bool urgent, uint64_t cookie) MUST_USE;
err chunk_store_read(struct chunk_store *c, struct chunk_key key, uint64_t cookie) MUST_USE;
void chunk_store_erase(struct chunk_store *c, struct chunk_key key);
void chunk_store_done(struct chunk_store *c, const struct event_done *done);
const struct chunk_record *chunk_store_find(const struct chunk_store *c, struct chunk_key key); /* durable ones only */
uint64_t chunk_store_free_bytes(const struct chunk_store *c); /* without the reserve */
uint64_t chunk_store_capacity_bytes(const struct chunk_store *c);
bool chunk_store_has_room(const struct chunk_store *c, uint64_t bytes);
bool chunk_store_check(const struct chunk_store *c);

#endif
