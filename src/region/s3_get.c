/*
 * GetObject, HeadObject and GetObjectAttributes. A read with a range or a condition looks at the object first and then
 * reads exactly that version (by its ETag); if it was replaced in between, it looks again.
 */
#include <string.h>

#include "region/s3.h"

enum { TRIES_MAX = 4 };

struct get {
    uint64_t tag;
    uint64_t offset, size;    /* what the client gets */
    uint64_t granted, received;
    bool ranged, pinned, open;
    unsigned tries;
    char etag[40];
};

/* ---- the head of the response ---------------------------------------------------------------------------------------- */

static void respond_info(struct request *q, const struct object_info *info, bool whole)
{
    static const char *const places[] = {"any", "orbit"};
    bool checksums = whole && span_equal_nocase(request_header(q, "x-amz-checksum-mode"), "enabled");
    s3_header_etag(q, info->etag);
    respond_header_date(q, "Last-Modified", info->modified);
    respond_header_text(q, "Accept-Ranges", "bytes");
    metadata_respond(q, info->metadata, checksums);
    respond_header_u64(q, "x-noct-copies", info->policy.copies);
    respond_header_u64(q, "x-noct-copies-now", info->copies_now);
    respond_header_text(q, "x-noct-place", places[info->policy.where == PLACE_ORBIT]);
    if (request_query(q, "partNumber").data)
        respond_header_u64(q, "x-amz-mp-parts-count", info->part_count ? info->part_count : 1);
}

static void respond_head(struct request *q, const struct get *g, const struct object_info *info)
{
    respond_info(q, info, !g->ranged);
    if (g->ranged)
        text_printf(&q->fields, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)g->offset,
                    (unsigned long long)(g->offset + g->size - 1), (unsigned long long)info->size);
    respond_stream(q, g->ranged ? 206 : 200, g->size);
}

static void respond_not_modified(struct request *q, const struct object_info *info)
{
    s3_header_etag(q, info->etag);
    respond_header_date(q, "Last-Modified", info->modified);
    respond_empty(q, 304);
}

/* ---- ranges ------------------------------------------------------------------------------------------------------------ */

/* RFC 9110 §14: a malformed or a multiple range is as if it were not there. */
static bool range_parse(struct span value, uint64_t size, uint64_t *from, uint64_t *to)
{
    struct span rest, first;
    uint64_t n;
    value = span_trim(value);
    if (!span_starts(value, "bytes=") || memchr(value.data, ',', value.size))
        return false;
    rest = span_trim(span_from(value, 6));
    span_cut(&rest, '-', &first);
    if (!rest.data)
        return false;
    if (first.size == 0) { /* the last n bytes */
        if (parse_u64(rest, UINT64_MAX, &n) != ERR_OK)
            return false;
        *from = n == 0 ? size : n < size ? size - n : 0;
        *to = size ? size - 1 : 0;
        return true;
    }
    if (parse_u64(first, UINT64_MAX, from) != ERR_OK)
        return false;
    *to = UINT64_MAX;
    if (rest.size && parse_u64(rest, UINT64_MAX, to) != ERR_OK)
        return false;
    return *from <= *to;
}

static enum s3_error apply_range(struct request *q, struct get *g, const struct object_info *info)
{
    uint64_t from, to;
    struct span range = request_header(q, "range"), if_range = request_header(q, "if-range");
    g->offset = 0;
    g->size = info->size;
    g->ranged = false;
    if (!range.data || !range_parse(range, info->size, &from, &to) ||
        (if_range.data && !s3_etag_listed(if_range, info->etag)))
        return S3_OK;
    if (from >= info->size)
        return S3_INVALID_RANGE;
    g->offset = from;
    g->size = MIN(to, info->size - 1) - from + 1;
    g->ranged = true;
    return S3_OK;
}

/* partNumber=1 of an object in one part is the whole of it; where parts of others end is not kept. */
static enum s3_error apply_part(struct request *q, struct get *g, const struct object_info *info)
{
    struct span part = request_query(q, "partNumber");
    uint64_t n;
    if (!part.data)
        return S3_OK;
    if (request_header(q, "range").data || parse_u64(part, OBJECT_PARTS_MAX, &n) != ERR_OK || n == 0)
        return S3_INVALID_ARGUMENT;
    if (info->part_count > 1)
        return S3_NOT_IMPLEMENTED;
    if (n > 1)
        return S3_INVALID_RANGE;
    g->ranged = info->size > 0;
    return S3_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

static void look(struct request *q);

static void grant(struct request *q)
{
    struct get *g = q->state;
    uint64_t window = q->region->config.get_window_bytes;
    uint64_t taken = g->granted - g->received + q->connection->unsent;
    if (!g->open || g->granted >= g->size || taken + window / 4 > window)
        return;
    struct object_request o = {.op = OBJECT_GET_CREDIT, .credit = window - taken};
    g->granted += o.credit;
    request_object_more(q, g->tag, &o);
}

static void drop(struct request *q)
{
    struct get *g = q->state;
    struct object_request o = {.op = OBJECT_GET_CANCEL};
    if (!g->open)
        return;
    g->open = false;
    request_forget(q, g->tag);
    if (g->received < g->size)
        request_object_more(q, g->tag, &o);
}

static void got_head(struct request *q, const struct object_reply *reply)
{
    struct get *g = q->state;
    if (reply->status == ERR_CONFLICT && g->pinned && ++g->tries < TRIES_MAX) {
        g->open = false;
        look(q);
        return;
    }
    if (!s3_reply_ok(q, reply)) {
        g->open = false;
        return;
    }
    if (!g->pinned) {
        g->size = reply->info.size;
        g->ranged = false;
    }
    respond_head(q, g, &reply->info);
}

static void got_data(struct request *q, const struct object_reply *reply)
{
    struct get *g = q->state;
    g->received += reply->data.size;
    if (reply->data.size)
        respond_data(q, reply->data);
    if (reply->final) {
        g->open = false;
        respond_stream_end(q); /* does nothing when all bytes were there */
    }
}

static void on_reply(struct request *q, const struct object_reply *reply)
{
    struct get *g = q->state;
    if (reply->op == OBJECT_GET || !q->responded)
        got_head(q, reply);
    else
        got_data(q, reply);
    if (reply->final)
        g->open = false;
}

static void read_now(struct request *q)
{
    struct get *g = q->state;
    struct object_request o = s3_object_request(q, OBJECT_GET);
    o.credit = q->region->config.get_window_bytes;
    if (g->pinned) {
        o.offset = g->offset;
        o.size = g->size;
        o.condition.if_match = true;
        memcpy(o.condition.etag, g->etag, sizeof o.condition.etag);
    }
    g->granted = o.credit;
    g->open = true;
    q->on_object = on_reply;
    q->on_room = grant;
    q->on_drop = drop;
    g->tag = request_object(q, &o);
}

static void looked(struct request *q, const struct object_reply *reply)
{
    struct get *g = q->state;
    if (!s3_reply_ok(q, reply))
        return;
    enum s3_error e = s3_conditions(q, "", &reply->info);
    if (e == S3_NOT_MODIFIED) {
        respond_not_modified(q, &reply->info);
        return;
    }
    if (e == S3_OK)
        e = apply_range(q, g, &reply->info);
    if (e == S3_OK)
        e = apply_part(q, g, &reply->info);
    if (e != S3_OK) {
        if (e == S3_INVALID_RANGE)
            text_printf(&q->fields, "Content-Range: bytes */%llu\r\n", (unsigned long long)reply->info.size);
        respond_error(q, e, NULL);
        return;
    }
    if (q->method == HTTP_HEAD || g->size == 0) {
        respond_head(q, g, &reply->info);
        return;
    }
    g->pinned = true;
    memcpy(g->etag, reply->info.etag, sizeof g->etag);
    read_now(q);
}

static void look(struct request *q)
{
    struct object_request o = s3_object_request(q, OBJECT_HEAD);
    q->on_object = looked;
    request_object(q, &o);
}

void s3_get_object(struct request *q)
{
    q->state = request_alloc(q, sizeof(struct get));
    if (!q->state)
        respond_error(q, S3_SLOW_DOWN, NULL);
    else if (q->method == HTTP_HEAD || request_header(q, "range").data || request_asks(q, "partNumber") ||
             s3_has_conditions(q, ""))
        look(q);
    else
        read_now(q);
}

/* ---- GetObjectAttributes -------------------------------------------------------------------------------------------------- */

static bool attribute_wanted(struct request *q, const char *name)
{
    struct span rest = request_header(q, "x-amz-object-attributes"), part;
    while (span_cut(&rest, ',', &part))
        if (span_equal_nocase(span_trim(part), name))
            return true;
    return false;
}

static void add_checksum(struct request *q, struct span metadata)
{
    for (int c = CHECKSUM_CRC32; c < CHECKSUM_MD5; c++) {
        char name[40];
        struct text t = text_new(q->region->heap, sizeof name - 1);
        text_printf(&t, "x-amz-checksum-%s", checksum_name((enum checksum)c));
        text_copy(name, sizeof name, text_span(&t));
        text_free(&t);
        struct span value = metadata_find(metadata, name);
        if (!value.data)
            continue;
        text_add(&q->out, "<Checksum>");
        s3_xml_text(q, checksum_field((enum checksum)c), value);
        text_add(&q->out, "<ChecksumType>FULL_OBJECT</ChecksumType></Checksum>");
        return;
    }
}

static void attributes(struct request *q, const struct object_reply *reply)
{
    const struct object_info *info = &reply->info;
    if (!s3_reply_ok(q, reply))
        return;
    respond_header_date(q, "Last-Modified", info->modified);
    s3_xml_begin(q, "GetObjectAttributesResponse");
    if (attribute_wanted(q, "ETag"))
        s3_xml_text(q, "ETag", span_text(info->etag));
    if (attribute_wanted(q, "Checksum"))
        add_checksum(q, info->metadata);
    if (attribute_wanted(q, "ObjectParts") && info->part_count) {
        text_add(&q->out, "<ObjectParts>");
        s3_xml_u64(q, "TotalPartsCount", info->part_count);
        text_add(&q->out, "</ObjectParts>");
    }
    if (attribute_wanted(q, "StorageClass"))
        s3_xml_text(q, "StorageClass", SPAN_LITERAL("STANDARD"));
    if (attribute_wanted(q, "ObjectSize"))
        s3_xml_u64(q, "ObjectSize", info->size);
    text_add(&q->out, "</GetObjectAttributesResponse>");
    respond_out(q, 200, "application/xml");
}

void s3_object_attributes(struct request *q)
{
    struct object_request o = s3_object_request(q, OBJECT_HEAD);
    q->on_object = attributes;
    if (!request_header(q, "x-amz-object-attributes").size)
        respond_error(q, S3_INVALID_ARGUMENT, "x-amz-object-attributes is required");
    else
        request_object(q, &o);
}
