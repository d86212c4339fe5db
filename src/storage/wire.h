/*
 * storage/wire.h - messages between the storage planes of two nodes. Layout: wire.c; docs/protocol/storage.md.
 */
#ifndef NOCT_STORAGE_WIRE_H
#define NOCT_STORAGE_WIRE_H

#include "storage/chunk_format.h"

enum wire_type {
    WIRE_STORE = 1,   /* keep this chunk (payload) durably      -> STORED */
    WIRE_STORED = 2,  /* it is durable, or why not */
    WIRE_FETCH = 3,   /* send that chunk                        -> FETCHED */
    WIRE_FETCHED = 4, /* here it is (payload), or why not */
    WIRE_DROP = 5,    /* a stream was aborted: its part will never have a fact */
    WIRE_CONFIRM = 6, /* read that chunk and say whether it is whole -> STORED */
};

enum { WIRE_BODY_MAX = 64 };

struct wire_store {
    struct chunk_key key;
    struct digest128 digest;
    uint64_t name_hash;
    bool urgent; /* a repair: may use the reserve */
};

struct span wire_store_encode(const struct wire_store *m, uint8_t out[WIRE_BODY_MAX]);
err wire_store_decode(struct span body, struct wire_store *out) MUST_USE;
struct span wire_fetch_encode(struct chunk_key key, uint8_t out[WIRE_BODY_MAX]); /* FETCH, CONFIRM */
err wire_fetch_decode(struct span body, struct chunk_key *out) MUST_USE;
struct span wire_status_encode(err status, uint8_t out[WIRE_BODY_MAX]); /* STORED, FETCHED */
err wire_status_decode(struct span body, err *out) MUST_USE;
struct span wire_drop_encode(struct uid part, uint8_t out[WIRE_BODY_MAX]);
err wire_drop_decode(struct span body, struct uid *out) MUST_USE;

#endif
