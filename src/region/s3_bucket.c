#include "region/s3.h"

/* ---- ListBuckets -------------------------------------------------------------------------------------------------- */

static void buckets_listed(struct request *q, const struct object_reply *reply)
{
    if (!s3_reply_ok(q, reply))
        return;
    s3_xml_begin(q, "ListAllMyBucketsResult");
    s3_xml_owner(q, "Owner");
    text_add(&q->out, "<Buckets>");
    for (size_t i = 0; i < reply->entry_count; i++) {
        text_add(&q->out, "<Bucket>");
        s3_xml_text(q, "Name", reply->entries[i].name);
        s3_xml_time(q, "CreationDate", reply->entries[i].info.modified);
        text_add(&q->out, "</Bucket>");
    }
    text_add(&q->out, "</Buckets></ListAllMyBucketsResult>");
    respond_out(q, 200, "application/xml");
}

void s3_list_buckets(struct request *q)
{
    struct object_request o = {.op = OBJECT_BUCKET_LIST, .most = OBJECT_LIST_MAX};
    q->on_object = buckets_listed;
    request_object(q, &o);
}

/* ---- CreateBucket ------------------------------------------------------------------------------------------------- */

static void bucket_created(struct request *q, const struct object_reply *reply)
{
    if (reply->status == ERR_EXISTS) {
        respond_error(q, S3_BUCKET_ALREADY_OWNED, NULL);
        return;
    }
    if (!s3_reply_ok(q, reply))
        return;
    text_add(&q->fields, "Location: /");
    text_add_url(&q->fields, q->bucket, false);
    text_add(&q->fields, "\r\n");
    respond_empty(q, 200);
}

static bool configuration_open(void *context, unsigned depth, const char *name)
{
    (void)context;
    return depth > 1 || span_equal_text(span_text(name), "CreateBucketConfiguration");
}

static void create_now(struct request *q)
{
    const struct xml_handler handler = {.open = configuration_open};
    const char *detail = NULL;
    bool given;
    struct object_request o = {.op = OBJECT_BUCKET_CREATE, .bucket = q->bucket};
    enum s3_error e = S3_OK;
    if (q->input.size && xml_parse(text_span(&q->input), &handler) != ERR_OK)
        e = S3_MALFORMED_XML;
    if (e == S3_OK)
        e = s3_policy(q, &o.policy, &given, &detail);
    if (e != S3_OK) {
        respond_error(q, e, detail);
        return;
    }
    o.policy_given = given;
    q->on_object = bucket_created;
    request_object(q, &o);
}

void s3_create_bucket(struct request *q)
{
    const char *detail = NULL;
    enum s3_error e = s3_unsupported_headers(q, &detail);
    if (e == S3_OK && span_equal_nocase(request_header(q, "x-amz-bucket-object-lock-enabled"), "true"))
        e = S3_NOT_IMPLEMENTED;
    if (e != S3_OK)
        respond_error(q, e, detail);
    else
        request_body_collect(q, 64 * 1024, create_now);
}

/* ---- DeleteBucket, HeadBucket, GetBucketLocation -------------------------------------------------------------------- */

static void bucket_deleted(struct request *q, const struct object_reply *reply)
{
    if (reply->status == ERR_CONFLICT || reply->status == ERR_EXISTS)
        respond_error(q, S3_BUCKET_NOT_EMPTY, NULL);
    else if (s3_reply_ok(q, reply))
        respond_empty(q, 204);
}

void s3_delete_bucket(struct request *q)
{
    struct object_request o = {.op = OBJECT_BUCKET_DELETE, .bucket = q->bucket};
    q->on_object = bucket_deleted;
    request_object(q, &o);
}

static void bucket_headed(struct request *q, const struct object_reply *reply)
{
    if (!s3_reply_ok(q, reply))
        return;
    respond_header_text(q, "x-amz-bucket-region", q->region->config.name);
    respond_empty(q, 200);
}

void s3_head_bucket(struct request *q)
{
    struct object_request o = {.op = OBJECT_BUCKET_HEAD, .bucket = q->bucket};
    q->on_object = bucket_headed;
    request_object(q, &o);
}

static void located(struct request *q, const struct object_reply *reply)
{
    if (!s3_reply_ok(q, reply))
        return;
    s3_xml_begin(q, "LocationConstraint");
    text_add_xml(&q->out, span_text(q->region->config.name));
    text_add(&q->out, "</LocationConstraint>");
    respond_out(q, 200, "application/xml");
}

void s3_location(struct request *q)
{
    struct object_request o = {.op = OBJECT_BUCKET_HEAD, .bucket = q->bucket};
    q->on_object = located;
    request_object(q, &o);
}
