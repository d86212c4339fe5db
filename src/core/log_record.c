#include "core/log_record.h"

#include <string.h>

#include "base/hash.h"

#define POLYNOMIAL 0x82f63b78u /* of CRC32C, reflected */
#define OLD_CHAIN_START 0x6e6f6374u
enum { OLD_HEADER_SIZE = 24, BIT_NONE = -1 };

size_t log_record_size(size_t payload_size)
{
    return (LOG_HEADER_SIZE + payload_size + 7) & ~(size_t)7;
}

/* A record that lies elsewhere than it was written is none. */
static uint32_t header_crc(const uint8_t *header, uint64_t offset)
{
    uint8_t seed[16];
    struct writer w = writer_of(seed, sizeof seed);
    write_bytes(&w, "noct log", 8);
    write_u64(&w, offset);
    return crc32c_more(crc32c(seed, sizeof seed), header + 4, LOG_HEADER_SIZE - 4);
}

void log_record_write(uint8_t *out, uint64_t offset, struct log_header *h, struct span payload)
{
    size_t size = log_record_size(payload.size);
    struct writer w = writer_of(out, size);
    h->size = (uint32_t)payload.size;
    h->version = LOG_VERSION;
    h->payload_crc = crc32c(payload.data, payload.size);
    h->payload_digest = hash64(payload.data, payload.size);
    write_hole(&w, 4);
    write_u32(&w, h->payload_crc);
    write_u64(&w, h->payload_digest);
    write_u32(&w, h->size);
    write_u16(&w, h->type);
    write_u8(&w, h->version);
    write_u8(&w, h->flags);
    write_u32(&w, h->epoch);
    write_u64(&w, h->index);
    write_bytes(&w, payload.data, payload.size);
    write_hole(&w, size - w.at);
    writer_patch_u32(&w, 0, header_crc(out, offset));
    ASSERT(writer_ok(&w));
}

/* Which bit of the last `bit_count` that went into a CRC32C makes it differ by `difference`? Counted from the first; BIT_NONE. */
static int64_t wrong_bit(uint32_t difference, uint64_t bit_count)
{
    uint32_t one = POLYNOMIAL; /* what a wrong last bit does */
    for (uint64_t back = 0; back < bit_count; back++) {
        if (one == difference)
            return (int64_t)(bit_count - 1 - back);
        one = one >> 1 ^ (one & 1 ? POLYNOMIAL : 0);
    }
    return BIT_NONE;
}

static void mend_add(struct log_mend *m, uint64_t bit)
{
    m->bits[m->count++] = bit;
}

static bool header_read(const uint8_t *bytes, struct log_header *h)
{
    struct reader r = reader_of(bytes, LOG_HEADER_SIZE);
    read_u32(&r);
    *h = (struct log_header){.payload_crc = read_u32(&r)};
    h->payload_digest = read_u64(&r);
    h->size = read_u32(&r);
    h->type = read_u16(&r);
    h->version = read_u8(&r);
    h->flags = read_u8(&r);
    h->epoch = read_u32(&r);
    h->index = read_u64(&r);
    return h->version == LOG_VERSION && h->size > 0 && h->size <= LOG_PAYLOAD_MAX && h->flags <= LOG_GROUP_FIRST;
}

static bool header_look(const uint8_t *bytes, uint64_t offset, struct log_header *h, struct log_mend *mend)
{
    uint8_t copy[LOG_HEADER_SIZE];
    struct reader r = reader_of(bytes, 4);
    uint32_t difference = read_u32(&r) ^ header_crc(bytes, offset);
    if (difference == 0)
        return header_read(bytes, h);
    int64_t bit = wrong_bit(difference, 8 * (LOG_HEADER_SIZE - 4));
    if (bit != BIT_NONE)
        mend_add(mend, 32 + (uint64_t)bit);
    else if ((difference & (difference - 1)) == 0) /* a bit of the CRC itself */
        mend_add(mend, (uint64_t)__builtin_ctz(difference));
    else
        return false;
    memcpy(copy, bytes, sizeof copy);
    log_record_mend(copy, mend);
    return header_read(copy, h);
}

static bool payload_look(const struct log_header *h, struct span payload, struct log_mend *mend)
{
    uint32_t difference = crc32c(payload.data, payload.size) ^ h->payload_crc;
    if (difference == 0)
        return hash64(payload.data, payload.size) == h->payload_digest;
    int64_t bit = wrong_bit(difference, 8 * (uint64_t)payload.size);
    if (bit == BIT_NONE)
        return false;
    mend_add(mend, 8 * LOG_HEADER_SIZE + (uint64_t)bit);
    return true;
}

enum log_look log_record_look(struct span bytes, uint64_t offset, struct log_header *h, struct log_mend *mend)
{
    mend->count = 0;
    if (bytes.size < LOG_HEADER_SIZE)
        return LOOK_SHORT;
    unsigned version_wrong = (unsigned)(bytes.data[22] ^ LOG_VERSION);
    if ((version_wrong & (version_wrong - 1)) != 0) /* more than one bit: saves most of the work in a hole */
        return LOOK_NONE;
    if (!header_look(bytes.data, offset, h, mend))
        return LOOK_NONE;
    if (bytes.size < LOG_HEADER_SIZE + (size_t)h->size)
        return LOOK_SHORT;
    if (!payload_look(h, span_of(bytes.data + LOG_HEADER_SIZE, h->size), mend))
        return LOOK_DAMAGED;
    return mend->count > 0 ? LOOK_MENDED : LOOK_WHOLE;
}

void log_record_mend(uint8_t *record, const struct log_mend *mend)
{
    for (size_t i = 0; i < mend->count; i++)
        record[mend->bits[i] / 8] ^= (uint8_t)(1u << mend->bits[i] % 8);
}

bool log_record_is_old(struct span bytes)
{
    struct reader r = reader_of(bytes.data, bytes.size);
    uint32_t crc = read_u32(&r), size = read_u32(&r);
    return reader_ok(&r) && size > 0 && size <= LOG_PAYLOAD_MAX && bytes.size >= OLD_HEADER_SIZE + (size_t)size &&
           crc32c_more(OLD_CHAIN_START, bytes.data + 4, OLD_HEADER_SIZE - 4 + (size_t)size) == crc;
}
