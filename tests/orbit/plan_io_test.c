#include "test.h"

#include <stdio.h>
#include <string.h>

#include "orbit/plan_io.h"
#include "orbit/walker.h"

#define START time_from_utc(2026, 11, 21, 6, 0, 0.0)
enum { PEARLS = 6, SITES = PEARLS + 2 };

static struct site sites[SITES];

static void sky_make(struct sky *sky, const struct contact_plan *plan)
{
    struct pearls p = {.altitude_km = 650, .inclination_deg = 97.986, .spacing_deg = 24, .count = PEARLS, .epoch = START};
    for (uint32_t k = 0; k < PEARLS; k++) {
        sites[k] = (struct site){.node = k + 1, .kind = SITE_SATELLITE, .slot = k};
        snprintf(sites[k].name, sizeof sites[k].name, "pearl-%u", k + 1);
        assert_int_equal(pearls_elements(&p, k, &sites[k].elements), ERR_OK);
    }
    sites[PEARLS] = (struct site){.node = 101, .name = "munich", .kind = SITE_GROUND, .latitude_deg = 48, .longitude_deg = 11};
    sites[PEARLS + 1] = (struct site){.node = 102, .name = "sydney", .kind = SITE_GROUND, .latitude_deg = -33, .longitude_deg = 151};
    struct link_rules rules = link_rules_default();
    rules.plan = plan;
    assert_int_equal(sky_init(sky, NULL, sites, SITES, &rules, START), ERR_OK);
}

static uint32_t node_of(const void *context, struct span name)
{
    uint64_t number;
    (void)context;
    for (size_t k = 0; k < SITES; k++)
        if (span_equal_text(name, sites[k].name))
            return sites[k].node;
    if (parse_u64(name, UINT32_MAX, &number) == ERR_OK)
        for (size_t k = 0; k < SITES; k++)
            if (sites[k].node == number)
                return sites[k].node;
    return 0;
}

static void plan_text(const struct sky *sky, enum contact_plan_format format, struct text *out)
{
    *out = text_new(NULL, 16 << 20);
    struct contact_plan_writer w = {.format = format, .reference = START, .sky = sky, .out = out};
    contact_plan_write_begin(&w);
    for (size_t k = 0; k < sky_pair_count(sky); k++) {
        size_t count;
        const struct contact *c = sky_pair_contacts(sky, k, &count);
        for (size_t i = 0; i < count; i++) {
            struct contact clipped = c[i];
            clipped.end = MIN(clipped.end, sky_plan_end(sky));
            contact_plan_write_contact(&w, &clipped);
        }
    }
    contact_plan_write_end(&w);
    assert_true(text_ok(out) && w.written > 10);
}

static err read(enum contact_plan_format format, const char *text, struct contact_plan *out, struct parse_error *error)
{
    struct contact_plan_source r = {.format = format, .reference = START, .node_of = node_of};
    return contact_plan_read(&r, span_text(text), out, error);
}

static void what_is_written_reads_back_and_is_written_alike(void **state)
{
    (void)state;
    for (enum contact_plan_format format = CONTACT_PLAN_CSV; format <= CONTACT_PLAN_HDTN; format++) {
        struct sky sky, imported;
        struct text one, two;
        struct contact_plan plan;
        struct parse_error error = {0};
        sky_make(&sky, NULL);
        assert_int_equal(sky_plan_extend(&sky, START + 3 * NS_PER_HOUR), ERR_OK);
        plan_text(&sky, format, &one);
        assert_int_equal(read(format, text_string(&one), &plan, &error), ERR_OK);
        assert_int_equal(contact_plan_check(&plan), ERR_OK);
        sky_make(&imported, &plan);
        for (int step = 1; step <= 18; step++)
            assert_int_equal(sky_plan_extend(&imported, START + step * 10 * NS_PER_MINUTE), ERR_OK);
        sky_check(&imported);
        assert_true(sky_plan_end(&imported) == sky_plan_end(&sky));
        plan_text(&imported, format, &two);
        assert_string_equal(text_string(&one), text_string(&two));
        text_free(&one);
        text_free(&two);
        sky_free(&sky);
        sky_free(&imported);
        contact_plan_free(&plan);
    }
}

static void doubts_survive_where_the_format_has_them(void **state)
{
    (void)state;
    struct contact_plan plan;
    struct parse_error error = {0};
    const char *csv = "start,end,a,b,rate_bps,delay_us,kind,confidence\n"
                      "2026-11-21T06:00:00.000Z,2026-11-21T06:10:00.000Z,pearl-1,munich,1000000,2000,ground,0.400\n"
                      "2026-11-21T07:00:00.000Z,2026-11-21T07:10:00.000Z,pearl-1,munich,1000000,2000,ground,1\n";
    assert_int_equal(read(CONTACT_PLAN_CSV, csv, &plan, &error), ERR_OK);
    assert_true(plan.count == 2 && plan.contacts[0].doubt_permille == 600 && plan.contacts[1].doubt_permille == 0);
    for (enum contact_plan_format format = CONTACT_PLAN_CSV; format <= CONTACT_PLAN_IONRC; format++) {
        struct sky sky;
        struct text out = text_new(NULL, 1 << 16);
        struct contact_plan again;
        sky_make(&sky, &plan);
        struct contact_plan_writer w = {.format = format, .reference = START, .sky = &sky, .out = &out};
        contact_plan_write_begin(&w);
        for (size_t k = 0; k < plan.count; k++) {
            struct contact c = plan.contacts[k];
            c.kind = LINK_GROUND;
            contact_plan_write_contact(&w, &c);
        }
        contact_plan_write_end(&w);
        if (format == CONTACT_PLAN_CSV)
            assert_string_equal(text_string(&out), csv);
        else
            assert_non_null(strstr(text_string(&out), "a contact +0 +600 101 1 125000 0.400\n"));
        assert_int_equal(read(format, text_string(&out), &again, &error), ERR_OK);
        assert_true(again.count == 2 && again.contacts[0].doubt_permille == 600 && again.contacts[1].doubt_permille == 0);
        contact_plan_free(&again);
        text_free(&out);
        sky_free(&sky);
    }
    contact_plan_free(&plan);
    assert_int_equal(read(CONTACT_PLAN_CSV, "start,end,a,b,rate_bps,delay_us,kind,confidence\n2026-11-21T06:00:00Z,2026-11-21T06:10:00Z,1,2,1,2,isl,1.1\n", &plan, &error),
                     ERR_INVALID);
    assert_true(error.line == 2 && strstr(error.text, "0 to 1"));
}

static void an_imported_plan_takes_the_place_of_geometry(void **state)
{
    (void)state;
    struct contact_plan plan;
    struct parse_error error = {0};
    assert_int_equal(read(CONTACT_PLAN_IONRC,
                          "# two contacts\n@ 2026/11/21-06:00:00\na contact +60 +120 1 4 1250000\na contact +60 +120 4 1 1250000\n"
                          "a range +0 +100000 1 4 1\na contact +300 +900 101 2 125\n",
                          &plan, &error),
                     ERR_OK);
    struct sky sky;
    sky_make(&sky, &plan);
    size_t count;
    assert_int_equal(sky_plan_extend(&sky, START + 10 * NS_PER_MINUTE), ERR_OK);
    assert_int_equal(sky_pair_count(&sky), 2);
    const struct contact *c = sky_contacts(&sky, 4, 1, &count);
    assert_true(count == 1 && c->start == START + 60 * NS_PER_S && c->end == START + 120 * NS_PER_S);
    assert_true(c->rate_bps == 10000000 && c->delay_us_mean == 1000000 && c->kind == LINK_ISL);
    c = sky_contacts(&sky, 2, 101, &count); /* goes on past the plan's end */
    assert_true(count == 1 && c->end == sky_plan_end(&sky) && c->kind == LINK_GROUND);
    assert_int_equal(sky_plan_extend(&sky, START + 20 * NS_PER_MINUTE), ERR_OK);
    c = sky_contacts(&sky, 2, 101, &count);
    assert_true(count == 1 && c->end == START + 900 * NS_PER_S);
    assert_true(sky_visible(&sky, 1, 4, START + 90 * NS_PER_S) && !sky_visible(&sky, 1, 4, START + 121 * NS_PER_S));
    assert_int_equal(sky_link_kind(&sky, 1, 2), LINK_NONE); /* they see each other, but the plan says nothing */
    sky_check(&sky);
    sky_free(&sky);

    struct link_rules rules = link_rules_default();
    rules.plan = &plan;
    assert_int_equal(sky_init(&sky, NULL, sites, 2, &rules, START), ERR_INVALID); /* without node 4 */
    contact_plan_free(&plan);
}

static void either_direction_makes_the_link_and_rates_may_change(void **state)
{
    (void)state;
    struct contact_plan plan;
    struct parse_error error = {0};
    assert_int_equal(read(CONTACT_PLAN_HDTN,
                          "{\"contacts\": [{\"contact\": 1, \"source\": 2, \"dest\": 1, \"startTime\": 10, \"endTime\": 20,"
                          "\"rateBitsPerSec\": 100, \"owlt\": 1}, {\"contact\": 2, \"source\": 1, \"dest\": 2, \"startTime\": 15,"
                          "\"endTime\": 30, \"rateBitsPerSec\": 100, \"owlt\": 1}, {\"contact\": 3, \"source\": 1, \"dest\": 2,"
                          "\"startTime\": 30, \"endTime\": 40, \"rateBitsPerSec\": 900, \"owlt\": 1}]}",
                          &plan, &error),
                     ERR_OK);
    assert_int_equal(plan.count, 2);
    assert_true(plan.contacts[0].start == START + 10 * NS_PER_S && plan.contacts[0].end == START + 30 * NS_PER_S);
    assert_true(plan.contacts[1].start == START + 30 * NS_PER_S + 1 && plan.contacts[1].rate_bps == 900);
    contact_plan_free(&plan);
}

static void two_ways_of_different_rate_are_one_contact_of_the_lower_also_after_a_change(void **state)
{
    (void)state;
    struct contact_plan plan;
    struct parse_error error = {0};
    assert_int_equal(read(CONTACT_PLAN_IONRC,
                          "a contact +0 +10 1 2 1000\na contact +0 +10 2 1 100\na contact +10 +20 1 2 500\na contact +10 +20 2 1 50\n", &plan,
                          &error),
                     ERR_OK);
    assert_int_equal(plan.count, 2);
    assert_true(plan.contacts[0].rate_bps == 800 && plan.contacts[1].rate_bps == 400);
    assert_true(plan.contacts[1].start == START + 10 * NS_PER_S + 1);
    assert_int_equal(contact_plan_check(&plan), ERR_OK);
    contact_plan_free(&plan);
}

static void bad_plans_are_refused_with_their_line(void **state)
{
    (void)state;
#define HEADER "start,end,a,b,rate_bps,delay_us\n"
#define TIMES "2026-11-21T06:00:00Z,2026-11-21T06:01:00Z,"
    static const struct {
        enum contact_plan_format format;
        const char *text;
        int line;
    } bad[] = {
        {CONTACT_PLAN_CSV, "", 1},
        {CONTACT_PLAN_CSV, "a,b,start,end\n", 1},
        {CONTACT_PLAN_CSV, HEADER TIMES "pearl-1,nobody,1,1\n", 2},
        {CONTACT_PLAN_CSV, HEADER "\n" TIMES "pearl-1,pearl-1,1,1\n", 3},
        {CONTACT_PLAN_CSV, HEADER TIMES "pearl-1,pearl-2,0,1\n", 2},
        {CONTACT_PLAN_CSV, HEADER TIMES "pearl-1,pearl-2,-5,1\n", 2},
        {CONTACT_PLAN_CSV, HEADER TIMES "pearl-1,pearl-2,1\n", 2},
        {CONTACT_PLAN_CSV, HEADER "2026-11-21T06:00:00Z,2026-11-21T06:00:00Z,pearl-1,pearl-2,1,1\n", 2},
        {CONTACT_PLAN_CSV, HEADER "yesterday,2026-11-21T06:00:00Z,pearl-1,pearl-2,1,1\n", 2},
        {CONTACT_PLAN_CSV, HEADER TIMES "pearl-1,pearl-2,1000,1\n2026-11-21T06:00:30Z,2026-11-21T06:02:00Z,pearl-2,pearl-1,2000,1\n", 3},
        {CONTACT_PLAN_IONRC, "a contact +0 +10 1 2\n", 1},
        {CONTACT_PLAN_IONRC, "a contact 0 +10 1 2 100\n", 1},
        {CONTACT_PLAN_IONRC, "# fine\nd contact * 1 2\n", 2},
        {CONTACT_PLAN_IONRC, "a span 1 2 3\n", 1},
        {CONTACT_PLAN_IONRC, "hello\n", 1},
        {CONTACT_PLAN_IONRC, "a contact +10 +10 1 2 100\n", 1},
        {CONTACT_PLAN_IONRC, "@ soon\n", 1},
        {CONTACT_PLAN_IONRC, "@ 2250/01/01-00:00:00\na contact +0 +3999999999 1 2 100\n", 2},
        {CONTACT_PLAN_IONRC, "@ +4000000000\n@ +4000000000\n", 2},
        {CONTACT_PLAN_HDTN, "{\"contacts\": [{\"contact\": 1, \"source\": 2, \"dest\": 1, \"startTime\": 1e999, \"endTime\": 20,"
                    "\"rateBitsPerSec\": 100, \"owlt\": 1}]}", 1},
        {CONTACT_PLAN_HDTN, "{\"contacts\": [\n  {\"source\": 1,\n", 3},
        {CONTACT_PLAN_HDTN, "[]", 1},
        {CONTACT_PLAN_HDTN, "{\"contacts\": [{\"contact\": 1, \"source\": 2, \"dest\": 1, \"startTime\": 10, \"endTime\": 20,"
                    "\"rateBitsPerSec\": 100, \"owlt\": 1},\n{\"source\": 2}]}", 2},
        {CONTACT_PLAN_HDTN, "{\"contacts\": [{\"contact\": 1, \"source\": 2, \"dest\": 1, \"startTime\": 10, \"endTime\": 20,"
                    "\"rateBitsPerSec\": 100, \"owlt\": 1},\n\n{\"contact\": 2, \"source\": 7, \"dest\": 1, \"startTime\": 10,"
                    "\"endTime\": 20, \"rateBitsPerSec\": 100, \"owlt\": 1}]}", 3},
    };
    struct sky sky;
    sky_make(&sky, NULL);
    for (size_t k = 0; k < COUNT_OF(bad); k++) {
        struct contact_plan plan;
        struct parse_error error = {0};
        assert_int_equal(read(bad[k].format, bad[k].text, &plan, &error), ERR_INVALID);
        if (error.line != bad[k].line)
            print_message("case %zu: line %d, expected %d: %s\n", k, error.line, bad[k].line, error.text);
        assert_int_equal(error.line, bad[k].line);
        assert_true(error.text[0] != 0);
    }
    sky_free(&sky);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back_and_is_written_alike),
        cmocka_unit_test(doubts_survive_where_the_format_has_them),
        cmocka_unit_test(an_imported_plan_takes_the_place_of_geometry),
        cmocka_unit_test(either_direction_makes_the_link_and_rates_may_change),
        cmocka_unit_test(two_ways_of_different_rate_are_one_contact_of_the_lower_also_after_a_change),
        cmocka_unit_test(bad_plans_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
