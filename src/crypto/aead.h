/*
 * crypto/aead.h - AES-256-GCM: encrypts and authenticates; one context serves many calls.
 *
 * Story:    the context keeps the key schedule. Setting the same key again is skipped, so sealing a
 *           stream of chunks under one key costs no set-up. A nonce must never be used twice with one key.
 * Owns:     OpenSSL memory (outside the machine's heap): close it.
 * Errors:   ERR_SIGNATURE when the tag does not match (the output is then zeroed); ERR_CRYPTO; ERR_NO_MEMORY;
 *           ERR_TOO_LARGE above 1 GiB per call.
 * Source:   NIST SP 800-38D. Nonce 12 bytes, tag 16 bytes.
 * Threads:  single owner.
 */
#ifndef NOCT_CRYPTO_AEAD_H
#define NOCT_CRYPTO_AEAD_H

#include "base/bytes.h"

enum { AEAD_KEY_SIZE = 32, AEAD_NONCE_SIZE = 12, AEAD_TAG_SIZE = 16 };

struct aead; /* opaque: src/crypto/aead.c */
err aead_open(struct aead **out) MUST_USE;
void aead_close(struct aead *a); /* NULL is allowed */
/* `out` takes plain.size bytes and may be the input itself. */
err aead_seal(struct aead *a, const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_NONCE_SIZE],
              struct span additional, struct span plain, uint8_t *out, uint8_t tag[AEAD_TAG_SIZE]) MUST_USE;
err aead_unseal(struct aead *a, const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_NONCE_SIZE],
                struct span additional, struct span sealed, const uint8_t tag[AEAD_TAG_SIZE], uint8_t *out) MUST_USE;

#endif
