#include "cli/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "crypto/mac.h"
#include "host/json_read.h"

enum { TARGET_MAX = 16384, CONNECT_TIMEOUT_S = 10, SILENCE_MAX_S = 150 };

/* ---- signing ---------------------------------------------------------------------------------------------------------------- */

static void hash_hex(struct span s, char out[65])
{
    uint8_t digest[SHA256_SIZE];
    sha256(s, digest);
    hex_encode(digest, sizeof digest, out);
}

static void add_query(const struct http_request *r, struct text *t)
{
    for (size_t i = 0; i < r->query_count; i++) {
        if (i > 0)
            text_add_char(t, '&');
        text_add_url(t, span_text(r->query[i].name), false);
        text_add_char(t, '=');
        text_add_url(t, span_text(r->query[i].value), false);
    }
}

static void signature_of(const struct region_of *region, const char *date, struct span to_sign, char out[65])
{
    char first[160];
    uint8_t key[HMAC_SHA256_SIZE];
    snprintf(first, sizeof first, "AWS4%s", region->secret_key);
    hmac_sha256(span_text(first), span_of(date, 8), key);
    hmac_sha256(span_of(key, sizeof key), span_text(region->region), key);
    hmac_sha256(span_of(key, sizeof key), SPAN_LITERAL("s3"), key);
    hmac_sha256(span_of(key, sizeof key), SPAN_LITERAL("aws4_request"), key);
    hmac_sha256(span_of(key, sizeof key), to_sign, key);
    hex_encode(key, sizeof key, out);
    bytes_erase(first, sizeof first);
}

static struct curl_slist *sign(const struct region_of *region, const struct http_request *r, struct curl_slist *headers)
{
    char date[20], hash[65] = "UNSIGNED-PAYLOAD", digest[65], signature[65];
    const char *host = strstr(region->endpoint, "://");
    time_t now = time(NULL);
    struct tm utc;
    host = host ? host + 3 : region->endpoint;
    strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
    if (!r->upload)
        hash_hex(r->body, hash);
    struct text canonical = text_new(NULL, TARGET_MAX), to_sign = text_new(NULL, TARGET_MAX), line = text_new(NULL, TARGET_MAX);
    text_printf(&canonical, "%s\n", r->method);
    text_add_url(&canonical, span_text(r->path), true);
    text_add_char(&canonical, '\n');
    add_query(r, &canonical);
    text_printf(&canonical, "\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n\nhost;x-amz-content-sha256;x-amz-date\n%s",
                host, hash, date, hash);
    hash_hex(text_span(&canonical), digest);
    text_printf(&to_sign, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/s3/aws4_request\n%s", date, date, region->region, digest);
    signature_of(region, date, text_span(&to_sign), signature);
    text_printf(&line,
                "Authorization: AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/s3/aws4_request, "
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=%s",
                region->access_key, date, region->region, signature);
    headers = curl_slist_append(headers, text_string(&line));
    snprintf(digest, sizeof digest, "X-Amz-Date: %s", date);
    headers = curl_slist_append(headers, digest);
    char content[96];
    snprintf(content, sizeof content, "X-Amz-Content-Sha256: %s", hash);
    headers = curl_slist_append(headers, content);
    text_free(&canonical);
    text_free(&to_sign);
    text_free(&line);
    return headers;
}

/* ---- transfer ------------------------------------------------------------------------------------------------------------------ */

struct call {
    const struct http_request *request;
    struct http_answer *answer;
    CURL *curl;
    time_t shown;
};

static size_t on_data(char *data, size_t one, size_t size, void *context)
{
    struct call *c = context;
    long status = 0;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    c->answer->bytes += size * one;
    if (c->request->download && status >= 200 && status < 300)
        return fwrite(data, one, size, c->request->download) * one;
    text_add_span(&c->answer->body, span_of(data, size * one));
    return size * one;
}

static int on_progress(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    struct call *c = context;
    char done[32], all[32];
    time_t now = time(NULL);
    if (!c->request->progress || now == c->shown)
        return 0;
    c->shown = now;
    cli_bytes_text((uint64_t)MAX(down, up), done);
    cli_bytes_text((uint64_t)MAX(down_all, up_all), all);
    fprintf(stderr, "\r%s of %s   ", done, all);
    return 0;
}

static void set_method(CURL *curl, const struct http_request *r)
{
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
    if (strcmp(r->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (r->upload) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READDATA, r->upload);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->upload_size);
    } else if (r->body.size > 0 || strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body.size ? (const char *)r->body.data : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.size);
    }
}

static void url_of(const struct region_of *region, const struct http_request *r, struct text *url)
{
    text_add(url, region->endpoint);
    text_add_url(url, span_text(r->path), true);
    if (r->query_count > 0)
        text_add_char(url, '?');
    add_query(r, url);
}

void http_call(const struct region_of *region, const struct http_request *r, struct http_answer *answer)
{
    *answer = (struct http_answer){.body = text_new(NULL, HTTP_ANSWER_MAX)};
    CURL *curl = curl_easy_init();
    struct text url = text_new(NULL, TARGET_MAX);
    ASSERT(curl);
    struct call call = {r, answer, curl, 0};
    url_of(region, r, &url);
    struct curl_slist *headers = sign(region, r, NULL);
    char type[160];
    snprintf(type, sizeof type, "Content-Type:%s%.120s", r->content_type ? " " : "", r->content_type ? r->content_type : "");
    headers = curl_slist_append(headers, type);
    curl_easy_setopt(curl, CURLOPT_URL, text_string(&url));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &call);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &call);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L); /* nothing moved for so long: nobody answers */
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_MAX_S);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 1024L * 1024);
    set_method(curl, r);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    if (code != CURLE_OK) {
        answer->status = 0;
        snprintf(answer->request_error, sizeof answer->request_error, "%s (%.120s)", curl_easy_strerror(code), region->endpoint);
    }
    if (call.shown)
        fputc('\n', stderr);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    text_free(&url);
}

void http_answer_free(struct http_answer *answer)
{
    text_free(&answer->body);
}

/* ---- answers -------------------------------------------------------------------------------------------------------------------- */

static void add_unescaped(struct text *out, const char *from, const char *end)
{
    static const struct {
        const char *name, *text;
    } entities[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&#39;", "'"}, {"&#34;", "\""}};
    while (from < end) {
        size_t i = 0;
        while (i < COUNT_OF(entities) && strncmp(from, entities[i].name, strlen(entities[i].name)) != 0)
            i++;
        if (i < COUNT_OF(entities)) {
            text_add(out, entities[i].text);
            from += strlen(entities[i].name);
        } else {
            text_add_char(out, *from++);
        }
    }
}

bool xml_next(const char **at, const char *tag, struct text *out)
{
    char open[64], close[64];
    snprintf(open, sizeof open, "<%s>", tag);
    snprintf(close, sizeof close, "</%s>", tag);
    const char *start = strstr(*at, open);
    const char *end = start ? strstr(start, close) : NULL;
    if (!end)
        return false;
    start += strlen(open);
    *out = text_new(NULL, HTTP_ANSWER_MAX);
    add_unescaped(out, start, end);
    *at = end + strlen(close);
    return true;
}

int http_fail(const struct http_answer *answer, const char *what)
{
    const char *at = text_string(&answer->body), *again = at;
    struct text code, message;
    if (answer->status == 0)
        return cli_fail("%s: %s", what, answer->request_error);
    if (xml_next(&at, "Code", &code)) {
        if (!xml_next(&again, "Message", &message))
            message = text_new(NULL, 64);
        cli_fail("%s: %s: %s (HTTP %ld)", what, text_string(&code), text_string(&message), answer->status);
        text_free(&code);
        text_free(&message);
        return CLI_FAILED;
    }
    struct json_value *root = json_read(text_span(&answer->body), NULL);
    const char *text = json_text_of(root, "message", json_text_of(root, "error", json_text_of(root, "msg", "refused")));
    cli_fail("%s: %s (HTTP %ld)", what, text, answer->status);
    json_close(root);
    return CLI_FAILED;
}
