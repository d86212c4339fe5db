/*
 * Header of a chunk, little-endian, 512 bytes, at a multiple of 4096:
 *
 *   at  size
 *    0   4   magic "NCHK"
 *    4   2   version, 1
 *    6   2   header size, 512
 *    8   8   identity of the area
 *   16  16   part uid
 *   32   4   index of the chunk in its part
 *   36   4   size of the data
 *   40  16   XXH3-128 of the data (low, high)
 *   56   4   boot count of the writer
 *   60   4   unit where it was written
 *   64   8   write sequence
 *   72   8   TAI nanoseconds of the write
 *   80   8   XXH3-64 of bucket, zero byte, key
 *   88  64   CRC32C of each 64 KiB block of the data; unused ones are zero
 *  152 356   zero
 *  508   4   CRC32C of bytes 0..507
 *
 * Unit 0 holds the identity record at offsets 0 and 2048: magic "NARE", u16 version 1, u16 zero, u64 identity, CRC32C of those.
 */
#include "storage/chunk_format.h"

#include <string.h>

enum { CRC_AT = 508, RESERVED_AT = 152, AREA_COPY_AT = 2048, AREA_RECORD_SIZE = 20 };
#define CHUNK_MAGIC 0x4b48434eu
#define AREA_MAGIC 0x4552414eu

struct span chunk_key_encode(struct chunk_key key, uint8_t out[CHUNK_KEY_SIZE])
{
    struct writer w = writer_of(out, CHUNK_KEY_SIZE);
    write_bytes(&w, key.part.bytes, sizeof key.part.bytes);
    write_u32_be(&w, key.index);
    return writer_span(&w);
}

struct chunk_key chunk_key_decode(struct span s)
{
    ASSERT(s.size == CHUNK_KEY_SIZE);
    struct reader r = reader_of(s.data, s.size);
    struct chunk_key key;
    read_bytes(&r, key.part.bytes, sizeof key.part.bytes);
    key.index = read_u32_be(&r);
    return key;
}

uint32_t chunk_units(uint32_t size)
{
    return (size + CHUNK_HEADER_SIZE + CHUNK_UNIT - 1) / CHUNK_UNIT;
}

static size_t block_count(uint32_t size)
{
    return (size + CHUNK_BLOCK - 1) / CHUNK_BLOCK;
}

static uint32_t block_crc(struct span data, size_t block)
{
    size_t at = block * CHUNK_BLOCK;
    return crc32c(data.data + at, MIN(data.size - at, (size_t)CHUNK_BLOCK));
}

void chunk_header_seal(struct chunk_header *h, struct span data)
{
    ASSERT(data.size > 0 && data.size <= CHUNK_DATA_MAX);
    h->size = (uint32_t)data.size;
    memset(h->block_crc, 0, sizeof h->block_crc);
    for (size_t i = 0; i < block_count(h->size); i++)
        h->block_crc[i] = block_crc(data, i);
}

void chunk_header_encode(const struct chunk_header *h, uint8_t out[CHUNK_HEADER_SIZE])
{
    memset(out, 0, CHUNK_HEADER_SIZE);
    struct writer w = writer_of(out, CHUNK_HEADER_SIZE);
    write_u32(&w, CHUNK_MAGIC);
    write_u16(&w, 1);
    write_u16(&w, CHUNK_HEADER_SIZE);
    write_u64(&w, h->area);
    write_bytes(&w, h->key.part.bytes, sizeof h->key.part.bytes);
    write_u32(&w, h->key.index);
    write_u32(&w, h->size);
    write_u64(&w, h->digest.low);
    write_u64(&w, h->digest.high);
    write_u32(&w, h->boot);
    write_u32(&w, h->unit);
    write_u64(&w, h->sequence);
    write_u64(&w, (uint64_t)h->written);
    write_u64(&w, h->name_hash);
    for (size_t i = 0; i < CHUNK_BLOCKS_MAX; i++)
        write_u32(&w, h->block_crc[i]);
    ASSERT(w.at == RESERVED_AT);
    w.at = CRC_AT;
    write_u32(&w, crc32c(out, CRC_AT));
    ASSERT(writer_ok(&w));
}

static bool all_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static err header_check(const struct chunk_header *h)
{
    if (h->size == 0 || h->size > CHUNK_DATA_MAX)
        return ERR_RANGE;
    for (size_t i = block_count(h->size); i < CHUNK_BLOCKS_MAX; i++)
        if (h->block_crc[i] != 0)
            return ERR_RANGE;
    return ERR_OK;
}

err chunk_header_decode(struct span s, struct chunk_header *out)
{
    struct reader r = reader_of(s.data, s.size);
    if (s.size < CHUNK_HEADER_SIZE)
        return ERR_TRUNCATED;
    if (read_u32(&r) != CHUNK_MAGIC)
        return ERR_INVALID;
    struct reader tail = reader_of(s.data + CRC_AT, 4);
    if (read_u32(&tail) != crc32c(s.data, CRC_AT))
        return ERR_CORRUPT;
    if (read_u16(&r) != 1 || read_u16(&r) != CHUNK_HEADER_SIZE)
        return ERR_VERSION;
    memset(out, 0, sizeof *out);
    out->area = read_u64(&r);
    read_bytes(&r, out->key.part.bytes, sizeof out->key.part.bytes);
    out->key.index = read_u32(&r);
    out->size = read_u32(&r);
    out->digest.low = read_u64(&r);
    out->digest.high = read_u64(&r);
    out->boot = read_u32(&r);
    out->unit = read_u32(&r);
    out->sequence = read_u64(&r);
    out->written = (tai_ns)read_u64(&r);
    out->name_hash = read_u64(&r);
    for (size_t i = 0; i < CHUNK_BLOCKS_MAX; i++)
        out->block_crc[i] = read_u32(&r);
    if (!all_zero(s.data + RESERVED_AT, CRC_AT - RESERVED_AT))
        return ERR_VERSION;
    return header_check(out);
}

err chunk_data_verify(const struct chunk_header *h, struct span data)
{
    if (data.size != h->size)
        return ERR_CORRUPT;
    for (size_t i = 0; i < block_count(h->size); i++)
        if (block_crc(data, i) != h->block_crc[i])
            return ERR_CORRUPT;
    return digest128_equal(hash128(data.data, data.size), h->digest) ? ERR_OK : ERR_CORRUPT;
}

void chunk_area_encode(uint64_t area, uint8_t out[CHUNK_UNIT])
{
    memset(out, 0, CHUNK_UNIT);
    for (size_t at = 0; at <= AREA_COPY_AT; at += AREA_COPY_AT) {
        struct writer w = writer_of(out + at, AREA_RECORD_SIZE);
        write_u32(&w, AREA_MAGIC);
        write_u16(&w, 1);
        write_u16(&w, 0);
        write_u64(&w, area);
        write_u32(&w, crc32c(out + at, AREA_RECORD_SIZE - 4));
        ASSERT(writer_ok(&w));
    }
}

err chunk_area_decode(struct span s, uint64_t *area)
{
    if (s.size < CHUNK_UNIT)
        return ERR_TRUNCATED;
    for (size_t at = 0; at <= AREA_COPY_AT; at += AREA_COPY_AT) {
        struct reader r = reader_of(s.data + at, AREA_RECORD_SIZE);
        bool good = read_u32(&r) == AREA_MAGIC && read_u16(&r) == 1 && read_u16(&r) == 0;
        uint64_t id = read_u64(&r);
        if (good && id != 0 && read_u32(&r) == crc32c(s.data + at, AREA_RECORD_SIZE - 4)) {
            *area = id;
            return ERR_OK;
        }
    }
    return ERR_CORRUPT;
}
