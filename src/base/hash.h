/*
 * base/hash.h - checksums and fast digests (not for security: see crypto/).
 *
 * Source:  CRC32C by ISA-L (RFC 3720, check value e3069283); XXH3-64 and -128 by xxHash.
 */
#ifndef NOCT_BASE_HASH_H
#define NOCT_BASE_HASH_H

#include "base/bytes.h"

uint32_t crc32c(const void *data, size_t size);
uint32_t crc32c_more(uint32_t crc, const void *data, size_t size); /* crc of a‖b from crc of a */
uint64_t hash64(const void *data, size_t size);
uint64_t hash64_seeded(uint64_t seed, const void *data, size_t size);
struct digest128 {
    uint64_t low, high;
};
struct digest128 hash128(const void *data, size_t size);
bool digest128_equal(struct digest128 a, struct digest128 b);

#endif
