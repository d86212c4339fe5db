/*
 * Bodies of facts as docs/format and docs/protocol describe them, read anew: the auditor shares no decoder with the planes.
 */
#include "twin/audit_state.h"

#include <string.h>

enum { CHUNK_BYTES = (1 << 20) - 512, COPIES_MOST = 8 };

static struct uid uid_read(struct reader *r)
{
    struct uid id;
    read_bytes(r, id.bytes, sizeof id.bytes);
    return id;
}

static struct span name_read(struct reader *r)
{
    return read_span(r, read_u16(r));
}

static struct audit_policy policy_read(struct reader *r)
{
    struct audit_policy p = {.copies = read_u8(r), .where = read_u8(r), .best_effort = read_u8(r) != 0};
    r->failed |= p.copies == 0 || p.copies > COPIES_MOST || p.where > 1;
    return p;
}

static bool begins(struct reader *r, struct span body)
{
    *r = reader_of(body.data, body.size);
    return read_u8(r) == 1;
}

static void record_read(struct reader *r, struct audit_record *out)
{
    out->part = uid_read(r);
    out->size = read_u64(r);
    out->policy = policy_read(r);
    out->runs = read_u16(r);
    out->at = *r; /* at the first run */
    uint64_t chunks = 0, expected = out->size / CHUNK_BYTES + (out->size % CHUNK_BYTES != 0);
    for (uint16_t i = 0; i < out->runs && reader_ok(r); i++) {
        chunks += read_u32(r);
        read_span(r, (size_t)read_u8(r) * 4);
    }
    read_span(r, (size_t)MIN(chunks, (uint64_t)1 << 32) * 8); /* digests */
    r->failed |= chunks != expected;
}

bool audit_run_next(struct audit_record *r, struct audit_run *out)
{
    if (r->runs == 0)
        return false;
    r->runs--;
    out->chunks = read_u32(&r->at);
    out->nodes = read_u8(&r->at);
    if (out->nodes > COPIES_MOST)
        return false;
    for (uint8_t i = 0; i < out->nodes; i++)
        out->node[i] = read_u32(&r->at);
    return reader_ok(&r->at);
}

bool audit_read_object(struct span body, struct audit_object *out)
{
    struct reader r;
    *out = (struct audit_object){0};
    if (!begins(&r, body))
        return false;
    out->inlined = read_u8(&r) != 0;
    out->bucket = name_read(&r);
    out->key = name_read(&r);
    out->version = uid_read(&r);
    uid_read(&r); /* upload */
    read_u64(&r); /* modified */
    out->size = read_u64(&r);
    read_span(&r, 16);
    read_u32(&r);
    out->policy = policy_read(&r);
    name_read(&r); /* metadata */
    out->parts = read_u32(&r);
    if (out->inlined) {
        record_read(&r, &out->record);
    } else {
        out->references = r;
        read_span(&r, (size_t)out->parts * 24);
    }
    return reader_at_end(&r);
}

bool audit_read_part(struct span body, struct uid *upload, struct audit_record *out)
{
    struct reader r;
    if (!begins(&r, body))
        return false;
    *upload = uid_read(&r);
    read_u32(&r);
    read_span(&r, 16);
    read_u64(&r);
    record_read(&r, out);
    return reader_at_end(&r);
}

bool audit_read_bucket(struct span body, struct span *name, struct audit_policy *policy)
{
    struct reader r;
    if (!begins(&r, body))
        return false;
    *name = name_read(&r);
    uid_read(&r);
    *policy = policy_read(&r);
    read_u64(&r);
    return reader_at_end(&r);
}

bool audit_read_name_end(struct span body, struct span *bucket, struct span *key, struct uid *upto)
{
    struct reader r;
    if (!begins(&r, body))
        return false;
    *bucket = name_read(&r);
    *key = name_read(&r);
    *upto = uid_read(&r);
    return reader_at_end(&r);
}

bool audit_read_upload(struct span body, struct span *bucket, struct audit_policy *policy, struct uid *id)
{
    struct reader r;
    if (!begins(&r, body))
        return false;
    *id = uid_read(&r);
    *bucket = name_read(&r);
    name_read(&r);
    read_u64(&r);
    *policy = policy_read(&r);
    name_read(&r);
    return reader_at_end(&r);
}

bool audit_read_copy(struct span body, struct uid *part, node_id *node, bool *added)
{
    struct reader r;
    if (!begins(&r, body))
        return false;
    *part = uid_read(&r);
    uid_read(&r); /* stamp */
    read_u32(&r);
    read_u32(&r);
    *node = read_u32(&r);
    *added = read_u8(&r) != 0;
    return reader_at_end(&r);
}

bool audit_read_award(struct span body, struct audit_award *out)
{
    struct reader r;
    if (!begins(&r, body))
        return false;
    out->id = uid_read(&r);
    out->epoch = read_u32(&r);
    out->owner = read_u32(&r);
    out->successors[0] = read_u32(&r);
    out->successors[1] = read_u32(&r);
    read_u64(&r); /* promised */
    out->lease = (duration_ns)read_u64(&r);
    return reader_at_end(&r);
}

bool audit_read_report(struct span body, struct audit_report *out)
{
    struct reader r;
    if (!begins(&r, body))
        return false;
    out->id = uid_read(&r);
    out->epoch = read_u32(&r);
    out->state = read_u8(&r);
    return reader_ok(&r);
}

bool audit_read_receipt(struct span body, struct audit_report *out)
{
    struct reader r;
    if (!begins(&r, body))
        return false;
    out->id = uid_read(&r);
    out->epoch = read_u32(&r);
    out->node = read_u32(&r);
    out->state = read_u8(&r);
    return reader_ok(&r);
}

bool audit_read_uid(struct span body, struct uid *out)
{
    struct reader r;
    if (!begins(&r, body))
        return false;
    *out = uid_read(&r);
    return reader_ok(&r);
}

bool audit_read_convict(struct span body, struct audit_convict *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->node = read_u32(&r);
    out->life = read_u32(&r);
    out->cited = read_u8(&r);
    out->at = r;
    read_span(&r, (size_t)out->cited * 16);
    return reader_at_end(&r);
}
