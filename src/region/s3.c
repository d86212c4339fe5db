#include "region/s3.h"

#include <string.h>

/* ---- which operation ---------------------------------------------------------------------------------------------- */

typedef void operation(struct request *q);

static operation *root_operation(struct request *q)
{
    if (q->method == HTTP_GET)
        return q->op = OP_LIST_BUCKETS, s3_list_buckets;
    return NULL;
}

static operation *bucket_get(struct request *q)
{
    if (request_asks(q, "location"))
        return q->op = OP_BUCKET_PROBE, s3_location;
    if (request_asks(q, "uploads"))
        return q->op = OP_LIST_UPLOADS, s3_list_uploads;
    if (request_asks(q, "versions"))
        return q->op = OP_LIST_VERSIONS, s3_list_versions;
    if (s3_probe_wanted(q))
        return q->op = OP_BUCKET_PROBE, s3_probe;
    q->op = span_equal_text(request_query(q, "list-type"), "2") ? OP_LIST_OBJECTS_V2 : OP_LIST_OBJECTS;
    return s3_list_objects;
}

static operation *bucket_operation(struct request *q)
{
    bool probe = s3_probe_wanted(q);
    switch ((int)q->method) {
    case HTTP_GET:
        return bucket_get(q);
    case HTTP_HEAD:
        return q->op = OP_HEAD_BUCKET, s3_head_bucket;
    case HTTP_PUT:
        return probe ? (q->op = OP_BUCKET_CONFIGURE, s3_probe) : (q->op = OP_CREATE_BUCKET, s3_create_bucket);
    case HTTP_DELETE:
        return probe ? (q->op = OP_BUCKET_CONFIGURE, s3_probe) : (q->op = OP_DELETE_BUCKET, s3_delete_bucket);
    case HTTP_POST:
        return request_asks(q, "delete") ? (q->op = OP_DELETE_OBJECTS, s3_delete_objects) : NULL;
    default:
        return NULL;
    }
}

static operation *object_put(struct request *q)
{
    bool copy = request_header(q, "x-amz-copy-source").data != NULL;
    if (request_asks(q, "uploadId") || request_asks(q, "partNumber"))
        return copy ? (q->op = OP_UPLOAD_PART_COPY, s3_copy_part) : (q->op = OP_UPLOAD_PART, s3_put_object);
    if (s3_probe_wanted(q))
        return q->op = OP_BUCKET_CONFIGURE, s3_probe;
    return copy ? (q->op = OP_COPY_OBJECT, s3_copy_object) : (q->op = OP_PUT_OBJECT, s3_put_object);
}

static operation *object_post(struct request *q)
{
    if (request_asks(q, "uploads"))
        return q->op = OP_CREATE_UPLOAD, s3_create_upload;
    if (request_asks(q, "uploadId"))
        return q->op = OP_COMPLETE_UPLOAD, s3_complete_upload;
    return s3_probe_wanted(q) ? (q->op = OP_BUCKET_CONFIGURE, s3_probe) : NULL;
}

static operation *object_operation(struct request *q)
{
    switch ((int)q->method) {
    case HTTP_GET:
        if (request_asks(q, "uploadId"))
            return q->op = OP_LIST_PARTS, s3_list_parts;
        if (request_asks(q, "attributes"))
            return q->op = OP_OBJECT_ATTRIBUTES, s3_object_attributes;
        if (s3_probe_wanted(q))
            return q->op = OP_OBJECT_PROBE, s3_probe;
        return q->op = OP_GET_OBJECT, s3_get_object;
    case HTTP_HEAD:
        return q->op = OP_HEAD_OBJECT, s3_get_object;
    case HTTP_PUT:
        return object_put(q);
    case HTTP_POST:
        return object_post(q);
    case HTTP_DELETE:
        if (request_asks(q, "uploadId"))
            return q->op = OP_ABORT_UPLOAD, s3_abort_upload;
        if (s3_probe_wanted(q))
            return q->op = OP_BUCKET_CONFIGURE, s3_probe;
        return q->op = OP_DELETE_OBJECT, s3_delete_object;
    default:
        return NULL;
    }
}

static bool body_expected(const struct request *q)
{
    return q->op == OP_PUT_OBJECT || q->op == OP_UPLOAD_PART;
}

/* The only version that an object has is called "null". */
static bool version_ok(struct request *q)
{
    struct span version = request_query(q, "versionId");
    return !version.data || span_equal_text(version, "null");
}

void s3_route(struct request *q)
{
    const char *detail = NULL;
    if (q->method == HTTP_OPTIONS) {
        respond_error(q, S3_ACCESS_FORBIDDEN, NULL);
        return;
    }
    operation *op = q->bucket.size == 0 ? root_operation(q) : q->key.size == 0 ? bucket_operation(q) : object_operation(q);
    if (!auth_request(q))
        return;
    enum s3_error e = payload_prepare(q, &detail);
    if (e == S3_OK && !op)
        e = S3_METHOD_NOT_ALLOWED;
    if (e == S3_OK && q->bucket.size && !s3_bucket_name_ok(q->bucket, q->op == OP_CREATE_BUCKET))
        e = q->op == OP_CREATE_BUCKET ? S3_INVALID_BUCKET_NAME : S3_NO_SUCH_BUCKET;
    if (e == S3_OK && q->key.size > OBJECT_KEY_MAX)
        e = S3_KEY_TOO_LONG;
    if (e == S3_OK && !version_ok(q))
        e = S3_NO_SUCH_VERSION;
    q->payload.md5_wanted = body_expected(q);
    if (e == S3_OK && payload_begin(&q->payload) != ERR_OK)
        e = S3_INTERNAL;
    if (e != S3_OK)
        respond_error(q, e, detail);
    else
        op(q);
}
