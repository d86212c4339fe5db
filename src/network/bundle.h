/*
 * network/bundle.h - the bundle of RFC 9171: strict decoding into spans, encoding around a payload
 * that is not copied.
 *
 * Story:   bundle_decode checks everything that the standard demands and leaves spans into the
 * input. A bundle of our own is written as a small head, the payload slice and a tail
 * (bundle_encode). A relayed bundle keeps its primary and payload blocks byte for byte; between
 * them the previous node, age and hop count blocks are renewed (bundle_relay). Layout and choices:
 * docs/protocol/bundle.md. Owns:    nothing; all spans are borrowed from the input. Units:   DTN
 * time: milliseconds since 2000-01-01T00:00:00Z, without leap seconds; lifetime and age in
 * milliseconds. Errors:  INVALID (form), CORRUPT (checksum), RANGE (a value the standard forbids),
 * TOO_LARGE (more than BUNDLE_BLOCKS_MAX blocks), VERSION, UNSUPPORTED (a block we cannot process
 * asks for the deletion of its bundle), DENIED (policy). Sources: RFC 9171, RFC 9758 (ipn), RFC
 * 9173 (security blocks are carried, their targets are looked at).
 */
#ifndef NOCT_NETWORK_BUNDLE_H
#define NOCT_NETWORK_BUNDLE_H

#include "base/bytes.h"
#include "base/time.h"

enum {
    BUNDLE_BLOCKS_MAX = 24,
    BUNDLE_HEAD_MAX = 4096, /* all of a relayed bundle but its payload block */
    BUNDLE_TAIL_MAX = 8,
    BUNDLE_HOPS_MAX = 255 /* hop limit of our own bundles: across a grid of 100 by 100 it takes a hundred */
};

enum bundle_flag { /* RFC 9171 §4.2.3 */
                   BUNDLE_IS_FRAGMENT = 0x000001,
                   BUNDLE_IS_ADMIN = 0x000002,
                   BUNDLE_NO_FRAGMENT = 0x000004,
                   BUNDLE_REPORTS = 0x074000 /* any of reception, forwarding, delivery, deletion */
};
enum bundle_block_flag { /* §4.2.4 */
                         BLOCK_REPLICATE = 0x01,
                         BLOCK_REPORT = 0x02,
                         BLOCK_DELETE_BUNDLE = 0x04,
                         BLOCK_DISCARD = 0x10
};
enum bundle_block_type {
    BLOCK_PAYLOAD = 1,
    BLOCK_PREVIOUS_NODE = 6,
    BLOCK_AGE = 7,
    BLOCK_HOP_COUNT = 10,
    BLOCK_INTEGRITY = 11, /* RFC 9172 */
    BLOCK_CONFIDENTIALITY = 12,
    BLOCK_QUALITY = 192 /* ours, from the range for private use: [priority, no custody] */
};
enum bundle_crc { CRC_NONE, CRC_16, CRC_32C };

enum eid_kind { EID_NULL, EID_IPN, EID_DTN };
struct eid {
    enum eid_kind kind;
    uint32_t allocator, node; /* IPN */
    uint64_t service;         /* IPN */
    struct span name;         /* DTN: the scheme-specific part */
};
struct eid eid_ipn(uint32_t node, uint64_t service);
bool eid_equal(struct eid a, struct eid b);

struct bundle_block {
    uint64_t type, number, flags;
    enum bundle_crc crc;
    struct span data;  /* block-type-specific */
    struct span whole; /* the block as it came */
};

struct bundle {
    uint64_t flags;
    enum bundle_crc crc;
    struct eid destination, source, report_to;
    uint64_t creation_ms, sequence, lifetime_ms;
    uint64_t fragment_offset, total_size;          /* only with BUNDLE_IS_FRAGMENT */
    struct span primary;                           /* the primary block as it came */
    struct bundle_block blocks[BUNDLE_BLOCKS_MAX]; /* in order; the payload is the last */
    size_t block_count;
    struct span payload;
    bool has_previous, has_age, has_hops, has_quality;
    struct eid previous;
    uint64_t age_ms, hop_limit, hop_count;
    uint8_t priority;
    bool no_custody;
};

struct bundle_policy {
    bool primary_unprotected; /* accept a primary block without checksum and without integrity block
                                 (RFC 9171 §4.3.1 forbids) */
    bool ageless; /* accept creation time 0 without an age block (§4.4.2 forbids; RFC 9173's
                     examples do it) */
    bool trusted; /* these bytes were checked before: leave checksums alone */
};

err bundle_decode(struct span in, struct bundle_policy policy, struct bundle *out) MUST_USE;
/* Decodes one primary block at the start of `in`; `used` says where it ends. Flags against each
 * other are not checked. */
err bundle_primary_decode(struct span in, struct bundle_policy policy, struct bundle *out,
                          size_t *used) MUST_USE;

/* A new bundle of this node. Uses from `b`: flags, destination, source, creation_ms, sequence,
 * lifetime_ms, priority, no_custody; the primary block gets CRC-32C, the payload block
 * `payload_crc`. The payload block's data are `first` (copied into head) and `second` (between head
 * and tail). False when head is too small: it takes first.size + 200 bytes at most. `tail` takes
 * BUNDLE_TAIL_MAX. */
bool bundle_encode(const struct bundle *b, struct span first, struct span second,
                   enum bundle_crc payload_crc, struct writer *head, struct writer *tail) MUST_USE;

/* The same in two pieces: what names the bundle, then the payload block with the end of the bundle, which bundles with equal
 * payloads share. `front` takes 200 bytes at most, `block` first.size + second.size + 24. */
bool bundle_encode_front(const struct bundle *b, struct writer *front) MUST_USE;
bool bundle_encode_block(struct span first, struct span second, struct writer *block) MUST_USE; /* CRC-32C */

/* What a relay sends: head, then the payload block as it came (blocks[block_count - 1].whole), then
 * one break byte. Hop count + 1, age + age_more_ms; blocks that ask for it when not understood are
 * discarded. False: head too small. */
bool bundle_relay(const struct bundle *b, uint32_t self, uint64_t age_more_ms,
                  struct writer *head) MUST_USE;
#define BUNDLE_BREAK SPAN_LITERAL("\xff")

uint64_t bundle_dtn_time_ms(tai_ns wall); /* 0 before 2000 */
/* When the bundle's life ends; TIME_NEVER if that is beyond the clock. Where the creation time is
 * unknown (0) the age block counts from now. */
tai_ns bundle_expiry(const struct bundle *b, tai_ns now);
uint64_t
bundle_key(const struct bundle *b,
           uint64_t seed); /* of source, creation time, sequence, fragment: what names a bundle */

uint16_t crc16_x25(uint16_t crc, const void *data,
                   size_t size); /* start with 0; 0x906e for "123456789" */

#endif
