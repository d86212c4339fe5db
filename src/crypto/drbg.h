/*
 * crypto/drbg.h - random bytes for keys and nonces from a seed: HMAC_DRBG with SHA-256.
 *
 * Story:    the real host seeds it with 48 bytes of getrandom, the twin with the run's seed; the machine itself
 *           draws no entropy. Equal seeds give equal bytes.
 * Owns:     64 bytes of secret state in the caller's memory; bytes_erase it when done.
 * Source:   NIST SP 800-90A rev. 1, §10.1.2 (no prediction resistance; additional input unused). At most 2^16 bytes
 *           per call and 2^48 calls per seed, both far above what a node draws.
 * Threads:  single owner.
 */
#ifndef NOCT_CRYPTO_DRBG_H
#define NOCT_CRYPTO_DRBG_H

#include "base/bytes.h"

struct drbg {
    uint8_t key[32], value[32];
    uint64_t calls;
};

struct drbg drbg_of(struct span seed); /* entropy‖nonce‖personalisation */
void drbg_reseed(struct drbg *d, struct span seed);
void drbg_bytes(struct drbg *d, void *out, size_t size); /* size <= 65536 */

#endif
