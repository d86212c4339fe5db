#include "core/fact_codec.h"

#include <string.h>

#include "crypto/digest.h"

enum { MAGIC = 0x46, VERSION = 1, BODY_SIZE_AT = 72 };

err fact_decode(struct span encoded, struct fact *f, struct fact_parts *parts)
{
    struct reader r = reader_of(encoded.data, encoded.size);
    uint8_t magic = read_u8(&r), version = read_u8(&r);
    *f = (struct fact){.type = read_u16(&r)};
    f->author = read_u32(&r);
    f->incarnation = read_u32(&r);
    f->error_us = read_u32(&r);
    f->seq = read_u64(&r);
    f->time = read_u64(&r);
    f->cut = read_u64(&r);
    parts->previous = read_span(&r, FACT_HASH_SIZE).data;
    uint32_t body_size = read_u32(&r);
    if (!reader_ok(&r))
        return ERR_TRUNCATED;
    if (magic != MAGIC)
        return ERR_INVALID;
    if (version != VERSION)
        return ERR_VERSION;
    if (body_size > FACT_BODY_MAX)
        return ERR_TOO_LARGE;
    f->body = read_span(&r, body_size);
    parts->signed_part = span_of(encoded.data, FACT_HEADER_SIZE + (size_t)body_size);
    parts->signature = read_span(&r, FACT_SIGNATURE_SIZE).data;
    if (!reader_ok(&r))
        return ERR_TRUNCATED;
    bool sound = reader_at_end(&r) && f->seq > 0 && f->type != 0 && (f->author == NODE_ROOT) == (f->incarnation == 0);
    return sound ? ERR_OK : ERR_INVALID;
}

void fact_hash(struct span signed_part, uint8_t out[FACT_HASH_SIZE])
{
    sha256(signed_part, out);
}

size_t fact_encoded_size(const uint8_t *encoded)
{
    struct reader r = reader_of(encoded + BODY_SIZE_AT, 4);
    return read_u32(&r) + (size_t)FACT_OVERHEAD;
}

err fact_encode(struct fact *f, const uint8_t previous[FACT_HASH_SIZE], const struct fact_crypto *crypto, uint8_t *out)
{
    ASSERT(f->seq > 0 && f->type != 0);
    if (f->body.size > FACT_BODY_MAX)
        return ERR_TOO_LARGE;
    struct writer w = writer_of(out, f->body.size + FACT_OVERHEAD);
    write_u8(&w, MAGIC);
    write_u8(&w, VERSION);
    write_u16(&w, f->type);
    write_u32(&w, f->author);
    write_u32(&w, f->incarnation);
    write_u32(&w, f->error_us);
    write_u64(&w, f->seq);
    write_u64(&w, f->time);
    write_u64(&w, f->cut);
    write_bytes(&w, previous, FACT_HASH_SIZE);
    write_u32(&w, (uint32_t)f->body.size);
    write_bytes(&w, f->body.data, f->body.size);
    ASSERT(writer_ok(&w) && w.at == f->body.size + FACT_HEADER_SIZE);
    fact_hash(writer_span(&w), f->hash);
    return crypto->sign(crypto->context, writer_span(&w), out + w.at);
}

struct genesis genesis_of(void *memory, size_t capacity, const struct fact_crypto *crypto)
{
    return (struct genesis){.writer = writer_of(memory, capacity), .crypto = *crypto};
}

err genesis_add(struct genesis *g, enum fact_type type, hlc time, struct span body)
{
    size_t size = body.size + FACT_OVERHEAD;
    struct fact f = {.author = NODE_ROOT, .seq = g->seq + 1, .time = time, .type = (uint16_t)type, .body = body};
    if (body.size > FACT_BODY_MAX)
        return ERR_TOO_LARGE;
    if (g->writer.capacity - g->writer.at < size + 4)
        return ERR_FULL;
    uint8_t *at = g->writer.data + g->writer.at + 4;
    TRY(fact_encode(&f, g->head, &g->crypto, at));
    write_u32(&g->writer, (uint32_t)size);
    g->writer.at += size;
    memcpy(g->head, f.hash, sizeof g->head);
    g->seq++;
    return ERR_OK;
}
