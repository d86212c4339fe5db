/* Each kind of fault does what it says, with real bytes; the region keeps its promises; a plan is one history. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twin/world.h"

static struct scenario *every_fault(void)
{
    static char text[16384];
    FILE *f = fopen("scenarios/every-fault.yaml", "r");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    struct scenario *s = NULL;
    struct scenario_error error;
    assert_int_equal(scenario_parse(span_of(text, size), NULL, NULL, &s, &error), ERR_OK);
    s->workload.puts_per_hour = s->workload.gets_per_hour = 60;
    return s;
}

struct ran {
    struct figures figures;
    uint64_t violations[PROMISE_COUNT], digest;
};

static void remember(struct world *w, struct ran *out)
{
    *out = (struct ran){.figures = w->figures, .digest = world_end_digest(w)};
    for (size_t i = 0; i < PROMISE_COUNT; i++) {
        out->violations[i] = checks_results(w)[i].violations;
        if (out->violations[i])
            print_error("%s: %s\n", checks_results(w)[i].id, checks_results(w)[i].first);
    }
}

/* Runs a plan, its lines given; NULL: the one that the seed draws. */
static struct ran run(const char *lines, uint64_t seed, duration_ns duration, bool beyond)
{
    struct scenario *s = every_fault();
    struct world *w = NULL;
    struct ran out;
    char text[4096];
    assert_int_equal(world_open(&w, s, seed, duration, true), ERR_OK);
    if (lines) {
        struct fault_plan plan;
        struct scenario_error error;
        snprintf(text, sizeof text, "noct-faults 1\n%s", lines);
        err e = fault_plan_read(s, span_text(text), &plan, &error);
        if (e != ERR_OK)
            print_error("%d:%d %s\n", error.line, error.column, error.text);
        assert_int_equal(e, ERR_OK);
        faults_give(w, &plan, beyond);
        fault_plan_free(&plan);
    }
    world_run(w);
    remember(w, &out);
    world_close(w);
    scenario_free(s);
    return out;
}

static void promises_hold(const struct ran *r)
{
    for (size_t i = 0; i < PROMISE_COUNT; i++)
        assert_int_equal(r->violations[i], 0);
}

static void frames_are_damaged_repeated_forged_doubled_and_late_and_no_promise_breaks(void **state)
{
    (void)state;
    struct ran r = run("60 corrupt sat-1 sat-2 for=900 permille=100 draw=1\n"
                       "60 replay sat-2 sat-3 for=900 permille=300 draw=2\n"
                       "60 forge sat-3 sat-2 for=900 permille=300 draw=3\n"
                       "60 forge sat-1 gw-svalbard for=900 permille=500 draw=8\n"
                       "60 duplicate sat-3 sat-4 for=900 permille=300 draw=4\n"
                       "60 reorder sat-4 sat-3 for=900 permille=300 draw=5\n",
                       3, 20 * NS_PER_MINUTE, false);
    const struct fault_figures *f = &r.figures.faults;
    assert_true(f->frames_damaged > 10 && f->frames_replayed > 10 && f->frames_forged > 10 && f->frames_doubled > 10 && f->frames_late > 10);
    promises_hold(&r);
}

static void disks_refuse_forget_and_confuse_writes_and_no_promise_breaks(void **state)
{
    (void)state;
    struct ran r = run("300 disk-full sat-1 for=300\n"
                       "300 disk-slow sat-2 for=300 factor=200\n"
                       "300 write-lost sat-3 count=4 draw=1\n"
                       "1200 write-misdirected sat-3 count=2 draw=2\n"
                       "1500 flip sat-3 count=20 draw=3\n",
                       4, 40 * NS_PER_MINUTE, false);
    const struct fault_figures *f = &r.figures.faults;
    assert_true(f->writes_refused > 0);
    assert_true(f->writes_lost > 0);
    assert_true(f->writes_misdirected > 0);
    assert_true(r.figures.bit_flips == 20);
    promises_hold(&r);
}

static void nodes_stations_clocks_and_craft_fail_and_come_back(void **state)
{
    (void)state;
    struct ran r = run("600 reset sat-1 for=30\n"
                       "1900 latch-up sat-2 for=120\n"
                       "700 station gw-svalbard for=300\n"
                       "700 pointing sat-3 sat-4 for=5\n"
                       "800 step sat-4 for=600 ms=-900\n"
                       "900 drift sat-5 for=1200 ppm=400\n"
                       "900 panel sat-3 for=600 percent=30\n"
                       "900 heat sat-3 for=600 watts=50\n"
                       "1000 storm for=600\n",
                       5, 60 * NS_PER_MINUTE, false);
    assert_int_equal(r.figures.crashes, 2);
    assert_int_equal(r.figures.link_losses, 1);
    promises_hold(&r);
}

static void a_lost_satellite_is_replaced_by_an_empty_one_that_takes_part(void **state)
{
    (void)state;
    struct ran r = run("900 loss sat-2 replace_s=600 draw=1\n", 6, 90 * NS_PER_MINUTE, false);
    assert_int_equal(r.figures.crashes, 1);
    promises_hold(&r);
}

static void byzantine_nodes_that_lie_and_swallow_custody_break_nothing(void **state)
{
    (void)state;
    struct ran r = run("300 lie sat-2 for=900\n1500 drop-custody sat-3 for=900\n", 7, 50 * NS_PER_MINUTE, false);
    assert_true(r.figures.faults.statuses_forged > 100);
    assert_true(r.figures.faults.frames_swallowed > 0);
    promises_hold(&r);
}

static void an_equivocator_is_found_out_and_shut_out(void **state)
{
    (void)state;
    struct ran r = run("1800 equivocate sat-3 draw=5\n", 8, 60 * NS_PER_MINUTE, false);
    assert_true(r.figures.trace_counts[TRACE_QUARANTINE] > 0);
    assert_true(r.figures.trace_counts[TRACE_REFOLD] > 0); /* who had folded the fact that it replaced */
    assert_int_equal(r.violations[PROMISE_I1], 0);
    assert_int_equal(r.violations[PROMISE_I5], 0);
}

static void a_plan_that_is_written_and_read_back_is_the_same_history(void **state)
{
    (void)state;
    struct ran drawn = run(NULL, 9, 60 * NS_PER_MINUTE, false);
    struct scenario *s = every_fault();
    struct world *w = NULL;
    struct fault_plan plan;
    struct scenario_error error;
    struct text text = text_new(NULL, 1 << 20);
    struct ran again;
    assert_int_equal(world_open(&w, s, 9, 60 * NS_PER_MINUTE, true), ERR_OK);
    assert_true(w->plan.count > 0);
    fault_plan_write(s, &w->plan, text_string(&w->plan_remarks), &text);
    assert_int_equal(fault_plan_read(s, text_span(&text), &plan, &error), ERR_OK);
    faults_give(w, &plan, false);
    world_run(w);
    remember(w, &again);
    assert_int_equal(drawn.digest, again.digest);
    fault_plan_free(&plan);
    text_free(&text);
    world_close(w);
    scenario_free(s);
}

static void beyond_the_policy_losses_are_admitted_and_nothing_is_denied(void **state)
{
    (void)state;
    struct ran r = run("2400 loss sat-1\n2400.5 loss sat-2\n2401 loss sat-3\n2402 gateway-crash gw-svalbard for=60\n"
                       "2402 gateway-crash gw-troll for=60\n",
                       10, 60 * NS_PER_MINUTE, true);
    assert_true(r.figures.objects_lost > 0);
    assert_true(r.figures.puts_acked > 10);
    promises_hold(&r);
}

static void what_only_a_gateways_cache_still_has_is_no_disagreement(void **state)
{
    (void)state;
    struct ran r = run("2400 loss sat-1\n2400.5 loss sat-2\n2401 loss sat-3\n", 10, 60 * NS_PER_MINUTE, true);
    assert_true(r.figures.puts_acked > 10);
    promises_hold(&r);
}

static void a_clock_that_is_off_says_how_far(void **state)
{
    (void)state;
    struct twin_node n = {.faults = {.clock_from = 100 * NS_PER_S, .clock_until = 200 * NS_PER_S, .drift_ppm = -50}};
    struct now now = {.mono = 150 * NS_PER_S, .wall = 1000 * NS_PER_S, .wall_error_ns = 1000};
    fault_clock(&n, &now);
    assert_int_equal(now.wall, 1000 * NS_PER_S - 2500000);
    assert_int_equal(now.wall_error_ns, 1000 + 2500000);
    n.faults = (struct node_faults){.clock_from = 100 * NS_PER_S, .clock_until = 200 * NS_PER_S, .step_ns = 7 * NS_PER_MS};
    now = (struct now){.mono = 150 * NS_PER_S, .wall = 1000 * NS_PER_S, .wall_error_ns = 1000};
    fault_clock(&n, &now);
    assert_int_equal(now.wall, 1000 * NS_PER_S + 7 * NS_PER_MS);
    assert_int_equal(now.wall_error_ns, 1000 + 7 * NS_PER_MS);
    now = (struct now){.mono = 200 * NS_PER_S, .wall = 5, .wall_error_ns = 1000};
    fault_clock(&n, &now);
    assert_int_equal(now.wall, 5);
    assert_int_equal(now.wall_error_ns, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_damaged_repeated_forged_doubled_and_late_and_no_promise_breaks),
        cmocka_unit_test(disks_refuse_forget_and_confuse_writes_and_no_promise_breaks),
        cmocka_unit_test(nodes_stations_clocks_and_craft_fail_and_come_back),
        cmocka_unit_test(a_lost_satellite_is_replaced_by_an_empty_one_that_takes_part),
        cmocka_unit_test(byzantine_nodes_that_lie_and_swallow_custody_break_nothing),
        cmocka_unit_test(an_equivocator_is_found_out_and_shut_out),
        cmocka_unit_test(a_plan_that_is_written_and_read_back_is_the_same_history),
        cmocka_unit_test(beyond_the_policy_losses_are_admitted_and_nothing_is_denied),
        cmocka_unit_test(what_only_a_gateways_cache_still_has_is_no_disagreement),
        cmocka_unit_test(a_clock_that_is_off_says_how_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
