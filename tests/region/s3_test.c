#include "test.h"

#include "client.h"

static struct fake fake;
static struct client c;

static int set_up(void **state)
{
    (void)state;
    client_open(&c, &fake);
    return client_do(&c, "PUT", "/bucket") == 200 ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    client_close(&c);
    return 0;
}

static void assert_error(int status, const char *code)
{
    char text[80];
    snprintf(text, sizeof text, "<Code>%s</Code>", code);
    assert_int_equal(c.status, status);
    assert_non_null(strstr(c.body, text));
}

static void an_object_comes_back_with_its_metadata(void **state)
{
    (void)state;
    assert_int_equal(client_send(&c, "PUT", "/bucket/a%20b/%C3%A9", "content-type: text/x\r\nx-amz-meta-one: 1\r\n"
                                 "content-encoding: gzip, aws-chunked\r\nx-noct-copies: 3\r\n", "hello", 5), 200);
    assert_true(client_says(&c, "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\n"));
    assert_int_equal(client_do(&c, "GET", "/bucket/a%20b/%C3%A9"), 200);
    assert_memory_equal(c.body, "hello", 5);
    assert_int_equal(c.body_size, 5);
    assert_true(client_says(&c, "\r\nContent-Length: 5\r\n") || client_says(&c, "\r\ncontent-length: 5\r\n"));
    assert_true(client_says(&c, "\r\ncontent-type: text/x\r\n"));
    assert_true(client_says(&c, "\r\nx-amz-meta-one: 1\r\n"));
    assert_true(client_says(&c, "\r\ncontent-encoding: gzip\r\n"));
    assert_true(client_says(&c, "\r\nx-noct-copies: 3\r\n"));
    assert_int_equal(client_do(&c, "HEAD", "/bucket/a%20b/%C3%A9?response-content-type=text%2Fy"), 200);
    assert_int_equal(c.body_size, 0);
    assert_true(client_says(&c, "\r\ncontent-type: text/y\r\n"));
    assert_false(client_says(&c, "text/x"));
}

static void the_host_may_name_the_bucket(void **state)
{
    (void)state;
    client_put(&c, "/bucket/k", "v");
    c.host = "bucket.s3.noct:9000";
    assert_int_equal(client_do(&c, "GET", "/k"), 200);
    c.host = "s3.noct";
    assert_int_equal(client_do(&c, "GET", "/bucket/k"), 200);
    c.host = "127.0.0.1:9000";
}

static void ranges_are_cut_exactly(void **state)
{
    (void)state;
    client_put(&c, "/bucket/r", "0123456789");
    static const struct {
        const char *range, *body, *content_range;
        int status;
    } cases[] = {
        {"bytes=2-4", "234", "bytes 2-4/10", 206},   {"bytes=7-", "789", "bytes 7-9/10", 206},
        {"bytes=-2", "89", "bytes 8-9/10", 206},     {"bytes=-99", "0123456789", "bytes 0-9/10", 206},
        {"bytes=0-99", "0123456789", "bytes 0-9/10", 206}, {"bytes=4-2", "0123456789", NULL, 200},
        {"bytes=1-2,4-5", "0123456789", NULL, 200},  {"lines=1-2", "0123456789", NULL, 200},
        {"bytes=10-", NULL, "bytes */10", 416},      {"bytes=-0", NULL, "bytes */10", 416},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char header[80];
        snprintf(header, sizeof header, "range: %s\r\n", cases[i].range);
        assert_int_equal(client_send(&c, "GET", "/bucket/r", header, NULL, 0), cases[i].status);
        if (cases[i].body)
            assert_string_equal(c.body, cases[i].body);
        assert_true(!cases[i].content_range || client_says(&c, cases[i].content_range));
    }
}

static void conditions_follow_their_precedence(void **state)
{
    (void)state;
    client_put(&c, "/bucket/c", "hello");
#define TAG "\"5d41402abc4b2a76b9719d911017c592\""
#define LATER "Sat, 21 Nov 2026 07:00:00 GMT"
#define EARLIER "Sat, 21 Nov 2026 05:00:00 GMT"
    static const struct {
        const char *headers;
        int status;
    } cases[] = {
        {"if-match: " TAG "\r\n", 200}, {"if-match: \"x\"\r\n", 412}, {"if-match: \"x\", " TAG "\r\n", 200},
        {"if-none-match: " TAG "\r\n", 304}, {"if-none-match: *\r\n", 304}, {"if-none-match: \"x\"\r\n", 200},
        {"if-modified-since: " LATER "\r\n", 304}, {"if-modified-since: " EARLIER "\r\n", 200},
        {"if-unmodified-since: " EARLIER "\r\n", 412}, {"if-unmodified-since: " LATER "\r\n", 200},
        {"if-match: " TAG "\r\nif-unmodified-since: " EARLIER "\r\n", 200},
        {"if-none-match: \"x\"\r\nif-modified-since: " LATER "\r\n", 200},
        {"if-modified-since: nonsense\r\n", 200},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(client_send(&c, "GET", "/bucket/c", cases[i].headers, NULL, 0), cases[i].status);
}

static void conditional_writes_hold(void **state)
{
    (void)state;
    assert_int_equal(client_send(&c, "PUT", "/bucket/w", "if-none-match: *\r\n", "1", 1), 200);
    assert_int_equal(client_send(&c, "PUT", "/bucket/w", "if-none-match: *\r\n", "2", 1), 412);
    assert_error(412, "PreconditionFailed");
    assert_int_equal(client_send(&c, "PUT", "/bucket/w", "if-match: \"c4ca4238a0b923820dcc509a6f75849b\"\r\n", "2", 1), 200);
    assert_int_equal(client_send(&c, "PUT", "/bucket/absent", "if-match: \"x\"\r\n", "2", 1), 404);
    client_send(&c, "PUT", "/bucket/w", "if-none-match: \"x\"\r\n", "2", 1);
    assert_error(501, "NotImplemented");
}

static void errors_carry_the_codes_that_clients_know(void **state)
{
    (void)state;
    client_do(&c, "GET", "/bucket/absent");
    assert_error(404, "NoSuchKey");
    client_do(&c, "GET", "/absent/absent");
    assert_error(404, "NoSuchBucket");
    client_do(&c, "PUT", "/Bad_Name");
    assert_error(400, "InvalidBucketName");
    client_do(&c, "PUT", "/bucket");
    assert_error(409, "BucketAlreadyOwnedByYou");
    client_do(&c, "PUT", "/bucket/k");
    assert_error(411, "MissingContentLength");
    client_do(&c, "POST", "/bucket/k");
    assert_error(405, "MethodNotAllowed");
    client_send(&c, "PUT", "/bucket/k", "content-md5: xx\r\n", "1", 1);
    assert_error(400, "InvalidDigest");
    client_send(&c, "PUT", "/bucket/k", "content-md5: AAAAAAAAAAAAAAAAAAAAAA==\r\n", "1", 1);
    assert_error(400, "BadDigest");
    assert_null(fake_find(&fake, SPAN_LITERAL("bucket"), SPAN_LITERAL("k")));
    client_send(&c, "PUT", "/bucket/k", "x-amz-server-side-encryption: AES256\r\n", "1", 1);
    assert_error(501, "NotImplemented");
    client_send(&c, "PUT", "/bucket/k", "x-noct-copies: 9\r\n", "1", 1);
    assert_error(400, "InvalidArgument");
    client_do(&c, "PUT", "/bucket?versioning");
    assert_error(501, "NotImplemented");
    client_do(&c, "GET", "/bucket?policy");
    assert_error(404, "NoSuchBucketPolicy");
    client_do(&c, "GET", "/bucket/k?versionId=7");
    assert_error(404, "NoSuchVersion");
    client_put(&c, "/bucket/k", "1");
    client_do(&c, "DELETE", "/bucket");
    assert_error(409, "BucketNotEmpty");
    assert_int_equal(client_do(&c, "DELETE", "/bucket/k"), 204);
    assert_int_equal(client_do(&c, "DELETE", "/bucket/k"), 204);
    assert_int_equal(client_do(&c, "DELETE", "/bucket"), 204);
}

static void what_storage_cannot_do_now_is_told_with_a_time(void **state)
{
    (void)state;
    fake.fail = ERR_UNREACHABLE;
    fake.retry_at = fake.time.now.wall + 600 * NS_PER_S; /* at 60 times speed: 10 real seconds */
    client_put(&c, "/bucket/k", "1");
    assert_error(503, "ServiceUnavailable");
    assert_true(client_says(&c, "\r\nRetry-After: 11\r\n"));
    fake.fail = ERR_NO_SPACE;
    client_put(&c, "/bucket/k", "1");
    assert_error(507, "InsufficientStorage");
}

static void listing_pages_cover_everything_once(void **state)
{
    (void)state;
    char target[300];
    size_t prefixes = 0, keys = 0, pages = 0;
    for (int i = 0; i < 30; i++) {
        snprintf(target, sizeof target, "/bucket/%s%02d%s", i % 3 ? "d" : "k", i / 2, i % 3 ? "/x" : "");
        client_put(&c, target, "1");
    }
    snprintf(target, sizeof target, "/bucket?list-type=2&delimiter=%%2F&max-keys=3");
    for (;;) {
        assert_int_equal(client_do(&c, "GET", target), 200);
        for (const char *at = c.body; (at = strstr(at, "<CommonPrefixes>")) != NULL; at++)
            prefixes++;
        for (const char *at = c.body; (at = strstr(at, "<Contents>")) != NULL; at++)
            keys++;
        const char *token = strstr(c.body, "<NextContinuationToken>");
        pages++;
        if (!token)
            break;
        token += strlen("<NextContinuationToken>");
        struct text t = text_new(NULL, 1000);
        text_add_url(&t, span_of(token, (size_t)(strchr(token, '<') - token)), false);
        snprintf(target, sizeof target, "/bucket?list-type=2&delimiter=/&max-keys=3&continuation-token=%s", text_string(&t));
        text_free(&t);
    }
    assert_int_equal(keys, 10);
    assert_int_equal(prefixes, 15);
    assert_int_equal(pages, 9);
    client_do(&c, "GET", "/bucket?max-keys=0");
    assert_non_null(strstr(c.body, "<IsTruncated>false</IsTruncated>"));
    assert_int_equal(client_do(&c, "GET", "/bucket?max-keys=x"), 400);
    assert_int_equal(client_do(&c, "GET", "/bucket?list-type=2&continuation-token=%21"), 400);
}

static void keys_are_encoded_in_listings(void **state)
{
    (void)state;
    client_put(&c, "/bucket/a%26%3C%0Ab%20c", "1");
    client_do(&c, "GET", "/bucket");
    assert_non_null(strstr(c.body, "<Key>a&amp;&lt;&#xa;b c</Key>"));
    client_do(&c, "GET", "/bucket?encoding-type=url");
    assert_non_null(strstr(c.body, "<Key>a%26%3C%0Ab%20c</Key>"));
    client_do(&c, "GET", "/bucket?versions");
    assert_non_null(strstr(c.body, "<VersionId>null</VersionId>"));
}

static void a_multipart_upload_is_put_together(void **state)
{
    (void)state;
    client_send(&c, "POST", "/bucket/m?uploads", "x-amz-meta-a: b\r\n", "", 0);
    const char *id = strstr(c.body, "<UploadId>") + 10;
    char target[200], upload[33], body[600];
    memcpy(upload, id, 32);
    upload[32] = 0;
    snprintf(target, sizeof target, "/bucket/m?partNumber=1&uploadId=%s", upload);
    assert_int_equal(client_put(&c, target, "hello "), 200);
    client_put(&c, "/bucket/source%2Fx", "the world");
    snprintf(target, sizeof target, "/bucket/m?partNumber=2&uploadId=%s", upload);
    assert_int_equal(client_send(&c, "PUT", target, "x-amz-copy-source: /bucket/source%2Fx\r\nx-amz-copy-source-range: bytes=4-8\r\n", NULL, 0), 200);
    assert_non_null(strstr(c.body, "&quot;7d793037a0760186574b0282f2f435e7&quot;"));
    snprintf(target, sizeof target, "/bucket/m?uploadId=%s&max-parts=1", upload);
    client_do(&c, "GET", target);
    assert_non_null(strstr(c.body, "<NextPartNumberMarker>1</NextPartNumberMarker>"));
    snprintf(target, sizeof target, "/bucket/m?uploadId=%s", upload);
    static const char *const orders[] = {"2", "1"};
    for (int good = 0; good < 2; good++) {
        snprintf(body, sizeof body,
                 "<CompleteMultipartUpload xmlns=\"" "http://s3.amazonaws.com/doc/2006-03-01/" "\"><Part><PartNumber>%s</PartNumber>"
                 "<ETag>\"%s\"</ETag></Part><Part><ETag>7d793037a0760186574b0282f2f435e7</ETag><PartNumber>2</PartNumber></Part>"
                 "</CompleteMultipartUpload>", orders[good], "f814893777bcc2295fff05f00e508da6");
        client_send(&c, "POST", target, "", body, strlen(body));
        if (!good)
            assert_error(400, "InvalidPartOrder");
    }
    assert_int_equal(c.status, 200);
    client_do(&c, "GET", "/bucket/m");
    assert_string_equal(c.body, "hello world");
    assert_true(client_says(&c, "x-amz-meta-a: b"));
    client_do(&c, "DELETE", target);
    assert_error(404, "NoSuchUpload");
}

static void many_objects_are_deleted_at_once(void **state)
{
    (void)state;
    struct text t = text_new(NULL, 1 << 20);
    char target[40];
    text_add(&t, "<Delete>");
    for (int i = 0; i < 100; i++) {
        snprintf(target, sizeof target, "/bucket/k%d", i);
        client_put(&c, target, "1");
        text_printf(&t, "<Object><Key>k%d</Key></Object>", i);
    }
    text_add(&t, "<Object><Key>absent</Key></Object></Delete>");
    assert_int_equal(client_send(&c, "POST", "/bucket?delete", "", t.data, t.size), 200);
    assert_int_equal(fake.object_count, 0);
    assert_non_null(strstr(c.body, "<Deleted><Key>absent</Key></Deleted>"));
    text_free(&t);
}

static void hostile_xml_is_refused(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "<Delete><Object><Key>a</Key></Object>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Delete><Object><Key>&x;</Key></Object></Delete>",
        "<!DOCTYPE a [<!ENTITY x \"yyyyyyyyyy\">]><Delete><Object><Key>&x;</Key></Object></Delete>",
        "<Delete><a><b><c><d><e><f><g><h><i></i></h></g></f></e></d></c></b></a></Delete>", "<Other/>", "<Delete></Delete>", "x"};
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        client_send(&c, "POST", "/bucket?delete", "", documents[i], strlen(documents[i]));
        assert_error(400, "MalformedXML");
    }
}

static void a_copy_keeps_or_replaces_metadata(void **state)
{
    (void)state;
    client_send(&c, "PUT", "/bucket/a", "x-amz-meta-a: 1\r\n", "x", 1);
    assert_int_equal(client_send(&c, "PUT", "/bucket/b", "x-amz-copy-source: bucket/a\r\n", NULL, 0), 200);
    client_do(&c, "HEAD", "/bucket/b");
    assert_true(client_says(&c, "x-amz-meta-a: 1"));
    client_send(&c, "PUT", "/bucket/b", "x-amz-copy-source: bucket/a\r\nx-amz-metadata-directive: REPLACE\r\nx-amz-meta-b: 2\r\n", NULL, 0);
    client_do(&c, "HEAD", "/bucket/b");
    assert_true(client_says(&c, "x-amz-meta-b: 2") && !client_says(&c, "x-amz-meta-a"));
    client_send(&c, "PUT", "/bucket/a", "x-amz-copy-source: bucket/a\r\n", NULL, 0);
    assert_error(400, "InvalidRequest");
    client_send(&c, "PUT", "/bucket/b", "x-amz-copy-source: bucket/a\r\nx-amz-copy-source-if-match: \"x\"\r\n", NULL, 0);
    assert_error(412, "PreconditionFailed");
}

static void signed_chunks_are_verified(void **state)
{
    (void)state;
    for (int good = 0; good < 2; good++) {
        struct text t = text_new(NULL, 65536);
        char signature[65], hash[65];
        uint8_t bytes[32];
        client_sign(&c, "PUT", "/bucket/chunks", "x-amz-decoded-content-length: 5\r\n", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
        sha256_hex(good ? SPAN_LITERAL("hello") : SPAN_LITERAL("jello"), hash);
        assert_int_equal(hex_decode(span_text(hash), bytes, 32), ERR_OK);
        sigv4_chunk_signature(&c.sign, bytes, signature);
        text_printf(&t, "%stransfer-encoding: chunked\r\n\r\n", c.request);
        struct text body = text_new(NULL, 4096);
        text_printf(&body, "5;chunk-signature=%s\r\nhello\r\n", signature);
        sha256_hex((struct span){0}, hash);
        assert_int_equal(hex_decode(span_text(hash), bytes, 32), ERR_OK);
        sigv4_chunk_signature(&c.sign, bytes, signature);
        text_printf(&body, "0;chunk-signature=%s\r\n\r\n", signature);
        text_printf(&t, "%zx\r\n%s\r\n0\r\n\r\n", body.size, text_string(&body));
        client_raw(&c, t.data, t.size);
        if (!good)
            assert_error(403, "SignatureDoesNotMatch");
        text_free(&t);
        text_free(&body);
    }
    assert_int_equal(c.status, 200);
    assert_int_equal(fake.puts, 1);
    assert_int_equal(fake.aborts, 1);
}

static void a_trailing_checksum_is_kept_and_returned(void **state)
{
    (void)state;
    const char *body = "9\r\n123456789\r\n0\r\nx-amz-checksum-crc64nvme:rosUhgp5mIg=\r\n\r\n";
    char request[9000];
    client_sign(&c, "PUT", "/bucket/t", "x-amz-decoded-content-length: 9\r\nx-amz-trailer: x-amz-checksum-crc64nvme\r\n",
                "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    int n = snprintf(request, sizeof request, "%scontent-encoding: aws-chunked\r\ncontent-length: %zu\r\n\r\n%s", c.request, strlen(body), body);
    assert_int_equal(client_raw(&c, request, (size_t)n), 200);
    assert_true(client_says(&c, "x-amz-checksum-crc64nvme: rosUhgp5mIg="));
    client_do(&c, "HEAD", "/bucket/t");
    assert_false(client_says(&c, "crc64nvme") || client_says(&c, "content-encoding"));
    client_send(&c, "HEAD", "/bucket/t", "x-amz-checksum-mode: ENABLED\r\n", NULL, 0);
    assert_true(client_says(&c, "x-amz-checksum-crc64nvme: rosUhgp5mIg="));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_object_comes_back_with_its_metadata),
        TEST(the_host_may_name_the_bucket),
        TEST(ranges_are_cut_exactly),
        TEST(conditions_follow_their_precedence),
        TEST(conditional_writes_hold),
        TEST(errors_carry_the_codes_that_clients_know),
        TEST(what_storage_cannot_do_now_is_told_with_a_time),
        TEST(listing_pages_cover_everything_once),
        TEST(keys_are_encoded_in_listings),
        TEST(a_multipart_upload_is_put_together),
        TEST(many_objects_are_deleted_at_once),
        TEST(hostile_xml_is_refused),
        TEST(a_copy_keeps_or_replaces_metadata),
        TEST(signed_chunks_are_verified),
        TEST(a_trailing_checksum_is_kept_and_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
