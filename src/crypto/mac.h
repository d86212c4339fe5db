/*
 * crypto/mac.h - HMAC-SHA-256, HKDF-SHA-256, and comparison in constant time.
 *
 * Source:   RFC 2104 and RFC 4231 (HMAC), RFC 5869 (HKDF).
 * Errors:   ERR_RANGE when HKDF is asked for more than 255 * 32 bytes.
 * Threads:  pure.
 */
#ifndef NOCT_CRYPTO_MAC_H
#define NOCT_CRYPTO_MAC_H

#include "base/bytes.h"

enum { HMAC_SHA256_SIZE = 32 };

void hmac_sha256(struct span key, struct span data, uint8_t out[HMAC_SHA256_SIZE]);
/* HMAC of first‖second‖third. */
void hmac_sha256_parts(struct span key, struct span first, struct span second, struct span third,
                       uint8_t out[HMAC_SHA256_SIZE]);
err hkdf_sha256(struct span key, struct span salt, struct span info, uint8_t *out, size_t size) MUST_USE;
bool bytes_equal_constant_time(const void *a, const void *b, size_t size); /* time depends on size only */
void bytes_erase(void *data, size_t size);                                  /* is not optimised away */

#endif
