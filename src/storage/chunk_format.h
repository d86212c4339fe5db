/*
 * storage/chunk_format.h - the bytes of a chunk on disk: a self-describing header, then the data.
 *
 * Story:    a chunk says by itself which part of which object it is, how long it is and what it must hash to, so that a
 *           node that lost every table rebuilds its own from the disk. The area's identity (a secret of this disk) is
 *           in every header: bytes that a customer stored can never be taken for one.
 * Layout:   docs/format/chunk.md and the comment on top of chunk_format.c.
 * Errors:   INVALID (no header here), VERSION, CORRUPT (a checksum does not match), RANGE (impossible sizes).
 */
#ifndef NOCT_STORAGE_CHUNK_FORMAT_H
#define NOCT_STORAGE_CHUNK_FORMAT_H

#include "base/hash.h"
#include "core/ids.h"

enum {
    CHUNK_HEADER_SIZE = 512,
    CHUNK_UNIT = 4096,        /* chunks start at multiples of it */
    CHUNK_BLOCK = 64 * 1024,  /* one CRC32C each */
    CHUNK_BLOCKS_MAX = 16,
    CHUNK_SPAN_MAX = 1 << 20, /* header and data */
    CHUNK_DATA_MAX = CHUNK_SPAN_MAX - CHUNK_HEADER_SIZE,
    CHUNK_KEY_SIZE = 20,
};

struct chunk_key {
    struct uid part;
    uint32_t index;
};

struct chunk_header {
    struct chunk_key key;
    uint64_t area;            /* identity of the disk area */
    uint32_t unit;            /* where it was written */
    uint32_t size;            /* of the data, 1..CHUNK_DATA_MAX */
    struct digest128 digest;  /* XXH3-128 of the data */
    uint32_t boot;
    uint64_t sequence;        /* of writes; the later copy of the same chunk wins */
    tai_ns written;
    uint64_t name_hash;       /* of bucket and key, to find orphans of one object */
    uint32_t block_crc[CHUNK_BLOCKS_MAX];
};

struct span chunk_key_encode(struct chunk_key key, uint8_t out[CHUNK_KEY_SIZE]);
struct chunk_key chunk_key_decode(struct span s); /* of CHUNK_KEY_SIZE bytes */
uint32_t chunk_units(uint32_t size);              /* units that a chunk of so much data takes */

void chunk_header_seal(struct chunk_header *h, struct span data); /* size and block checksums; the digest is given */
void chunk_header_encode(const struct chunk_header *h, uint8_t out[CHUNK_HEADER_SIZE]);
err chunk_header_decode(struct span s, struct chunk_header *out) MUST_USE;
err chunk_data_verify(const struct chunk_header *h, struct span data) MUST_USE; /* CRCs and digest */

/* Unit 0 of the area: its identity, twice. */
void chunk_area_encode(uint64_t area, uint8_t out[CHUNK_UNIT]);
err chunk_area_decode(struct span s, uint64_t *area) MUST_USE;

#endif
