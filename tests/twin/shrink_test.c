/* Shrinking finds the faults that matter, and nothing else. */
#include "test.h"

#include <string.h>

#include "twin/shrink.h"

struct wanted { /* the run fails when all of these draws are in the plan */
    uint64_t draws[4];
    size_t count, asked;
};

static bool holds(const struct fault_plan *p, uint64_t draw)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->faults[i].draw == draw)
            return true;
    return false;
}

static bool all_there(void *context, const struct fault_plan *plan)
{
    struct wanted *w = context;
    w->asked++;
    for (size_t i = 0; i < w->count; i++)
        if (!holds(plan, w->draws[i]))
            return false;
    return true;
}

static struct fault_plan plan_of(size_t count)
{
    struct fault_plan p = {0};
    for (size_t i = 0; i < count; i++)
        fault_plan_add(&p, &(struct fault){.at = (mono_ns)i, .kind = FAULT_CUT, .node = 1, .peer = 2, .draw = i + 1});
    return p;
}

static void any_pair_of_thirty_faults_is_found_in_few_attempts(void **state)
{
    (void)state;
    for (uint64_t a = 1; a <= 30; a++) {
        for (uint64_t b = a + 1; b <= 30; b++) {
            struct wanted w = {.draws = {a, b}, .count = 2};
            struct fault_plan p = plan_of(30);
            fault_plan_minimise(&p, all_there, &w);
            assert_int_equal(p.count, 2);
            assert_int_equal(p.faults[0].draw, a);
            assert_int_equal(p.faults[1].draw, b);
            assert_true(w.asked <= 80);
            fault_plan_free(&p);
        }
    }
}

static void a_run_that_fails_by_itself_shrinks_to_no_fault_at_all(void **state)
{
    (void)state;
    struct wanted w = {.count = 0};
    struct fault_plan p = plan_of(100);
    fault_plan_minimise(&p, all_there, &w);
    assert_int_equal(p.count, 0);
    assert_int_equal(w.asked, 1);
    fault_plan_free(&p);
}

static void four_scattered_faults_of_a_thousand_are_found(void **state)
{
    (void)state;
    struct wanted w = {.draws = {1, 333, 334, 1000}, .count = 4};
    struct fault_plan p = plan_of(1000);
    fault_plan_minimise(&p, all_there, &w);
    assert_int_equal(p.count, 4);
    assert_true(w.asked < 300);
    fault_plan_free(&p);
}

static void nothing_is_left_out_where_everything_matters(void **state)
{
    (void)state;
    struct wanted w = {.draws = {1, 2, 3, 4}, .count = 4};
    struct fault_plan p = plan_of(4);
    fault_plan_minimise(&p, all_there, &w);
    assert_int_equal(p.count, 4);
    fault_plan_free(&p);
}

static void the_same_bug_elsewhere_has_the_same_shape(void **state)
{
    (void)state;
    struct site sites[2] = {{.name = "sat-1"}, {.name = "gw-troll"}};
    struct scenario s = {.sites = sites, .site_count = 2};
    char a[240], b[240], c[240];
    shrink_shape(&s, "2026-11-21T15:07:01Z sat-1 lacks facts after heal", a);
    shrink_shape(&s, "2026-11-22T01:00:00Z gw-troll lacks facts after heal", b);
    shrink_shape(&s, "2026-11-22T01:00:00Z gw-troll and sat-1 hold the same facts but differ in storage", c);
    assert_string_equal(a, "lacks facts after heal ");
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_pair_of_thirty_faults_is_found_in_few_attempts),
        cmocka_unit_test(a_run_that_fails_by_itself_shrinks_to_no_fault_at_all),
        cmocka_unit_test(four_scattered_faults_of_a_thousand_are_found),
        cmocka_unit_test(nothing_is_left_out_where_everything_matters),
        cmocka_unit_test(the_same_bug_elsewhere_has_the_same_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
