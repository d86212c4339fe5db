/*
 * The metadata block that travels with an object: u16 count, then per entry u32 length and name, u32 length and value.
 * Names are lower-case HTTP names: content-type, cache-control, content-encoding, content-disposition,
 * content-language, expires, x-amz-meta-*, x-amz-checksum-*, x-amz-storage-class.
 */
#include <string.h>

#include "region/s3.h"

static bool is_kept(struct span name)
{
    static const char *const names[] = {"content-type", "cache-control", "content-disposition", "content-language",
                                        "expires", "x-amz-storage-class"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_equal_text(name, names[i]))
            return true;
    return span_starts(name, "x-amz-meta-");
}

/* Content-Encoding without aws-chunked, which described the transfer only. */
static struct span strip_aws_chunked(struct request *q, struct span value)
{
    struct text t = text_new(q->region->heap, 8192);
    struct span rest = value, part;
    while (span_cut(&rest, ',', &part)) {
        part = span_trim(part);
        if (part.size == 0 || span_equal_nocase(part, "aws-chunked"))
            continue;
        text_add(&t, t.size ? ", " : "");
        text_add_span(&t, part);
    }
    struct span copy = request_copy(q, text_span(&t));
    text_free(&t);
    return copy;
}

static void add(struct writer *w, struct span name, struct span value, uint16_t *count)
{
    write_blob(w, name);
    write_blob(w, value);
    ++*count;
}

enum s3_error metadata_from_request(struct request *q, struct span *out)
{
    uint8_t *memory = request_alloc(q, OBJECT_METADATA_MAX);
    size_t user = 0;
    uint16_t count = 0;
    if (!memory)
        return S3_SLOW_DOWN;
    struct writer w = writer_of(memory, OBJECT_METADATA_MAX);
    write_hole(&w, 2);
    if (!request_header(q, "content-type").size)
        add(&w, SPAN_LITERAL("content-type"), SPAN_LITERAL("binary/octet-stream"), &count);
    for (size_t i = 0; i < q->header_count; i++) {
        struct span name = request_header_name(q, i), value = request_header_value(q, i);
        if (span_starts(name, "x-amz-meta-"))
            user += name.size - 11 + value.size;
        if (span_equal_text(name, "content-encoding")) {
            value = strip_aws_chunked(q, value);
            if (value.size)
                add(&w, name, value, &count);
        } else if (is_kept(name) && (value.size || span_starts(name, "x-amz-meta-")) &&
                   !(span_equal_text(name, "x-amz-storage-class") && span_equal_text(value, "STANDARD"))) {
            add(&w, name, value, &count);
        }
    }
    if (user > USER_METADATA_MAX || !writer_ok(&w))
        return S3_METADATA_TOO_LARGE;
    struct writer head = writer_of(memory, 2);
    write_u16(&head, count);
    *out = writer_span(&w);
    return S3_OK;
}

struct span metadata_with(struct request *q, struct span block, const char *name, struct span value)
{
    size_t capacity = block.size + strlen(name) + value.size + 16;
    uint8_t *memory = request_alloc(q, capacity);
    uint16_t count;
    if (!memory)
        return block;
    metadata_open(block, &count);
    struct writer w = writer_of(memory, capacity);
    write_u16(&w, (uint16_t)(count + 1));
    if (block.size > 2)
        write_bytes(&w, block.data + 2, block.size - 2);
    write_blob(&w, span_text(name));
    write_blob(&w, value);
    return writer_ok(&w) && w.at <= OBJECT_METADATA_MAX ? writer_span(&w) : block;
}

struct reader metadata_open(struct span block, uint16_t *count)
{
    struct reader r = reader_of(block.data, block.size);
    *count = read_u16(&r);
    return r;
}

bool metadata_next(struct reader *r, struct span *name, struct span *value)
{
    if (reader_left(r) == 0)
        return false;
    *name = read_blob(r, OBJECT_METADATA_MAX);
    *value = read_blob(r, OBJECT_METADATA_MAX);
    return reader_ok(r) && name->size > 0;
}

struct span metadata_find(struct span block, const char *wanted)
{
    uint16_t count;
    struct reader r = metadata_open(block, &count);
    struct span name, value;
    while (metadata_next(&r, &name, &value))
        if (span_equal_text(name, wanted))
            return value;
    return (struct span){0};
}

/* response-content-type=... replaces a stored header, when the request was signed (it always is here). */
static struct span override_of(struct request *q, struct span name)
{
    char wanted[64];
    struct text t = text_new(q->region->heap, sizeof wanted - 1);
    text_add(&t, "response-");
    text_add_span(&t, name);
    bool ok = text_copy(wanted, sizeof wanted, text_span(&t));
    text_free(&t);
    return ok ? request_query(q, wanted) : (struct span){0};
}

static void respond_overrides(struct request *q)
{
    static const char *const names[] = {"content-type", "content-language", "expires", "cache-control",
                                        "content-disposition", "content-encoding"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct span value = override_of(q, span_text(names[i]));
        if (value.data)
            respond_header(q, names[i], value);
    }
}

void metadata_respond(struct request *q, struct span block, bool with_checksums)
{
    uint16_t count;
    struct reader r = metadata_open(block, &count);
    struct span name, value;
    while (metadata_next(&r, &name, &value)) {
        bool checksum = span_starts(name, "x-amz-checksum-");
        if ((checksum && !with_checksums) || override_of(q, name).data)
            continue;
        respond_header(q, request_string(q, name), value);
        if (checksum)
            respond_header_text(q, "x-amz-checksum-type", "FULL_OBJECT");
    }
    respond_overrides(q);
}
