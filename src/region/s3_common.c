#include <string.h>

#include "region/s3.h"

/* ---- XML out ------------------------------------------------------------------------------------------------------ */

void s3_xml_begin(struct request *q, const char *root)
{
    text_printf(&q->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"" S3_NAMESPACE "\">", root);
}

void s3_xml_text(struct request *q, const char *name, struct span value)
{
    text_printf(&q->out, "<%s>", name);
    text_add_xml(&q->out, value);
    text_printf(&q->out, "</%s>", name);
}

void s3_xml_u64(struct request *q, const char *name, uint64_t value)
{
    text_printf(&q->out, "<%s>%llu</%s>", name, (unsigned long long)value, name);
}

void s3_xml_bool(struct request *q, const char *name, bool value)
{
    text_printf(&q->out, "<%s>%s</%s>", name, value ? "true" : "false", name);
}

void s3_xml_time(struct request *q, const char *name, tai_ns t)
{
    char when[40];
    time_utc_text(t, 3, when);
    text_printf(&q->out, "<%s>%s</%s>", name, when, name);
}

void s3_xml_etag(struct request *q, const char *etag)
{
    text_printf(&q->out, "<ETag>&quot;%s&quot;</ETag>", etag);
}

void s3_xml_owner(struct request *q, const char *element)
{
    text_printf(&q->out, "<%s><ID>", element);
    text_add_xml(&q->out, span_text(q->region->config.access_key));
    text_add(&q->out, "</ID><DisplayName>noct</DisplayName>");
    text_printf(&q->out, "</%s>", element);
}

void s3_header_etag(struct request *q, const char *etag)
{
    text_printf(&q->fields, "ETag: \"%s\"\r\n", etag);
}

bool s3_reply_ok(struct request *q, const struct object_reply *reply)
{
    if (reply->status == ERR_OK)
        return true;
    respond_object_error(q, reply);
    return false;
}

struct object_request s3_object_request(const struct request *q, enum object_op op)
{
    return (struct object_request){.op = op, .bucket = q->bucket, .key = q->key};
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

static bool reserved(struct span name)
{
    static const char *const names[] = {"healthz", "metrics", "console", "ga4gh", "noct"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_equal_text(name, names[i]))
            return true;
    return false;
}

bool s3_bucket_name_ok(struct span name, bool creating)
{
    bool only_digits = true;
    if (name.size < (creating ? 3 : 1) || name.size > BUCKET_NAME_MAX || reserved(name))
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool letter = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
        bool edge = i == 0 || i + 1 == name.size;
        if (!letter && !digit && (edge || (c != '-' && c != '.')))
            return false;
        if (c == '.' && name.data[i - 1] == '.')
            return false;
        only_digits = only_digits && (digit || c == '.');
    }
    return !only_digits || !memchr(name.data, '.', name.size); /* not like an IP address */
}

enum s3_error s3_copy_source(struct request *q, struct span *bucket, struct span *key)
{
    struct span source = request_header(q, "x-amz-copy-source"), version = source, path;
    size_t size;
    if (source.size && source.data[0] == '/')
        version = span_from(source, 1);
    span_cut(&version, '?', &path);
    uint8_t *memory = request_alloc(q, path.size + 1);
    if (!memory || uri_decode(path, false, memory, &size) != ERR_OK)
        return S3_INVALID_ARGUMENT;
    struct span rest = span_of(memory, size);
    span_cut(&rest, '/', bucket);
    *key = rest;
    if (version.data && !span_equal_text(version, "versionId=null"))
        return S3_NO_SUCH_VERSION;
    if (!s3_bucket_name_ok(*bucket, false) || key->size == 0 || key->size > OBJECT_KEY_MAX || !utf8_valid(*key) ||
        memchr(key->data, 0, key->size))
        return S3_INVALID_ARGUMENT;
    return S3_OK;
}

enum s3_error s3_upload_id(struct request *q, struct uid *out)
{
    return uid_parse(request_query(q, "uploadId"), out) == ERR_OK ? S3_OK : S3_NO_SUCH_UPLOAD;
}

/* ---- headers that ask for something -------------------------------------------------------------------------------- */

enum s3_error s3_policy(struct request *q, struct policy *out, bool *given, const char **detail)
{
    struct span copies = request_header(q, "x-noct-copies"), place = request_header(q, "x-noct-place"),
                best = request_header(q, "x-noct-best-effort");
    uint64_t n = 2;
    *out = (struct policy){.copies = 2, .where = PLACE_ORBIT};
    *given = copies.data || place.data || best.data;
    if (copies.data && (parse_u64(copies, OBJECT_COPIES_MAX, &n) != ERR_OK || n == 0)) {
        *detail = "x-noct-copies must be a number from 1 to 8";
        return S3_INVALID_ARGUMENT;
    }
    if (place.data && !span_equal_text(place, "orbit") && !span_equal_text(place, "any")) {
        *detail = "x-noct-place must be orbit or any";
        return S3_INVALID_ARGUMENT;
    }
    if (best.data && !span_equal_text(best, "true") && !span_equal_text(best, "false")) {
        *detail = "x-noct-best-effort must be true or false";
        return S3_INVALID_ARGUMENT;
    }
    out->copies = (uint8_t)n;
    out->where = span_equal_text(place, "any") ? PLACE_ANY : PLACE_ORBIT;
    out->best_effort = span_equal_text(best, "true");
    return S3_OK;
}

enum s3_error s3_unsupported_headers(struct request *q, const char **detail)
{
    static const char *const prefixes[] = {"x-amz-server-side-encryption", "x-amz-copy-source-server-side-encryption",
                                           "x-amz-tagging", "x-amz-grant-", "x-amz-website-redirect-location"};
    for (size_t i = 0; i < q->header_count; i++) {
        struct span name = request_header_name(q, i), value = request_header_value(q, i);
        for (size_t k = 0; k < COUNT_OF(prefixes); k++)
            if (span_starts(name, prefixes[k]) && !span_equal_text(name, "x-amz-tagging-directive") && value.size)
                return S3_NOT_IMPLEMENTED;
        if (span_starts(name, "x-amz-object-lock-")) {
            *detail = "Bucket is missing Object Lock Configuration";
            return S3_INVALID_REQUEST;
        }
        if (span_equal_text(name, "x-amz-acl") && !span_equal_text(value, "private") &&
            !span_starts(value, "bucket-owner-"))
            return S3_NOT_IMPLEMENTED;
    }
    return S3_OK;
}

/* ---- conditions ---------------------------------------------------------------------------------------------------- */

bool s3_etag_listed(struct span list, const char *etag)
{
    struct span rest = list, part;
    while (span_cut(&rest, ',', &part)) {
        part = span_trim(part);
        if (span_starts(part, "W/"))
            part = span_from(part, 2);
        if (part.size >= 2 && part.data[0] == '"' && part.data[part.size - 1] == '"')
            part = span_of(part.data + 1, part.size - 2);
        if (span_equal_text(part, "*") || span_equal_text(part, etag))
            return true;
    }
    return false;
}

static struct span condition(struct request *q, const char *prefix, const char *name)
{
    char full[64];
    struct text t = text_new(q->region->heap, sizeof full - 1);
    text_add(&t, prefix);
    text_add(&t, name);
    text_copy(full, sizeof full, text_span(&t));
    text_free(&t);
    return request_header(q, full);
}

bool s3_has_conditions(struct request *q, const char *prefix)
{
    return condition(q, prefix, "if-match").data || condition(q, prefix, "if-none-match").data ||
           condition(q, prefix, "if-modified-since").data || condition(q, prefix, "if-unmodified-since").data;
}

enum s3_error s3_conditions(struct request *q, const char *prefix, const struct object_info *info)
{
    struct span match = condition(q, prefix, "if-match"), none = condition(q, prefix, "if-none-match");
    struct span since = condition(q, prefix, "if-modified-since"), until = condition(q, prefix, "if-unmodified-since");
    enum s3_error unchanged = prefix[0] ? S3_PRECONDITION_FAILED : S3_NOT_MODIFIED;
    int64_t modified_s = info->modified / NS_PER_S - TAI_MINUS_UTC_S, given_s;
    if (match.data && !s3_etag_listed(match, info->etag))
        return S3_PRECONDITION_FAILED;
    if (!match.data && until.data && http_date_parse(until, &given_s) == ERR_OK && modified_s > given_s)
        return S3_PRECONDITION_FAILED;
    if (none.data && s3_etag_listed(none, info->etag))
        return unchanged;
    if (!none.data && since.data && http_date_parse(since, &given_s) == ERR_OK && modified_s <= given_s)
        return unchanged;
    return S3_OK;
}

enum s3_error s3_write_condition(struct request *q, struct object_condition *out, const char **detail)
{
    struct span none = span_trim(request_header(q, "if-none-match")), match = span_trim(request_header(q, "if-match"));
    if (none.data && match.data) {
        *detail = "If-Match and If-None-Match exclude each other";
        return S3_INVALID_REQUEST;
    }
    if (none.data && !span_equal_text(none, "*"))
        return S3_NOT_IMPLEMENTED;
    out->if_absent = none.data != NULL;
    if (!match.data)
        return S3_OK;
    if (match.size >= 2 && match.data[0] == '"' && match.data[match.size - 1] == '"')
        match = span_of(match.data + 1, match.size - 2);
    out->if_match = true;
    return text_copy(out->etag, sizeof out->etag, match) ? S3_OK : S3_PRECONDITION_FAILED;
}
