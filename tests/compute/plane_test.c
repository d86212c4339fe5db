/* plane_test.c - the life of tasks on a few nodes: award, run, outputs, takeover, cancel, refusal, hostile messages. */
#include "world_impl.h"

static struct world_node *gateway(struct world *w)
{
    return &w->nodes[w->count];
}

static struct world *world_with_inputs(size_t count)
{
    struct world *w = world_new(count);
    world_put(w, "eo", "T/a.ppm", "0123456789abcdefghij", 2, 3);
    return w;
}

static struct uid submit(struct world *w)
{
    struct task_spec spec = world_spec();
    return world_create(gateway(w), &spec);
}

static void a_task_runs_near_its_input_and_completes_once(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(5);
    struct uid id = submit(w);
    assert_int_equal(gateway(w)->reply.status, ERR_OK);
    world_run(w, 500 * NS_PER_MS);
    const struct task_view *v = world_get(gateway(w), id);
    assert_non_null(v);
    assert_int_equal(v->state, TASK_RUNNING);
    assert_int_equal(v->owner, 2); /* holds the input; equal bids go to the lowest id */
    assert_int_equal(v->epoch, 1);
    assert_int_not_equal(v->successors[0], NODE_NONE);
    assert_int_not_equal(v->successors[1], NODE_NONE);
    assert_int_equal(w->nodes[2].load_millis, 1000);
    assert_int_equal(w->nodes[2].lanes[0].file_bytes, 20 + 7);
    world_run(w, 3 * NS_PER_S);
    v = world_get(gateway(w), id);
    assert_int_equal(v->state, TASK_COMPLETE);
    assert_int_equal(v->attempt_count, 1);
    assert_true(span_equal_text(v->attempts[0].output, "hello\n"));
    assert_int_equal(v->output_count, 1);
    assert_int_equal(v->outputs[0].size, strlen(LANE_OUTPUT));
    const struct shelf_object *o = world_find(w, "alerts", "T/x.json");
    assert_non_null(o);
    assert_memory_equal(o->data, LANE_OUTPUT, o->size);
    assert_int_equal(w->nodes[2].load_millis, 0);
    assert_true(w->nodes[2].lanes[0].removed);
    world_free(w);
}

static void equal_fact_sets_give_equal_digests_on_all_nodes(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(5);
    for (int i = 0; i < 4; i++)
        submit(w);
    world_run(w, 8 * NS_PER_S);
    uint64_t digest = compute_digest(gateway(w)->compute);
    for (node_id id = 1; id < w->count; id++)
        assert_true(compute_digest(w->nodes[id].compute) == digest);
    world_free(w);
}

static void a_successor_runs_the_task_at_once_when_the_owner_is_convicted(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(5);
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    node_id owner = world_get(gateway(w), id)->owner;
    node_id successor = world_get(gateway(w), id)->successors[0];
    world_kill(&w->nodes[owner]);
    world_convict(w, owner);
    world_run(w, 200 * NS_PER_MS);
    const struct task_view *v = world_get(gateway(w), id);
    assert_int_equal(v->owner, successor);
    assert_int_equal(v->epoch, 2);
    assert_int_equal(v->state, TASK_RUNNING);
    assert_true(world_traced(w, "TASK_TAKEOVER"));
    world_run(w, 4 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_COMPLETE);
    world_free(w);
}

static void the_second_successor_steps_in_when_the_first_is_dead_too(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(5);
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    node_id owner = world_get(gateway(w), id)->owner;
    node_id first = world_get(gateway(w), id)->successors[0], second = world_get(gateway(w), id)->successors[1];
    world_kill(&w->nodes[owner]);
    world_kill(&w->nodes[first]);
    world_convict(w, first);
    world_convict(w, owner);
    world_run(w, 300 * NS_PER_MS);
    assert_int_equal(world_get(gateway(w), id)->owner, second);
    world_run(w, 4 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_COMPLETE);
    world_free(w);
}

static void the_manager_asks_again_when_owner_and_successors_are_dead(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(6);
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    const struct task_view *v = world_get(gateway(w), id);
    node_id dead[3] = {v->owner, v->successors[0], v->successors[1]};
    for (size_t i = 0; i < 3; i++)
        world_kill(&w->nodes[dead[i]]);
    for (size_t i = 3; i-- > 0;)
        world_convict(w, dead[i]);
    world_run(w, NS_PER_S);
    v = world_get(gateway(w), id);
    assert_int_equal(v->state, TASK_RUNNING);
    for (size_t i = 0; i < 3; i++)
        assert_int_not_equal(v->owner, dead[i]);
    world_free(w);
}

static void an_owner_that_comes_back_stops_when_it_sees_a_higher_epoch(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(5);
    for (node_id id = 1; id <= w->count; id++)
        w->nodes[id].run_time = 20 * NS_PER_S;
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    node_id owner = world_get(gateway(w), id)->owner;
    for (node_id other = 1; other <= w->count; other++)
        w->cut[owner][other] = other != owner; /* alive, but alone */
    for (node_id at = 1; at <= w->count; at++)
        if (at != owner)
            view_find(&w->nodes[at].view, owner)->state = MEMBER_CONVICTED;
    for (node_id at = 1; at <= w->count; at++)
        if (at != owner) {
            world_step(&w->nodes[at]);
            compute_member(w->nodes[at].compute, owner);
            world_drain(&w->nodes[at]);
        }
    world_run(w, NS_PER_S);
    assert_int_equal(compute_lanes_busy(w->nodes[owner].compute), 1000); /* both run: allowed */
    assert_int_equal(world_get(gateway(w), id)->epoch, 2);
    memset(w->cut, 0, sizeof w->cut);
    world_return(w, owner);
    world_run(w, 500 * NS_PER_MS);
    assert_int_equal(compute_lanes_busy(w->nodes[owner].compute), 0);
    assert_true(w->nodes[owner].lanes[0].removed);
    world_run(w, 25 * NS_PER_S);
    const struct task_view *v = world_get(gateway(w), id);
    assert_int_equal(v->state, TASK_COMPLETE);
    assert_int_equal(v->epoch, 2);
    world_free(w);
}

static void two_results_of_a_partition_give_one_receipt(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(5);
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    node_id owner = world_get(gateway(w), id)->owner;
    for (node_id other = 1; other <= w->count; other++)
        w->cut[owner][other] = other != owner;
    for (node_id at = 1; at <= w->count; at++)
        if (at != owner) {
            view_find(&w->nodes[at].view, owner)->state = MEMBER_CONVICTED;
            world_step(&w->nodes[at]);
            compute_member(w->nodes[at].compute, owner);
            world_drain(&w->nodes[at]);
        }
    world_run(w, 6 * NS_PER_S); /* both end */
    assert_int_equal(world_state(gateway(w), id), TASK_COMPLETE);
    memset(w->cut, 0, sizeof w->cut);
    world_return(w, owner);
    world_run(w, 2 * NS_PER_S);
    struct compute_summary s;
    assert_true(compute_summary_at(gateway(w)->compute, 0, &s));
    assert_int_equal(s.receipts, 1);
    assert_true(compute_digest(w->nodes[owner].compute) == compute_digest(gateway(w)->compute));
    world_free(w);
}

static void cancelling_stops_the_lane_and_ends_the_task(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(5);
    w->nodes[2].run_time = 100 * NS_PER_S;
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_RUNNING);
    world_step(gateway(w));
    compute_request(gateway(w)->compute, &(struct task_request){.op = TASK_CANCEL, .client = SERVICE_REGION, .tag = 9, .id = id});
    world_drain(gateway(w));
    world_run(w, 500 * NS_PER_MS);
    assert_int_equal(gateway(w)->reply.status, ERR_OK);
    assert_int_equal(world_state(gateway(w), id), TASK_CANCELED);
    assert_int_equal(compute_lanes_busy(w->nodes[2].compute), 0);
    assert_true(w->nodes[2].lanes[0].removed);
    assert_null(world_find(w, "alerts", "T/x.json"));
    world_free(w);
}

static void a_task_waits_while_nobody_is_reachable_and_runs_afterwards(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    for (node_id id = 1; id < w->count; id++)
        w->cut[w->count][id] = true;
    world_return(w, 1); /* refreshes the reach */
    struct uid id = submit(w);
    world_run(w, 5 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_QUEUED);
    memset(w->cut, 0, sizeof w->cut);
    world_return(w, 1);
    world_run(w, 500 * NS_PER_MS);
    assert_int_equal(world_state(gateway(w), id), TASK_RUNNING);
    world_free(w);
}

static void craft_set(struct world_node *n, uint64_t battery, uint32_t core_mk)
{
    world_step(n);
    compute_craft(n->compute, &(struct event_craft){.battery_mwh = battery, .battery_capacity_mwh = 100000, .battery_floor_mwh = 40000,
                                                    .load_mw = 30000 + 20 * (uint64_t)n->load_millis, .core_mk = core_mk, .core_limit_mk = 340000});
    world_drain(n);
}

static void a_node_with_a_low_battery_does_not_bid(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    craft_set(&w->nodes[2], 43000, 300000);
    craft_set(&w->nodes[1], 90000, 339000); /* too warm */
    craft_set(&w->nodes[3], 90000, 300000);
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    assert_int_equal(world_get(gateway(w), id)->owner, 3);
    assert_true(world_traced(w, "2 TASK_DEFERRED"));
    assert_true(world_traced(w, "1 TASK_DEFERRED"));
    world_free(w);
}

static void an_awarded_task_waits_for_the_battery(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(3);
    w->nodes[1].config.lanes_millis = w->nodes[2].config.lanes_millis = 1000;
    struct uid ids[3];
    for (size_t i = 0; i < 3; i++)
        ids[i] = submit(w);
    world_run(w, 500 * NS_PER_MS);
    for (node_id id = 1; id <= 2; id++)
        craft_set(&w->nodes[id], 61500, 300000); /* 19.4 Wh for 36 dark minutes of 30 W; reserves of 1 and 3 Wh */
    world_run(w, 3 * NS_PER_S); /* what runs ends, what waits is deferred */
    size_t complete = 0;
    for (size_t i = 0; i < 3; i++)
        complete += world_state(gateway(w), ids[i]) == TASK_COMPLETE;
    assert_int_equal(complete, 2);
    assert_true(world_traced(w, "waits: the battery"));
    for (node_id id = 1; id <= 2; id++)
        craft_set(&w->nodes[id], 95000, 300000);
    world_run(w, 10 * NS_PER_S);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(world_state(gateway(w), ids[i]), TASK_COMPLETE);
    world_free(w);
}

static enum task_state with_battery(uint64_t battery_mwh, uint64_t generation_mw, uint16_t sunlit_permille)
{
    struct world *w = world_with_inputs(2);
    world_step(&w->nodes[1]);
    compute_craft(w->nodes[1].compute, &(struct event_craft){.battery_mwh = battery_mwh, .battery_capacity_mwh = 100000, .battery_floor_mwh = 40000,
                                                             .load_mw = 30000, .core_mk = 300000, .core_limit_mk = 340000,
                                                             .generation_mw = generation_mw, .sunlit_permille = sunlit_permille});
    world_drain(&w->nodes[1]);
    struct uid id = submit(w);
    world_run(w, 500 * NS_PER_MS);
    enum task_state s = world_state(gateway(w), id);
    world_free(w);
    return s;
}

/* 30 W beside the lanes take 19.4 Wh from the battery in the 36 dark minutes that follow; floor 40 Wh, reserve 3 Wh. */
static void no_task_is_taken_that_leaves_less_than_the_darkness_behind_it_takes(void **state)
{
    (void)state;
    assert_int_equal(with_battery(62000, 0, 0), TASK_QUEUED); /* the work alone would have done with 44 Wh */
    assert_int_equal(with_battery(63500, 0, 0), TASK_RUNNING);
    /* Lit, the array feeds the work; the darkness may begin when that is done. */
    assert_int_equal(with_battery(61500, 80000, 1000), TASK_QUEUED);
    assert_int_equal(with_battery(62500, 80000, 1000), TASK_RUNNING);
    assert_int_equal(with_battery(62500, 1000, 1000), TASK_QUEUED); /* a broken one does not */
}

static void what_runs_is_stopped_in_time_for_the_darkness(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(3);
    struct uid id = submit(w);
    world_run(w, 500 * NS_PER_MS);
    node_id owner = world_get(gateway(w), id)->owner;
    craft_set(&w->nodes[owner], 60300, 300000); /* 19.4 Wh for the darkness, 1 Wh above the floor */
    world_run(w, 500 * NS_PER_MS);
    assert_true(world_traced(w, "the battery must last until the light"));
    assert_int_equal(w->nodes[owner].load_millis, 0);
    world_run(w, 5 * NS_PER_S);
    const struct task_view *v = world_get(gateway(w), id);
    assert_int_equal(v->state, TASK_COMPLETE); /* by the other */
    assert_int_not_equal(v->owner, owner);
    world_free(w);
}

static void tasks_submitted_together_are_spread_over_the_nodes(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(5);
    struct uid ids[4];
    for (size_t i = 0; i < 4; i++)
        ids[i] = submit(w);
    world_run(w, NS_PER_S);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(world_state(gateway(w), ids[i]), TASK_RUNNING);
    world_free(w);
}

static void a_failing_program_is_an_executor_error_with_its_exit_code(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    for (node_id id = 1; id < 4; id++)
        w->nodes[id].exit_code = 1;
    struct uid id = submit(w);
    world_run(w, 4 * NS_PER_S);
    const struct task_view *v = world_get(gateway(w), id);
    assert_int_equal(v->state, TASK_EXECUTOR_ERROR);
    assert_int_equal(v->attempts[0].exit_code, 1);
    assert_true(v->attempts[0].reason.size > 0);
    world_free(w);
}

static void exit_code_three_means_nothing_to_report(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    for (node_id id = 1; id < 4; id++) {
        w->nodes[id].exit_code = 3;
        w->nodes[id].output_exists = false;
    }
    struct uid id = submit(w);
    world_run(w, 4 * NS_PER_S);
    const struct task_view *v = world_get(gateway(w), id);
    assert_int_equal(v->state, TASK_COMPLETE);
    assert_int_equal(v->output_count, 0);
    assert_int_equal(v->attempts[0].exit_code, 3);
    world_free(w);
}

static void a_missing_output_is_an_error_with_its_path(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    for (node_id id = 1; id < 4; id++)
        w->nodes[id].output_exists = false;
    struct uid id = submit(w);
    world_run(w, 4 * NS_PER_S);
    const struct task_view *v = world_get(gateway(w), id);
    assert_int_equal(v->state, TASK_EXECUTOR_ERROR);
    assert_true(span_equal_text(v->attempts[0].reason, "output /work/out/alert.json: was not written"));
    world_free(w);
}

static void a_missing_output_bucket_is_an_executor_error(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    w->buckets_missing = true;
    struct uid id = submit(w);
    world_run(w, 4 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_EXECUTOR_ERROR);
    world_free(w);
}

static void a_missing_input_ends_as_system_error_after_three_nodes_tried(void **state)
{
    (void)state;
    struct world *w = world_new(5);
    struct uid id = submit(w);
    world_run(w, 20 * NS_PER_S);
    const struct task_view *v = world_get(gateway(w), id);
    assert_int_equal(v->state, TASK_SYSTEM_ERROR);
    assert_int_equal(v->attempt_count, 3);
    assert_int_not_equal(v->attempts[0].node, v->attempts[1].node);
    world_free(w);
}

static void staging_retries_while_storage_is_unreachable(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    w->objects_fail = true;
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_INITIALIZING);
    w->objects_fail = false;
    world_run(w, 4 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_COMPLETE);
    world_free(w);
}

static void executors_run_one_after_another_and_85_restarts_in_place(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    struct task_spec spec = world_spec();
    spec.executor_count = 2;
    spec.executors[1].image = span_text("s3://eo/T/a.ppm");
    for (node_id id = 1; id < 4; id++)
        w->nodes[id].exit_code = 85;
    struct uid id = world_create(gateway(w), &spec);
    world_run(w, 3 * NS_PER_S);
    node_id owner = world_get(gateway(w), id)->owner;
    assert_int_equal(w->nodes[owner].lanes[0].starts, 2); /* the first one again */
    assert_string_equal(w->nodes[owner].lanes[0].image, "app:change-detection");
    w->nodes[owner].exit_code = 0;
    world_run(w, 5 * NS_PER_S);
    assert_string_equal(w->nodes[owner].lanes[0].image, "file:.noct/image-1");
    assert_int_equal(world_state(gateway(w), id), TASK_COMPLETE);
    world_free(w);
}

static void a_restarted_owner_runs_its_lease_again(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    node_id owner = world_get(gateway(w), id)->owner;
    world_kill(&w->nodes[owner]);
    world_run(w, 100 * NS_PER_MS);
    world_boot(&w->nodes[owner]); /* before anybody convicted it */
    world_run(w, 5 * NS_PER_S);
    const struct task_view *v = world_get(gateway(w), id);
    assert_int_equal(v->state, TASK_COMPLETE);
    assert_int_equal(v->epoch, 1);
    world_free(w);
}

static void a_restarted_sink_accepts_the_result_that_waited(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    world_kill(gateway(w));
    world_run(w, 4 * NS_PER_S);
    world_boot(gateway(w));
    world_run(w, 2 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_COMPLETE);
    world_free(w);
}

static void a_convicted_managers_task_is_awarded_by_another(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    for (node_id id = 1; id < w->count; id++)
        w->nodes[id].config.lane_memory_bytes = 1; /* nobody can take it yet */
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    world_kill(gateway(w));
    world_convict(w, 4);
    for (node_id n = 1; n < w->count; n++)
        w->nodes[n].config.lane_memory_bytes = 4ull << 30;
    world_run(w, 40 * NS_PER_S);
    assert_int_equal(world_get(&w->nodes[1], id)->epoch, 1);
    world_boot(gateway(w));
    world_return(w, 4);
    world_run(w, 5 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_COMPLETE);
    world_free(w);
}

static void survival_stops_what_runs_and_a_successor_goes_on(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(5);
    for (node_id id = 1; id <= w->count; id++)
        w->nodes[id].run_time = 10 * NS_PER_S;
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    node_id owner = world_get(gateway(w), id)->owner;
    for (node_id at = 1; at <= w->count; at++)
        view_find(&w->nodes[at].view, owner)->status.health = HEALTH_SURVIVAL;
    craft_set(&w->nodes[owner], 50000, 300000);
    world_run(w, NS_PER_S);
    const struct task_view *v = world_get(gateway(w), id);
    assert_int_not_equal(v->owner, owner);
    assert_int_equal(v->state, TASK_RUNNING);
    assert_int_equal(compute_lanes_busy(w->nodes[owner].compute), 0);
    world_free(w);
}

static void refuses_bad_specifications_with_the_place(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(3);
    struct task_spec s = world_spec();
    s.mode = TASK_VOTE3;
    world_create(gateway(w), &s);
    assert_int_equal(gateway(w)->reply.status, ERR_INVALID);
    assert_non_null(strstr(gateway(w)->reply.reason, "not offered by this region yet"));
    s = world_spec();
    s.outputs[0].path = span_text("/work/../etc/passwd");
    world_create(gateway(w), &s);
    assert_int_equal(gateway(w)->reply.status, ERR_INVALID);
    assert_non_null(strstr(gateway(w)->reply.reason, "outputs[0]"));
    s = world_spec();
    s.executors[0].image = span_text("docker.io/library/alpine");
    world_create(gateway(w), &s);
    assert_int_equal(gateway(w)->reply.status, ERR_INVALID);
    assert_non_null(strstr(gateway(w)->reply.reason, "executors[0]: image"));
    s = world_spec();
    s.executor_count = 0;
    world_create(gateway(w), &s);
    assert_int_equal(gateway(w)->reply.status, ERR_INVALID);
    world_free(w);
}

static void hostile_messages_change_nothing(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    struct uid id = submit(w);
    uint64_t digest = compute_digest(w->nodes[1].compute);
    uint8_t junk[200];
    memset(junk, 0xff, sizeof junk);
    for (uint16_t type = 0; type < 5; type++)
        for (size_t size = 0; size < sizeof junk; size += 7) {
            world_step(&w->nodes[1]);
            compute_message(w->nodes[1].compute,
                            &(struct message){.from = 3, .to = 1, .type = type, .request = 1, .body = span_of(junk, size)});
            world_drain(&w->nodes[1]);
        }
    assert_true(compute_digest(w->nodes[1].compute) == digest);
    /* A bid that nobody asked for does not win. */
    uint8_t memory[64];
    struct writer b = writer_of(memory, sizeof memory);
    compute_bid_write(&b, &(struct bid){.id = id, .verdict = VERDICT_YES, .finish = 1});
    world_step(gateway(w));
    compute_message(gateway(w)->compute,
                    &(struct message){.from = 3, .to = 4, .type = COMPUTE_BID, .request = 1, .body = writer_span(&b)});
    world_drain(gateway(w));
    world_run(w, 500 * NS_PER_MS);
    assert_int_equal(world_get(gateway(w), id)->owner, 2);
    world_free(w);
}

static void bids_that_never_come_end_the_window(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    w->mute_bids = true;
    struct uid id = submit(w);
    world_run(w, 2 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_QUEUED);
    w->mute_bids = false;
    world_run(w, 6 * NS_PER_S);
    assert_int_not_equal(world_state(gateway(w), id), TASK_QUEUED);
    world_free(w);
}

static void lists_newest_first_with_filters_and_pages(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    struct uid ids[5];
    for (size_t i = 0; i < 5; i++) {
        struct task_spec s = world_spec();
        s.name = span_text(i % 2 ? "odd" : "even");
        ids[i] = world_create(gateway(w), &s);
    }
    struct task_request q = {.op = TASK_LIST, .client = SERVICE_REGION, .most = 2};
    world_step(gateway(w));
    compute_request(gateway(w)->compute, &q);
    world_drain(gateway(w));
    assert_int_equal(gateway(w)->reply.view_count, 2);
    assert_true(gateway(w)->reply.more);
    assert_true(uid_equal(gateway(w)->views[0].id, ids[4]));
    assert_true(uid_equal(gateway(w)->views[1].id, ids[3]));
    q.after = ids[3];
    q.most = 10;
    q.name_prefix = span_text("ev");
    world_step(gateway(w));
    compute_request(gateway(w)->compute, &q);
    world_drain(gateway(w));
    assert_int_equal(gateway(w)->reply.view_count, 2);
    assert_false(gateway(w)->reply.more);
    assert_true(uid_equal(gateway(w)->views[1].id, ids[0]));
    q = (struct task_request){.op = TASK_LIST, .client = SERVICE_REGION, .state_filter = TASK_CANCELED};
    world_step(gateway(w));
    compute_request(gateway(w)->compute, &q);
    world_drain(gateway(w));
    assert_int_equal(gateway(w)->reply.view_count, 0);
    world_free(w);
}

static void a_deadline_that_passes_in_the_queue_ends_the_task(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(3);
    for (node_id id = 1; id < w->count; id++)
        w->nodes[id].config.lane_memory_bytes = 1;
    struct task_spec s = world_spec();
    s.deadline = w->now.wall + 3 * NS_PER_S;
    struct uid id = world_create(gateway(w), &s);
    world_run(w, 10 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_SYSTEM_ERROR);
    world_free(w);
}

static void a_full_fact_log_delays_but_does_not_lose_the_result(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    struct uid id = submit(w);
    world_run(w, NS_PER_S);
    w->publish_fails = ERR_FULL;
    world_run(w, 5 * NS_PER_S);
    w->publish_fails = ERR_OK;
    world_run(w, 35 * NS_PER_S);
    assert_int_equal(world_state(gateway(w), id), TASK_COMPLETE);
    world_free(w);
}

static void create_is_acknowledged_when_a_second_node_holds_it(void **state)
{
    (void)state;
    struct world *w = world_with_inputs(4);
    submit(w);
    assert_true(world_traced(w, "durable on 2 nodes"));
    memset(w->cut, 1, sizeof w->cut);
    world_return(w, 1);
    submit(w);
    assert_true(world_traced(w, "durable on 1 node"));
    assert_int_equal(gateway(w)->reply.status, ERR_OK);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_runs_near_its_input_and_completes_once),
        cmocka_unit_test(equal_fact_sets_give_equal_digests_on_all_nodes),
        cmocka_unit_test(a_successor_runs_the_task_at_once_when_the_owner_is_convicted),
        cmocka_unit_test(the_second_successor_steps_in_when_the_first_is_dead_too),
        cmocka_unit_test(the_manager_asks_again_when_owner_and_successors_are_dead),
        cmocka_unit_test(an_owner_that_comes_back_stops_when_it_sees_a_higher_epoch),
        cmocka_unit_test(two_results_of_a_partition_give_one_receipt),
        cmocka_unit_test(cancelling_stops_the_lane_and_ends_the_task),
        cmocka_unit_test(a_task_waits_while_nobody_is_reachable_and_runs_afterwards),
        cmocka_unit_test(a_node_with_a_low_battery_does_not_bid),
        cmocka_unit_test(an_awarded_task_waits_for_the_battery),
        cmocka_unit_test(no_task_is_taken_that_leaves_less_than_the_darkness_behind_it_takes),
        cmocka_unit_test(what_runs_is_stopped_in_time_for_the_darkness),
        cmocka_unit_test(tasks_submitted_together_are_spread_over_the_nodes),
        cmocka_unit_test(a_failing_program_is_an_executor_error_with_its_exit_code),
        cmocka_unit_test(exit_code_three_means_nothing_to_report),
        cmocka_unit_test(a_missing_output_is_an_error_with_its_path),
        cmocka_unit_test(a_missing_output_bucket_is_an_executor_error),
        cmocka_unit_test(a_missing_input_ends_as_system_error_after_three_nodes_tried),
        cmocka_unit_test(staging_retries_while_storage_is_unreachable),
        cmocka_unit_test(executors_run_one_after_another_and_85_restarts_in_place),
        cmocka_unit_test(a_restarted_owner_runs_its_lease_again),
        cmocka_unit_test(a_restarted_sink_accepts_the_result_that_waited),
        cmocka_unit_test(a_convicted_managers_task_is_awarded_by_another),
        cmocka_unit_test(survival_stops_what_runs_and_a_successor_goes_on),
        cmocka_unit_test(refuses_bad_specifications_with_the_place),
        cmocka_unit_test(hostile_messages_change_nothing),
        cmocka_unit_test(bids_that_never_come_end_the_window),
        cmocka_unit_test(lists_newest_first_with_filters_and_pages),
        cmocka_unit_test(a_deadline_that_passes_in_the_queue_ends_the_task),
        cmocka_unit_test(a_full_fact_log_delays_but_does_not_lose_the_result),
        cmocka_unit_test(create_is_acknowledged_when_a_second_node_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
