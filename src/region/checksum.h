/*
 * region/checksum.h - the checksums that S3 clients send: streaming, each computed once.
 *
 * Source:   CRC32 (ISO-HDLC), CRC32C (RFC 3720), CRC64NVME (NVM Express: polynomial ad93d23594c93659, check value
 *           ae8b14860a799888 over "123456789"), SHA-1 and SHA-256 (FIPS 180-4), MD5 (RFC 1321) by OpenSSL.
 * Owns:     OpenSSL contexts; digest_free gives them back.
 */
#ifndef NOCT_REGION_CHECKSUM_H
#define NOCT_REGION_CHECKSUM_H

#include "base/bytes.h"

enum checksum { CHECKSUM_NONE, CHECKSUM_CRC32, CHECKSUM_CRC32C, CHECKSUM_CRC64NVME, CHECKSUM_SHA1, CHECKSUM_SHA256, CHECKSUM_MD5, CHECKSUM_COUNT };
enum { CHECKSUM_BYTES_MAX = 32, CHECKSUM_TEXT_MAX = 48 };

const char *checksum_name(enum checksum c);   /* "crc32": as in x-amz-checksum-crc32 */
const char *checksum_field(enum checksum c);  /* "ChecksumCRC32": as in XML */
enum checksum checksum_from_name(struct span s); /* any case; CHECKSUM_NONE when unknown */
size_t checksum_size(enum checksum c);        /* bytes of the value */

uint64_t crc64nvme_more(uint64_t crc, const void *data, size_t size);

struct digest { /* one running checksum */
    enum checksum kind;
    uint64_t crc;
    void *context; /* EVP_MD_CTX */
};
err digest_begin(struct digest *d, enum checksum kind) MUST_USE; /* CRYPTO */
void digest_add(struct digest *d, struct span s);
void digest_end(struct digest *d, uint8_t out[CHECKSUM_BYTES_MAX]); /* big-endian for CRCs; frees the context */
void digest_free(struct digest *d);
bool digest_running(const struct digest *d);

#endif
