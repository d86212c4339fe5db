/* Who asks: SigV4 for S3, admin and TES; Basic or Bearer for TES and the console. Answers never tell secrets. */
#include <openssl/crypto.h>
#include <string.h>

#include "region/inside.h"

static const char *method_name(const struct request *q)
{
    return llhttp_method_name(q->method);
}

static enum s3_error error_of(err e, bool presigned, const char **detail)
{
    switch ((int)e) {
    case ERR_OK:
        return S3_OK;
    case ERR_NOT_FOUND:
        return S3_INVALID_ACCESS_KEY;
    case ERR_EXPIRED:
        *detail = "Request has expired";
        return S3_ACCESS_DENIED;
    case ERR_DENIED:
        *detail = "There were headers present in the request which were not signed";
        return S3_ACCESS_DENIED;
    case ERR_RANGE:
        return S3_REQUEST_TIME_SKEWED;
    case ERR_SIGNATURE:
        return S3_SIGNATURE_MISMATCH;
    case ERR_UNSUPPORTED:
        *detail = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
        return S3_INVALID_REQUEST;
    default:
        return presigned ? S3_AUTH_QUERY : S3_AUTH_MALFORMED;
    }
}

enum s3_error auth_check(struct request *q, struct span payload_hash, const char **detail)
{
    struct region *r = q->region;
    struct sigv4_header headers[HEADERS_MAX];
    for (size_t i = 0; i < q->header_count; i++)
        headers[i] = (struct sigv4_header){request_header_name(q, i), request_header_value(q, i)};
    struct sigv4_request s = {.method = method_name(q), .path = q->path, .query = &q->query, .headers = headers,
                              .header_count = q->header_count, .payload_hash = payload_hash};
    err e = sigv4_parse(&s, &q->sign);
    if (e == ERR_NOT_FOUND)
        return S3_ACCESS_DENIED;
    if (e == ERR_OK && (request_header(q, "x-amz-security-token").data || request_asks(q, "X-Amz-Security-Token")))
        return S3_INVALID_TOKEN;
    if (e == ERR_OK)
        e = sigv4_verify(&q->sign, &s, r->config.access_key, r->config.secret_key, r->time.utc_s, &r->keys);
    enum s3_error error = error_of(e, q->sign.presigned, detail);
    q->authenticated = error == S3_OK;
    return error;
}

bool auth_request(struct request *q)
{
    const char *detail = NULL;
    struct span hash = request_header(q, "x-amz-content-sha256");
    bool header_signed = request_header(q, "authorization").data != NULL;
    enum s3_error e;
    if (!hash.data && header_signed)
        e = span_starts(request_header(q, "authorization"), "AWS4-HMAC-SHA256") ? S3_MISSING_SECURITY_HEADER
                                                                               : auth_check(q, hash, &detail);
    else
        e = auth_check(q, hash.data ? hash : SPAN_LITERAL("UNSIGNED-PAYLOAD"), &detail);
    if (e != S3_OK)
        respond_error(q, e, detail);
    return e == S3_OK;
}

static bool same_secret(struct span given, const char *expected)
{
    size_t n = strlen(expected);
    return given.size == n && CRYPTO_memcmp(given.data, expected, n) == 0;
}

bool auth_basic(struct request *q)
{
    struct span value = span_trim(request_header(q, "authorization"));
    uint8_t plain[320];
    size_t size = 0;
    if (span_starts(value, "Bearer "))
        return q->authenticated = same_secret(span_trim(span_from(value, 7)), q->region->config.secret_key);
    if (!span_starts(value, "Basic ") ||
        base64_decode(span_trim(span_from(value, 6)), plain, sizeof plain, &size) != ERR_OK)
        return false;
    struct span password = span_of(plain, size), user;
    span_cut(&password, ':', &user);
    bool ok = same_secret(user, q->region->config.access_key) && same_secret(password, q->region->config.secret_key);
    OPENSSL_cleanse(plain, sizeof plain);
    return q->authenticated = ok;
}
