#include "test.h"

#include "rig.h"

#define S NS_PER_S

/* Nodes 1 - 2 - 3 in a row, links planned for a day from `start` on. */
static struct rig *row(size_t count)
{
    struct rig *r = rig_new(count);
    for (node_id id = 1; id < count; id++)
        hand_contact(&r->plan, id, id + 1, r->now.wall, r->now.wall + NS_PER_DAY, 1000000000, 1000);
    rig_boot_all(r, NULL);
    return r;
}

static void link_row(struct rig *r)
{
    for (node_id id = 1; id < r->count; id++)
        rig_link(r, id, id + 1, true);
}

static struct network_numbers numbers(const struct rig *r, node_id id)
{
    return network_numbers_of(r->nodes[id].network);
}

static void a_message_crosses_a_link_and_is_acknowledged(void **state)
{
    (void)state;
    struct rig *r = row(2);
    link_row(r);
    assert_int_equal(rig_send(r, 1, 2, 9, 100000), ERR_OK);
    rig_run(r);
    const struct rig_node *two = &r->nodes[2];
    assert_true(two->delivered == 1 && two->last.from == 1 && two->last.to == 2 &&
                two->last.service == SERVICE_STORAGE);
    assert_true(two->last.type == 5 && two->last.request == 9 && two->last_payload_size == 100000);
    assert_string_equal(two->last_body, "body");
    assert_int_equal(numbers(r, 1).bundles_queued + numbers(r, 1).bundles_in_flight, 0);
    assert_true(numbers(r, 1).bytes_in_memory == 0);
    assert_int_equal(r->nodes[1].core.metrics[METRIC_BUNDLES_SENT], 1);
    rig_free(r);
}

static void a_relay_acknowledges_only_after_the_next_hop(void **state)
{
    (void)state;
    struct rig *r = row(3);
    link_row(r);
    assert_int_equal(rig_send(r, 1, 3, 1, 5000), ERR_OK);
    assert_true(rig_run_air(r)); /* arrives at 2, which sends it on at once */
    assert_int_equal(r->air_count, 2);
    assert_false(r->air[0].answered); /* 2 has not said yes */
    assert_true(rig_run_air(r) && r->nodes[3].delivered == 1);
    assert_false(r->air[0].answered);
    rig_run(r);
    assert_int_equal(r->air_count, 0);
    assert_int_equal(numbers(r, 1).bundles_queued + numbers(r, 2).bundles_queued, 0);
    assert_true(r->disk_ops == 0); /* cut-through: no disk */
    rig_free(r);
}

static void without_a_link_a_relay_makes_the_bundle_durable_and_then_acknowledges(void **state)
{
    (void)state;
    struct rig *r = row(3);
    rig_link(r, 1, 2, true);
    r->hold_disk = true;
    assert_int_equal(rig_send(r, 1, 3, 1, 40000), ERR_OK);
    rig_run(r);
    assert_true(r->air_count == 1 && !r->air[0].answered);
    r->hold_disk = false;
    rig_run(r);
    assert_int_equal(r->air_count, 0);
    assert_true(numbers(r, 2).bundles_spooled == 1 && numbers(r, 1).bundles_queued == 0);
    rig_link(r, 2, 3, true);
    rig_run(r);
    assert_int_equal(r->nodes[3].bodies[1], 1);
    assert_true(numbers(r, 2).bundles_spooled == 0);
    rig_wait(r, 3 * S);
    assert_true(numbers(r, 2).spool_slots_used == 0);
    rig_free(r);
}

static void an_acknowledged_bundle_survives_a_crash_of_its_keeper(void **state)
{
    (void)state;
    struct rig *r = row(3);
    rig_link(r, 1, 2, true);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(rig_send(r, 1, 3, i, 1000 + 9000 * i), ERR_OK);
    rig_run(r);
    assert_int_equal(r->air_count, 0); /* 1 was told that all are safe */
    rig_link(r, 1, 2, false);
    rig_stop(r, 2, NULL);
    rig_boot(r, 2, NULL);
    rig_run(r);
    assert_true(numbers(r, 2).spool_recovered && numbers(r, 2).bundles_spooled == 20);
    rig_link(r, 2, 3, true);
    rig_wait(r, 5 * S);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(r->nodes[3].bodies[i], 1);
    assert_int_equal(numbers(r, 2).spool_slots_used, 0);
    rig_free(r);
}

static void nothing_acknowledged_is_lost_when_power_is_cut_at_any_disk_operation(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct rng rng = rng_stream(seed, 11);
        struct rig *r = row(3);
        rig_link(r, 1, 2, true);
        bool acknowledged[40] = {false};
        uint64_t steps = rng_below(&rng, 60), sent = 0;
        for (uint64_t i = 0; i < 20; i++, sent++) {
            assert_int_equal(rig_send(r, 1, 3, i, 100 + rng_below(&rng, 60000)), ERR_OK);
            r->hold_disk = true;
            rig_run(r);
            for (uint64_t k = rng_below(&rng, 4); k > 0 && steps > 0; k--, steps--)
                (void)rig_run_disk(r);
            rig_run(r);
            if (rng_chance(&rng, 0.2)) { /* some leave again, so that slots are reused */
                rig_link(r, 2, 3, true);
                for (int k = 0; k < 6; k++)
                    (void)(rig_run_air(r) || rig_run_disk(r));
                rig_link(r, 2, 3, false);
            }
        }
        for (uint64_t i = 0; i < sent; i++)
            acknowledged[i] = true;
        /* What 1 still holds was not acknowledged: it sends it again later. */
        rig_link(r, 1, 2, false);
        for (const struct item *item = r->nodes[1].network->oldest; item; item = item->all_next) {
            struct reader head = reader_of(item->parts[0].data, item->parts[0].size);
            struct bundle b;
            (void)head;
            uint8_t *all = malloc(item->size);
            struct writer w = writer_of(all, item->size);
            for (size_t p = 0; p < 3; p++)
                write_bytes(&w, item->parts[p].data, item->parts[p].size);
            assert_int_equal(bundle_decode(writer_span(&w), (struct bundle_policy){0}, &b), ERR_OK);
            struct reader body = reader_of(b.payload.data, b.payload.size);
            (void)read_u16(&body);
            acknowledged[read_u64(&body)] = false;
            free(all);
        }
        rig_stop(r, 2, &rng);
        rig_boot(r, 2, NULL);
        r->hold_disk = false;
        rig_link(r, 2, 3, true);
        rig_wait(r, 5 * S);
        for (uint64_t i = 0; i < sent; i++)
            if (acknowledged[i] && r->nodes[3].bodies[i] == 0)
                fail_msg("seed %lu: bundle %lu was acknowledged and is lost", (unsigned long)seed,
                         (unsigned long)i);
        rig_link(r, 1, 2, true); /* and the others arrive after all, each once */
        rig_wait(r, 20 * S);
        for (uint64_t i = 0; i < sent; i++)
            assert_int_equal(r->nodes[3].bodies[i], 1);
        rig_free(r);
    }
}

static void every_bundle_arrives_whichever_disk_operation_fails(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 40; fail_at++) {
        struct rig *r = row(3);
        r->disk_fail_at = fail_at;
        rig_link(r, 1, 2, true);
        for (uint64_t i = 0; i < 8; i++)
            assert_int_equal(rig_send(r, 1, 3, i, 30000), ERR_OK);
        rig_wait(r, 5 * S);
        rig_link(r, 1, 2, false);
        rig_stop(r, 2, NULL);
        rig_boot(r, 2, NULL);
        rig_link(r, 2, 3, true);
        rig_wait(r, 5 * S);
        rig_link(r, 1, 2, true);
        rig_wait(r, 60 * S);
        for (uint64_t i = 0; i < 8; i++)
            if (r->nodes[3].bodies[i] != 1)
                fail_msg("operation %lu: bundle %lu arrived %lu times", (unsigned long)fail_at,
                         (unsigned long)i, (unsigned long)r->nodes[3].bodies[i]);
        rig_free(r);
    }
}

static void with_a_dead_disk_custody_goes_back(void **state)
{
    (void)state;
    struct rig *r = row(3);
    r->disk_dead = true;
    rig_link(r, 1, 2, true);
    assert_int_equal(rig_send(r, 1, 3, 1, 1000), ERR_OK);
    rig_wait(r, 15 * S);
    assert_true(numbers(r, 1).bundles_queued + numbers(r, 1).bundles_in_flight ==
                1); /* 1 kept or got it back */
    assert_true(r->nodes[2].refused >= 1);
    rig_link(r, 2, 3, true);
    rig_wait(r, 70 * S);
    assert_int_equal(r->nodes[3].bodies[1], 1);
    rig_free(r);
}

static void a_full_relay_says_so_and_recovers(void **state)
{
    (void)state;
    struct rig *r = rig_new(3);
    r->nodes[2].config.limits = (struct limits){.bundles_max = 4, .bundle_bytes_max = 100000};
    for (node_id id = 1; id < 3; id++)
        hand_contact(&r->plan, id, id + 1, r->now.wall, r->now.wall + NS_PER_DAY, 1000000000, 1000);
    rig_boot_all(r, NULL);
    rig_link(r, 1, 2, true);
    for (uint64_t i = 0; i < 30; i++)
        assert_int_equal(rig_send(r, 1, 3, i, 1000), ERR_OK);
    rig_wait(r, 3 * S);
    assert_true(r->nodes[2].refused > 0 && numbers(r, 2).bundles_queued <= 4);
    rig_link(r, 2, 3, true);
    rig_wait(r, 200 * S);
    for (uint64_t i = 0; i < 30; i++)
        assert_int_equal(r->nodes[3].bodies[i], 1);
    rig_free(r);
}

static void the_sender_itself_is_told_when_it_is_full(void **state)
{
    (void)state;
    struct rig *r = rig_new(2);
    r->nodes[1].config.limits = (struct limits){.bundles_max = 3, .bundle_bytes_max = 50000};
    rig_boot_all(r, NULL);
    assert_int_equal(rig_send(r, 1, 2, 0, 100000), ERR_FULL);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(rig_send(r, 1, 2, i, 10), ERR_OK);
    assert_int_equal(rig_send(r, 1, 2, 3, 10), ERR_FULL);
    assert_int_equal(rig_send(r, 1, 7, 3, 10), ERR_NOT_FOUND);
    rig_free(r);
}

static void a_heartbeat_needs_a_link_and_is_never_stored(void **state)
{
    (void)state;
    struct rig *r = row(3);
    struct message m = {
        .from = 1, .to = 2, .service = SERVICE_MANAGE, .type = 1, .link_only = true};
    assert_int_equal(rig_send_message(r, &m), ERR_UNREACHABLE);
    link_row(r);
    m.to = 3;
    assert_int_equal(rig_send_message(r, &m), ERR_UNREACHABLE);
    m.to = 2;
    assert_int_equal(rig_send_message(r, &m), ERR_OK);
    rig_link(r, 1, 2, false); /* in flight: gone */
    assert_int_equal(numbers(r, 1).bundles_queued, 0);
    rig_free(r);
}

static void a_request_without_custody_waits_only_briefly(void **state)
{
    (void)state;
    struct rig *r = row(3);
    rig_link(r, 1, 2, true);
    struct message m = {.from = 1,
                        .to = 3,
                        .service = SERVICE_STORAGE,
                        .type = 5,
                        .request = 1,
                        .no_custody = true,
                        .priority = 1};
    assert_int_equal(rig_send_message(r, &m), ERR_OK);
    rig_run(r);
    assert_int_equal(r->air_count, 0); /* 2 has taken it without promising anything */
    assert_int_equal(r->disk_ops, 0);
    rig_wait(r, 7 * S);
    assert_int_equal(numbers(r, 2).bundles_queued, 0);
    rig_link(r, 2, 3, true);
    rig_run(r);
    assert_int_equal(r->nodes[3].delivered, 0);
    rig_free(r);
}

static void a_copy_is_acknowledged_but_not_delivered_twice(void **state)
{
    (void)state;
    struct rig *r = row(2);
    link_row(r);
    assert_int_equal(rig_send(r, 1, 2, 1, 100), ERR_OK);
    assert_true(rig_run_air(r) && r->nodes[2].delivered == 1);
    rig_link(r, 1, 2, false); /* the acknowledgement is lost: 1 sends it again */
    rig_link(r, 1, 2, true);
    rig_run(r);
    assert_int_equal(r->nodes[2].delivered, 1);
    assert_int_equal(numbers(r, 1).bundles_queued, 0);
    rig_free(r);
}

static void a_bundle_goes_around_a_link_that_broke(void **state)
{
    (void)state;
    struct rig *r = rig_new(4); /* 1-2-4 is faster than 1-3-4 */
    const tai_ns from = r->now.wall, to = from + NS_PER_DAY;
    hand_contact(&r->plan, 1, 2, from, to, 1000000000, 1000);
    hand_contact(&r->plan, 1, 3, from, to, 1000000000, 5000);
    hand_contact(&r->plan, 2, 4, from, to, 1000000000, 1000);
    hand_contact(&r->plan, 3, 4, from, to, 1000000000, 5000);
    rig_boot_all(r, NULL);
    rig_link(r, 1, 2, true);
    rig_link(r, 1, 3, true);
    rig_link(r, 3, 4, true);
    assert_int_equal(rig_send(r, 1, 4, 1, 10), ERR_OK);
    assert_int_equal(r->air[0].to, 2);
    rig_link(r, 1, 2, false);
    assert_true(r->air_count == 1 && r->air[0].to == 3);
    rig_run(r);
    assert_int_equal(r->nodes[4].delivered, 1);
    rig_link(r, 1, 2, true); /* 1 believes in 2-4 by the plan until a fact says otherwise */
    rig_step_begin(r, 2);
    uint8_t body[12];
    struct writer w = writer_of(body, sizeof body);
    write_u32(&w, 4);
    write_u64(&w, (uint64_t)to);
    assert_int_equal(rig_publish(FACT_LINK_LOST, writer_span(&w)), ERR_OK);
    rig_step_end(r);
    rig_run(r);
    assert_int_equal(rig_send(r, 1, 4, 2, 10), ERR_OK);
    assert_int_equal(r->air[0].to, 3);
    rig_run(r);
    assert_int_equal(r->nodes[4].delivered, 2);
    assert_true(network_digest(r->nodes[1].network) == network_digest(r->nodes[4].network));
    assert_true(network_digest(r->nodes[1].network) != 0);
    rig_free(r);
}

static void a_convicted_node_relays_nothing(void **state)
{
    (void)state;
    struct rig *r = rig_new(4);
    const tai_ns from = r->now.wall, to = from + NS_PER_DAY;
    hand_contact(&r->plan, 1, 2, from, to, 1000000000, 1000);
    hand_contact(&r->plan, 1, 3, from, to, 1000000000, 5000);
    hand_contact(&r->plan, 2, 4, from, to, 1000000000, 1000);
    hand_contact(&r->plan, 3, 4, from, to, 1000000000, 5000);
    rig_boot_all(r, NULL);
    rig_link(r, 1, 2, true);
    rig_link(r, 1, 3, true);
    view_find(&r->nodes[1].view, 2)->state = MEMBER_CONVICTED;
    rig_step_begin(r, 1);
    network_member(r->nodes[1].network, 2);
    rig_step_end(r);
    assert_int_equal(rig_send(r, 1, 4, 1, 10), ERR_OK);
    assert_int_equal(r->air[0].to, 3);
    assert_int_equal(rig_send(r, 1, 2, 1, 10), ERR_OK); /* but it may be spoken to */
    assert_int_equal(r->air[1].to, 2);
    rig_free(r);
}

static void control_overtakes_bulk_and_the_window_bounds_what_flies(void **state)
{
    (void)state;
    struct rig *r = row(2);
    link_row(r);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(rig_send(r, 1, 2, i, 100), ERR_OK);
    assert_int_equal(numbers(r, 1).bundles_in_flight, LINK_WINDOW_COUNT);
    struct message m = {.from = 1, .to = 2, .service = SERVICE_MANAGE, .type = 1, .priority = 0};
    assert_int_equal(rig_send_message(r, &m), ERR_OK);
    assert_int_equal(numbers(r, 1).bundles_in_flight, LINK_WINDOW_COUNT + 1);
    rig_run(r);
    assert_int_equal(r->nodes[2].delivered, 101);
    rig_free(r);
}

static void an_expired_bundle_is_dropped_with_a_trace(void **state)
{
    (void)state;
    struct rig *r = row(2);
    struct message m = {.from = 1,
                        .to = 2,
                        .service = SERVICE_STORAGE,
                        .type = 1,
                        .priority = 1,
                        .lifetime_ns = 3 * S};
    assert_int_equal(rig_send_message(r, &m), ERR_OK);
    rig_wait(r, 6 * S);
    assert_int_equal(r->nodes[1].traces[TRACE_BUNDLE_EXPIRED], 1);
    assert_int_equal(numbers(r, 1).bundles_queued, 0);
    rig_free(r);
}

static void members_learn_when_a_reach_changes(void **state)
{
    (void)state;
    struct rig *r = rig_new(3);
    hand_contact(&r->plan, 1, 2, r->now.wall, r->now.wall + NS_PER_DAY, 1000000000, 1000);
    hand_contact(&r->plan, 2, 3, r->now.wall + 100 * S, r->now.wall + 200 * S, 1000000000, 1000);
    rig_boot_all(r, NULL);
    rig_link(r, 1, 2, true);
    const struct view_member *two = view_find(&r->nodes[1].view, 2),
                             *three = view_find(&r->nodes[1].view, 3);
    assert_true(two->link_up && two->reach_ns < S);
    assert_true(three->reach_ns > 99 * S && three->reach_ns <= 101 * S);
    size_t before = r->nodes[1].changes;
    rig_wait(r, 50 * S);
    assert_int_equal(r->nodes[1].changes, before);
    assert_true(three->reach_ns > 49 * S && three->reach_ns <= 52 * S);
    rig_wait(r, 48 * S);
    assert_int_equal(r->nodes[1].changes, before + 1); /* later → soon */
    rig_wait(r, 150 * S);
    assert_true(three->reach_ns == TIME_NEVER);
    rig_link(r, 1, 2, false);
    assert_false(two->link_up);
    rig_free(r);
}

static void hostile_bundles_are_refused_and_counted(void **state)
{
    (void)state;
    struct rig *r = row(3);
    link_row(r);
    assert_int_equal(rig_send(r, 1, 2, 1, 300), ERR_OK);
    struct buf *good = buf_ref(r->air[0].bytes);
    size_t tried = 0;
    for (size_t bit = 0; bit < good->size * 8;
         bit += 3) { /* every kind of damage, from node 1 and as if from node 3 */
        struct buf *bad = buf_new_malloc(good->size);
        memcpy(bad->data, good->data, good->size);
        bad->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rig_step_begin(r, 2);
        network_frame(r->nodes[2].network,
                      &(struct event_frame){.peer = 1,
                                            .receipt = 1000000 + bit,
                                            .data = slice_of(bad, 0, bad->size)});
        size_t accepts = 0;
        for (size_t i = 0; i < r->nodes[2].core.effect_count; i++)
            accepts += r->nodes[2].core.effects[i].kind == EFFECT_ACCEPT;
        rig_step_end(r);
        assert_true(accepts <= 1);
        tried++;
        buf_unref(bad);
    }
    assert_true(r->nodes[2].refused > tried / 2);
    rig_step_begin(r, 2);
    network_frame(
        r->nodes[2].network,
        &(struct event_frame){.peer = 3, .receipt = 5, .data = slice_of(good, 0, good->size)});
    rig_step_end(r); /* says that it came by way of 1 */
    assert_true(r->nodes[2].traces[TRACE_REFUSED] > 0);
    size_t refused = r->nodes[2].refused;
    view_find(&r->nodes[2].view, 1)->state = MEMBER_QUARANTINED;
    rig_step_begin(r, 2);
    network_frame(
        r->nodes[2].network,
        &(struct event_frame){.peer = 1, .receipt = 6, .data = slice_of(good, 0, good->size)});
    rig_step_end(r);
    assert_int_equal(r->nodes[2].refused, refused + 1);
    buf_unref(good);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_crosses_a_link_and_is_acknowledged),
        cmocka_unit_test(a_relay_acknowledges_only_after_the_next_hop),
        cmocka_unit_test(without_a_link_a_relay_makes_the_bundle_durable_and_then_acknowledges),
        cmocka_unit_test(an_acknowledged_bundle_survives_a_crash_of_its_keeper),
        cmocka_unit_test(nothing_acknowledged_is_lost_when_power_is_cut_at_any_disk_operation),
        cmocka_unit_test(every_bundle_arrives_whichever_disk_operation_fails),
        cmocka_unit_test(with_a_dead_disk_custody_goes_back),
        cmocka_unit_test(a_full_relay_says_so_and_recovers),
        cmocka_unit_test(the_sender_itself_is_told_when_it_is_full),
        cmocka_unit_test(a_heartbeat_needs_a_link_and_is_never_stored),
        cmocka_unit_test(a_request_without_custody_waits_only_briefly),
        cmocka_unit_test(a_copy_is_acknowledged_but_not_delivered_twice),
        cmocka_unit_test(a_bundle_goes_around_a_link_that_broke),
        cmocka_unit_test(a_convicted_node_relays_nothing),
        cmocka_unit_test(control_overtakes_bulk_and_the_window_bounds_what_flies),
        cmocka_unit_test(an_expired_bundle_is_dropped_with_a_trace),
        cmocka_unit_test(members_learn_when_a_reach_changes),
        cmocka_unit_test(hostile_bundles_are_refused_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
