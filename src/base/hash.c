#include "base/hash.h"

#include <string.h>

#include <isa-l/crc.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#ifdef __x86_64__
/* Short inputs (block headers): the instruction itself, without the long routine's set-up. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_short(uint32_t crc, const uint8_t *p, size_t size)
{
    uint64_t c = crc;
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        c = __builtin_ia32_crc32di(c, v);
    }
    for (; size > 0; p++, size--)
        c = __builtin_ia32_crc32qi((uint32_t)c, *p);
    return (uint32_t)c;
}

static bool has_crc_instruction(void)
{
    return __builtin_cpu_supports("sse4.2") != 0;
}
#else
static uint32_t crc32c_short(uint32_t crc, const uint8_t *p, size_t size)
{
    return crc32_iscsi((uint8_t *)(uintptr_t)p, (int)size, crc);
}

static bool has_crc_instruction(void)
{
    return true;
}
#endif

enum { CRC_SHORT = 256 };

uint32_t crc32c_more(uint32_t crc, const void *data, size_t size)
{
    /* ISA-L's argument is not const but is only read; its length is an int. */
    uint8_t *p = (uint8_t *)(uintptr_t)data;
    crc = ~crc;
    if (size <= CRC_SHORT && has_crc_instruction())
        return ~crc32c_short(crc, p, size);
    while (size > 0) {
        size_t piece = MIN(size, (size_t)1 << 30);
        crc = crc32_iscsi(p, (int)piece, crc);
        p += piece;
        size -= piece;
    }
    return ~crc;
}

uint32_t crc32c(const void *data, size_t size)
{
    return crc32c_more(0, data, size);
}

uint64_t hash64(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

uint64_t hash64_seeded(uint64_t seed, const void *data, size_t size)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

struct digest128 hash128(const void *data, size_t size)
{
    XXH128_hash_t h = XXH3_128bits(data, size);
    return (struct digest128){h.low64, h.high64};
}

bool digest128_equal(struct digest128 a, struct digest128 b)
{
    return a.low == b.low && a.high == b.high;
}
