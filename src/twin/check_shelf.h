/*
 * twin/check_shelf.h - which chunks lie on a disk in truth; for the checkers' own files only.
 *
 * Story:   writes and syncs of the chunk area pass by here before the disk takes them; a crash re-reads what was not yet synced.
 *          A list per node that has a chunk, own to the node's shard; what was erased and what was acknowledged is kept for the
 *          next serial point. There the checkers ask who holds a chunk; ranks ask each other.
 * Owns:    a mapping per such node, touched as far as it is used. Limits: bit flips are noticed when a chunk is erased only.
 */
#ifndef NOCT_TWIN_CHECK_SHELF_H
#define NOCT_TWIN_CHECK_SHELF_H

#include "base/map.h"
#include "core/ids.h"

struct shelved {
    uint64_t offset;
    mono_ns synced_at; /* 0: not yet */
};
struct shelf {
    struct heap heap;
    void *memory;
    struct map chunks; /* part uid, index (BE) -> struct shelved */
    struct map places; /* offset -> key */
    struct shelf_pending { /* written, not yet synced */
        uint64_t offset, sequence;
    } *pending;
    struct shelf_erased { /* whole and durable until then */
        uint8_t key[20];
        tai_ns at;
    } *erased;
    struct shelf_acked {
        struct uid version;
        mono_ns at;
    } *acked;
    size_t pending_count, pending_capacity, erased_count, erased_capacity, acked_count, acked_capacity;
};

struct shelf *shelf_open(void);
void shelf_close(struct shelf *s);
struct span shelf_key(struct uid part, uint32_t index, uint8_t out[20]);

struct shelf_question { /* how many disks of live nodes hold this chunk, synced by then? */
    uint8_t key[20];
    node_id but;        /* not asked; NODE_NONE: all are */
    uint32_t only_count; /* 0: all are asked */
    node_id only[8];
    mono_ns until;
};
struct world;
/* Serial, and collective: all ranks call it at the same points, each with questions of its own or none. */
void shelf_ask(struct world *w, const struct shelf_question *questions, size_t count, uint32_t *answers);

#endif
