/* The atlas admits what the policy promises to survive, and names the reason for what it refuses. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "twin/fault_atlas.h"

static struct scenario *scenario_of(const char *more)
{
    char text[4096];
    snprintf(text, sizeof text,
             "name: small\nepoch: 2026-11-21T09:00:00Z\nscrub_interval: 30m\n"
             "constellation:\n"
             "  - {kind: walker-delta, prefix: sat, count: 6, planes: 3, phasing: 1, altitude_km: 1200, inclination_deg: 60}\n"
             "gateways:\n  - {name: gw-a, latitude_deg: 10, longitude_deg: 20}\n%s",
             more);
    struct scenario *s = NULL;
    struct scenario_error error;
    assert_int_equal(scenario_parse(span_text(text), NULL, NULL, &s, &error), ERR_OK);
    return s;
}

/* Shows the lines of a plan to the atlas; each must be admitted where `expected` holds '+', refused where '-'. */
static void judge(const char *more, bool beyond, const char *lines, const char *expected)
{
    struct scenario *s = scenario_of(more);
    struct fault_atlas atlas;
    struct fault_plan plan;
    struct scenario_error error;
    char text[4096];
    snprintf(text, sizeof text, "noct-faults 1\n%s", lines);
    err e = fault_plan_read(s, span_text(text), &plan, &error);
    if (e != ERR_OK)
        print_error("%d:%d %s\n", error.line, error.column, error.text);
    assert_int_equal(e, ERR_OK);
    assert_int_equal(plan.count, strlen(expected));
    fault_atlas_open(&atlas, s, NS_PER_DAY, beyond);
    for (size_t i = 0; i < plan.count; i++) {
        const char *why = fault_atlas_admit(&atlas, &plan.faults[i]);
        if ((why == NULL) != (expected[i] == '+'))
            print_error("fault %zu: %s\n", i, why ? why : "admitted");
        assert_int_equal(why == NULL, expected[i] == '+');
    }
    fault_atlas_close(&atlas);
    fault_plan_free(&plan);
    scenario_free(s);
}

static void one_node_at_a_time_goes_down_while_two_copies_are_promised(void **state)
{
    (void)state;
    judge("", false, "700 crash sat-1 for=600\n800 crash sat-2 for=5\n1310 crash sat-2 for=5\n2501 crash sat-2 for=5\n", "+--+");
    judge("", false, "700 crash sat-1 for=60\n1000 crash sat-1 for=60\n", "+-");
    judge("", false, "700 reset sat-1 for=30\n800 latch-up sat-2 for=5\n900 gateway-crash gw-a for=5\n", "+--");
}

static void a_plane_falls_only_where_the_copies_bear_it(void **state)
{
    (void)state;
    judge("", false, "700 plane-loss plane=0 for=60\n", "-"); /* two satellites, two copies */
    judge("buckets: [{name: b, copies: 3}]\n", false, "700 plane-loss plane=0 for=60\n", "-"); /* the customers' bucket has two */
    judge("", true, "700 plane-loss plane=0 for=60\n", "+");
}

static void nothing_begins_before_the_region_formed_or_ends_after_the_safety_phase(void **state)
{
    (void)state;
    judge("", false, "10 crash sat-1 for=5\n84000 crash sat-2 for=5000\n85000 cut sat-1 sat-2 for=10\n86000 crash sat-1 for=5\n", "--+-");
}

static void a_node_is_lost_for_ever_only_while_enough_others_hold_the_copies(void **state)
{
    (void)state;
    judge("", false, "700 loss sat-1\n2000 crash sat-2 for=5\n5000 loss sat-2\n5000 crash sat-1 for=5\n9000 loss sat-3\n13000 loss sat-4\n17000 loss sat-5\n",
          "+-+-++-"); /* two satellites must stay for two copies */
    judge("buckets: [{name: b, copies: 1}]\n", false, "700 loss sat-1\n800 crash sat-2 for=5\n", "-+");
}

static void rot_never_meets_the_loss_or_the_rot_of_the_other_copy(void **state)
{
    (void)state;
    judge("", false, "700 crash sat-1 for=60\n800 flip sat-2\n", "+-");
    judge("", false, "700 flip sat-1\n800 flip sat-1 count=9\n900 flip sat-2\n1000 write-lost sat-2\n1100 write-misdirected sat-1\n", "++--+");
    judge("", false, "700 flip sat-1\n800 loss sat-2\n", "+-");
    judge("", false, "700 flip sat-1\n800 equivocate sat-2\n", "+-");
    judge("", false, "700 flip sat-1\n800 loss sat-1\n5000 flip sat-2\n", "+++");
    judge("", false, "700 flip sat-1\n800 crash sat-2 for=5\n", "++"); /* it brings its disk back */
    judge("", false, "700 flip sat-1\n5501 flip sat-2\n5600 flip sat-1\n", "++-"); /* two scrubs and a rest later */
    judge("", false, "700 flip sat-1 area=facts\n800 flip sat-1 area=facts count=4\n900 flip sat-1 area=facts count=5\n", "++-");
    judge("", false, "700 flip sat-1 area=spool\n800 write-lost sat-1 area=facts\n900 write-misdirected sat-1 area=facts\n", "---");
    judge("", false, "700 flip sat-1 area=facts\n800 flip sat-2 area=facts\n", "+-");
    judge("buckets: [{name: b, copies: 1}]\n", false, "700 flip sat-1\n", "-");
}

static void one_byzantine_node_among_three_honest_ones_at_a_time(void **state)
{
    (void)state;
    judge("", false, "700 lie sat-1 for=60\n750 drop-custody sat-2 for=60\n2000 drop-custody sat-2 for=60\n", "+-+");
    judge("", false, "700 equivocate sat-1\n9000 lie sat-2 for=5\n9000 crash sat-1 for=5\n", "+--");
    judge("", false, "700 crash sat-1 for=60\n800 equivocate sat-2\n", "+-");
}

static void clocks_and_craft_are_disturbed_within_bounds_and_one_at_a_time(void **state)
{
    (void)state;
    judge("", false, "700 step sat-1 for=60 ms=900\n800 drift sat-1 for=60 ppm=5\n900 step sat-2 for=60 ms=-1001\n", "+--");
    judge("", false, "700 drift sat-1 for=3600 ppm=200\n700 drift sat-2 for=36000 ppm=-200\n", "+-");
    judge("", false, "700 panel sat-1 for=60 percent=31\n800 panel sat-1 for=60 percent=30\n900 heat sat-1 for=60 watts=5\n", "-+-");
    judge("", false, "700 heat sat-1 for=60 watts=9999\n", "-");
}

static void links_frames_stations_and_storms_come_at_any_time(void **state)
{
    (void)state;
    judge("", false,
          "700 crash sat-1 for=60\n701 cut sat-1 sat-2 for=60\n702 pointing sat-1 sat-2 for=6\n703 corrupt sat-1 sat-2 for=6\n"
          "704 replay sat-1 sat-2 for=6\n705 forge sat-1 sat-2 for=6\n706 duplicate sat-1 sat-2 for=6\n707 reorder sat-1 sat-2 for=6\n"
          "708 storm for=60\n709 station gw-a for=60\n",
          "++++++++++");
}

static void beyond_the_policy_only_nonsense_is_refused(void **state)
{
    (void)state;
    judge("", true,
          "1 crash sat-1 for=60\n2 loss sat-2\n3 loss sat-3\n4 crash sat-2 for=5\n5 flip sat-4 area=facts\n6 flip sat-5\n7 equivocate sat-4\n"
          "8 lie sat-4 for=9\n",
          "+++-+++-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node_at_a_time_goes_down_while_two_copies_are_promised),
        cmocka_unit_test(a_plane_falls_only_where_the_copies_bear_it),
        cmocka_unit_test(nothing_begins_before_the_region_formed_or_ends_after_the_safety_phase),
        cmocka_unit_test(a_node_is_lost_for_ever_only_while_enough_others_hold_the_copies),
        cmocka_unit_test(rot_never_meets_the_loss_or_the_rot_of_the_other_copy),
        cmocka_unit_test(one_byzantine_node_among_three_honest_ones_at_a_time),
        cmocka_unit_test(clocks_and_craft_are_disturbed_within_bounds_and_one_at_a_time),
        cmocka_unit_test(links_frames_stations_and_storms_come_at_any_time),
        cmocka_unit_test(beyond_the_policy_only_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
