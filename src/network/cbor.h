/*
 * network/cbor.h - the part of CBOR (RFC 8949) that bundles need, bounded, with byte offsets.
 *
 * Story:   a reader walks over bytes that somebody else owns; the first item that is not what was
 * asked for marks it as failed and everything after it yields zeros: read all, ask `ok` once.
 * Integers and lengths must have their shortest form (RFC 9171 §4.1 asks for deterministic
 * encoding; only indefinite lengths are not prohibited). Arrays may have an indefinite length;
 * strings must be definite, so that they are spans of the input. The writer is base/bytes' writer.
 * Owns:    nothing. Spans point into the input.
 * Units:   bytes.   Errors: sticky, see cbor_ok.   Limits: nesting of skipped items CBOR_DEPTH_MAX.
 */
#ifndef NOCT_NETWORK_CBOR_H
#define NOCT_NETWORK_CBOR_H

#include "base/bytes.h"

enum { CBOR_DEPTH_MAX = 8, CBOR_HEAD_MAX = 9 };
enum cbor_major {
    CBOR_UINT,
    CBOR_NEGATIVE,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_SIMPLE
};
#define CBOR_INDEFINITE UINT64_MAX
#define CBOR_BREAK 0xffu

struct cbor_array { /* an array that is being read */
    uint64_t left;  /* elements still to come; CBOR_INDEFINITE until the break */
};

struct cbor {
    const uint8_t *data;
    size_t size, at;
    bool failed;
};

struct cbor cbor_of(struct span s);
bool cbor_ok(const struct cbor *c);
void cbor_fail(struct cbor *c);
int cbor_peek(
    const struct cbor *c); /* major type of the next item, or -1 at the end or after a failure */
uint64_t cbor_uint(struct cbor *c);
struct span cbor_bytes(struct cbor *c); /* definite byte string */
struct span cbor_text(struct cbor *c);  /* definite text string of valid UTF-8 */
struct cbor_array cbor_array(struct cbor *c);
bool cbor_array_more(struct cbor *c,
                     struct cbor_array *a); /* is there another element? consumes the break */
void cbor_array_end(struct cbor *c, struct cbor_array *a); /* fails if there is another element */
bool cbor_break(struct cbor *c);                           /* consumes a break if it comes next */
struct span cbor_skip(struct cbor *c); /* any one well-formed item; returns its bytes */

void cbor_write_uint(struct writer *w, uint64_t v);
void cbor_write_bytes_head(struct writer *w, uint64_t size); /* the bytes follow */
void cbor_write_bytes(struct writer *w, struct span s);
void cbor_write_array(struct writer *w, uint64_t count);
void cbor_write_head(struct writer *w, enum cbor_major major, uint64_t value);
size_t cbor_head_size(uint64_t value);

#endif
