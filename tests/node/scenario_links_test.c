#include "test.h"

#include <math.h>
#include <string.h>

#include "node/scenario.h"

#define HEAD "name: t\nepoch: 2026-11-21T06:00:00Z\n"
#define SHELL "constellation:\n  - {kind: string, count: 4, altitude_km: 550, inclination_deg: 97.6, ltan_h: 10.5, spacing_deg: 10}\n"
#define GROUND "gateways:\n  - {name: gw-a, latitude_deg: 78.2, longitude_deg: 15.4}\n"

static struct scenario_error wrong;

static err load(void *context, const char *path, struct span *out)
{
    *out = span_text(context);
    return strncmp(path, "plan.", 5) == 0 ? ERR_OK : ERR_IO;
}

static err parse(const char *text, const char *plan, struct scenario **out)
{
    char copy[512];
    assert_true(strlen(plan) < sizeof copy);
    memcpy(copy, plan, strlen(plan) + 1);
    return scenario_parse(span_text(text), load, copy, out, &wrong);
}

#define ROW "start,end,a,b,rate_bps,delay_us\n2026-11-21T06:01:00Z,2026-11-21T06:02:00Z,sat-4,gw-a,1000,5\n"

static void a_plan_takes_the_place_of_geometry(void **state)
{
    (void)state;
    struct scenario *s;
    struct sky *sky;
    size_t count;
    assert_int_equal(parse(HEAD SHELL GROUND "links: {plan: plan.csv}\n", ROW, &s), ERR_OK);
    static _Alignas(16) uint8_t memory[1 << 20];
    struct heap heap;
    heap_init(&heap, memory, sizeof memory);
    assert_int_equal(scenario_sky(s, &heap, &sky), ERR_OK);
    assert_int_equal(sky_plan_extend(sky, s->epoch + NS_PER_HOUR), ERR_OK);
    assert_int_equal(sky_pair_count(sky), 1);
    const struct contact *c = sky_contacts(sky, 4, 5, &count);
    assert_true(count == 1 && c->start == s->epoch + NS_PER_MINUTE && c->rate_bps == 1000 && c->kind == LINK_GROUND);
    sky_free(sky);
    scenario_free(s);
}

static void a_wrong_plan_is_named_with_both_places(void **state)
{
    (void)state;
    struct scenario *s;
    assert_int_equal(parse(HEAD SHELL GROUND "links:\n  plan: plan.csv\n", "start,end,a,b,rate_bps,delay_us\nx\n", &s), ERR_INVALID);
    assert_true(wrong.line == 8 && strstr(wrong.text, "plan.csv:2"));
    assert_int_equal(parse(HEAD SHELL GROUND "links:\n  plan: plan.txt\n", ROW, &s), ERR_INVALID);
    assert_non_null(strstr(wrong.text, ".ionrc"));
    assert_int_equal(parse(HEAD SHELL GROUND "links:\n  plan: other.csv\n", ROW, &s), ERR_INVALID);
    assert_non_null(strstr(wrong.text, "cannot be read"));
}

static void limits_of_terminals_reach_the_rules(void **state)
{
    (void)state;
    struct scenario *s;
    const char *text = HEAD SHELL GROUND "links: {sun_exclusion_deg: 10, field_of_regard_deg: 60, slew_max_deg_per_s: 2}\n";
    assert_int_equal(parse(text, "", &s), ERR_OK);
    assert_true(fabs(s->links.sun_exclusion_rad - 10 * DEGREE_RAD) < 1e-12 && fabs(s->links.field_of_regard_rad - 60 * DEGREE_RAD) < 1e-12);
    assert_true(fabs(s->links.slew_max_rad_s - 2 * DEGREE_RAD) < 1e-12);
    scenario_free(s);
}

#define WALKER(phasing)                                                                                                                \
    "constellation:\n  - {kind: walker-delta, count: 240, planes: 20, phasing: " #phasing ", altitude_km: 550, inclination_deg: 53}\n"

static void a_grid_whose_planes_meet_is_taken_at_every_phasing(void **state)
{
    (void)state;
    struct scenario *s;
    const char *const texts[] = {HEAD WALKER(0) GROUND "links: {topology: grid}\n", HEAD WALKER(1) GROUND "links: {topology: grid}\n",
                                 HEAD WALKER(7) GROUND "links: {topology: grid}\n", HEAD WALKER(19) GROUND "links: {topology: grid}\n"};
    for (size_t k = 0; k < COUNT_OF(texts); k++) {
        if (parse(texts[k], "", &s) != ERR_OK)
            fail_msg("case %zu: %s", k, wrong.text);
        scenario_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_takes_the_place_of_geometry),
        cmocka_unit_test(a_wrong_plan_is_named_with_both_places),
        cmocka_unit_test(limits_of_terminals_reach_the_rules),
        cmocka_unit_test(a_grid_whose_planes_meet_is_taken_at_every_phasing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
