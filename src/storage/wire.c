/*
 * Bodies, little-endian:
 *   STORE    uid part, u32 index, u64 digest low, u64 digest high, u64 name hash, u8 urgent;   payload: the chunk's data
 *   STORED   u8 status (base/err.def: its place in the table)
 *   FETCH    uid part, u32 index
 *   FETCHED  u8 status;                                                                      payload: the chunk's data when OK
 *   DROP     uid part
 *   CONFIRM  uid part, u32 index
 */
#include "storage/wire.h"

static void write_key(struct writer *w, struct chunk_key key)
{
    write_bytes(w, key.part.bytes, sizeof key.part.bytes);
    write_u32(w, key.index);
}

static struct chunk_key read_key(struct reader *r)
{
    struct chunk_key key;
    read_bytes(r, key.part.bytes, sizeof key.part.bytes);
    key.index = read_u32(r);
    return key;
}

struct span wire_store_encode(const struct wire_store *m, uint8_t out[WIRE_BODY_MAX])
{
    struct writer w = writer_of(out, WIRE_BODY_MAX);
    write_key(&w, m->key);
    write_u64(&w, m->digest.low);
    write_u64(&w, m->digest.high);
    write_u64(&w, m->name_hash);
    write_u8(&w, m->urgent);
    return writer_span(&w);
}

err wire_store_decode(struct span body, struct wire_store *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->key = read_key(&r);
    out->digest.low = read_u64(&r);
    out->digest.high = read_u64(&r);
    out->name_hash = read_u64(&r);
    uint8_t urgent = read_u8(&r);
    out->urgent = urgent == 1;
    return reader_at_end(&r) && urgent <= 1 && !uid_is_zero(out->key.part) ? ERR_OK : ERR_INVALID;
}

struct span wire_fetch_encode(struct chunk_key key, uint8_t out[WIRE_BODY_MAX])
{
    struct writer w = writer_of(out, WIRE_BODY_MAX);
    write_key(&w, key);
    return writer_span(&w);
}

err wire_fetch_decode(struct span body, struct chunk_key *out)
{
    struct reader r = reader_of(body.data, body.size);
    *out = read_key(&r);
    return reader_at_end(&r) ? ERR_OK : ERR_INVALID;
}

struct span wire_status_encode(err status, uint8_t out[WIRE_BODY_MAX])
{
    struct writer w = writer_of(out, WIRE_BODY_MAX);
    write_u8(&w, (uint8_t)status);
    return writer_span(&w);
}

err wire_status_decode(struct span body, err *out)
{
    struct reader r = reader_of(body.data, body.size);
    uint8_t status = read_u8(&r);
    *out = (err)status;
    return reader_at_end(&r) && status < ERR_COUNT ? ERR_OK : ERR_INVALID;
}

struct span wire_drop_encode(struct uid part, uint8_t out[WIRE_BODY_MAX])
{
    struct writer w = writer_of(out, WIRE_BODY_MAX);
    write_bytes(&w, part.bytes, sizeof part.bytes);
    return writer_span(&w);
}

err wire_drop_decode(struct span body, struct uid *out)
{
    struct reader r = reader_of(body.data, body.size);
    read_bytes(&r, out->bytes, sizeof out->bytes);
    return reader_at_end(&r) ? ERR_OK : ERR_INVALID;
}
