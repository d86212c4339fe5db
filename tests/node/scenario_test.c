#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/scenario.h"

#define HEAD "name: t\nepoch: 2026-11-21T06:00:00Z\n"
#define SHELL "constellation:\n  - {kind: string, count: 4, altitude_km: 550, inclination_deg: 97.6, ltan_h: 10.5, spacing_deg: 10}\n"
#define GROUND "gateways:\n  - {name: gw-a, latitude_deg: 78.2, longitude_deg: 15.4}\n"

static struct scenario_error wrong;

static err parse(const char *text, struct scenario **out)
{
    return scenario_parse(span_text(text), NULL, NULL, out, &wrong);
}

static void expect_error(const char *text, int line, const char *part)
{
    struct scenario *s = NULL;
    assert_int_equal(parse(text, &s), ERR_INVALID);
    if (wrong.line != line || !strstr(wrong.text, part))
        fail_msg("line %d: %s; expected line %d and `%s`", wrong.line, wrong.text, line, part);
}

static void a_small_scenario_gives_nodes_in_order(void **state)
{
    (void)state;
    struct scenario *s;
    assert_int_equal(parse(HEAD SHELL GROUND, &s), ERR_OK);
    assert_int_equal(s->satellite_count, 4);
    assert_int_equal(s->site_count, 5);
    assert_int_equal(scenario_node(s, "sat-2"), 2);
    assert_int_equal(scenario_node(s, "gw-a"), 5);
    assert_true(scenario_is_gateway(s, 5));
    struct config c;
    scenario_config(s, 5, 3, &c);
    assert_int_equal(c.lanes_millis, 0);
    assert_int_equal(c.boot, 3);
    scenario_free(s);
}

static void every_node_remembers_equally_many_tasks(void **state)
{
    (void)state;
    struct scenario *s;
    struct config satellite, gateway;
    assert_int_equal(parse(HEAD SHELL GROUND "memory: {satellite_mib: 8, gateway_mib: 1024}\n", &s), ERR_OK);
    scenario_config(s, 1, 1, &satellite);
    scenario_config(s, 5, 1, &gateway);
    assert_int_equal(satellite.limits.tasks_max, gateway.limits.tasks_max); /* it is part of the folded state */
    scenario_free(s);
}

static void an_unknown_key_is_named_with_its_line_and_a_suggestion(void **state)
{
    (void)state;
    expect_error(HEAD "sped: 60\n" SHELL GROUND, 3, "did you mean `speed`");
}

static void values_outside_their_range_are_named(void **state)
{
    (void)state;
    expect_error(HEAD "speed: 6000\n" SHELL GROUND, 3, "between 1 and 600");
    expect_error(HEAD SHELL "gateways:\n  - {name: g, latitude_deg: 95, longitude_deg: 0}\n", 6, "between -90 and 90");
}

static void a_name_used_twice_is_refused(void **state)
{
    (void)state;
    expect_error(HEAD SHELL GROUND "  - {name: gw-a, latitude_deg: 1, longitude_deg: 1}\n", 7, "used twice");
}

static void an_impossible_walker_is_explained(void **state)
{
    (void)state;
    expect_error(HEAD "constellation:\n  - {kind: walker-delta, count: 10, planes: 3, altitude_km: 550}\n" GROUND, 4, "multiple");
}

static err load_data(void *context, const char *name, struct span *out)
{
    static char text[65536];
    char path[128];
    (void)context;
    snprintf(path, sizeof path, "%s", name);
    FILE *f = fopen(path, "r");
    if (!f)
        return ERR_IO;
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    *out = span_of(text, size);
    return ERR_OK;
}

static void satellites_come_from_element_files(void **state)
{
    (void)state;
    struct scenario *s;
    const char *tle = HEAD "constellation:\n  - {kind: tle, prefix: ref, file: tests/data/ref_sats.tle}\n" GROUND;
    assert_int_equal(scenario_parse(span_text(tle), load_data, NULL, &s, &wrong), ERR_OK);
    assert_int_equal(s->satellite_count, 10);
    scenario_free(s);
    const char *omm = HEAD "constellation:\n  - {kind: omm, prefix: ref, file: tests/data/two.omm.csv}\n" GROUND;
    if (scenario_parse(span_text(omm), load_data, NULL, &s, &wrong) != ERR_OK)
        fail_msg("%d: %s", wrong.line, wrong.text);
    assert_int_equal(s->satellite_count, 2);
    scenario_free(s);
    const char *none = HEAD "constellation:\n  - {kind: omm, file: tests/data/none}\n" GROUND;
    assert_int_equal(scenario_parse(span_text(none), load_data, NULL, &s, &wrong), ERR_INVALID);
    assert_int_equal(wrong.line, 4);
}

static void missing_sections_are_named(void **state)
{
    (void)state;
    expect_error("name: t\n" SHELL GROUND, 1, "lacks `epoch`");
    expect_error("", 0, "empty");
}

static void broken_yaml_is_no_crash(void **state)
{
    (void)state;
    struct scenario *s;
    assert_int_equal(parse("name: [", &s), ERR_INVALID);
    assert_true(wrong.line > 0);
    assert_int_equal(parse("\xff\xfe", &s), ERR_INVALID);
    assert_int_equal(parse("- 1\n- 2\n", &s), ERR_INVALID);
}

static void yaml_that_would_hold_us_for_minutes_is_refused_at_once(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE + 16);
    assert_non_null(text);
    memset(text, '[', SIZE);
    text[SIZE] = 0;
    expect_error(text, 1, "nested too deep");
    size_t at = 0;
    for (int i = 0; at < SIZE - 32; i++)
        at += (size_t)snprintf(text + at, 32, "- &a%d x\n", i);
    expect_error(text, 1001, "too many anchors");
    memset(text, '#', SIZE + 1);
    text[SIZE + 1] = 0;
    expect_error(text, 1, "mebibyte");
    free(text);
    expect_error("&r\nname: t\nepoch: 2026-11-21T06:00:00Z\nconstellation: &c\n  - *c\ngateways: *c\n", 4, "must be a mapping");
}

static void instants_that_overflow_are_refused(void **state)
{
    (void)state;
    expect_error("name: t\nepoch: 1700-01-01T00:00:00Z\n" SHELL GROUND, 2, "between 1970 and 2099");
    expect_error("name: t\nepoch: 2100-01-01T00:00:00Z\n" SHELL GROUND, 2, "between 1970 and 2099");
    expect_error("name: t\nepoch: 2026-02-30T00:00:00Z\n" SHELL GROUND, 2, "UTC time");
    expect_error(HEAD SHELL GROUND "events:\n  - {kind: burn, latitude_deg: 0, longitude_deg: 0, start: 106000d}\n", 8, "between 0 s");
}

static void a_name_of_folders_is_no_name(void **state)
{
    (void)state;
    expect_error("name: ..\nepoch: 2026-11-21T06:00:00Z\n" SHELL GROUND, 1, "not at its beginning");
}

static void the_delivered_scenarios_are_valid(void **state)
{
    (void)state;
    const char *files[] = {"scenarios/first-mesh.yaml"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        static char text[65536];
        FILE *f = fopen(files[i], "r");
        assert_non_null(f);
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
        struct scenario *s;
        if (parse(text, &s) != ERR_OK)
            fail_msg("%s:%d: %s", files[i], wrong.line, wrong.text);
        scenario_free(s);
    }
}

static void a_mesh_that_nobody_could_plan_is_refused_before_it_is_tried(void **state)
{
    (void)state;
    expect_error(HEAD "constellation:\n  - {kind: walker-delta, count: 19900, planes: 100}\n" GROUND "links: {range_max_km: 1e9}\n", 7,
                 "million links would stand at a time");
    expect_error(HEAD "constellation:\n  - {kind: walker-delta, count: 19900, planes: 100, body: mars, altitude_km: 400}\n" GROUND, 1,
                 "too many pairs to watch");
    expect_error(HEAD "constellation:\n  - {kind: walker-delta, count: 20000, planes: 100}\n" GROUND, 6, "more than 20000");
    struct scenario *s;
    assert_int_equal(scenario_parse_within(7, span_text(HEAD "constellation:\n  - {kind: walker-delta, count: 20000, planes: 100}\n" GROUND), NULL,
                                           NULL, &s, &wrong), ERR_INVALID);
    assert_non_null(strstr(wrong.text, "more than 7"));
}

static void the_size_of_a_mesh_is_told_about_right(void **state)
{
    (void)state;
    struct scenario *s;
    assert_int_equal(parse(HEAD "constellation:\n  - {kind: walker-delta, count: 1200, planes: 30, inclination_deg: 53}\n" GROUND
                           "links: {range_max_km: 1500}\n", &s), ERR_OK);
    struct scenario_size size = scenario_size(s);
    struct sky *sky;
    assert_int_equal(scenario_sky(s, NULL, &sky), ERR_OK);
    size_t standing = 0, begun = 0;
    assert_int_equal(sky_plan_extend(sky, s->epoch + 10 * NS_PER_MINUTE), ERR_OK);
    for (size_t k = 0; k < sky_pair_count(sky); k++) {
        size_t count;
        const struct contact *c = sky_pair_contacts(sky, k, &count);
        for (size_t i = 0; i < count; i++) {
            standing += c[i].kind == LINK_ISL && c[i].start <= s->epoch;
            begun += c[i].kind == LINK_ISL && c[i].start > s->epoch && c[i].start <= s->epoch + 10 * NS_PER_MINUTE;
        }
    }
    if (size.links < 0.8 * (double)standing || size.links > 1.25 * (double)standing)
        fail_msg("%zu links stand; %g were told", standing, size.links);
    if (size.contacts_per_hour < 4.0 * (double)begun || size.contacts_per_hour > 8.0 * (double)begun)
        fail_msg("%zu contacts begin in ten minutes; %g an hour were told", begun, size.contacts_per_hour);
    sky_free(sky);
    free(sky);
    scenario_free(s);
}

static void tasks_that_nobody_can_run_are_refused(void **state)
{
    (void)state;
    expect_error(HEAD SHELL GROUND "compute: {cores: 0}\nworkload:\n  {tasks_per_hour: 1}\n", 9, "no satellite has such a lane");
    expect_error(HEAD SHELL GROUND "compute: {cores: 0.5}\nworkload:\n  {tasks_per_hour: 1}\n", 9, "no satellite has such a lane");
    expect_error(HEAD SHELL GROUND "compute: {memory_mib: 32}\nworkload:\n  {tasks_per_hour: 1}\n", 9, "no satellite has such a lane");
    struct scenario *s;
    assert_int_equal(parse(HEAD SHELL GROUND "compute: {cores: 0}\nworkload: {puts_per_hour: 1}\n", &s), ERR_OK);
    scenario_free(s);
}

static err load_text(void *context, const char *name, struct span *out)
{
    (void)name;
    *out = span_text(context);
    return ERR_OK;
}

static void another_file_behind_the_same_name_is_another_scenario(void **state)
{
    (void)state;
    const char *yaml = HEAD SHELL GROUND "craft: own.yaml\n";
    char one[] = "class: box-4kw\nstorage_gib: 3\n", two[] = "class: box-4kw\nstorage_gib: 2\n";
    struct scenario *first, *second, *again, *without;
    assert_int_equal(scenario_parse(span_text(yaml), load_text, one, &first, &wrong), ERR_OK);
    assert_int_equal(scenario_parse(span_text(yaml), load_text, two, &second, &wrong), ERR_OK);
    assert_int_equal(scenario_parse(span_text(yaml), load_text, one, &again, &wrong), ERR_OK);
    assert_int_equal(parse(HEAD SHELL GROUND, &without), ERR_OK);
    assert_true(first->files_digest != second->files_digest);
    assert_true(first->files_digest == again->files_digest);
    assert_true(first->files_digest != 0 && without->files_digest == 0);
    scenario_free(first);
    scenario_free(second);
    scenario_free(again);
    scenario_free(without);
}

static void a_byte_order_mark_and_line_ends_of_windows_are_no_matter(void **state)
{
    (void)state;
    struct scenario *s;
    assert_int_equal(parse("\xef\xbb\xbfname: t\r\nepoch: 2026-11-21T06:00:00Z\r\n" SHELL GROUND, &s), ERR_OK);
    assert_string_equal(s->name, "t");
    scenario_free(s);
    expect_error(HEAD SHELL GROUND "---\nname: other\n", 7, "a second document");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_scenario_gives_nodes_in_order),
        cmocka_unit_test(every_node_remembers_equally_many_tasks),
        cmocka_unit_test(an_unknown_key_is_named_with_its_line_and_a_suggestion),
        cmocka_unit_test(values_outside_their_range_are_named),
        cmocka_unit_test(a_name_used_twice_is_refused),
        cmocka_unit_test(an_impossible_walker_is_explained),
        cmocka_unit_test(satellites_come_from_element_files),
        cmocka_unit_test(missing_sections_are_named),
        cmocka_unit_test(broken_yaml_is_no_crash),
        cmocka_unit_test(yaml_that_would_hold_us_for_minutes_is_refused_at_once),
        cmocka_unit_test(instants_that_overflow_are_refused),
        cmocka_unit_test(a_name_of_folders_is_no_name),
        cmocka_unit_test(the_delivered_scenarios_are_valid),
        cmocka_unit_test(a_mesh_that_nobody_could_plan_is_refused_before_it_is_tried),
        cmocka_unit_test(the_size_of_a_mesh_is_told_about_right),
        cmocka_unit_test(tasks_that_nobody_can_run_are_refused),
        cmocka_unit_test(another_file_behind_the_same_name_is_another_scenario),
        cmocka_unit_test(a_byte_order_mark_and_line_ends_of_windows_are_no_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
