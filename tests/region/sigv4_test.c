#include "test.h"

#include <string.h>

#include "region/sigv4.h"

/* The examples of "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference; bucket examplebucket. */
#define ACCESS "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MAY_24 1369353600 /* 2013-05-24T00:00:00Z */

struct example {
    struct sigv4_request request;
    struct query query;
    struct sigv4_header headers[12];
    uint8_t memory[1024];
};

static void start(struct example *e, const char *method, const char *path, const char *query, const char *hash)
{
    memset(e, 0, sizeof *e);
    assert_int_equal(query_parse(span_text(query), e->memory, &e->query), ERR_OK);
    e->request = (struct sigv4_request){.method = method, .path = span_text(path), .query = &e->query,
                                        .headers = e->headers, .payload_hash = span_text(hash)};
}

static void add(struct example *e, const char *name, const char *value)
{
    e->headers[e->request.header_count++] = (struct sigv4_header){span_text(name), span_text(value)};
}

static err check(struct example *e, int64_t utc_s, struct sigv4 *s)
{
    struct sigv4_key_cache cache = {0};
    err status = sigv4_parse(&e->request, s);
    return status != ERR_OK ? status : sigv4_verify(s, &e->request, ACCESS, SECRET, utc_s, &cache);
}

#define AUTH(signed, signature)                                                                                    \
    "AWS4-HMAC-SHA256 Credential=" ACCESS "/20130524/us-east-1/s3/aws4_request,SignedHeaders=" signed ",Signature=" signature

static void get_object_example(struct example *e)
{
    start(e, "GET", "/test.txt", "", EMPTY);
    add(e, "host", "examplebucket.s3.amazonaws.com");
    add(e, "range", "bytes=0-9");
    add(e, "x-amz-content-sha256", EMPTY);
    add(e, "x-amz-date", "20130524T000000Z");
    add(e, "authorization", AUTH("host;range;x-amz-content-sha256;x-amz-date",
                                 "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

static void accepts_the_get_object_example(void **state)
{
    (void)state;
    struct example e;
    struct sigv4 s;
    get_object_example(&e);
    assert_int_equal(check(&e, MAY_24, &s), ERR_OK);
}

static void accepts_the_put_object_example(void **state)
{
    (void)state;
    struct example e;
    struct sigv4 s;
    const char *hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    start(&e, "PUT", "/test$file.text", "", hash);
    add(&e, "date", "Fri, 24 May 2013 00:00:00 GMT");
    add(&e, "host", "examplebucket.s3.amazonaws.com");
    add(&e, "x-amz-content-sha256", hash);
    add(&e, "x-amz-date", "20130524T000000Z");
    add(&e, "x-amz-storage-class", "REDUCED_REDUNDANCY");
    add(&e, "authorization", AUTH("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
    assert_int_equal(check(&e, MAY_24, &s), ERR_OK);
}

static void accepts_the_examples_with_a_query(void **state)
{
    (void)state;
    static const char *const queries[][2] = {
        {"lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
        {"prefix=J&max-keys=2", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        struct example e;
        struct sigv4 s;
        char authorization[400];
        struct text t = text_new(NULL, sizeof authorization - 1);
        text_add(&t, AUTH("host;x-amz-content-sha256;x-amz-date", ""));
        text_add(&t, queries[i][1]);
        start(&e, "GET", "/", queries[i][0], EMPTY);
        add(&e, "host", "examplebucket.s3.amazonaws.com");
        add(&e, "x-amz-content-sha256", EMPTY);
        add(&e, "x-amz-date", "20130524T000000Z");
        add(&e, "authorization", text_string(&t));
        assert_int_equal(check(&e, MAY_24, &s), ERR_OK);
        text_free(&t);
    }
}

static void presigned_example(struct example *e)
{
    start(e, "GET", "/test.txt",
          "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
          "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
          "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
          "UNSIGNED-PAYLOAD");
    add(e, "host", "examplebucket.s3.amazonaws.com");
}

static void accepts_the_presigned_example_until_it_expires(void **state)
{
    (void)state;
    struct example e;
    struct sigv4 s;
    presigned_example(&e);
    assert_int_equal(check(&e, MAY_24, &s), ERR_OK);
    assert_int_equal(check(&e, MAY_24 + 86400, &s), ERR_OK);
    assert_int_equal(check(&e, MAY_24 + 86401, &s), ERR_EXPIRED);
    assert_int_equal(check(&e, MAY_24 - 3600, &s), ERR_RANGE);
}

static void any_change_breaks_the_signature(void **state)
{
    (void)state;
    struct example e;
    struct sigv4 s;
    get_object_example(&e);
    e.headers[1].value = SPAN_LITERAL("bytes=0-8");
    assert_int_equal(check(&e, MAY_24, &s), ERR_SIGNATURE);
    get_object_example(&e);
    e.request.method = "HEAD";
    assert_int_equal(check(&e, MAY_24, &s), ERR_SIGNATURE);
    get_object_example(&e);
    e.request.path = SPAN_LITERAL("/test.txt2");
    assert_int_equal(check(&e, MAY_24, &s), ERR_SIGNATURE);
    presigned_example(&e);
    e.query.pairs[3].value = SPAN_LITERAL("86401");
    assert_int_equal(check(&e, MAY_24, &s), ERR_SIGNATURE);
}

static void a_clock_off_by_more_than_15_minutes_is_refused(void **state)
{
    (void)state;
    struct example e;
    struct sigv4 s;
    get_object_example(&e);
    assert_int_equal(check(&e, MAY_24 + 900, &s), ERR_OK);
    assert_int_equal(check(&e, MAY_24 + 901, &s), ERR_RANGE);
    assert_int_equal(check(&e, MAY_24 - 901, &s), ERR_RANGE);
}

static void an_amz_header_that_is_not_signed_is_refused(void **state)
{
    (void)state;
    struct example e;
    struct sigv4 s;
    get_object_example(&e);
    add(&e, "x-amz-acl", "public-read");
    assert_int_equal(check(&e, MAY_24, &s), ERR_DENIED);
}

static void malformed_credentials_are_refused(void **state)
{
    (void)state;
    static const char *const values[] = {
        "AWS4-HMAC-SHA256 x", "AWS4-HMAC-SHA256 Credential=a", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=host,Signature=1",
        AUTH("host", "short"), "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130525/us-east-1/s3/aws4_request,SignedHeaders=host,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct example e;
        struct sigv4 s;
        start(&e, "GET", "/", "", EMPTY);
        add(&e, "host", "h");
        add(&e, "x-amz-date", "20130524T000000Z");
        add(&e, "authorization", values[i]);
        assert_int_equal(check(&e, MAY_24, &s), ERR_INVALID);
    }
}

static void header_values_are_trimmed_and_folded(void **state)
{
    (void)state;
    struct example e;
    struct sigv4 s = {.signed_headers = SPAN_LITERAL("my-header1;my-header2")};
    struct text t = text_new(NULL, 4096);
    start(&e, "GET", "/a b", "b=2&a=%7E&a=1&%41=x", EMPTY);
    add(&e, "my-header1", "  a   b   c ");
    add(&e, "my-header2", "1");
    add(&e, "my-header2", "2");
    sigv4_canonical(&s, &e.request, &t);
    assert_string_equal(text_string(&t), "GET\n/a%20b\nA=x&a=1&a=~&b=2\nmy-header1:a b c\nmy-header2:1,2\n\n"
                                         "my-header1;my-header2\n" EMPTY);
    text_free(&t);
}

/* "Transferring Payload in Multiple Chunks": 66560 bytes of 'a' in chunks of 65536, 1024 and 0. */
static void chunk_signatures_match_the_example(void **state)
{
    (void)state;
    struct example e;
    struct sigv4 s;
    static char data[65536];
    char hash[65], out[65];
    uint8_t bytes[32];
    memset(data, 'a', sizeof data);
    start(&e, "PUT", "/examplebucket/chunkObject.txt", "", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    add(&e, "content-encoding", "aws-chunked");
    add(&e, "content-length", "66824");
    add(&e, "host", "s3.amazonaws.com");
    add(&e, "x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    add(&e, "x-amz-date", "20130524T000000Z");
    add(&e, "x-amz-decoded-content-length", "66560");
    add(&e, "x-amz-storage-class", "REDUCED_REDUNDANCY");
    add(&e, "authorization",
        AUTH("content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
             "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"));
    assert_int_equal(check(&e, MAY_24, &s), ERR_OK);
    sha256_hex(span_of(data, 65536), hash);
    assert_int_equal(hex_decode(span_text(hash), bytes, 32), ERR_OK);
    sigv4_chunk_signature(&s, bytes, out);
    assert_string_equal(out, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
    sha256_hex(span_of(data, 1024), hash);
    assert_int_equal(hex_decode(span_text(hash), bytes, 32), ERR_OK);
    sigv4_chunk_signature(&s, bytes, out);
    assert_string_equal(out, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
    assert_int_equal(hex_decode(SPAN_LITERAL(EMPTY), bytes, 32), ERR_OK);
    sigv4_chunk_signature(&s, bytes, out);
    assert_string_equal(out, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
}

static void dates_are_parsed_strictly(void **state)
{
    (void)state;
    int64_t t;
    assert_int_equal(http_date_parse(SPAN_LITERAL("Sun, 06 Nov 1994 08:49:37 GMT"), &t), ERR_OK);
    assert_int_equal(t, 784111777);
    assert_int_equal(http_date_parse(SPAN_LITERAL("Sun, 06 Nop 1994 08:49:37 GMT"), &t), ERR_INVALID);
    assert_int_equal(http_date_parse(SPAN_LITERAL("Sun, 32 Nov 1994 08:49:37 GMT"), &t), ERR_INVALID);
    assert_int_equal(sigv4_time_parse(SPAN_LITERAL("20130524T000000Z"), &t), ERR_OK);
    assert_int_equal(t, MAY_24);
    assert_int_equal(sigv4_time_parse(SPAN_LITERAL("20131324T000000Z"), &t), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_the_get_object_example),
        cmocka_unit_test(accepts_the_put_object_example),
        cmocka_unit_test(accepts_the_examples_with_a_query),
        cmocka_unit_test(accepts_the_presigned_example_until_it_expires),
        cmocka_unit_test(any_change_breaks_the_signature),
        cmocka_unit_test(a_clock_off_by_more_than_15_minutes_is_refused),
        cmocka_unit_test(an_amz_header_that_is_not_signed_is_refused),
        cmocka_unit_test(malformed_credentials_are_refused),
        cmocka_unit_test(header_values_are_trimmed_and_folded),
        cmocka_unit_test(chunk_signatures_match_the_example),
        cmocka_unit_test(dates_are_parsed_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
