/*
 * region/sigv4.h - AWS Signature Version 4: parsing, canonical request, verification, chunk signatures. Pure.
 *
 * Source:   AWS "Authenticating Requests (AWS Signature Version 4)" for S3: the path is encoded once and not normalised.
 * Errors:   NOT_FOUND: the request carries no signature. UNSUPPORTED: another scheme. INVALID: malformed. DENIED: another
 *           key. EXPIRED: a presigned URL is too old. RANGE: the clocks differ too much. SIGNATURE: it does not match.
 * Secrets:  derived keys stay in the cache; nothing here writes text for people.
 */
#ifndef NOCT_REGION_SIGV4_H
#define NOCT_REGION_SIGV4_H

#include "base/text.h"
#include "region/uri.h"

enum { SIGV4_SKEW_MAX_S = 15 * 60, SIGV4_EXPIRES_MAX_S = 604800, SIGV4_SIGNED_MAX = 64, SIGV4_CACHE = 8 };

struct sigv4_header {
    struct span name, value; /* name in lower case */
};

struct sigv4_request { /* what the signature covers */
    const char *method;
    struct span path; /* decoded */
    const struct query *query;
    const struct sigv4_header *headers;
    size_t header_count;
    struct span payload_hash; /* the last line of the canonical request */
};

struct sigv4_key_cache { /* derived signing keys; one of them is used for a whole day */
    struct {
        char scope[128]; /* "date/region/service" */
        uint8_t key[32];
        uint64_t used;
    } entries[SIGV4_CACHE];
    uint64_t clock;
};

struct sigv4 { /* one signed request; spans point into the request */
    bool presigned;
    struct span access_key, date /* 20261121 */, region, service;
    struct span scope; /* "date/region/service/aws4_request" */
    char when[17];     /* 20261121T054423Z */
    int64_t utc_s;
    uint32_t expires_s;
    struct span signed_headers, signature;
    uint8_t key[32];      /* after verification: for chunk signatures */
    char previous[65];    /* the seed, then each chunk's signature */
};

/* Finds and parses the signature of a request: the Authorization header, or the X-Amz-* query. */
err sigv4_parse(const struct sigv4_request *r, struct sigv4 *out) MUST_USE;
/* Checks key, clock, coverage (host and all x-amz-* headers must be signed) and the signature. */
err sigv4_verify(struct sigv4 *s, const struct sigv4_request *r, const char *access_key, const char *secret_key,
                 int64_t utc_s, struct sigv4_key_cache *cache) MUST_USE;
/* The canonical request and the string to sign, for tests and for the verification itself. */
void sigv4_canonical(const struct sigv4 *s, const struct sigv4_request *r, struct text *out);
void sigv4_string_to_sign(const struct sigv4 *s, struct span canonical, struct text *out);
/* The next signature of a chunked payload: of a chunk, or of the trailer lines. Updates `previous` and writes 64 hex digits. */
void sigv4_chunk_signature(struct sigv4 *s, const uint8_t sha256[32], char out[65]);
void sigv4_trailer_signature(struct sigv4 *s, const uint8_t sha256[32], char out[65]);
bool sigv4_equal(struct span given, const char *expected); /* in constant time */
err sigv4_time_parse(struct span s, int64_t *utc_s) MUST_USE; /* 20261121T054423Z */
err http_date_parse(struct span s, int64_t *utc_s) MUST_USE;  /* RFC 9110: IMF-fixdate; also the basic form above */
void sha256_hex(struct span s, char out[65]);

#endif
