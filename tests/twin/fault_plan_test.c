/* Fault plans as data: what is drawn is written, what is written is read, what is wrong is named with its place. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twin/fault_atlas.h"
#include "twin/fault_draw.h"

static struct scenario *scenario_of(const char *faults)
{
    static const char head[] =
        "name: small\nepoch: 2026-11-21T09:00:00Z\n"
        "constellation:\n"
        "  - {kind: walker-delta, prefix: sat, count: 6, planes: 3, phasing: 1, altitude_km: 1200, inclination_deg: 60}\n"
        "gateways:\n  - {name: gw-a, latitude_deg: 10, longitude_deg: 20}\n  - {name: gw-b, latitude_deg: 50, longitude_deg: 8}\n";
    char text[4096];
    snprintf(text, sizeof text, "%sfaults: {%s}\n", head, faults);
    struct scenario *s = NULL;
    struct scenario_error error;
    err e = scenario_parse(span_text(text), NULL, NULL, &s, &error);
    if (e != ERR_OK)
        print_error("%d:%d %s\n", error.line, error.column, error.text);
    assert_int_equal(e, ERR_OK);
    return s;
}

static const char every[] =
#define FAULT(name, word, key, target, mean_s, parameter, low, high, usual, choices, text) key ": 20, "
#include "node/fault.def"
#undef FAULT
    "replaced_share: 0.5, swizzles_per_day: 10";

static struct fault_plan drawn(const struct scenario *s, uint64_t seed, bool beyond, struct text *remarks)
{
    struct sky *sky = NULL;
    struct fault_plan plan;
    struct text own = text_new(NULL, 64 << 10);
    assert_int_equal(scenario_sky(s, NULL, &sky), ERR_OK);
    fault_draw(s, sky, seed, NS_PER_DAY, beyond, &plan, remarks ? remarks : &own);
    sky_free(sky);
    free(sky);
    text_free(&own);
    return plan;
}

static bool plans_equal(const struct fault_plan *a, const struct fault_plan *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct fault *x = &a->faults[i], *y = &b->faults[i];
        if (x->at != y->at || x->duration != y->duration || x->kind != y->kind || x->node != y->node || x->peer != y->peer ||
            x->value != y->value || x->choice != y->choice || x->draw != y->draw)
            return false;
    }
    return true;
}

static void a_plan_of_every_kind_is_written_and_read_back_as_it_was(void **state)
{
    (void)state;
    struct scenario *s = scenario_of(every);
    bool seen[FAULT_KIND_COUNT] = {false};
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct fault_plan plan = drawn(s, seed, true, NULL), again;
        struct text text = text_new(NULL, 16 << 20);
        struct scenario_error error;
        fault_plan_write(s, &plan, "one remark\nanother", &text);
        err e = fault_plan_read(s, text_span(&text), &again, &error);
        if (e != ERR_OK)
            print_error("%d:%d %s\n", error.line, error.column, error.text);
        assert_int_equal(e, ERR_OK);
        assert_true(plans_equal(&plan, &again));
        for (size_t i = 0; i < plan.count; i++)
            seen[plan.faults[i].kind] = true;
        fault_plan_free(&plan);
        fault_plan_free(&again);
        text_free(&text);
    }
    for (size_t k = 0; k < FAULT_KIND_COUNT; k++)
        assert_true(seen[k]);
    scenario_free(s);
}

static void what_is_wrong_in_a_plan_is_named_with_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        const char *says;
    } wrong[] = {
        {"", 1, 1, "empty"},
        {"noct-faults 2\n", 1, 1, "begins with the line"},
        {"noct-faults 1\n\n# fine\n12.5 crash sat-9 for=3\n", 4, 12, "no node"},
        {"noct-faults 1\nsoon crash sat-1 for=3\n", 2, 1, "instant"},
        {"noct-faults 1\n1.0000000001 crash sat-1 for=3\n", 2, 1, "instant"},
        {"noct-faults 1\n-1 crash sat-1 for=3\n", 2, 1, "instant"},
        {"noct-faults 1\n1 explode sat-1 for=3\n", 2, 3, "no kind"},
        {"noct-faults 1\n1 crash sat-1\n", 2, 14, "needs for"},
        {"noct-faults 1\n1 crash sat-1 for=3 for=4\n", 2, 21, "twice"},
        {"noct-faults 1\n1 crash sat-1 for=3 factor=4\n", 2, 21, "takes for"},
        {"noct-faults 1\n1 station sat-1 for=3\n", 2, 11, "strikes gateways"},
        {"noct-faults 1\n1 latch-up gw-a for=3\n", 2, 12, "strikes satellites"},
        {"noct-faults 1\n1 cut sat-1 sat-1 for=3\n", 2, 13, "two different ends"},
        {"noct-faults 1\n1 plane-loss plane=9 for=3\n", 2, 14, "orbital plane"},
        {"noct-faults 1\n1 flip sat-1 area=moon\n", 2, 14, "area must be one of: chunks facts spool"},
        {"noct-faults 1\n1 disk-slow sat-1 for=1 factor=1\n", 2, 25, "from 2 to"},
        {"noct-faults 1\n1 flip sat-1 draw=18446744073709551616\n", 2, 14, "2^64"},
        {"noct-faults 1\n1 flip sat-1 loudly\n", 2, 14, "name=value"},
    };
    struct scenario *s = scenario_of("");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct fault_plan plan;
        struct scenario_error error;
        assert_int_equal(fault_plan_read(s, span_text(wrong[i].text), &plan, &error), ERR_INVALID);
        if (!strstr(error.text, wrong[i].says) || error.line != wrong[i].line || error.column != wrong[i].column)
            print_error("%zu: %d:%d %s\n", i, error.line, error.column, error.text);
        assert_non_null(strstr(error.text, wrong[i].says));
        assert_int_equal(error.line, wrong[i].line);
        assert_int_equal(error.column, wrong[i].column);
        assert_int_equal(plan.count, 0);
    }
    scenario_free(s);
}

static void instants_are_read_to_the_nanosecond_and_sorted(void **state)
{
    (void)state;
    struct scenario *s = scenario_of("");
    struct fault_plan plan;
    struct scenario_error error;
    const char text[] = "noct-faults 1\n7.000000001 crash sat-2 for=0.5 # late\n\t3 drift gw-a for=10 ppm=-7 draw=9\n3 storm for=1";
    assert_int_equal(fault_plan_read(s, span_text(text), &plan, &error), ERR_OK);
    assert_int_equal(plan.count, 3);
    assert_int_equal(plan.faults[0].kind, FAULT_DRIFT);
    assert_int_equal(plan.faults[0].value, -7);
    assert_int_equal(plan.faults[0].draw, 9);
    assert_int_equal(plan.faults[1].kind, FAULT_STORM);
    assert_int_equal(plan.faults[1].value, 30);
    assert_int_equal(plan.faults[2].at, 7 * NS_PER_S + 1);
    assert_int_equal(plan.faults[2].duration, NS_PER_S / 2);
    fault_plan_free(&plan);
    scenario_free(s);
}

static void a_rate_of_one_kind_does_not_move_the_faults_of_another(void **state)
{
    (void)state;
    struct scenario *few = scenario_of("link_losses_per_day: 3"), *more = scenario_of("link_losses_per_day: 3, storms_per_day: 9");
    struct fault_plan a = drawn(few, 4, false, NULL), b = drawn(more, 4, false, NULL);
    size_t j = 0;
    assert_true(a.count > 10 && b.count > a.count);
    for (size_t i = 0; i < a.count; i++) {
        while (j < b.count && b.faults[j].kind != FAULT_CUT)
            j++;
        assert_true(j < b.count);
        assert_int_equal(a.faults[i].at, b.faults[j].at);
        assert_int_equal(a.faults[i].draw, b.faults[j++].draw);
    }
    fault_plan_free(&a);
    fault_plan_free(&b);
    scenario_free(few);
    scenario_free(more);
}

static void a_swarm_leaves_kinds_out_and_says_which_rates_it_drew(void **state)
{
    (void)state;
    char faults[4096];
    snprintf(faults, sizeof faults, "%s, swarm: true", every);
    struct scenario *s = scenario_of(faults);
    size_t without = 0, with = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct text remarks = text_new(NULL, 64 << 10);
        struct fault_plan plan = drawn(s, seed, true, &remarks);
        bool seen[FAULT_KIND_COUNT] = {false};
        for (size_t i = 0; i < plan.count; i++)
            seen[plan.faults[i].kind] = true;
        for (size_t k = 0; k < FAULT_KIND_COUNT; k++) {
            with += seen[k];
            without += !seen[k];
        }
        assert_non_null(strstr(text_string(&remarks), "storms_per_day"));
        assert_non_null(strstr(text_string(&remarks), "swarm"));
        fault_plan_free(&plan);
        text_free(&remarks);
    }
    assert_true(with > 40 * FAULT_KIND_COUNT / 4 && without > 40 * FAULT_KIND_COUNT / 4);
    scenario_free(s);
}

static void every_kind_and_key_is_documented(void **state)
{
    (void)state;
    static char page[32768];
    FILE *f = fopen("docs/format/fault-plan.md", "r");
    assert_non_null(f);
    page[fread(page, 1, sizeof page - 1, f)] = 0;
    fclose(f);
    for (size_t k = 0; k < FAULT_KIND_COUNT; k++) {
        char row[128];
        const struct fault_kind_info *info = fault_kind_info((enum fault_kind)k);
        snprintf(row, sizeof row, "| `%s` | ", info->word);
        assert_non_null(strstr(page, row));
        snprintf(row, sizeof row, "| `%s` | %.40s", info->key, info->text);
        assert_non_null(strstr(page, row));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_of_every_kind_is_written_and_read_back_as_it_was),
        cmocka_unit_test(what_is_wrong_in_a_plan_is_named_with_line_and_column),
        cmocka_unit_test(instants_are_read_to_the_nanosecond_and_sorted),
        cmocka_unit_test(a_rate_of_one_kind_does_not_move_the_faults_of_another),
        cmocka_unit_test(a_swarm_leaves_kinds_out_and_says_which_rates_it_drew),
        cmocka_unit_test(every_kind_and_key_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
