#include <string.h>

#include "region/s3.h"

static void xml_name(struct request *q)
{
    s3_xml_text(q, "Bucket", q->bucket);
    s3_xml_text(q, "Key", q->key);
}

static void xml_upload_id(struct request *q, struct uid id)
{
    char text[UID_TEXT_SIZE];
    uid_text(id, text);
    s3_xml_text(q, "UploadId", span_text(text));
}

/* ---- CreateMultipartUpload -------------------------------------------------------------------------------------------- */

static void created(struct request *q, const struct object_reply *reply)
{
    struct span algorithm = request_header(q, "x-amz-checksum-algorithm");
    if (!s3_reply_ok(q, reply))
        return;
    if (checksum_from_name(algorithm) != CHECKSUM_NONE)
        respond_header(q, "x-amz-checksum-algorithm", algorithm);
    s3_xml_begin(q, "InitiateMultipartUploadResult");
    xml_name(q);
    xml_upload_id(q, reply->upload);
    text_add(&q->out, "</InitiateMultipartUploadResult>");
    respond_out(q, 200, "application/xml");
}

void s3_create_upload(struct request *q)
{
    struct object_request o = s3_object_request(q, OBJECT_UPLOAD_CREATE);
    const char *detail = NULL;
    enum s3_error e = s3_unsupported_headers(q, &detail);
    if (e == S3_OK)
        e = s3_policy(q, &o.policy, &o.policy_given, &detail);
    if (e == S3_OK)
        e = metadata_from_request(q, &o.metadata);
    q->on_object = created;
    if (e != S3_OK)
        respond_error(q, e, detail);
    else
        request_object(q, &o);
}

/* ---- CompleteMultipartUpload ------------------------------------------------------------------------------------------ */

struct complete {
    struct object_request request;
    struct object_part_name *parts;
    size_t count, capacity;
    struct request *q;
    bool number_seen, etag_seen, out_of_order;
};

static bool part_open(void *context, unsigned depth, const char *name)
{
    struct complete *c = context;
    if (depth == 1)
        return strcmp(name, "CompleteMultipartUpload") == 0;
    if (depth != 2 || strcmp(name, "Part") != 0)
        return depth != 2;
    if (c->count == OBJECT_PARTS_MAX)
        return false;
    if (c->count == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 4 : 64;
        struct object_part_name *wider = request_alloc(c->q, capacity * sizeof *wider);
        if (!wider)
            return false;
        if (c->count)
            memcpy(wider, c->parts, c->count * sizeof *wider);
        c->parts = wider;
        c->capacity = capacity;
    }
    memset(&c->parts[c->count++], 0, sizeof *c->parts);
    c->number_seen = c->etag_seen = false;
    return true;
}

static bool part_close(void *context, unsigned depth, const char *name, struct span text)
{
    struct complete *c = context;
    struct object_part_name *part = c->count ? &c->parts[c->count - 1] : NULL;
    uint64_t number;
    if (depth == 2)
        return c->number_seen && c->etag_seen;
    if (depth != 3 || !part)
        return true;
    if (strcmp(name, "PartNumber") == 0) {
        if (parse_u64(span_trim(text), OBJECT_PARTS_MAX, &number) != ERR_OK || number == 0)
            return false;
        part->part = (uint32_t)number;
        c->number_seen = true;
        c->out_of_order = c->out_of_order || (c->count > 1 && part[-1].part >= part->part);
    } else if (strcmp(name, "ETag") == 0) {
        text = span_trim(text);
        if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
            text = span_of(text.data + 1, text.size - 2);
        text_copy(part->etag, sizeof part->etag, text); /* a longer one is cut and matches nothing */
        c->etag_seen = true;
    }
    return true;
}

static void completed(struct request *q, const struct object_reply *reply)
{
    if (reply->status == ERR_INVALID || reply->status == ERR_RANGE) {
        bool small = reply->status == ERR_RANGE || strstr(reply->reason, "EntityTooSmall");
        respond_error(q, small ? S3_ENTITY_TOO_SMALL : S3_INVALID_PART, NULL);
        return;
    }
    if (!s3_reply_ok(q, reply))
        return;
    s3_xml_begin(q, "CompleteMultipartUploadResult");
    text_add(&q->out, "<Location>http://");
    text_add_xml(&q->out, request_header(q, "host"));
    text_add(&q->out, "/");
    struct text path = text_new(q->region->heap, 8192);
    text_add_url(&path, q->bucket, false);
    text_add(&path, "/");
    text_add_url(&path, q->key, true);
    text_add_span(&q->out, text_span(&path));
    text_free(&path);
    text_add(&q->out, "</Location>");
    xml_name(q);
    s3_xml_etag(q, reply->info.etag);
    text_add(&q->out, "</CompleteMultipartUploadResult>");
    respond_out(q, 200, "application/xml");
}

static void complete_now(struct request *q)
{
    struct complete *c = q->state;
    const struct xml_handler handler = {.context = c, .open = part_open, .close = part_close};
    if (xml_parse(text_span(&q->input), &handler) != ERR_OK || c->count == 0) {
        respond_error(q, q->starved ? S3_SLOW_DOWN : S3_MALFORMED_XML, NULL);
        return;
    }
    if (c->out_of_order) {
        respond_error(q, S3_INVALID_PART_ORDER, NULL);
        return;
    }
    c->request.parts = c->parts;
    c->request.part_count = c->count;
    q->on_object = completed;
    request_object(q, &c->request);
}

void s3_complete_upload(struct request *q)
{
    struct complete *c = q->state = request_alloc(q, sizeof *c);
    const char *detail = NULL;
    if (!c) {
        respond_error(q, S3_SLOW_DOWN, NULL);
        return;
    }
    c->q = q;
    c->request = s3_object_request(q, OBJECT_UPLOAD_COMPLETE);
    enum s3_error e = s3_upload_id(q, &c->request.upload);
    if (e == S3_OK)
        e = s3_write_condition(q, &c->request.condition, &detail);
    if (e != S3_OK)
        respond_error(q, e, detail);
    else /* ten thousand parts with their checksums need more than other documents */
        request_body_collect(q, 2 * q->region->config.xml_bytes_max, complete_now);
}

/* ---- AbortMultipartUpload --------------------------------------------------------------------------------------------- */

static void aborted(struct request *q, const struct object_reply *reply)
{
    if (s3_reply_ok(q, reply))
        respond_empty(q, 204);
}

void s3_abort_upload(struct request *q)
{
    struct object_request o = s3_object_request(q, OBJECT_UPLOAD_ABORT);
    enum s3_error e = s3_upload_id(q, &o.upload);
    q->on_object = aborted;
    if (e != S3_OK)
        respond_error(q, e, NULL);
    else
        request_object(q, &o);
}

/* ---- ListParts -------------------------------------------------------------------------------------------------------- */

static void xml_part(struct request *q, const struct object_entry *e)
{
    text_add(&q->out, "<Part>");
    s3_xml_u64(q, "PartNumber", e->part);
    s3_xml_time(q, "LastModified", e->info.modified);
    s3_xml_etag(q, e->info.etag);
    s3_xml_u64(q, "Size", e->info.size);
    text_add(&q->out, "</Part>");
}

static void parts_listed(struct request *q, const struct object_reply *reply)
{
    const struct object_request *o = q->state;
    if (!s3_reply_ok(q, reply))
        return;
    s3_xml_begin(q, "ListPartsResult");
    xml_name(q);
    xml_upload_id(q, o->upload);
    s3_xml_owner(q, "Initiator");
    s3_xml_owner(q, "Owner");
    s3_xml_text(q, "StorageClass", SPAN_LITERAL("STANDARD"));
    s3_xml_u64(q, "PartNumberMarker", o->part);
    if (reply->truncated && reply->entry_count)
        s3_xml_u64(q, "NextPartNumberMarker", reply->entries[reply->entry_count - 1].part);
    s3_xml_u64(q, "MaxParts", o->most);
    s3_xml_bool(q, "IsTruncated", reply->truncated);
    for (size_t i = 0; i < reply->entry_count; i++)
        xml_part(q, &reply->entries[i]);
    text_add(&q->out, "</ListPartsResult>");
    respond_out(q, 200, "application/xml");
}

void s3_list_parts(struct request *q)
{
    struct object_request *o = q->state = request_alloc(q, sizeof *o);
    struct span most = request_query(q, "max-parts"), after = request_query(q, "part-number-marker");
    uint64_t count = OBJECT_LIST_MAX, marker = 0;
    if (!o) {
        respond_error(q, S3_SLOW_DOWN, NULL);
        return;
    }
    *o = s3_object_request(q, OBJECT_PART_LIST);
    enum s3_error e = s3_upload_id(q, &o->upload);
    if ((most.size && parse_u64(most, INT32_MAX, &count) != ERR_OK) ||
        (after.size && parse_u64(after, INT32_MAX, &marker) != ERR_OK))
        e = S3_INVALID_ARGUMENT;
    o->most = (uint32_t)MIN(count, (uint64_t)OBJECT_LIST_MAX);
    o->part = (uint32_t)marker;
    q->on_object = parts_listed;
    if (e != S3_OK)
        respond_error(q, e, NULL);
    else
        request_object(q, o);
}
