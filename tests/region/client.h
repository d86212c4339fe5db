/* A signing HTTP client for tests: builds raw requests, feeds them to the fake's region, splits the response. */
#ifndef NOCT_TESTS_CLIENT_H
#define NOCT_TESTS_CLIENT_H

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "fake_store.h"
#include "region/sigv4.h"

#define CLIENT_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

struct client {
    struct fake *fake;
    uint64_t connection;
    const char *host;
    struct sigv4 sign;  /* of the last request: the seed of chunk signatures */
    char request[8192]; /* the head of the last request */
    int status;
    const char *headers, *body; /* of the last response */
    size_t body_size;
};

static void client_hmac(const void *key, size_t key_size, const char *text, uint8_t out[32])
{
    unsigned n;
    HMAC(EVP_sha256(), key, (int)key_size, (const uint8_t *)text, strlen(text), out, &n);
}

/* extra: header lines, each with CR LF, lower-case names; x-amz-* among them are signed. */
static void client_sign(struct client *c, const char *method, const char *target, const char *extra, const char *hash)
{
    static uint8_t memory[8192];
    static struct query query;
    struct sigv4_header headers[32] = {{SPAN_LITERAL("host"), span_text(c->host)},
                                       {SPAN_LITERAL("x-amz-content-sha256"), span_text(hash)},
                                       {SPAN_LITERAL("x-amz-date"), SPAN_LITERAL("20261121T060000Z")}};
    struct span rest = span_text(target), path, line, lines = span_text(extra);
    size_t count = 3, size;
    struct text names = text_new(NULL, 4096), canonical = text_new(NULL, 65536), to_sign = text_new(NULL, 4096);
    text_add(&names, "host;x-amz-content-sha256;x-amz-date");
    while (span_cut(&lines, '\n', &line)) {
        struct span name;
        span_cut(&line, ':', &name);
        if (!span_starts(name, "x-amz-"))
            continue;
        line.size -= line.size && line.data[line.size - 1] == '\r';
        headers[count++] = (struct sigv4_header){name, line};
        text_add(&names, ";");
        text_add_span(&names, name);
    }
    span_cut(&rest, '?', &path);
    ASSERT(uri_decode(path, false, memory, &size) == ERR_OK && query_parse(rest, memory + size, &query) == ERR_OK);
    struct sigv4_request r = {method, span_of(memory, size), &query, headers, count, span_text(hash)};
    memset(&c->sign, 0, sizeof c->sign);
    c->sign.signed_headers = text_span(&names);
    c->sign.scope = SPAN_LITERAL("20261121/noct-1/s3/aws4_request");
    memcpy(c->sign.when, "20261121T060000Z", 17);
    sigv4_canonical(&c->sign, &r, &canonical);
    sigv4_string_to_sign(&c->sign, text_span(&canonical), &to_sign);
    uint8_t k[32];
    client_hmac("AWS4" CLIENT_SECRET, strlen("AWS4" CLIENT_SECRET), "20261121", k);
    client_hmac(k, 32, "noct-1", k);
    client_hmac(k, 32, "s3", k);
    client_hmac(k, 32, "aws4_request", k);
    memcpy(c->sign.key, k, 32);
    client_hmac(k, 32, text_string(&to_sign), k);
    hex_encode(k, 32, c->sign.previous);
    snprintf(c->request, sizeof c->request,
             "%s %s HTTP/1.1\r\nhost: %s\r\nx-amz-content-sha256: %s\r\nx-amz-date: 20261121T060000Z\r\n"
             "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/noct-1/s3/aws4_request, SignedHeaders=%s, "
             "Signature=%s\r\n%s", method, target, c->host, hash, text_string(&names), c->sign.previous, extra);
    c->sign.signed_headers = (struct span){0};
    text_free(&names);
    text_free(&canonical);
    text_free(&to_sign);
}

static struct fake_connection *client_socket(struct client *c)
{
    return &c->fake->connections[c->connection % FAKE_CONNECTIONS];
}

/* Splits what was received; 0 when no whole head is there. */
static int client_read(struct client *c)
{
    struct fake_connection *s = client_socket(c);
    char *end = s->size ? strstr(s->out, "\r\n\r\n") : NULL;
    c->status = 0;
    c->headers = c->body = "";
    c->body_size = 0;
    if (!end)
        return 0;
    c->status = atoi(s->out + 9);
    c->headers = s->out;
    c->body = end + 4;
    c->body_size = s->size - (size_t)(c->body - s->out);
    return c->status;
}

static int client_raw(struct client *c, const void *data, size_t size)
{
    if (client_socket(c)->closed || !client_socket(c)->open) {
        if (client_socket(c)->open)
            region_closed(c->fake->region, &c->fake->time, c->connection);
        fake_connect(c->fake, c->connection += FAKE_CONNECTIONS);
    }
    client_socket(c)->size = 0;
    fake_bytes(c->fake, c->connection, data, size);
    ASSERT(region_check(c->fake->region));
    return client_read(c);
}

/* A whole signed request; body NULL: none. */
static int client_send(struct client *c, const char *method, const char *target, const char *extra, const void *body, size_t size)
{
    struct text t = text_new(NULL, 128 << 20);
    client_sign(c, method, target, extra, "UNSIGNED-PAYLOAD");
    text_add(&t, c->request);
    if (body)
        text_printf(&t, "content-length: %zu\r\n", size);
    text_add(&t, "\r\n");
    text_add_span(&t, span_of(body, body ? size : 0));
    int status = client_raw(c, t.data, t.size);
    text_free(&t);
    return status;
}

static inline int client_do(struct client *c, const char *method, const char *target)
{
    return client_send(c, method, target, "", NULL, 0);
}

static inline int client_put(struct client *c, const char *target, const char *body)
{
    return client_send(c, "PUT", target, "", body, strlen(body));
}

static inline bool client_says(const struct client *c, const char *text)
{
    return strstr(c->headers, text) != NULL;
}

static inline void client_open(struct client *c, struct fake *f)
{
    fake_open(f);
    *c = (struct client){.fake = f, .connection = 1, .host = "127.0.0.1:9000"};
}

static inline void client_close(struct client *c)
{
    ASSERT(region_check(c->fake->region));
    fake_close_all(c->fake);
}

#endif
