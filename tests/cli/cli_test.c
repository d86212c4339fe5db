#include "test.h"

#include <string.h>

#include "cli/http_client.h"

static const char help[] = "usage: test\n";

struct options {
    const char *state, *port;
    bool json;
};

static bool parse(struct options *o, struct cli_arguments *a, int *code, int argc, char **argv)
{
    const struct cli_option options[] = {{"state", &o->state, NULL}, {"port", &o->port, NULL}, {"json", NULL, &o->json}};
    *o = (struct options){0};
    return cli_parse(argc, argv, help, options, COUNT_OF(options), a, code);
}

static void options_may_stand_anywhere(void **state)
{
    (void)state;
    struct options o;
    struct cli_arguments a;
    int code;
    char *argv[] = {"noct", "one", "--state", "dir", "--json", "two", "--port=80", "--", "--json", NULL};
    assert_true(parse(&o, &a, &code, 9, argv));
    assert_string_equal(o.state, "dir");
    assert_string_equal(o.port, "80");
    assert_true(o.json);
    assert_int_equal(a.count, 2);
    assert_string_equal(a.items[1], "two");
    assert_string_equal(a.rest[0], "--json");
    assert_null(a.rest[1]);
}

static void bad_options_are_a_usage_error(void **state)
{
    (void)state;
    char *cases[][3] = {{"noct", "--bogus", NULL}, {"noct", "--state", NULL}, {"noct", "--json=1", NULL}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct options o;
        struct cli_arguments a;
        int code = 0;
        assert_false(parse(&o, &a, &code, 2, cases[i]));
        assert_int_equal(code, CLI_USAGE);
    }
}

static void numbers_are_bounded(void **state)
{
    (void)state;
    uint64_t n;
    assert_true(cli_parse_number("600", 1, 600, &n) && n == 600);
    assert_false(cli_parse_number("0", 1, 600, &n));
    assert_false(cli_parse_number("601", 1, 600, &n));
    assert_false(cli_parse_number("6x", 1, 600, &n));
    assert_false(cli_parse_number("-1", 1, 600, &n));
    assert_false(cli_parse_number("", 1, 600, &n));
}

static void s3_urls_are_taken_apart(void **state)
{
    (void)state;
    struct s3_url u;
    assert_true(s3_url_parse("s3://eo/a/b c.ppm", &u));
    assert_string_equal(u.bucket, "eo");
    assert_string_equal(u.key, "a/b c.ppm");
    assert_true(s3_url_parse("s3://eo", &u));
    assert_string_equal(u.key, "");
    assert_false(s3_url_parse("s3:///key", &u));
    assert_false(s3_url_parse("http://eo/key", &u));
    assert_false(s3_url_parse("s3://0123456789012345678901234567890123456789012345678901234567890123456789/k", &u));
}

static void xml_elements_come_in_order_and_unescaped(void **state)
{
    (void)state;
    const char *at = "<A><Key>a&amp;b</Key><Key>&lt;2&gt;</Key><Key>open</A>";
    struct text t;
    assert_true(xml_next(&at, "Key", &t));
    assert_string_equal(text_string(&t), "a&b");
    text_free(&t);
    assert_true(xml_next(&at, "Key", &t));
    assert_string_equal(text_string(&t), "<2>");
    text_free(&t);
    assert_false(xml_next(&at, "Key", &t));
}

static void sizes_are_written_for_people(void **state)
{
    (void)state;
    char out[32];
    cli_bytes_text(0, out);
    assert_string_equal(out, "0 B");
    cli_bytes_text(1536, out);
    assert_string_equal(out, "1.5 KiB");
    cli_bytes_text(UINT64_C(5) << 40, out);
    assert_string_equal(out, "5.0 TiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(bad_options_are_a_usage_error),
        cmocka_unit_test(numbers_are_bounded),
        cmocka_unit_test(s3_urls_are_taken_apart),
        cmocka_unit_test(xml_elements_come_in_order_and_unescaped),
        cmocka_unit_test(sizes_are_written_for_people),
    };
    return cmocka_run_group_tests_name("cli/cli", tests, NULL, NULL);
}
