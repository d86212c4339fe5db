/* Tasks near Mars, six light-minutes from their sinks: whoever dies or seems to, a successor takes over and one result is accepted. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twin/world.h"

struct ran {
    struct figures figures;
    uint64_t violations[PROMISE_COUNT];
    mono_ns taken_over_at; /* the last */
};

static void on_trace(void *context, const struct twin_node *n, const struct effect_trace *t)
{
    struct ran *r = context;
    if (t->id == TRACE_TASK_TAKEOVER)
        r->taken_over_at = n->world->now;
}

static struct scenario *mars(void)
{
    static char text[16384];
    FILE *f = fopen("scenarios/mars.yaml", "r");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    struct scenario *s = NULL;
    struct scenario_error error;
    assert_int_equal(scenario_parse(span_of(text, size), NULL, NULL, &s, &error), ERR_OK);
    return s;
}

/* A task is awarded to ares-2 with successors ares-1 and ares-3, and begins 3,090 s after the start. */
static struct ran run(const char *lines)
{
    struct scenario *s = mars();
    struct world *w = NULL;
    struct ran out = {0};
    char text[4096];
    struct fault_plan plan;
    struct scenario_error error;
    assert_int_equal(world_open(&w, s, 1, 4 * NS_PER_HOUR, true), ERR_OK);
    snprintf(text, sizeof text, "noct-faults 1\n%s", lines);
    if (fault_plan_read(s, span_text(text), &plan, &error) != ERR_OK)
        fail_msg("%d:%d %s", error.line, error.column, error.text);
    faults_give(w, &plan, false);
    fault_plan_free(&plan);
    world_observe(w, &(struct observer){.context = &out, .on_trace = on_trace});
    world_run(w);
    out.figures = w->figures;
    for (size_t i = 0; i < PROMISE_COUNT; i++)
        if ((out.violations[i] = checks_results(w)[i].violations) > 0)
            print_error("%s: %s\n", checks_results(w)[i].id, checks_results(w)[i].first);
    world_close(w);
    scenario_free(s);
    return out;
}

static void taken_over_and_ended_once(const struct ran *r)
{
    for (size_t i = 0; i < PROMISE_COUNT; i++)
        assert_int_equal(r->violations[i], 0);
    assert_int_equal(r->figures.trace_counts[TRACE_TASK_TAKEOVER], 1);
    assert_true(r->figures.tasks_created >= 3 && r->figures.tasks_ended == r->figures.tasks_created);
}

static void a_successor_takes_over_from_a_dead_satellite_before_the_earth_hears_of_it(void **state)
{
    (void)state;
    struct ran r = run("3110 crash ares-2 for=6000 draw=5\n");
    taken_over_and_ended_once(&r);
    /* Two observers agree after waiting for light minutes; then it is at once: the Earth is not asked. */
    assert_true(r.taken_over_at > WORLD_START_NS + 3110 * NS_PER_S + 6 * NS_PER_MINUTE);
    assert_true(r.figures.restarts_measured == 1 && r.figures.restart_max < NS_PER_S);
}

static void the_second_successor_takes_over_when_the_first_dies_too(void **state)
{
    (void)state;
    struct ran r = run("3110 crash ares-2 for=8000 draw=5\n3500 crash ares-1 for=8000 draw=6\n");
    taken_over_and_ended_once(&r);
}

static void a_satellite_that_was_only_cut_off_does_not_give_a_second_result(void **state)
{
    (void)state;
    struct ran r = run("3100 cut ares-2 goldstone for=6000\n3100 cut ares-2 madrid for=6000\n3100 cut ares-2 canberra for=6000\n"
                       "3100 cut ares-2 sonmiani for=6000\n3100 cut ares-2 ares-1 for=6000\n3100 cut ares-2 ares-3 for=6000\n"
                       "3100 cut goldstone ares-2 for=6000\n3100 cut madrid ares-2 for=6000\n3100 cut canberra ares-2 for=6000\n"
                       "3100 cut sonmiani ares-2 for=6000\n3100 cut ares-1 ares-2 for=6000\n3100 cut ares-3 ares-2 for=6000\n");
    taken_over_and_ended_once(&r);
}

static void the_sink_may_be_dead_while_it_is_taken_over(void **state)
{
    (void)state;
    struct ran r = run("3110 crash ares-2 for=6000 draw=5\n3400 gateway-crash goldstone for=4000 draw=7\n");
    taken_over_and_ended_once(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_successor_takes_over_from_a_dead_satellite_before_the_earth_hears_of_it),
        cmocka_unit_test(the_second_successor_takes_over_when_the_first_dies_too),
        cmocka_unit_test(a_satellite_that_was_only_cut_off_does_not_give_a_second_result),
        cmocka_unit_test(the_sink_may_be_dead_while_it_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
