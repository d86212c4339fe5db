/* The checkers can fail: a world that lies to its customers or drains its craft is found out. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twin/world.h"

static struct scenario *scenario_load_file(const char *path)
{
    static char text[16384];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    struct scenario *s = NULL;
    struct scenario_error error;
    assert_int_equal(scenario_parse(span_of(text, size), NULL, NULL, &s, &error), ERR_OK);
    return s;
}

static uint64_t violations_of(void (*on_sample)(void *context, struct world *w), enum promise p, uint64_t *evaluated, char first[240])
{
    struct scenario *s = scenario_load_file("scenarios/first-mesh.yaml");
    struct world *w = NULL;
    s->workload.puts_per_hour = s->workload.gets_per_hour = 60;
    assert_int_equal(world_open(&w, s, 5, 20 * NS_PER_MINUTE, false), ERR_OK);
    world_observe(w, &(struct observer){.on_sample = on_sample});
    world_run(w);
    const struct promise_result *r = &checks_results(w)[p];
    uint64_t violations = r->violations;
    *evaluated = r->evaluated;
    memcpy(first, r->first, sizeof r->first);
    world_close(w);
    scenario_free(s);
    return violations;
}

static void honest(void *context, struct world *w)
{
    (void)context;
    (void)w;
}

static void an_honest_world_breaks_no_promise(void **state)
{
    (void)state;
    uint64_t evaluated;
    char first[240];
    for (enum promise p = 0; p < PROMISE_COUNT; p++) {
        assert_int_equal(violations_of(honest, p, &evaluated, first), 0);
        if (p != PROMISE_I8 && p != PROMISE_I10) /* no plane; no deletion in these minutes */
            assert_true(evaluated > 0);
    }
}

static void copies_that_no_satellite_can_take_are_not_waited_for(void **state)
{
    (void)state;
    struct scenario *s = NULL;
    struct scenario_error error;
    struct world *w = NULL;
    assert_int_equal(scenario_parse(span_text("name: one\nepoch: 2026-11-21T09:00:00Z\nconstellation:\n"
                                              "  - {kind: string, prefix: sat, count: 1, altitude_km: 550, inclination_deg: 97.6, ltan_h: 10.5}\n"
                                              "gateways:\n  - {name: gw-a, latitude_deg: 78.2, longitude_deg: 15.4}\n"
                                              "  - {name: gw-b, latitude_deg: -72.0, longitude_deg: 2.5}\n"
                                              "workload: {puts_per_hour: 20, gets_per_hour: 20, object_kib_min: 1, object_kib_max: 48}\n"),
                                    NULL, NULL, &s, &error),
                     ERR_OK);
    assert_int_equal(world_open(&w, s, 5, 20 * NS_PER_MINUTE, false), ERR_OK);
    world_run(w);
    const struct node_summary *all = world_summaries(w, false);
    uint64_t queued = 0;
    for (size_t i = 0; i < w->node_count; i++)
        queued += all[i].repairs_queued;
    assert_true(queued > 0);
    assert_int_equal(checks_results(w)[PROMISE_I12].violations, 0);
    assert_int_equal(checks_results(w)[PROMISE_I5].violations, 0);
    world_close(w);
    scenario_free(s);
}

/* Whatever is asked just now is answered with bytes that nobody ever wrote. */
static void lie(void *context, struct world *w)
{
    (void)context;
    if (w->healing)
        return;
    for (uint32_t i = 0; i < w->customer_count; i++) {
        struct twin_node *gateway = &w->nodes[w->scenario->satellite_count + i];
        for (int k = 0; k < 4; k++)
            customer_happen(gateway, 0);
        for (uint64_t tag = 1; tag < 400; tag++) {
            struct object_reply r = {.op = OBJECT_GET, .client = SERVICE_REGION, .tag = tag, .status = ERR_OK, .final = true,
                                     .data = slice_borrowed(SPAN_LITERAL("never written"))};
            customer_object(gateway, &r);
        }
    }
}

static void wrong_bytes_are_a_violation(void **state)
{
    (void)state;
    uint64_t evaluated;
    char first[240];
    assert_true(violations_of(lie, PROMISE_I1, &evaluated, first) > 0);
    assert_true(strlen(first) > 20 && memcmp(first, "2026-", 5) == 0);
}

static void heat(void *context, struct world *w)
{
    (void)context;
    w->nodes[0].craft.core_k = 500;
}

static void a_core_above_its_limit_is_a_violation(void **state)
{
    (void)state;
    uint64_t evaluated;
    char first[240];
    assert_true(violations_of(heat, PROMISE_I7, &evaluated, first) > 0);
    assert_non_null(strstr(first, "sat-1"));
}

static void a_violation_is_counted_and_the_first_one_is_kept(void **state)
{
    (void)state;
    struct scenario *s = scenario_load_file("scenarios/first-mesh.yaml");
    struct world *w = NULL;
    assert_int_equal(world_open(&w, s, 1, NS_PER_MINUTE, false), ERR_OK);
    checks_count(w, PROMISE_I5, true, "not this");
    checks_count(w, PROMISE_I5, false, "node %d", 7);
    checks_count(w, PROMISE_I5, false, "node %d", 8);
    const struct promise_result *r = &checks_results(w)[PROMISE_I5];
    assert_int_equal(r->evaluated, 3);
    assert_int_equal(r->violations, 2);
    assert_non_null(strstr(r->first, "node 7"));
    world_close(w);
    scenario_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_world_breaks_no_promise),
        cmocka_unit_test(copies_that_no_satellite_can_take_are_not_waited_for),
        cmocka_unit_test(wrong_bytes_are_a_violation),
        cmocka_unit_test(a_core_above_its_limit_is_a_violation),
        cmocka_unit_test(a_violation_is_counted_and_the_first_one_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
