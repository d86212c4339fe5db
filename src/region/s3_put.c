/* PutObject and UploadPart: the payload flows to the storage plane as slices, within its credit. */
#include <string.h>

#include "region/s3.h"

struct put {
    uint64_t tag;
    bool open, begun;
    struct span metadata;
};

static void drop(struct request *q)
{
    struct put *p = q->state;
    struct object_request o = {.op = OBJECT_PUT_ABORT};
    if (!p->open)
        return;
    p->open = false;
    request_forget(q, p->tag);
    request_object_more(q, p->tag, &o);
}

static void forward(struct request *q, struct slice data)
{
    struct put *p = q->state;
    struct object_request o = {.op = OBJECT_PUT_DATA, .data = data};
    request_object_more(q, p->tag, &o);
}

static void checksum_line(struct request *q, const uint8_t *bytes, char name[40], char value[CHECKSUM_TEXT_MAX])
{
    struct text t = text_new(q->region->heap, 39);
    text_printf(&t, "x-amz-checksum-%s", checksum_name(q->payload.checksum));
    text_copy(name, 40, text_span(&t));
    text_free(&t);
    base64_encode(bytes, checksum_size(q->payload.checksum), value);
}

/* A checksum in a header is known before the body (and verified behind it); one in a trailer only at the end. */
static void add_checksum(struct request *q, const uint8_t *bytes)
{
    struct put *p = q->state;
    char name[40], value[CHECKSUM_TEXT_MAX];
    checksum_line(q, bytes, name, value);
    p->metadata = metadata_with(q, p->metadata, name, span_text(value));
}

static void body_ended(struct request *q)
{
    struct put *p = q->state;
    struct object_request o = s3_object_request(q, OBJECT_PUT_END);
    if (q->payload.trailer && q->payload.checksum != CHECKSUM_NONE) {
        add_checksum(q, q->payload.checksum_value);
        o.metadata = p->metadata;
    }
    memcpy(o.md5, q->payload.md5, sizeof o.md5);
    request_object_more(q, p->tag, &o);
}

static void stored(struct request *q, const struct object_reply *reply)
{
    if (!s3_reply_ok(q, reply))
        return;
    s3_header_etag(q, reply->info.etag);
    if (q->payload.checksum != CHECKSUM_NONE) {
        char name[40], value[CHECKSUM_TEXT_MAX];
        checksum_line(q, q->payload.checksum_value, name, value);
        respond_header_text(q, name, value);
        respond_header_text(q, "x-amz-checksum-type", "FULL_OBJECT");
    }
    respond_empty(q, 200);
}

static void on_reply(struct request *q, const struct object_reply *reply)
{
    struct put *p = q->state;
    if (reply->final || reply->status != ERR_OK) {
        p->open = p->open && !reply->final;
        stored(q, reply);
    } else if (!p->begun) {
        p->begun = true;
        request_body(q, reply->credit);
    } else {
        request_credit(q, reply->credit);
    }
}

static enum s3_error part_of(struct request *q, struct object_request *o)
{
    uint64_t part;
    if (!request_asks(q, "uploadId"))
        return S3_INVALID_ARGUMENT;
    if (parse_u64(request_query(q, "partNumber"), OBJECT_PARTS_MAX, &part) != ERR_OK || part == 0)
        return S3_INVALID_ARGUMENT;
    o->part = (uint32_t)part;
    return s3_upload_id(q, &o->upload);
}

static enum s3_error prepare(struct request *q, struct object_request *o, const char **detail)
{
    struct put *p = q->state;
    if (!q->has_body && !request_header(q, "content-length").data)
        return S3_LENGTH_REQUIRED;
    if (q->payload.size != UINT64_MAX && q->payload.size > PUT_SIZE_MAX)
        return S3_ENTITY_TOO_LARGE;
    o->size = q->payload.size;
    if (q->op == OP_UPLOAD_PART)
        return part_of(q, o);
    enum s3_error e = s3_unsupported_headers(q, detail);
    if (e == S3_OK)
        e = s3_policy(q, &o->policy, &o->policy_given, detail);
    if (e == S3_OK)
        e = s3_write_condition(q, &o->condition, detail);
    if (e == S3_OK)
        e = metadata_from_request(q, &p->metadata);
    if (e == S3_OK && q->payload.checksum_given)
        add_checksum(q, q->payload.checksum_expected);
    o->metadata = p->metadata;
    return e;
}

void s3_put_object(struct request *q)
{
    struct object_request o = s3_object_request(q, OBJECT_PUT_BEGIN);
    const char *detail = NULL;
    struct put *p = q->state = request_alloc(q, sizeof *p);
    enum s3_error e = p ? prepare(q, &o, &detail) : S3_SLOW_DOWN;
    if (e != S3_OK) {
        respond_error(q, e, detail);
        return;
    }
    q->on_data = forward;
    q->on_end = body_ended;
    q->on_object = on_reply;
    q->on_drop = drop;
    p->open = true;
    p->tag = request_object(q, &o);
    p->open = p->tag != 0;
}
