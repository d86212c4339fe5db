/* sink_test.c - tasks whose sink is proven to lie, has left, or does not return: they end all the same, and once. */
#include "world_impl.h"

enum { SINK = 4 };

static struct world *world_with_task(struct uid *id)
{
    struct world *w = world_new(SINK);
    world_put(w, "eo", "T/a.ppm", "0123456789abcdefghij", 2, 3);
    struct task_spec spec = world_spec();
    *id = world_create(&w->nodes[SINK], &spec);
    return w;
}

static void lose_sink(struct world *w, enum member_state how)
{
    world_kill(&w->nodes[SINK]);
    member_set(w, SINK, how);
}

static void all_say(struct world *w, struct uid id, enum task_state state)
{
    for (node_id at = 1; at < SINK; at++)
        assert_int_equal(world_state(&w->nodes[at], id), state);
    assert_int_equal(compute_digest(w->nodes[1].compute), compute_digest(w->nodes[3].compute));
    world_check(w);
}

static void a_liars_task_goes_on_and_the_lowest_member_accepts_its_result(void **state)
{
    (void)state;
    static const enum member_state ways[] = {MEMBER_QUARANTINED, MEMBER_LEFT};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct uid id;
        struct world *w = world_with_task(&id);
        world_run(w, NS_PER_S);
        lose_sink(w, ways[i]);
        world_run(w, 5 * NS_PER_S);
        all_say(w, id, TASK_COMPLETE);
        assert_true(world_traced(w, "1 TASK_ENDED")); /* by the lowest */
        assert_non_null(world_find(w, "alerts", "T/x.json"));
        world_free(w);
    }
}

static void a_liars_task_without_an_owner_is_awarded_and_ends(void **state)
{
    (void)state;
    struct world *w = world_new(SINK);
    world_put(w, "eo", "T/a.ppm", "0123456789abcdefghij", 2, 3);
    for (node_id at = 1; at < SINK; at++)
        w->nodes[at].config.lane_memory_bytes = 1; /* nobody can take it yet */
    struct task_spec spec = world_spec();
    struct uid id = world_create(&w->nodes[SINK], &spec);
    world_run(w, NS_PER_S);
    lose_sink(w, MEMBER_QUARANTINED);
    for (node_id at = 1; at < SINK; at++)
        w->nodes[at].config.lane_memory_bytes = 4ull << 30;
    world_run(w, 40 * NS_PER_S);
    all_say(w, id, TASK_COMPLETE);
    world_free(w);
}

static void a_liars_task_that_nobody_takes_ends_with_a_system_error(void **state)
{
    (void)state;
    struct world *w = world_new(SINK);
    for (node_id at = 1; at < SINK; at++)
        w->nodes[at].config.lane_memory_bytes = 1;
    struct task_spec spec = world_spec();
    spec.deadline = w->now.wall + 30 * NS_PER_S;
    struct uid id = world_create(&w->nodes[SINK], &spec);
    world_run(w, NS_PER_S);
    lose_sink(w, MEMBER_QUARANTINED);
    world_run(w, 10 * NS_PER_S);
    all_say(w, id, TASK_QUEUED);
    world_run(w, 60 * NS_PER_S);
    all_say(w, id, TASK_SYSTEM_ERROR);
    assert_true(world_traced(w, "the deadline passed"));
    world_free(w);
}

static void a_convicted_sink_is_waited_for_an_hour(void **state)
{
    (void)state;
    struct uid id;
    struct world *w = world_with_task(&id);
    world_run(w, NS_PER_S);
    lose_sink(w, MEMBER_CONVICTED);
    world_run(w, 40 * NS_PER_S);
    all_say(w, id, TASK_RUNNING); /* its result waits for the sink */
    w->now.wall += 50 * NS_PER_MINUTE;
    world_run(w, 40 * NS_PER_S);
    all_say(w, id, TASK_RUNNING);
    w->now.wall += 10 * NS_PER_MINUTE;
    world_run(w, 40 * NS_PER_S);
    all_say(w, id, TASK_COMPLETE);
    /* It returns, and agrees. */
    world_boot(&w->nodes[SINK]);
    world_return(w, SINK);
    world_run(w, 5 * NS_PER_S);
    assert_int_equal(world_state(&w->nodes[SINK], id), TASK_COMPLETE);
    assert_int_equal(compute_digest(w->nodes[SINK].compute), compute_digest(w->nodes[1].compute));
    world_check(w);
    world_free(w);
}

static void a_sink_that_returns_in_time_accepts_itself(void **state)
{
    (void)state;
    struct uid id;
    struct world *w = world_with_task(&id);
    world_run(w, NS_PER_S);
    lose_sink(w, MEMBER_CONVICTED);
    world_run(w, 40 * NS_PER_S);
    w->now.wall += 55 * NS_PER_MINUTE;
    world_boot(&w->nodes[SINK]);
    world_return(w, SINK);
    world_run(w, 5 * NS_PER_S);
    assert_true(world_traced(w, "4 TASK_ENDED"));
    world_kill(&w->nodes[SINK]);
    world_convict(w, SINK);
    w->now.wall += 55 * NS_PER_MINUTE;
    world_run(w, 40 * NS_PER_S);
    all_say(w, id, TASK_COMPLETE);
    world_free(w);
}

static void two_that_stand_in_apart_agree_on_the_lower_ones_word(void **state)
{
    (void)state;
    struct uid id;
    struct world *w = world_with_task(&id);
    world_run(w, 500 * NS_PER_MS);
    world_run(w, 2 * NS_PER_S);
    world_kill(&w->nodes[SINK]);
    for (node_id at = 1; at < SINK; at++)
        for (node_id to = 1; to < SINK; to++)
            w->cut[at][to] = at != to; /* nobody hears of the others */
    for (node_id at = 1; at < SINK; at++)
        for (node_id other = 1; other <= SINK; other++)
            if (other != at)
                view_find(&w->nodes[at].view, other)->state = other == SINK ? MEMBER_QUARANTINED : MEMBER_CONVICTED;
    world_run(w, 40 * NS_PER_S);
    memset(w->cut, 0, sizeof w->cut);
    for (node_id at = 1; at < SINK; at++)
        world_return(w, at);
    world_run(w, 5 * NS_PER_S);
    assert_int_equal(world_state(&w->nodes[1], id), world_state(&w->nodes[2], id));
    all_say(w, id, world_state(&w->nodes[1], id));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_liars_task_goes_on_and_the_lowest_member_accepts_its_result),
        cmocka_unit_test(a_liars_task_without_an_owner_is_awarded_and_ends),
        cmocka_unit_test(a_liars_task_that_nobody_takes_ends_with_a_system_error),
        cmocka_unit_test(a_convicted_sink_is_waited_for_an_hour),
        cmocka_unit_test(a_sink_that_returns_in_time_accepts_itself),
        cmocka_unit_test(two_that_stand_in_apart_agree_on_the_lower_ones_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
