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

static int raw(const char *text)
{
    return client_raw(&c, text, strlen(text));
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    raw("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\nGET /metrics HTTP/1.1\r\nHost: h\r\n\r\nGET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(count(c.headers, "HTTP/1.1 200 OK"), 3);
    assert_null(strstr(c.headers, "Connection: close"));
}

static void a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    char request[8192];
    client_sign(&c, "PUT", "/bucket/slow", "", "UNSIGNED-PAYLOAD");
    int n = snprintf(request, sizeof request, "%scontent-length: 5\r\n\r\nhello", c.request);
    for (int i = 0; i < n; i++)
        fake_bytes(&fake, c.connection, request + i, 1);
    assert_int_equal(client_read(&c), 200);
    assert_non_null(fake_find(&fake, SPAN_LITERAL("bucket"), SPAN_LITERAL("slow")));
}

static void malformed_heads_get_an_answer_and_a_close(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET\r\n\r\n", 400}, {"GET / HTTP/9.9\r\nHost: h\r\n\r\n", 400}, {"GET / HTTP/1.1\r\nHo st: h\r\n\r\n", 400},
        {"\x16\x03\x01\x02\x00\x01", 400}, {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"CONNECT a:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(raw(cases[i].request), cases[i].status);
        assert_true(client_socket(&c)->closed);
    }
    assert_int_equal(raw("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(raw("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    assert_int_equal(raw("GET /%00a HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    assert_int_equal(raw("GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
}

static void too_long_heads_are_refused(void **state)
{
    (void)state;
    struct text t = text_new(NULL, 1 << 20);
    text_add(&t, "GET /");
    for (int i = 0; i < 20000; i++)
        text_add(&t, "a");
    assert_int_equal(client_raw(&c, t.data, t.size), 414);
    text_free(&t);
    text_add(&t, "GET / HTTP/1.1\r\nx: ");
    for (int i = 0; i < 40000; i++)
        text_add(&t, "a");
    assert_int_equal(client_raw(&c, t.data, t.size), 431);
    text_free(&t);
    text_add(&t, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 200; i++)
        text_add(&t, "x: y\r\n");
    assert_int_equal(client_raw(&c, t.data, t.size), 431);
    text_free(&t);
}

static void a_head_answer_has_no_body(void **state)
{
    (void)state;
    assert_int_equal(client_do(&c, "HEAD", "/bucket/absent"), 404);
    assert_int_equal(c.body_size, 0);
    assert_int_equal(client_do(&c, "HEAD", "/bucket"), 200);
}

static void continue_is_told_after_the_headers_were_authorised(void **state)
{
    (void)state;
    char request[8192];
    client_sign(&c, "PUT", "/bucket/e", "", "UNSIGNED-PAYLOAD");
    int n = snprintf(request, sizeof request, "%sexpect: 100-continue\r\ncontent-length: 5\r\n\r\n", c.request);
    assert_int_equal(client_raw(&c, request, (size_t)n), 100);
    assert_int_equal(client_raw(&c, "hello", 5), 200);
    client_sign(&c, "PUT", "/absent/e", "", "UNSIGNED-PAYLOAD");
    n = snprintf(request, sizeof request, "%sexpect: 100-continue\r\ncontent-length: 5\r\n\r\n", c.request);
    assert_int_equal(client_raw(&c, request, (size_t)n), 404);
    assert_null(strstr(c.headers, "100 Continue"));
    assert_true(client_says(&c, "Connection: close"));
    fake.time.now.mono += 3 * NS_PER_S;
    region_tick(fake.region, &fake.time);
    assert_true(client_socket(&c)->closed);
}

static void an_early_error_lets_the_next_request_through(void **state)
{
    (void)state;
    raw("PUT /bucket/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(c.status, 403);
    assert_int_equal(count(c.headers, "HTTP/1.1 200 OK"), 1);
}

static void a_large_put_waits_for_credit(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20 };
    uint8_t *body = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (uint8_t)(i * 7 + i / 251);
    fake.put_credit = 1000;
    assert_int_equal(client_send(&c, "PUT", "/bucket/large", "", body, SIZE), 200);
    struct fake_object *o = fake_find(&fake, SPAN_LITERAL("bucket"), SPAN_LITERAL("large"));
    assert_int_equal(o->blob.size, SIZE);
    assert_memory_equal(o->blob.data, body, SIZE);
    assert_false(client_socket(&c)->paused);
    free(body);
}

static void a_large_get_waits_for_the_reader(void **state)
{
    (void)state;
    enum { SIZE = 5 << 20 };
    uint8_t *body = calloc(1, SIZE);
    body[SIZE - 1] = 9;
    client_send(&c, "PUT", "/bucket/large", "", body, SIZE);
    fake.keep_unsent = true;
    assert_int_equal(client_do(&c, "GET", "/bucket/large"), 200);
    assert_true(c.body_size <= (1 << 20) + 1000);
    while (client_read(&c) == 200 && c.body_size < SIZE) {
        size_t had = client_socket(&c)->size;
        region_sent(fake.region, &fake.time, c.connection, 256 * 1024);
        assert_true(client_socket(&c)->size - had <= 2 << 20);
    }
    assert_int_equal(c.body_size, SIZE);
    assert_memory_equal(c.body, body, SIZE);
    fake.keep_unsent = false;
    free(body);
}

static void a_client_that_leaves_aborts_what_it_began(void **state)
{
    (void)state;
    char request[8192];
    client_sign(&c, "PUT", "/bucket/half", "", "UNSIGNED-PAYLOAD");
    int n = snprintf(request, sizeof request, "%scontent-length: 50\r\n\r\nhello", c.request);
    client_raw(&c, request, (size_t)n);
    region_closed(fake.region, &fake.time, c.connection);
    client_socket(&c)->open = false;
    assert_int_equal(fake.aborts, 1);
    assert_int_equal(region_connection_count(fake.region), 0);
}

static void slow_clients_are_timed_out(void **state)
{
    (void)state;
    raw("GET / HT");
    fake.time.now.mono += 31 * NS_PER_S;
    region_tick(fake.region, &fake.time);
    assert_int_equal(client_read(&c), 408);
    assert_true(client_socket(&c)->closed);
    char request[8192];
    client_sign(&c, "PUT", "/bucket/half", "", "UNSIGNED-PAYLOAD");
    int n = snprintf(request, sizeof request, "%scontent-length: 50\r\n\r\nhello", c.request);
    client_raw(&c, request, (size_t)n);
    fake.time.now.mono += 61 * NS_PER_S;
    region_tick(fake.region, &fake.time);
    assert_int_equal(client_read(&c), 400);
    assert_non_null(strstr(c.body, "RequestTimeout"));
}

static void a_silent_plane_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    fake.silent = true;
    assert_int_equal(client_do(&c, "GET", "/bucket/k"), 0);
    fake.time.now.mono += 121 * NS_PER_S;
    region_tick(fake.region, &fake.time);
    assert_int_equal(client_read(&c), 503);
    fake.silent = false;
}

static void no_more_connections_than_allowed(void **state)
{
    (void)state;
    for (uint64_t id = 100; id < 1200; id++)
        region_connected(fake.region, &fake.time, id);
    assert_int_equal(region_connection_count(fake.region), 1024);
    assert_true(region_check(fake.region));
}

static void secrets_are_in_no_answer(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/metrics", "/console/api/state", "/console/api/events?since=0", "/ga4gh/tes/v1/service-info", "/bucket/x"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        client_do(&c, "GET", paths[i]);
        assert_null(strstr(c.headers, CLIENT_SECRET));
    }
}

/* Memory ends after ever more bytes, until a request succeeds: nothing crashes, nothing leaks. */
static void full_memory_is_survived(void **state)
{
    (void)state;
    size_t capacity = fake.heap.capacity, failures = 0;
    int status = 0;
    region_closed(fake.region, &fake.time, c.connection);
    client_socket(&c)->open = false;
    for (size_t more = 0; status != 200 && more < 4 << 20; more += 512) {
        fake.heap.capacity = MIN(capacity, fake.heap.used_bump + more);
        status = client_put(&c, "/bucket/k", "hello");
        failures += status != 200;
    }
    fake.heap.capacity = capacity;
    assert_int_equal(status, 200);
    assert_true(failures > 5);
    assert_int_equal(client_do(&c, "GET", "/bucket/k"), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pipelined_requests_are_answered_in_order),
        TEST(a_request_may_come_byte_by_byte),
        TEST(malformed_heads_get_an_answer_and_a_close),
        TEST(too_long_heads_are_refused),
        TEST(a_head_answer_has_no_body),
        TEST(continue_is_told_after_the_headers_were_authorised),
        TEST(an_early_error_lets_the_next_request_through),
        TEST(a_large_put_waits_for_credit),
        TEST(a_large_get_waits_for_the_reader),
        TEST(a_client_that_leaves_aborts_what_it_began),
        TEST(slow_clients_are_timed_out),
        TEST(a_silent_plane_is_not_waited_for_for_ever),
        TEST(no_more_connections_than_allowed),
        TEST(secrets_are_in_no_answer),
        TEST(full_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
