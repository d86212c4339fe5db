/*
 * crypto/signature.h - Ed25519 signatures and X25519 key agreement.
 *
 * Story:    a key pair grows from a 32-byte seed. A signer keeps its expanded key, so that a signature costs
 *           one scalar multiplication and not two. Why libsodium: docs/adr/0008-ed25519.md.
 * Owns:     a `struct signer` is malloc'd (outside the machine's heap) and erased by its close.
 * Errors:   ERR_CRYPTO; ERR_INVALID from x25519_shared when the result is all zero (a low-order peer key).
 * Source:   RFC 8032 (Ed25519), RFC 7748 (X25519).
 * Threads:  a signer has a single owner; everything else is pure.
 */
#ifndef NOCT_CRYPTO_SIGNATURE_H
#define NOCT_CRYPTO_SIGNATURE_H

#include "base/bytes.h"

enum { ED25519_SEED_SIZE = 32, ED25519_PUBLIC_SIZE = 32, ED25519_SIGNATURE_SIZE = 64, X25519_SIZE = 32 };

struct signer; /* opaque: src/crypto/signature.c */
err signer_open(struct signer **out, const uint8_t seed[ED25519_SEED_SIZE]) MUST_USE;
void signer_close(struct signer *s); /* NULL is allowed */
err signer_sign(struct signer *s, struct span message, uint8_t out[ED25519_SIGNATURE_SIZE]) MUST_USE;
const uint8_t *signer_public_key(const struct signer *s); /* 32 bytes */

err ed25519_public_key(const uint8_t seed[ED25519_SEED_SIZE], uint8_t out[ED25519_PUBLIC_SIZE]) MUST_USE;
err ed25519_sign(const uint8_t seed[ED25519_SEED_SIZE], struct span message, uint8_t out[ED25519_SIGNATURE_SIZE]) MUST_USE;
bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_SIZE], struct span message,
                    const uint8_t signature[ED25519_SIGNATURE_SIZE]);

err x25519_public_key(const uint8_t private_key[X25519_SIZE], uint8_t out[X25519_SIZE]) MUST_USE;
err x25519_shared(const uint8_t private_key[X25519_SIZE], const uint8_t peer[X25519_SIZE], uint8_t out[X25519_SIZE]) MUST_USE;

#endif
