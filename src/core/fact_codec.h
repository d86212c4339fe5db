/*
 * core/fact_codec.h - the bytes of a fact: encode, sign, decode strictly. Layout: docs/format/fact.md.
 *
 * Story:    decoding borrows from the input and checks the form only; key, chain and signature are the store's business.
 * Errors:   ERR_TRUNCATED, ERR_INVALID, ERR_VERSION, ERR_TOO_LARGE from fact_decode; ERR_FULL when a writer has no room;
 *           whatever the signer returns.
 * Threads:  pure (besides the signer).
 */
#ifndef NOCT_CORE_FACT_CODEC_H
#define NOCT_CORE_FACT_CODEC_H

#include "core/facts.h"

enum {
    FACT_HEADER_SIZE = 76,
    FACT_OVERHEAD = FACT_HEADER_SIZE + FACT_SIGNATURE_SIZE,
    FACT_ENCODED_MAX = FACT_BODY_MAX + FACT_OVERHEAD,
};

struct fact_parts { /* where the pieces of an encoded fact lie */
    const uint8_t *previous; /* 32 bytes: hash of the previous fact */
    struct span signed_part;
    const uint8_t *signature;
};

/* Exact form, nothing left over. Does not fill f->hash: see fact_hash. */
err fact_decode(struct span encoded, struct fact *f, struct fact_parts *parts) MUST_USE;
void fact_hash(struct span signed_part, uint8_t out[FACT_HASH_SIZE]);
size_t fact_encoded_size(const uint8_t *encoded); /* of a fact that fact_decode accepted */

/* Writes and signs `f` (all fields but hash) after the fact with hash `previous`; fills f->hash. `out` holds
 * FACT_OVERHEAD + body bytes. */
err fact_encode(struct fact *f, const uint8_t previous[FACT_HASH_SIZE], const struct fact_crypto *crypto,
                uint8_t *out) MUST_USE;

/* For hosts: builds the genesis of a mission, root facts back to back in the caller's memory. */
struct genesis {
    struct writer writer;
    struct fact_crypto crypto; /* signs with the root key */
    uint64_t seq;
    uint8_t head[FACT_HASH_SIZE];
};
struct genesis genesis_of(void *memory, size_t capacity, const struct fact_crypto *crypto);
err genesis_add(struct genesis *g, enum fact_type type, hlc time, struct span body) MUST_USE;

#endif
