/*
 * storage/chunk_store_internal.h - what chunk_store.c and chunk_scan.c share.
 */
#ifndef NOCT_STORAGE_CHUNK_STORE_INTERNAL_H
#define NOCT_STORAGE_CHUNK_STORE_INTERNAL_H

#include "storage/chunk_store.h"

enum chunk_pending_kind { PENDING_WRITE, PENDING_ERASE, PENDING_READ, PENDING_SYNC, PENDING_FORMAT, PENDING_SCAN, PENDING_AREA };

struct chunk_pending { /* a disk operation under way */
    struct chunk_pending *next;
    struct chunk_key key;
    uint64_t cookie;
    uint32_t unit, units, sequence;
    enum chunk_pending_kind kind;
    err status;
    bool again; /* READ: the second attempt */
};

struct chunk_pending *chunk_pending_new(struct chunk_store *c, enum chunk_pending_kind kind);
err chunk_pending_start(struct chunk_store *c, struct chunk_pending *p, uint64_t op) MUST_USE; /* frees p on error */
void chunk_erase_units(struct chunk_store *c, uint32_t unit, uint32_t units);

err chunk_scan_start(struct chunk_store *c) MUST_USE;
void chunk_scan_area(struct chunk_store *c, err status, struct span data);
void chunk_scan_window(struct chunk_store *c, err status, struct span data);
void chunk_scan_formatted(struct chunk_store *c, err status);

#endif
