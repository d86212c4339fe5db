/*
 * ListObjects (both versions), ListObjectVersions and ListMultipartUploads: one page of the storage plane's index.
 *
 * A resume point that is itself a common prefix skips everything below it: keys are UTF-8, so prefix + 0xFF is behind
 * all of them. Continuation tokens are the resume point in base64; clients must treat them as opaque.
 */
#include <string.h>

#include "region/s3.h"

struct list {
    struct span prefix, delimiter, marker; /* as given */
    struct span after;                     /* as asked of the plane */
    uint64_t most;
    bool v2, url, owner, token_given;
};

static enum s3_error number_of(struct request *q, const char *name, uint64_t *out, const char **detail)
{
    struct span value = request_query(q, name);
    *out = OBJECT_LIST_MAX;
    if (!value.size)
        return S3_OK;
    if (parse_u64(value, INT32_MAX, out) != ERR_OK) {
        *detail = "Provided max-keys not an integer or within integer range";
        return S3_INVALID_ARGUMENT;
    }
    *out = MIN(*out, (uint64_t)OBJECT_LIST_MAX);
    return S3_OK;
}

static struct span token_decode(struct request *q, struct span token)
{
    uint8_t *memory = request_alloc(q, token.size + 4);
    size_t size;
    if (!memory || token.size == 0 || base64_decode(token, memory, token.size, &size) != ERR_OK || !size)
        return (struct span){0};
    return span_of(memory, size);
}

static struct span token_encode(struct request *q, struct span point)
{
    char *memory = request_alloc(q, 4 * (point.size / 3 + 2));
    return memory ? span_of(memory, base64_encode(point.data, point.size, memory)) : (struct span){0};
}

/* "a/" under delimiter "/" is a common prefix; so is "p/q/" under prefix "p/". */
static bool is_common_prefix(const struct list *l, struct span marker)
{
    if (l->delimiter.size == 0 || marker.size < l->prefix.size + l->delimiter.size || marker.size == 0 ||
        (l->prefix.size && memcmp(marker.data, l->prefix.data, l->prefix.size) != 0))
        return false;
    struct span rest = span_from(marker, l->prefix.size);
    const void *at = memmem(rest.data, rest.size, l->delimiter.data, l->delimiter.size);
    return at && (size_t)((const uint8_t *)at - rest.data) + l->delimiter.size == rest.size;
}

static struct span resume_after(struct request *q, const struct list *l, struct span marker)
{
    if (!is_common_prefix(l, marker))
        return marker;
    uint8_t *memory = request_alloc(q, marker.size + 1);
    if (!memory)
        return marker;
    memcpy(memory, marker.data, marker.size);
    memory[marker.size] = 0xff;
    return span_of(memory, marker.size + 1);
}

static void xml_key(struct request *q, const struct list *l, const char *name, struct span value)
{
    if (!l->url) {
        s3_xml_text(q, name, value);
        return;
    }
    text_printf(&q->out, "<%s>", name);
    text_add_url(&q->out, value, true);
    text_printf(&q->out, "</%s>", name);
}

static void xml_prefixes(struct request *q, const struct list *l, const struct object_reply *reply)
{
    for (size_t i = 0; i < reply->entry_count; i++) {
        if (!reply->entries[i].is_prefix)
            continue;
        text_add(&q->out, "<CommonPrefixes>");
        xml_key(q, l, "Prefix", reply->entries[i].name);
        text_add(&q->out, "</CommonPrefixes>");
    }
}

static struct span next_point(const struct object_reply *reply)
{
    if (reply->next.size)
        return reply->next;
    return reply->entry_count ? reply->entries[reply->entry_count - 1].name : (struct span){0};
}

/* The plane may resume behind 0xFF; what clients see stays text. */
static struct span visible(struct span point)
{
    return point.size && point.data[point.size - 1] == 0xff ? span_of(point.data, point.size - 1) : point;
}

static bool list_open(struct request *q, struct list **out)
{
    const char *detail = NULL;
    struct list *l = *out = q->state = request_alloc(q, sizeof *l);
    struct span encoding = request_query(q, "encoding-type");
    enum s3_error e = l ? number_of(q, q->op == OP_LIST_UPLOADS ? "max-uploads" : "max-keys", &l->most, &detail) : S3_SLOW_DOWN;
    if (e == S3_OK && encoding.size && !span_equal_text(encoding, "url")) {
        detail = "Invalid Encoding Method specified in Request";
        e = S3_INVALID_ARGUMENT;
    }
    if (e != S3_OK) {
        respond_error(q, e, detail);
        return false;
    }
    l->prefix = request_query(q, "prefix");
    l->delimiter = request_query(q, "delimiter");
    l->url = encoding.size > 0;
    return true;
}

/* A page of nothing needs no index, but the bucket must exist. */
static void ask(struct request *q, const struct list *l, enum object_op op, struct uid upload)
{
    struct object_request o = {.op = l->most ? op : OBJECT_BUCKET_HEAD, .bucket = q->bucket, .prefix = l->prefix,
                               .delimiter = l->delimiter, .after = l->after, .most = (uint32_t)l->most, .upload = upload};
    request_object(q, &o);
}

/* What every list says of what was asked. */
static void xml_asked(struct request *q, const struct list *l, const struct object_reply *reply, const char *most_name)
{
    xml_key(q, l, "Prefix", l->prefix);
    if (l->delimiter.size)
        xml_key(q, l, "Delimiter", l->delimiter);
    s3_xml_u64(q, most_name, l->most);
    if (l->url)
        s3_xml_text(q, "EncodingType", SPAN_LITERAL("url"));
    s3_xml_bool(q, "IsTruncated", reply->truncated);
}

typedef void xml_entry(struct request *q, const struct list *l, const struct object_entry *e);

/* The entries, the common prefixes, the end of the document, and the answer. */
static void xml_entries(struct request *q, const struct list *l, const struct object_reply *reply, xml_entry *entry, const char *close)
{
    for (size_t i = 0; i < reply->entry_count; i++)
        if (!reply->entries[i].is_prefix)
            entry(q, l, &reply->entries[i]);
    xml_prefixes(q, l, reply);
    text_add(&q->out, close);
    respond_out(q, 200, "application/xml");
}

/* ---- ListObjects -------------------------------------------------------------------------------------------------------- */

static void xml_contents(struct request *q, const struct list *l, const struct object_entry *e)
{
    text_add(&q->out, "<Contents>");
    xml_key(q, l, "Key", e->name);
    s3_xml_time(q, "LastModified", e->info.modified);
    s3_xml_etag(q, e->info.etag);
    s3_xml_u64(q, "Size", e->info.size);
    if (l->owner)
        s3_xml_owner(q, "Owner");
    text_add(&q->out, "<StorageClass>STANDARD</StorageClass></Contents>");
}

static void xml_list_head_v1(struct request *q, const struct list *l, const struct object_reply *reply)
{
    xml_key(q, l, "Marker", l->marker);
    if (reply->truncated && l->delimiter.size)
        xml_key(q, l, "NextMarker", visible(next_point(reply)));
}

static void xml_list_head_v2(struct request *q, const struct list *l, const struct object_reply *reply)
{
    s3_xml_u64(q, "KeyCount", reply->entry_count);
    if (request_asks(q, "start-after"))
        xml_key(q, l, "StartAfter", request_query(q, "start-after"));
    if (l->token_given)
        s3_xml_text(q, "ContinuationToken", request_query(q, "continuation-token"));
    if (reply->truncated)
        s3_xml_text(q, "NextContinuationToken", token_encode(q, next_point(reply)));
}

static void objects_listed(struct request *q, const struct object_reply *reply)
{
    const struct list *l = q->state;
    if (!s3_reply_ok(q, reply))
        return;
    s3_xml_begin(q, "ListBucketResult");
    s3_xml_text(q, "Name", q->bucket);
    xml_asked(q, l, reply, "MaxKeys");
    if (l->v2)
        xml_list_head_v2(q, l, reply);
    else
        xml_list_head_v1(q, l, reply);
    xml_entries(q, l, reply, xml_contents, "</ListBucketResult>");
}

void s3_list_objects(struct request *q)
{
    struct list *l;
    if (!list_open(q, &l))
        return;
    struct span token = request_query(q, "continuation-token");
    l->v2 = q->op == OP_LIST_OBJECTS_V2;
    l->owner = !l->v2 || span_equal_text(request_query(q, "fetch-owner"), "true");
    l->token_given = l->v2 && request_asks(q, "continuation-token");
    l->marker = request_query(q, l->v2 ? "start-after" : "marker");
    if (l->token_given) {
        l->marker = token_decode(q, token);
        if (!l->marker.data) {
            respond_error(q, S3_INVALID_ARGUMENT, "The continuation token provided is incorrect");
            return;
        }
    }
    l->after = resume_after(q, l, l->marker);
    q->on_object = objects_listed;
    ask(q, l, OBJECT_LIST, (struct uid){{0}});
}

/* ---- ListObjectVersions: each object once, as version "null" ------------------------------------------------------------- */

static void xml_version(struct request *q, const struct list *l, const struct object_entry *e)
{
    text_add(&q->out, "<Version>");
    xml_key(q, l, "Key", e->name);
    text_add(&q->out, "<VersionId>null</VersionId><IsLatest>true</IsLatest>");
    s3_xml_time(q, "LastModified", e->info.modified);
    s3_xml_etag(q, e->info.etag);
    s3_xml_u64(q, "Size", e->info.size);
    s3_xml_owner(q, "Owner");
    text_add(&q->out, "<StorageClass>STANDARD</StorageClass></Version>");
}

static void versions_listed(struct request *q, const struct object_reply *reply)
{
    const struct list *l = q->state;
    if (!s3_reply_ok(q, reply))
        return;
    s3_xml_begin(q, "ListVersionsResult");
    s3_xml_text(q, "Name", q->bucket);
    xml_key(q, l, "KeyMarker", l->marker);
    s3_xml_text(q, "VersionIdMarker", request_query(q, "version-id-marker"));
    xml_asked(q, l, reply, "MaxKeys");
    if (reply->truncated) {
        xml_key(q, l, "NextKeyMarker", visible(next_point(reply)));
        s3_xml_text(q, "NextVersionIdMarker", SPAN_LITERAL("null"));
    }
    xml_entries(q, l, reply, xml_version, "</ListVersionsResult>");
}

void s3_list_versions(struct request *q)
{
    struct list *l;
    if (!list_open(q, &l))
        return;
    l->marker = request_query(q, "key-marker");
    l->after = resume_after(q, l, l->marker);
    q->on_object = versions_listed;
    ask(q, l, OBJECT_LIST, (struct uid){{0}});
}

/* ---- ListMultipartUploads -------------------------------------------------------------------------------------------------- */

static void xml_upload(struct request *q, const struct list *l, const struct object_entry *e)
{
    char id[UID_TEXT_SIZE];
    uid_text(e->upload, id);
    text_add(&q->out, "<Upload>");
    xml_key(q, l, "Key", e->name);
    s3_xml_text(q, "UploadId", span_text(id));
    s3_xml_owner(q, "Initiator");
    s3_xml_owner(q, "Owner");
    text_add(&q->out, "<StorageClass>STANDARD</StorageClass>");
    s3_xml_time(q, "Initiated", e->info.modified);
    text_add(&q->out, "</Upload>");
}

static void uploads_listed(struct request *q, const struct object_reply *reply)
{
    const struct list *l = q->state;
    if (!s3_reply_ok(q, reply))
        return;
    s3_xml_begin(q, "ListMultipartUploadsResult");
    s3_xml_text(q, "Bucket", q->bucket);
    xml_key(q, l, "KeyMarker", l->marker);
    s3_xml_text(q, "UploadIdMarker", request_query(q, "upload-id-marker"));
    if (reply->truncated && reply->entry_count) {
        char id[UID_TEXT_SIZE];
        uid_text(reply->entries[reply->entry_count - 1].upload, id);
        xml_key(q, l, "NextKeyMarker", visible(next_point(reply)));
        s3_xml_text(q, "NextUploadIdMarker", span_text(id));
    }
    xml_asked(q, l, reply, "MaxUploads");
    xml_entries(q, l, reply, xml_upload, "</ListMultipartUploadsResult>");
}

void s3_list_uploads(struct request *q)
{
    struct list *l;
    struct uid upload = {{0}};
    if (!list_open(q, &l))
        return;
    struct span id = request_query(q, "upload-id-marker");
    l->marker = request_query(q, "key-marker");
    if (id.size && l->marker.size && uid_parse(id, &upload) != ERR_OK) {
        respond_error(q, S3_INVALID_ARGUMENT, "Invalid uploadId marker");
        return;
    }
    l->after = resume_after(q, l, l->marker);
    q->on_object = uploads_listed;
    ask(q, l, OBJECT_UPLOAD_LIST, upload);
}
