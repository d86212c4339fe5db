/*
 * twin/virtual_disk.h - a disk in memory that tears, flips and fills like a real one.
 *
 * Story:   writes are seen at once; until a sync, each of their sectors may or may not survive a crash (any subset, drawn
 *          from the caller's random stream). Bit flips change what was written. A capacity makes it full.
 * Owns:    its pages and the undo log (malloc).
 * Model:   latencies are constants per operation plus bytes over a rate: figures of an NVMe-class disk measured on
 *          a virtual machine (sync of prewritten space 0.16 ms, 1.5 GB/s).
 */
#ifndef NOCT_TWIN_VIRTUAL_DISK_H
#define NOCT_TWIN_VIRTUAL_DISK_H

#include "base/buf.h"
#include "base/rng.h"
#include "core/machine.h"

enum { DISK_PAGE = 16384 };

struct disk_undo;
struct virtual_disk {
    uint8_t **pages[AREA_COUNT];
    size_t page_count[AREA_COUNT];
    uint64_t used_bytes[AREA_COUNT], capacity_bytes[AREA_COUNT];
    struct disk_undo *undo; /* newest first; what a crash may take back */
    uint64_t sequence; /* number of the last write */
    uint64_t written_bytes;
};

void virtual_disk_init(struct virtual_disk *d, const uint64_t capacity_bytes[AREA_COUNT]);
void virtual_disk_free(struct virtual_disk *d);
err virtual_disk_write(struct virtual_disk *d, const struct effect_disk *e) MUST_USE; /* NO_SPACE beyond capacity */
void virtual_disk_read_into(const struct virtual_disk *d, enum disk_area area, uint64_t offset, uint8_t *data, uint64_t size);
void virtual_disk_sync(struct virtual_disk *d, enum disk_area area, uint64_t until); /* safe: writes numbered up to `until` */
void virtual_disk_crash(struct virtual_disk *d, struct rng *r);      /* each unsynced sector survives or not */
bool virtual_disk_flip(struct virtual_disk *d, enum disk_area area, struct rng *r); /* false: nothing was written */
/* Several bits within a few bytes of each other, as one particle leaves them; returns how many. */
uint64_t virtual_disk_flip_cluster(struct virtual_disk *d, enum disk_area area, uint64_t count, struct rng *r);
void virtual_disk_wipe(struct virtual_disk *d);                      /* replaced by an empty one */
duration_ns virtual_disk_latency(enum disk_kind kind, uint64_t size);

#endif
