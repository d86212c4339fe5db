#include "test.h"

#include "client.h"
#include "region/tes.h"

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

static const char task[] =
    "{\"name\":\"change\",\"inputs\":[{\"url\":\"s3://eo/a/b\",\"path\":\"/work/a\"},{\"content\":\"x=1\",\"path\":\"/work/c\"}],"
    "\"outputs\":[{\"url\":\"s3://alerts/a.json\",\"path\":\"/work/a.json\"}],"
    "\"executors\":[{\"image\":\"app:change\",\"command\":[\"run\",\"--fast\"],\"env\":{\"A\":\"b\"}}],"
    "\"resources\":{\"cpu_cores\":2,\"ram_gb\":0.5,\"backend_parameters\":{\"deadline\":\"3600\",\"priority\":\"2\",\"replication\":\"standby\"}}}";

static int with_bearer(const char *method, const char *path, const char *body)
{
    char request[8192];
    int n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " CLIENT_SECRET "\r\nContent-Length: %zu\r\n\r\n%s",
                     method, path, strlen(body), body);
    return client_raw(&c, request, (size_t)n);
}

static void a_task_is_created_seen_and_cancelled(void **state)
{
    (void)state;
    assert_int_equal(with_bearer("POST", "/ga4gh/tes/v1/tasks", task), 200);
    assert_string_equal(c.body, "{\"id\":\"00000000000000000000000000000001\"}");
    const struct task_spec *s = &fake.tasks[0].spec;
    assert_int_equal(s->cpu_millis, 2000);
    assert_true(s->memory_bytes == 500000000);
    assert_int_equal(s->priority, 2);
    assert_int_equal(s->mode, TASK_STANDBY);
    assert_true(s->deadline == fake.time.now.wall + 3600 * NS_PER_S);
    assert_int_equal(s->input_count, 2);
    assert_int_equal(s->executors[0].argument_count, 2);
    assert_int_equal(s->executors[0].environment_count, 1);
    assert_int_equal(with_bearer("GET", "/ga4gh/tes/v1/tasks/00000000000000000000000000000001", ""), 200);
    assert_string_equal(c.body, "{\"id\":\"00000000000000000000000000000001\",\"state\":\"QUEUED\"}");
    assert_int_equal(with_bearer("POST", "/ga4gh/tes/v1/tasks/00000000000000000000000000000001:cancel", ""), 200);
    assert_int_equal(with_bearer("GET", "/ga4gh/tes/v1/tasks?state=CANCELED&page_size=1", ""), 200);
    assert_non_null(strstr(c.body, "\"next_page_token\""));
    assert_int_equal(with_bearer("GET", "/ga4gh/tes/v1/tasks/00000000000000000000000000000009", ""), 404);
    assert_int_equal(with_bearer("GET", "/ga4gh/tes/v1/tasks/7", ""), 404);
}

static void views_show_as_much_as_was_asked(void **state)
{
    (void)state;
    with_bearer("POST", "/ga4gh/tes/v1/tasks", task);
    fake.tasks[0].state = TASK_COMPLETE;
    with_bearer("GET", "/ga4gh/tes/v1/tasks/00000000000000000000000000000001?view=FULL", "");
    assert_non_null(strstr(c.body, "\"stdout\":\"hello\xef\xbf\xbd\\n\""));
    assert_non_null(strstr(c.body, "\"content\":\"x=1\""));
    assert_non_null(strstr(c.body, "\"size_bytes\":\"42\""));
    assert_non_null(strstr(c.body, "\"node\":\"sat-1\""));
    with_bearer("GET", "/ga4gh/tes/v1/tasks/00000000000000000000000000000001?view=BASIC", "");
    assert_null(strstr(c.body, "\"stdout\""));
    assert_null(strstr(c.body, "\"content\""));
    assert_non_null(strstr(c.body, "\"exit_code\":0"));
    assert_int_equal(with_bearer("GET", "/ga4gh/tes/v1/tasks?view=SOME", ""), 400);
}

static void credentials_are_needed_but_for_service_info(void **state)
{
    (void)state;
    static const char *const headers[] = {"", "Authorization: Bearer wrong\r\n", "Authorization: Basic QUtJREVYQU1QTEU6d3Jvbmc=\r\n",
                                          "Authorization: Basic !!!\r\n"};
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        char request[300];
        int n = snprintf(request, sizeof request, "GET /ga4gh/tes/v1/tasks HTTP/1.1\r\nHost: h\r\n%s\r\n", headers[i]);
        client_raw(&c, request, (size_t)n);
        assert_true(c.status == 401 || c.status == 400 || c.status == 403);
    }
    static const char info[] = "GET /ga4gh/tes/v1/service-info HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_int_equal(client_raw(&c, info, sizeof info - 1), 200);
    assert_int_equal(client_do(&c, "GET", "/ga4gh/tes/v1/tasks"), 200);
}

static void bad_tasks_are_told_what_is_wrong(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "not JSON"}, {"[]", "must be a JSON object"}, {"{}", "executors must be"}, {"{\"a\":1,\"a\":2}", "not JSON"},
        {"{\"executors\":[{\"image\":\"ubuntu\",\"command\":[\"x\"]}]}", "executors[0].image"},
        {"{\"executors\":[{\"image\":\"app:x\",\"command\":[]}]}", "executors[0].command"},
        {"{\"executors\":[{\"image\":\"app:x\",\"command\":[\"a\\u0000b\"]}]}", "not JSON"},
        {"{\"executors\":[{\"image\":\"app:x\",\"command\":[\"x\"]}],\"inputs\":[{\"url\":\"s3://eo/a\",\"path\":\"/work/../etc\"}]}", "inputs[0].path"},
        {"{\"executors\":[{\"image\":\"app:x\",\"command\":[\"x\"]}],\"inputs\":[{\"url\":\"http://eo/a\",\"path\":\"/work/a\"}]}", "inputs[0].url"},
        {"{\"executors\":[{\"image\":\"app:x\",\"command\":[\"x\"]}],\"resources\":{\"cpu_cores\":-1}}", "resources.cpu_cores"},
        {"{\"executors\":[{\"image\":\"app:x\",\"command\":[\"x\"]}],\"resources\":{\"backend_parameters\":{\"deadline\":\"soon\"}}}", "deadline"},
        {"{\"executors\":[{\"image\":\"app:x\",\"command\":[\"x\"]}],\"resources\":{\"backend_parameters\":{\"colour\":\"red\"},"
         "\"backend_parameters_strict\":true}}", "colour"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(with_bearer("POST", "/ga4gh/tes/v1/tasks", cases[i][0]), 400);
        assert_non_null(strstr(c.body, cases[i][1]));
        assert_non_null(strstr(c.body, "\"status_code\":400"));
    }
    assert_int_equal(fake.task_count, 0);
}

static void too_large_a_body_is_refused(void **state)
{
    (void)state;
    static const char big[] = "POST /ga4gh/tes/v1/tasks HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " CLIENT_SECRET
                              "\r\nContent-Length: 10000000\r\n\r\n";
    assert_int_equal(client_raw(&c, big, sizeof big - 1), 413);
}

static void the_console_shows_state_objects_and_events(void **state)
{
    (void)state;
    const struct effect_trace trace = {TRACE_LINK_UP, 2, SPAN_LITERAL("sat-2 \"up\"")};
    client_put(&c, "/bucket/k", "1");
    assert_int_equal(client_do(&c, "GET", "/console/api/state"), 200);
    assert_non_null(strstr(c.body, "\"region\":\"noct-1\""));
    assert_int_equal(client_do(&c, "GET", "/console/api/objects?bucket=bucket"), 200);
    assert_non_null(strstr(c.body, "\"copies_now\":2"));
    assert_int_equal(client_do(&c, "GET", "/console/api/tasks"), 200);
    for (int i = 0; i < 600; i++)
        region_trace(fake.region, &fake.time, &trace);
    client_do(&c, "GET", "/console/api/events?since=598");
    assert_non_null(strstr(c.body, "{\"n\":599,\"time\":\"2026-11-21T06:00:00.000Z\",\"event\":\"LINK_UP\",\"level\":\"I\","
                                   "\"node\":\"sat-2\",\"text\":\"sat-2 \\\"up\\\"\"}"));
    assert_int_equal(client_do(&c, "GET", "/console/"), 200);
    assert_true(client_says(&c, "Content-Security-Policy: default-src 'self'"));
    assert_int_equal(client_do(&c, "GET", "/console/other"), 404);
}

static void events_stream_as_they_happen(void **state)
{
    (void)state;
    const struct effect_trace trace = {TRACE_CAPTURE, 1, SPAN_LITERAL("a picture")};
    client_do(&c, "GET", "/console/api/events");
    assert_true(client_says(&c, "text/event-stream"));
    region_trace(fake.region, &fake.time, &trace);
    region_tick(fake.region, &fake.time);
    client_read(&c);
    assert_non_null(strstr(c.body, "id: 1\ndata: {\"n\":1,"));
    assert_false(client_socket(&c)->closed);
}

static void an_operator_sees_where_an_object_is(void **state)
{
    (void)state;
    client_put(&c, "/bucket/k", "1");
    assert_int_equal(client_do(&c, "GET", "/noct/v1/object?bucket=bucket&key=k"), 200);
    assert_non_null(strstr(c.body, "\"survives\":0"));
    assert_non_null(strstr(c.body, "\"nodes\":[\"sat-1\",\"sat-2\"]"));
    assert_int_equal(client_do(&c, "GET", "/noct/v1/status"), 200);
    assert_int_equal(client_do(&c, "GET", "/noct/v1/object?bucket=bucket&key=absent"), 404);
    static const char anonymous[] = "GET /noct/v1/status HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_int_equal(client_raw(&c, anonymous, sizeof anonymous - 1), 401);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_task_is_created_seen_and_cancelled),
        TEST(views_show_as_much_as_was_asked),
        TEST(credentials_are_needed_but_for_service_info),
        TEST(bad_tasks_are_told_what_is_wrong),
        TEST(too_large_a_body_is_refused),
        TEST(the_console_shows_state_objects_and_events),
        TEST(events_stream_as_they_happen),
        TEST(an_operator_sees_where_an_object_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
