/*
 * crypto/digest.h - SHA-256 and MD5, one-shot and streaming.
 *
 * Story:    one-shot calls for small inputs; a `struct digest` for streams, made once and reused for many of them.
 * Owns:     a `struct digest` holds OpenSSL memory (outside the machine's heap): close it.
 * Errors:   ERR_CRYPTO when the library fails (out of memory, or the digest is switched off).
 * Source:   FIPS 180-4 (SHA-256), RFC 1321 (MD5: for S3 ETags and Content-MD5 only, never for security).
 * Threads:  a digest has a single owner; the one-shot calls are pure.
 */
#ifndef NOCT_CRYPTO_DIGEST_H
#define NOCT_CRYPTO_DIGEST_H

#include "base/bytes.h"

enum { SHA256_SIZE = 32, MD5_SIZE = 16, DIGEST_SIZE_MAX = 32 };
enum digest_kind { DIGEST_SHA256, DIGEST_MD5 };

void sha256(struct span data, uint8_t out[SHA256_SIZE]);
void md5(struct span data, uint8_t out[MD5_SIZE]);

struct digest; /* opaque: src/crypto/digest.c */
err digest_open(struct digest **out, enum digest_kind kind) MUST_USE;
void digest_close(struct digest *d); /* NULL is allowed */
void digest_reset(struct digest *d); /* begins a new stream; also done by digest_open and digest_finish */
void digest_more(struct digest *d, struct span data);
void digest_finish(struct digest *d, uint8_t *out); /* 32 or 16 bytes; ready for the next stream */
err digest_copy(struct digest **out, const struct digest *d) MUST_USE; /* a second stream with the same prefix */

#endif
