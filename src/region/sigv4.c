#include "region/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

void sha256_hex(struct span s, char out[65])
{
    uint8_t digest[32];
    unsigned size = 0;
    ASSERT(EVP_Digest(s.data ? s.data : (const uint8_t *)"", s.size, digest, &size, EVP_sha256(), NULL) == 1 && size == 32);
    hex_encode(digest, sizeof digest, out);
}

static void hmac(const void *key, size_t key_size, struct span s, uint8_t out[32])
{
    unsigned size = 0;
    ASSERT(HMAC(EVP_sha256(), key, (int)key_size, s.data, s.size, out, &size) != NULL && size == 32);
}

bool sigv4_equal(struct span given, const char *expected)
{
    return given.size == 64 && strlen(expected) == 64 && CRYPTO_memcmp(given.data, expected, 64) == 0;
}

/* ---- times ---------------------------------------------------------------------------------------------- */

static bool two_digits(const uint8_t *p, int *out)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return true;
}

static err utc_from(int year, int month, int day, int hour, int minute, int second, int64_t *utc_s)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days[month - 1] || hour > 23 ||
        minute > 59 || second > 60)
        return ERR_INVALID;
    int y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t since = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    *utc_s = since * 86400 + hour * 3600 + minute * 60 + second;
    return ERR_OK;
}

err sigv4_time_parse(struct span s, int64_t *utc_s)
{
    int century, year, month, day, hour, minute, second;
    if (s.size != 16 || s.data[8] != 'T' || s.data[15] != 'Z')
        return ERR_INVALID;
    const uint8_t *p = s.data;
    if (!two_digits(p, &century) || !two_digits(p + 2, &year) || !two_digits(p + 4, &month) || !two_digits(p + 6, &day) ||
        !two_digits(p + 9, &hour) || !two_digits(p + 11, &minute) || !two_digits(p + 13, &second))
        return ERR_INVALID;
    return utc_from(century * 100 + year, month, day, hour, minute, second, utc_s);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
err http_date_parse(struct span s, int64_t *utc_s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int day, century, year, hour, minute, second, month = 0;
    s = span_trim(s);
    if (s.size == 16)
        return sigv4_time_parse(s, utc_s);
    if (s.size != 29 || !span_ends(s, " GMT") || s.data[3] != ',' || s.data[19] != ':' || s.data[22] != ':')
        return ERR_INVALID;
    for (int i = 0; i < 12; i++)
        if (memcmp(s.data + 8, months + 3 * (size_t)i, 3) == 0)
            month = i + 1;
    const uint8_t *p = s.data;
    if (!two_digits(p + 5, &day) || !two_digits(p + 12, &century) || !two_digits(p + 14, &year) ||
        !two_digits(p + 17, &hour) || !two_digits(p + 20, &minute) || !two_digits(p + 23, &second))
        return ERR_INVALID;
    return utc_from(century * 100 + year, month, day, hour, minute, second, utc_s);
}

static void time_basic(int64_t utc_s, char out[17])
{
    struct utc_fields f = time_utc_fields((utc_s + TAI_MINUS_UTC_S) * NS_PER_S);
    struct text t = text_new(NULL, 64);
    text_printf(&t, "%04d%02d%02dT%02d%02d%02dZ", f.year, f.month, f.day, f.hour, f.minute, f.second);
    text_copy(out, 17, text_span(&t));
    text_free(&t);
}

/* ---- parsing -------------------------------------------------------------------------------------------- */

static struct span header_of(const struct sigv4_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (span_equal_text(r->headers[i].name, name))
            return r->headers[i].value;
    return (struct span){0};
}

/* "AKID/20261121/us-east-1/s3/aws4_request"; the access key may hold no slash, the region may be empty. */
static err credential_parse(struct span s, struct sigv4 *out)
{
    struct span rest = s, last;
    if (!span_cut(&rest, '/', &out->access_key) || out->access_key.size == 0 || !rest.data)
        return ERR_INVALID;
    out->scope = rest;
    if (!span_cut(&rest, '/', &out->date) || !span_cut(&rest, '/', &out->region) || !span_cut(&rest, '/', &out->service) ||
        !span_cut(&rest, '/', &last) || rest.data || !span_equal_text(last, "aws4_request"))
        return ERR_INVALID;
    if (out->date.size != 8 || out->region.size > 64 || out->service.size == 0 || out->service.size > 32)
        return ERR_INVALID;
    return ERR_OK;
}

static err time_of(struct span when, struct sigv4 *out)
{
    TRY(http_date_parse(when, &out->utc_s));
    time_basic(out->utc_s, out->when);
    return memcmp(out->when, out->date.data, 8) == 0 ? ERR_OK : ERR_INVALID;
}

static err parse_header(struct span value, const struct sigv4_request *r, struct sigv4 *out)
{
    struct span rest = span_from(value, sizeof ALGORITHM - 1), part, credential = {0};
    while (span_cut(&rest, ',', &part)) {
        part = span_trim(part);
        if (span_starts(part, "Credential="))
            credential = span_from(part, 11);
        else if (span_starts(part, "SignedHeaders="))
            out->signed_headers = span_from(part, 14);
        else if (span_starts(part, "Signature="))
            out->signature = span_from(part, 10);
        else if (part.size)
            return ERR_INVALID;
    }
    if (!credential.data || out->signed_headers.size == 0 || out->signature.size != 64)
        return ERR_INVALID;
    TRY(credential_parse(credential, out));
    struct span when = header_of(r, "x-amz-date");
    if (!when.data)
        when = header_of(r, "date");
    return when.data ? time_of(when, out) : ERR_INVALID;
}

static err parse_query(const struct sigv4_request *r, struct sigv4 *out)
{
    const struct query *q = r->query;
    uint64_t expires;
    out->presigned = true;
    if (!span_equal_text(query_get(q, "X-Amz-Algorithm"), ALGORITHM))
        return ERR_UNSUPPORTED;
    out->signed_headers = query_get(q, "X-Amz-SignedHeaders");
    out->signature = query_get(q, "X-Amz-Signature");
    if (out->signed_headers.size == 0 || out->signature.size != 64 ||
        parse_u64(query_get(q, "X-Amz-Expires"), SIGV4_EXPIRES_MAX_S, &expires) != ERR_OK || expires == 0)
        return ERR_INVALID;
    out->expires_s = (uint32_t)expires;
    TRY(credential_parse(query_get(q, "X-Amz-Credential"), out));
    return time_of(query_get(q, "X-Amz-Date"), out);
}

err sigv4_parse(const struct sigv4_request *r, struct sigv4 *out)
{
    memset(out, 0, sizeof *out);
    struct span authorization = header_of(r, "authorization");
    if (authorization.data) {
        authorization = span_trim(authorization);
        return span_starts(authorization, ALGORITHM " ") ? parse_header(authorization, r, out) : ERR_UNSUPPORTED;
    }
    if (query_has(r->query, "X-Amz-Algorithm") || query_has(r->query, "X-Amz-Signature"))
        return parse_query(r, out);
    return query_has(r->query, "Signature") ? ERR_UNSUPPORTED : ERR_NOT_FOUND;
}

/* ---- canonical request ---------------------------------------------------------------------------------- */

/* Sorted by encoded name, then by encoded value: encode each pair first, then order the texts. */
struct encoded {
    size_t name_at, name_size, value_at, value_size;
};

static void canonical_query(const struct query *q, bool presigned, struct text *out)
{
    struct text all = text_new(out->heap, SIZE_MAX / 4);
    struct encoded e[QUERY_MAX];
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++) {
        if (presigned && span_equal_text(q->pairs[i].name, "X-Amz-Signature"))
            continue;
        e[n].name_at = all.size;
        text_add_url(&all, q->pairs[i].name, false);
        e[n].name_size = all.size - e[n].name_at;
        e[n].value_at = all.size;
        text_add_url(&all, q->pairs[i].value, false);
        e[n].value_size = all.size - e[n].value_at;
        n++;
    }
    if (!text_ok(&all)) {
        out->failed = true;
        n = 0;
    }
    for (size_t i = 1; i < n; i++) { /* insertion sort: few, and mostly in order */
        for (size_t j = i; j > 0; j--) {
            int order = span_compare(span_of(all.data + e[j - 1].name_at, e[j - 1].name_size),
                                      span_of(all.data + e[j].name_at, e[j].name_size));
            if (order == 0)
                order = span_compare(span_of(all.data + e[j - 1].value_at, e[j - 1].value_size),
                                      span_of(all.data + e[j].value_at, e[j].value_size));
            if (order <= 0)
                break;
            struct encoded swap = e[j];
            e[j] = e[j - 1];
            e[j - 1] = swap;
        }
    }
    for (size_t i = 0; i < n; i++) {
        text_add(out, i ? "&" : "");
        text_add_span(out, span_of(all.data + e[i].name_at, e[i].name_size));
        text_add(out, "=");
        text_add_span(out, span_of(all.data + e[i].value_at, e[i].value_size));
    }
    text_free(&all);
}

/* Trimmed, with runs of blanks folded into one. */
static void add_folded(struct text *out, struct span value)
{
    bool blank = false;
    value = span_trim(value);
    for (size_t i = 0; i < value.size; i++) {
        bool is_blank = value.data[i] == ' ' || value.data[i] == '\t';
        if (!is_blank)
            text_add_char(out, (char)value.data[i]);
        else if (!blank)
            text_add_char(out, ' ');
        blank = is_blank;
    }
}

static void canonical_header(const struct sigv4_request *r, struct span name, struct text *out)
{
    bool first = true;
    text_add_span(out, name);
    text_add(out, ":");
    for (size_t i = 0; i < r->header_count; i++) {
        if (!span_equal(r->headers[i].name, name))
            continue;
        text_add(out, first ? "" : ",");
        add_folded(out, r->headers[i].value);
        first = false;
    }
    text_add(out, "\n");
}

void sigv4_canonical(const struct sigv4 *s, const struct sigv4_request *r, struct text *out)
{
    text_add(out, r->method);
    text_add(out, "\n");
    text_add_url(out, r->path, true);
    text_add(out, "\n");
    canonical_query(r->query, s->presigned, out);
    text_add(out, "\n");
    struct span rest = s->signed_headers, name;
    while (span_cut(&rest, ';', &name))
        canonical_header(r, name, out);
    text_add(out, "\n");
    text_add_span(out, s->signed_headers);
    text_add(out, "\n");
    text_add_span(out, r->payload_hash);
}

void sigv4_string_to_sign(const struct sigv4 *s, struct span canonical, struct text *out)
{
    char hash[65];
    sha256_hex(canonical, hash);
    text_add(out, ALGORITHM "\n");
    text_add(out, s->when);
    text_add(out, "\n");
    text_add_span(out, s->scope);
    text_add(out, "\n");
    text_add(out, hash);
}

/* ---- verification --------------------------------------------------------------------------------------- */

static void derive_key(const struct sigv4 *s, const char *secret, uint8_t key[32])
{
    char first[160];
    size_t n = strlen(secret);
    ASSERT(n + 4 < sizeof first);
    memcpy(first, "AWS4", 4);
    memcpy(first + 4, secret, n);
    uint8_t step[32];
    hmac(first, n + 4, s->date, step);
    hmac(step, sizeof step, s->region, step);
    hmac(step, sizeof step, s->service, step);
    hmac(step, sizeof step, SPAN_LITERAL("aws4_request"), key);
    OPENSSL_cleanse(first, sizeof first);
    OPENSSL_cleanse(step, sizeof step);
}

/* The access key is fixed for the life of a cache, so the scope names the derived key. */
static void signing_key(struct sigv4 *s, const char *secret, struct sigv4_key_cache *cache)
{
    char scope[128];
    if (!text_copy(scope, sizeof scope, s->scope)) {
        derive_key(s, secret, s->key);
        return;
    }
    size_t oldest = 0;
    for (size_t i = 0; i < SIGV4_CACHE; i++) {
        if (strcmp(cache->entries[i].scope, scope) == 0) {
            cache->entries[i].used = ++cache->clock;
            memcpy(s->key, cache->entries[i].key, sizeof s->key);
            return;
        }
        if (cache->entries[i].used < cache->entries[oldest].used)
            oldest = i;
    }
    derive_key(s, secret, s->key);
    memcpy(cache->entries[oldest].scope, scope, sizeof scope);
    memcpy(cache->entries[oldest].key, s->key, sizeof s->key);
    cache->entries[oldest].used = ++cache->clock;
}

static bool is_signed(const struct sigv4 *s, struct span name)
{
    struct span rest = s->signed_headers, part;
    while (span_cut(&rest, ';', &part))
        if (span_equal(part, name))
            return true;
    return false;
}

/* Host must be covered, and everything that changes what the request means. */
static err check_coverage(const struct sigv4 *s, const struct sigv4_request *r)
{
    struct span rest = s->signed_headers, part;
    size_t count = 0;
    while (span_cut(&rest, ';', &part))
        if (part.size == 0 || ++count > SIGV4_SIGNED_MAX)
            return ERR_INVALID;
    if (!is_signed(s, SPAN_LITERAL("host")))
        return ERR_DENIED;
    for (size_t i = 0; i < r->header_count; i++)
        if (span_starts(r->headers[i].name, "x-amz-") && !is_signed(s, r->headers[i].name))
            return ERR_DENIED;
    return ERR_OK;
}

static err check_clock(const struct sigv4 *s, int64_t utc_s)
{
    if (s->presigned) {
        if (s->utc_s - utc_s > SIGV4_SKEW_MAX_S)
            return ERR_RANGE;
        return utc_s - s->utc_s > (int64_t)s->expires_s ? ERR_EXPIRED : ERR_OK;
    }
    int64_t skew = s->utc_s > utc_s ? s->utc_s - utc_s : utc_s - s->utc_s;
    return skew > SIGV4_SKEW_MAX_S ? ERR_RANGE : ERR_OK;
}

err sigv4_verify(struct sigv4 *s, const struct sigv4_request *r, const char *access_key, const char *secret_key,
                 int64_t utc_s, struct sigv4_key_cache *cache)
{
    if (!span_equal_text(s->access_key, access_key))
        return ERR_NOT_FOUND;
    TRY(check_clock(s, utc_s));
    TRY(check_coverage(s, r));
    struct text canonical = text_new(NULL, 256 * 1024), to_sign = text_new(NULL, 4096);
    sigv4_canonical(s, r, &canonical);
    sigv4_string_to_sign(s, text_span(&canonical), &to_sign);
    bool ok = text_ok(&canonical) && text_ok(&to_sign);
    signing_key(s, secret_key, cache);
    uint8_t mac[32];
    hmac(s->key, sizeof s->key, text_span(&to_sign), mac);
    hex_encode(mac, sizeof mac, s->previous);
    text_free(&canonical);
    text_free(&to_sign);
    return ok && sigv4_equal(s->signature, s->previous) ? ERR_OK : ERR_SIGNATURE;
}

/* ---- chunks --------------------------------------------------------------------------------------------- */

static void next_signature(struct sigv4 *s, const char *kind, const char *middle, const uint8_t sha256[32], char out[65])
{
    char hash[65];
    hex_encode(sha256, 32, hash);
    struct text t = text_new(NULL, 4096);
    text_printf(&t, "%s\n%s\n%.*s\n%s\n%s%s", kind, s->when, (int)s->scope.size, (const char *)s->scope.data, s->previous,
                middle, hash);
    uint8_t mac[32];
    hmac(s->key, sizeof s->key, text_span(&t), mac);
    text_free(&t);
    hex_encode(mac, sizeof mac, out);
    memcpy(s->previous, out, 65);
}

void sigv4_chunk_signature(struct sigv4 *s, const uint8_t sha256[32], char out[65])
{
    next_signature(s, ALGORITHM "-PAYLOAD", EMPTY_SHA256 "\n", sha256, out);
}

void sigv4_trailer_signature(struct sigv4 *s, const uint8_t sha256[32], char out[65])
{
    next_signature(s, ALGORITHM "-TRAILER", "", sha256, out);
}
