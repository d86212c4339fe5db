/*
 * Bodies of the storage plane's facts. Little-endian; each begins with u8 version = 1.
 *
 *   name     u16 size, bytes (bucket 1..63, key 1..1024)        uid  16 bytes
 *   policy   u8 copies 1..8, u8 where 0..1, u8 best effort 0..1
 *   record   uid part, u64 size, policy, u16 runs, runs × { u32 chunks, u8 nodes 0..8, nodes × u32 ascending },
 *            u64 digest (low half of XXH3-128) per chunk. Chunks = size / 1048064 rounded up; the runs' chunks add up to it.
 *
 *   BUCKET        name bucket, uid, policy, u64 created
 *   BUCKET_DELETE name bucket, u16 0, uid upto
 *   OBJECT        u8 inline, name bucket, name key, uid version, uid upload, u64 modified, u64 size, md5 (16), u32 parts of the
 *                 ETag, policy, u16 size + metadata, u32 parts, then inline ? record : parts × { uid part, u64 size }
 *   OBJECT_DELETE name bucket, name key, uid upto
 *   PART          uid upload, u32 number, md5 (16), u64 modified, record
 *   UPLOAD        uid, name bucket, name key, u64 created, policy, u16 size + metadata
 *   UPLOAD_END    uid
 *   COPY          uid part, uid stamp, u32 first chunk, u32 chunks, u32 node, u8 added
 */
#include "storage/index_wire.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { OBJECT_PART_SIZE = 24, RUN_HEAD_SIZE = 5 };

static struct uid read_uid(struct reader *r)
{
    struct uid u;
    read_bytes(r, u.bytes, sizeof u.bytes);
    return u;
}

static void write_uid(struct writer *w, struct uid u)
{
    write_bytes(w, u.bytes, sizeof u.bytes);
}

static struct span read_name(struct reader *r, size_t least, size_t most)
{
    size_t size = read_u16(r);
    if (size < least || size > most)
        r->failed = true;
    return read_span(r, size);
}

static void write_name(struct writer *w, struct span s)
{
    write_u16(w, (uint16_t)s.size);
    write_bytes(w, s.data, s.size);
}

static bool read_flag(struct reader *r)
{
    uint8_t v = read_u8(r);
    if (v > 1)
        r->failed = true;
    return v == 1;
}

static struct policy read_policy(struct reader *r)
{
    struct policy p = {.copies = read_u8(r), .where = read_u8(r)};
    p.best_effort = read_flag(r);
    if (p.copies == 0 || p.copies > OBJECT_COPIES_MAX || p.where > PLACE_ORBIT)
        r->failed = true;
    return p;
}

static void write_policy(struct writer *w, struct policy p)
{
    write_u8(w, p.copies);
    write_u8(w, p.where);
    write_u8(w, p.best_effort);
}

static err version_check(struct reader *r)
{
    uint8_t version = read_u8(r);
    return !reader_ok(r) ? ERR_INVALID : version == 1 ? ERR_OK : ERR_VERSION;
}

static err finish(const struct reader *r)
{
    return reader_at_end(r) ? ERR_OK : ERR_INVALID;
}

/* ---- part records ------------------------------------------------------------------------------------------- */

uint32_t part_chunk_count(uint64_t part_size)
{
    return (uint32_t)((part_size + CHUNK_DATA_MAX - 1) / CHUNK_DATA_MAX);
}

uint32_t part_chunk_size(uint64_t part_size, uint32_t chunk)
{
    uint64_t at = (uint64_t)chunk * CHUNK_DATA_MAX;
    ASSERT(at < part_size);
    return (uint32_t)MIN(part_size - at, (uint64_t)CHUNK_DATA_MAX);
}

bool part_run_next(struct reader *runs, struct part_run *out)
{
    if (reader_left(runs) == 0)
        return false;
    *out = (struct part_run){.count = read_u32(runs), .node_count = read_u8(runs)};
    if (out->node_count > OBJECT_COPIES_MAX || out->count == 0)
        runs->failed = true;
    node_id last = 0;
    for (uint8_t i = 0; i < out->node_count && reader_ok(runs); i++) {
        out->nodes[i] = read_u32(runs);
        if (out->nodes[i] <= last)
            runs->failed = true;
        last = out->nodes[i];
    }
    return reader_ok(runs);
}

/* Passes over the runs; the reader stays at the digests. */
static err runs_check(struct reader *r, struct part_record *p)
{
    size_t from = r->at;
    uint64_t chunks = 0;
    for (uint16_t i = 0; i < p->run_count; i++) {
        struct part_run run;
        if (!part_run_next(r, &run))
            return ERR_INVALID;
        chunks += run.count;
    }
    p->runs = (struct span){r->data + from, r->at - from};
    return chunks == p->chunk_count ? ERR_OK : ERR_INVALID;
}

err part_record_decode(struct reader *r, struct part_record *out)
{
    memset(out, 0, sizeof *out);
    size_t from = r->at;
    out->uid = read_uid(r);
    out->size = read_u64(r);
    out->policy = read_policy(r);
    out->run_count = read_u16(r);
    if (!reader_ok(r) || out->size == 0 || out->size > (uint64_t)PART_CHUNKS_MAX * CHUNK_DATA_MAX || out->run_count > PART_RUNS_MAX)
        return ERR_INVALID;
    out->chunk_count = part_chunk_count(out->size);
    TRY(runs_check(r, out));
    out->digests = read_span(r, (size_t)out->chunk_count * 8);
    out->whole = (struct span){r->data + from, r->at - from};
    return reader_ok(r) ? ERR_OK : ERR_INVALID;
}

uint64_t part_digest(const struct part_record *p, uint32_t chunk)
{
    ASSERT(chunk < p->chunk_count);
    struct reader r = reader_of(p->digests.data + (size_t)chunk * 8, 8);
    return read_u64(&r);
}

void part_record_encode(struct writer *w, struct uid uid, uint64_t size, struct policy policy, const struct part_run *runs,
                        uint16_t run_count, const uint64_t *digests)
{
    write_uid(w, uid);
    write_u64(w, size);
    write_policy(w, policy);
    write_u16(w, run_count);
    for (uint16_t i = 0; i < run_count; i++) {
        write_u32(w, runs[i].count);
        write_u8(w, runs[i].node_count);
        for (uint8_t k = 0; k < runs[i].node_count; k++)
            write_u32(w, runs[i].nodes[k]);
    }
    for (uint32_t i = 0; i < part_chunk_count(size); i++)
        write_u64(w, digests[i]);
}

/* ---- facts -------------------------------------------------------------------------------------------------- */

err bucket_fact_decode(struct span body, struct bucket_fact *out)
{
    struct reader r = reader_of(body.data, body.size);
    TRY(version_check(&r));
    out->name = read_name(&r, 1, BUCKET_NAME_MAX);
    out->uid = read_uid(&r);
    out->policy = read_policy(&r);
    out->created = (tai_ns)read_u64(&r);
    return finish(&r);
}

void bucket_fact_encode(struct writer *w, const struct bucket_fact *f)
{
    write_u8(w, 1);
    write_name(w, f->name);
    write_uid(w, f->uid);
    write_policy(w, f->policy);
    write_u64(w, (uint64_t)f->created);
}

err name_end_fact_decode(struct span body, struct name_end_fact *out)
{
    struct reader r = reader_of(body.data, body.size);
    TRY(version_check(&r));
    out->bucket = read_name(&r, 1, BUCKET_NAME_MAX);
    out->key = read_name(&r, 0, OBJECT_KEY_MAX);
    out->upto = read_uid(&r);
    return finish(&r);
}

void name_end_fact_encode(struct writer *w, const struct name_end_fact *f)
{
    write_u8(w, 1);
    write_name(w, f->bucket);
    write_name(w, f->key);
    write_uid(w, f->upto);
}

static err object_parts_decode(struct reader *r, struct object_fact *out)
{
    if (out->part_count > OBJECT_PARTS_MAX || !reader_ok(r))
        return ERR_INVALID;
    if (out->inline_part) {
        TRY(part_record_decode(r, &out->part));
        return out->part_count == 1 && out->part.size == out->size ? ERR_OK : ERR_INVALID;
    }
    out->parts = read_span(r, (size_t)out->part_count * OBJECT_PART_SIZE);
    struct reader parts = reader_of(out->parts.data, out->parts.size);
    struct uid part;
    uint64_t size, sum = 0;
    while (object_part_next(&parts, &part, &size)) {
        if (size == 0 || size > OBJECT_SIZE_MAX)
            return ERR_INVALID;
        sum += size;
    }
    return sum == out->size ? ERR_OK : ERR_INVALID;
}

err object_fact_decode(struct span body, struct object_fact *out)
{
    struct reader r = reader_of(body.data, body.size);
    memset(out, 0, sizeof *out);
    TRY(version_check(&r));
    out->inline_part = read_flag(&r);
    out->bucket = read_name(&r, 1, BUCKET_NAME_MAX);
    out->key = read_name(&r, 1, OBJECT_KEY_MAX);
    out->version = read_uid(&r);
    out->upload = read_uid(&r);
    out->modified = (tai_ns)read_u64(&r);
    out->size = read_u64(&r);
    read_bytes(&r, out->md5, sizeof out->md5);
    out->etag_parts = read_u32(&r);
    out->policy = read_policy(&r);
    out->metadata = read_name(&r, 0, OBJECT_METADATA_MAX);
    out->part_count = read_u32(&r);
    if (out->etag_parts > OBJECT_PARTS_MAX || uid_is_zero(out->version))
        return ERR_INVALID;
    TRY(object_parts_decode(&r, out));
    return finish(&r);
}

void object_fact_encode_head(struct writer *w, const struct object_fact *f)
{
    write_u8(w, 1);
    write_u8(w, f->inline_part);
    write_name(w, f->bucket);
    write_name(w, f->key);
    write_uid(w, f->version);
    write_uid(w, f->upload);
    write_u64(w, (uint64_t)f->modified);
    write_u64(w, f->size);
    write_bytes(w, f->md5, sizeof f->md5);
    write_u32(w, f->etag_parts);
    write_policy(w, f->policy);
    write_name(w, f->metadata);
    write_u32(w, f->part_count);
}

void object_part_encode(struct writer *w, struct uid part, uint64_t size)
{
    write_uid(w, part);
    write_u64(w, size);
}

bool object_part_next(struct reader *parts, struct uid *part, uint64_t *size)
{
    if (reader_left(parts) < OBJECT_PART_SIZE)
        return false;
    *part = read_uid(parts);
    *size = read_u64(parts);
    return true;
}

err part_fact_decode(struct span body, struct part_fact *out)
{
    struct reader r = reader_of(body.data, body.size);
    TRY(version_check(&r));
    out->upload = read_uid(&r);
    out->number = read_u32(&r);
    read_bytes(&r, out->md5, sizeof out->md5);
    out->modified = (tai_ns)read_u64(&r);
    if (!reader_ok(&r) || out->number == 0 || out->number > OBJECT_PARTS_MAX)
        return ERR_INVALID;
    TRY(part_record_decode(&r, &out->part));
    return finish(&r);
}

void part_fact_encode_head(struct writer *w, const struct part_fact *f)
{
    write_u8(w, 1);
    write_uid(w, f->upload);
    write_u32(w, f->number);
    write_bytes(w, f->md5, sizeof f->md5);
    write_u64(w, (uint64_t)f->modified);
}

err upload_fact_decode(struct span body, struct upload_fact *out)
{
    struct reader r = reader_of(body.data, body.size);
    TRY(version_check(&r));
    out->uid = read_uid(&r);
    out->bucket = read_name(&r, 1, BUCKET_NAME_MAX);
    out->key = read_name(&r, 1, OBJECT_KEY_MAX);
    out->created = (tai_ns)read_u64(&r);
    out->policy = read_policy(&r);
    out->metadata = read_name(&r, 0, OBJECT_METADATA_MAX);
    return finish(&r);
}

void upload_fact_encode(struct writer *w, const struct upload_fact *f)
{
    write_u8(w, 1);
    write_uid(w, f->uid);
    write_name(w, f->bucket);
    write_name(w, f->key);
    write_u64(w, (uint64_t)f->created);
    write_policy(w, f->policy);
    write_name(w, f->metadata);
}

err upload_end_decode(struct span body, struct uid *upload)
{
    struct reader r = reader_of(body.data, body.size);
    TRY(version_check(&r));
    *upload = read_uid(&r);
    return finish(&r);
}

void upload_end_encode(struct writer *w, struct uid upload)
{
    write_u8(w, 1);
    write_uid(w, upload);
}

err copy_fact_decode(struct span body, struct copy_fact *out)
{
    struct reader r = reader_of(body.data, body.size);
    TRY(version_check(&r));
    out->part = read_uid(&r);
    out->stamp = read_uid(&r);
    out->first = read_u32(&r);
    out->count = read_u32(&r);
    out->node = read_u32(&r);
    out->added = read_flag(&r);
    if (out->count == 0 || out->count > PART_CHUNKS_MAX || out->first >= PART_CHUNKS_MAX || out->node == NODE_NONE)
        return ERR_INVALID;
    return finish(&r);
}

void copy_fact_encode(struct writer *w, const struct copy_fact *f)
{
    write_u8(w, 1);
    write_uid(w, f->part);
    write_uid(w, f->stamp);
    write_u32(w, f->first);
    write_u32(w, f->count);
    write_u32(w, f->node);
    write_u8(w, f->added);
}

void etag_text(const uint8_t md5[16], uint32_t parts, char out[40])
{
    hex_encode(md5, 16, out);
    if (parts)
        snprintf(out + 32, 8, "-%u", (unsigned)MIN(parts, (uint32_t)OBJECT_PARTS_MAX));
}
