/* From the request's headers to the promises that its payload must keep. */
#include <string.h>

#include "region/inside.h"

enum s3_error payload_error(enum payload_verdict v)
{
    switch (v) {
    case PAYLOAD_OK:
        return S3_OK;
    case PAYLOAD_BAD_FRAMING:
        return S3_INVALID_REQUEST;
    case PAYLOAD_BAD_SIGNATURE:
        return S3_SIGNATURE_MISMATCH;
    case PAYLOAD_INCOMPLETE:
        return S3_INCOMPLETE_BODY;
    case PAYLOAD_BAD_SHA256:
        return S3_SHA256_MISMATCH;
    case PAYLOAD_BAD_DIGEST:
        return S3_BAD_DIGEST;
    case PAYLOAD_BAD_TRAILER:
        return S3_INVALID_REQUEST;
    }
    return S3_INTERNAL;
}

static bool is_sha256_hex(struct span s)
{
    uint8_t bytes[32];
    return s.size == 64 && hex_decode(s, bytes, sizeof bytes) == ERR_OK;
}

static enum s3_error mode_of(struct request *q, const char **detail)
{
    struct payload *p = &q->payload;
    struct span hash = request_header(q, "x-amz-content-sha256");
    p->trailer = span_ends(hash, "-TRAILER");
    p->sign = &q->sign;
    if (!hash.data || span_equal_text(hash, "UNSIGNED-PAYLOAD")) {
        p->mode = PAYLOAD_PLAIN;
    } else if (span_equal_text(hash, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") ||
               span_equal_text(hash, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")) {
        p->mode = PAYLOAD_SIGNED_CHUNKS;
    } else if (span_equal_text(hash, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")) {
        p->mode = PAYLOAD_UNSIGNED_CHUNKS;
    } else if (span_starts(hash, "STREAMING-AWS4-ECDSA-P256-SHA256")) {
        return S3_NOT_IMPLEMENTED;
    } else if (is_sha256_hex(hash)) {
        p->mode = PAYLOAD_HEX;
        for (size_t i = 0; i < 64; i++)
            p->sha256_hex[i] = (char)(hash.data[i] >= 'A' && hash.data[i] <= 'F' ? hash.data[i] + 32 : hash.data[i]);
    } else {
        *detail = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.";
        return S3_INVALID_ARGUMENT;
    }
    return S3_OK;
}

static enum s3_error size_of(struct request *q, const char **detail)
{
    struct payload *p = &q->payload;
    struct span decoded = request_header(q, "x-amz-decoded-content-length");
    if (p->mode == PAYLOAD_PLAIN || p->mode == PAYLOAD_HEX) {
        p->size = q->content_length;
        return S3_OK;
    }
    if (!decoded.data)
        return S3_LENGTH_REQUIRED;
    if (parse_u64(decoded, UINT64_MAX - 1, &p->size) != ERR_OK) {
        *detail = "x-amz-decoded-content-length is not a number";
        return S3_INVALID_ARGUMENT;
    }
    return S3_OK;
}

static enum s3_error checksum_header(struct request *q, size_t i, const char **detail)
{
    struct payload *p = &q->payload;
    enum checksum kind = checksum_from_name(span_from(request_header_name(q, i), 15));
    size_t size = 0;
    if (kind == CHECKSUM_NONE)
        return S3_OK; /* -mode, -type, -algorithm */
    if (p->checksum != CHECKSUM_NONE) {
        *detail = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
        return S3_INVALID_REQUEST;
    }
    p->checksum = kind;
    p->checksum_given = true;
    if (base64_decode(request_header_value(q, i), p->checksum_expected, sizeof p->checksum_expected, &size) != ERR_OK ||
        size != checksum_size(kind)) {
        *detail = "Value for the x-amz-checksum- header is invalid.";
        return S3_INVALID_REQUEST;
    }
    return S3_OK;
}

static enum s3_error checksums_of(struct request *q, const char **detail)
{
    struct payload *p = &q->payload;
    for (size_t i = 0; i < q->header_count; i++) {
        if (!span_starts(request_header_name(q, i), "x-amz-checksum-"))
            continue;
        enum s3_error e = checksum_header(q, i, detail);
        if (e != S3_OK)
            return e;
    }
    struct span trailer = span_trim(request_header(q, "x-amz-trailer"));
    if (!trailer.data)
        return S3_OK;
    enum checksum kind = trailer.size > 15 && span_equal_nocase(span_of(trailer.data, 15), "x-amz-checksum-")
                             ? checksum_from_name(span_from(trailer, 15))
                             : CHECKSUM_NONE;
    if (kind == CHECKSUM_NONE || p->checksum != CHECKSUM_NONE || !p->trailer) {
        *detail = "The value specified in the x-amz-trailer header is not supported";
        return S3_INVALID_REQUEST;
    }
    p->checksum = kind;
    return S3_OK;
}

enum s3_error payload_prepare(struct request *q, const char **detail)
{
    struct payload *p = &q->payload;
    size_t size = 0;
    enum s3_error e = mode_of(q, detail);
    if (e == S3_OK)
        e = size_of(q, detail);
    if (e == S3_OK)
        e = checksums_of(q, detail);
    if (e != S3_OK)
        return e;
    struct span md5 = request_header(q, "content-md5");
    if (md5.data) {
        p->md5_given = true;
        if (base64_decode(span_trim(md5), p->md5_expected, sizeof p->md5_expected, &size) != ERR_OK || size != 16)
            return S3_INVALID_DIGEST;
    }
    return S3_OK;
}
