/* CopyObject (by reference inside the storage plane) and UploadPartCopy (a read piped into a part). */
#include <openssl/evp.h>
#include <string.h>

#include "region/s3.h"

struct copy {
    struct span bucket, key; /* the source */
    struct object_condition condition;
    struct policy policy;
    bool policy_given, replace;
    struct span metadata;
    /* UploadPartCopy: */
    uint64_t read_tag, write_tag;
    bool read_open, write_open, ended;
    uint64_t offset, size, moved, credit_read;
    char etag[40];
    struct uid upload;
    uint32_t part;
    struct digest md5;
};

static void copied(struct request *q, const char *root, const struct object_reply *reply)
{
    s3_xml_begin(q, root);
    s3_xml_time(q, "LastModified", reply->info.modified);
    s3_xml_etag(q, reply->info.etag);
    text_printf(&q->out, "</%s>", root);
    respond_out(q, 200, "application/xml");
}

/* ---- CopyObject ------------------------------------------------------------------------------------------------------- */

static void object_copied(struct request *q, const struct object_reply *reply)
{
    if (s3_reply_ok(q, reply))
        copied(q, "CopyObjectResult", reply);
}

static void copy_now(struct request *q)
{
    struct copy *c = q->state;
    struct object_request o = s3_object_request(q, OBJECT_COPY);
    o.source_bucket = c->bucket;
    o.source_key = c->key;
    o.condition = c->condition;
    o.policy = c->policy;
    o.policy_given = c->policy_given;
    if (c->replace)
        o.metadata = c->metadata;
    q->on_object = object_copied;
    request_object(q, &o);
}

static void source_looked(struct request *q, const struct object_reply *reply)
{
    if (!s3_reply_ok(q, reply))
        return;
    enum s3_error e = s3_conditions(q, "x-amz-copy-source-", &reply->info);
    if (e != S3_OK)
        respond_error(q, e, NULL);
    else
        copy_now(q);
}

static enum s3_error prepare_copy(struct request *q, struct copy *c, const char **detail)
{
    struct span directive = request_header(q, "x-amz-metadata-directive");
    c->replace = span_equal_text(directive, "REPLACE");
    if (directive.data && !c->replace && !span_equal_text(directive, "COPY")) {
        *detail = "Unknown metadata directive.";
        return S3_INVALID_ARGUMENT;
    }
    enum s3_error e = s3_copy_source(q, &c->bucket, &c->key);
    if (e == S3_OK)
        e = s3_unsupported_headers(q, detail);
    if (e == S3_OK)
        e = s3_policy(q, &c->policy, &c->policy_given, detail);
    if (e == S3_OK)
        e = s3_write_condition(q, &c->condition, detail);
    if (e == S3_OK && !c->replace && !c->policy_given && span_equal(c->bucket, q->bucket) && span_equal(c->key, q->key)) {
        *detail = "This copy request is illegal because it is trying to copy an object to itself without changing the "
                  "object's metadata, storage class, website redirect location or encryption attributes.";
        return S3_INVALID_REQUEST;
    }
    return e == S3_OK && c->replace ? metadata_from_request(q, &c->metadata) : e;
}

static void look_at_source(struct request *q, void (*then)(struct request *, const struct object_reply *))
{
    struct copy *c = q->state;
    struct object_request o = {.op = OBJECT_HEAD, .bucket = c->bucket, .key = c->key};
    q->on_object = then;
    request_object(q, &o);
}

void s3_copy_object(struct request *q)
{
    const char *detail = NULL;
    struct copy *c = q->state = request_alloc(q, sizeof *c);
    enum s3_error e = c ? prepare_copy(q, c, &detail) : S3_SLOW_DOWN;
    if (e != S3_OK)
        respond_error(q, e, detail);
    else if (s3_has_conditions(q, "x-amz-copy-source-"))
        look_at_source(q, source_looked);
    else
        copy_now(q);
}

/* ---- UploadPartCopy --------------------------------------------------------------------------------------------------- */

static void drop(struct request *q)
{
    struct copy *c = q->state;
    struct object_request cancel = {.op = OBJECT_GET_CANCEL}, abort = {.op = OBJECT_PUT_ABORT};
    digest_free(&c->md5);
    if (c->read_open) {
        c->read_open = false;
        request_forget(q, c->read_tag);
        request_object_more(q, c->read_tag, &cancel);
    }
    if (c->write_open) {
        c->write_open = false;
        request_forget(q, c->write_tag);
        request_object_more(q, c->write_tag, &abort);
    }
}

static void write_end(struct request *q)
{
    struct copy *c = q->state;
    struct object_request o = {.op = OBJECT_PUT_END};
    uint8_t md5[CHECKSUM_BYTES_MAX];
    c->ended = true;
    digest_end(&c->md5, md5);
    memcpy(o.md5, md5, sizeof o.md5);
    request_object_more(q, c->write_tag, &o);
}

static void read_piece(struct request *q, const struct object_reply *reply)
{
    struct copy *c = q->state;
    if (reply->final)
        c->read_open = false;
    if (!s3_reply_ok(q, reply))
        return;
    uint64_t size = MIN((uint64_t)reply->data.size, c->size - c->moved);
    if (size) {
        struct object_request o = {.op = OBJECT_PUT_DATA, .data = reply->data};
        o.data.size = (size_t)size;
        digest_add(&c->md5, slice_span(o.data));
        c->moved += size;
        request_object_more(q, c->write_tag, &o);
    }
    if (c->moved == c->size && !c->ended && !q->responded)
        write_end(q);
    else if (reply->final && c->moved < c->size)
        respond_error(q, S3_INTERNAL, "the source ended early");
}

static void read_more(struct request *q, uint64_t credit)
{
    struct copy *c = q->state;
    struct object_request o = {.op = OBJECT_GET_CREDIT, .bucket = c->bucket, .key = c->key, .credit = credit};
    if (credit == 0 || c->ended)
        return;
    if (c->read_tag) {
        if (c->read_open)
            request_object_more(q, c->read_tag, &o);
        return;
    }
    o.op = OBJECT_GET;
    o.offset = c->offset;
    o.size = c->size;
    o.condition.if_match = true;
    memcpy(o.condition.etag, c->etag, sizeof o.condition.etag);
    c->read_tag = request_object(q, &o);
    c->read_open = c->read_tag != 0;
}

static void on_pipe(struct request *q, const struct object_reply *reply)
{
    struct copy *c = q->state;
    if (reply->tag == c->read_tag) {
        read_piece(q, reply);
        return;
    }
    if (reply->final)
        c->write_open = false;
    if (!s3_reply_ok(q, reply))
        return;
    if (reply->final)
        copied(q, "CopyPartResult", reply);
    else if (c->size == 0 && !c->ended)
        write_end(q);
    else
        read_more(q, reply->credit);
}

/* x-amz-copy-source-range: bytes=first-last, both needed. */
static enum s3_error part_range(struct request *q, struct copy *c, uint64_t source_size)
{
    struct span rest = request_header(q, "x-amz-copy-source-range"), first;
    uint64_t from, to;
    c->size = source_size;
    if (!rest.data)
        return S3_OK;
    if (!span_starts(rest, "bytes="))
        return S3_INVALID_ARGUMENT;
    rest = span_from(rest, 6);
    span_cut(&rest, '-', &first);
    if (!rest.data || parse_u64(first, UINT64_MAX, &from) != ERR_OK || parse_u64(rest, UINT64_MAX - 1, &to) != ERR_OK)
        return S3_INVALID_ARGUMENT;
    if (from > to || to >= source_size)
        return S3_INVALID_RANGE;
    c->offset = from;
    c->size = to - from + 1;
    return S3_OK;
}

static void part_source_looked(struct request *q, const struct object_reply *reply)
{
    struct copy *c = q->state;
    if (!s3_reply_ok(q, reply))
        return;
    enum s3_error e = s3_conditions(q, "x-amz-copy-source-", &reply->info);
    if (e == S3_OK)
        e = part_range(q, c, reply->info.size);
    if (e == S3_OK && c->size > PUT_SIZE_MAX)
        e = S3_ENTITY_TOO_LARGE;
    if (e == S3_OK && digest_begin(&c->md5, CHECKSUM_MD5) != ERR_OK)
        e = S3_INTERNAL;
    if (e != S3_OK) {
        respond_error(q, e, NULL);
        return;
    }
    memcpy(c->etag, reply->info.etag, sizeof c->etag);
    struct object_request o = s3_object_request(q, OBJECT_PUT_BEGIN);
    o.size = c->size;
    o.upload = c->upload;
    o.part = c->part;
    q->on_object = on_pipe;
    q->on_drop = drop;
    c->write_tag = request_object(q, &o);
    c->write_open = c->write_tag != 0;
}

void s3_copy_part(struct request *q)
{
    uint64_t part = 0;
    struct copy *c = q->state = request_alloc(q, sizeof *c);
    enum s3_error e = c ? s3_copy_source(q, &c->bucket, &c->key) : S3_SLOW_DOWN;
    if (e == S3_OK && (parse_u64(request_query(q, "partNumber"), OBJECT_PARTS_MAX, &part) != ERR_OK || part == 0))
        e = S3_INVALID_ARGUMENT;
    if (e == S3_OK)
        e = s3_upload_id(q, &c->upload);
    if (e != S3_OK) {
        respond_error(q, e, NULL);
        return;
    }
    c->part = (uint32_t)part;
    look_at_source(q, part_source_looked);
}
