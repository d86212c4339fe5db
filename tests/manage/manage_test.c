#include "manage_harness.h"

static void the_genesis_fills_the_table_of_members(void **state)
{
    (void)state;
    struct world *w = world_meshed(3, 1);
    const struct view *v = &w->stations[2].view;
    assert_int_equal(v->count, WORLD_NODES);
    assert_string_equal(view_name(v, 5), "node-5");
    assert_int_equal(view_find(v, 5)->role, ROLE_GATEWAY);
    assert_int_equal(seen(w, 2, 1), MEMBER_ALIVE);
    world_free(w);
}

static void a_killed_node_is_convicted_everywhere_within_three_and_a_half_heartbeats(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *w = world_meshed(4, seed);
        run(w, (duration_ns)seed * 37 * NS_PER_MS);
        mono_ns killed_at = w->now.mono;
        kill_node(w, 2);
        run(w, 4 * NS_PER_S);
        for (node_id id = 1; id <= 4; id++) {
            if (id == 2)
                continue;
            assert_int_equal(seen(w, id, 2), MEMBER_CONVICTED);
            assert_in_range(w->stations[id].convicted_at[2] - killed_at, NS_PER_S, 3 * NS_PER_S + 500 * NS_PER_MS);
            assert_int_equal(w->stations[id].convictions, 1);
        }
        world_free(w);
    }
}

static void a_returning_node_is_a_member_again(void **state)
{
    (void)state;
    struct world *w = world_meshed(4, 3);
    kill_node(w, 2);
    run(w, 30 * NS_PER_S);
    assert_int_equal(seen(w, 1, 2), MEMBER_CONVICTED);
    start(w, 2);
    for (node_id id = 1; id <= 4; id++)
        if (id != 2)
            link_set(w, id, 2, true);
    run(w, 2 * NS_PER_S);
    for (node_id id = 1; id <= 4; id++)
        assert_int_equal(seen(w, id, 2), MEMBER_ALIVE);
    assert_int_equal(w->stations[1].returns, 1);
    run(w, 30 * NS_PER_S);
    assert_int_equal(seen(w, 1, 2), MEMBER_ALIVE);
    kill_node(w, 2); /* and can be convicted a second time */
    run(w, 4 * NS_PER_S);
    assert_int_equal(seen(w, 3, 2), MEMBER_CONVICTED);
    uint64_t digest = manage_digest(w->stations[1].manage);
    assert_true(digest == manage_digest(w->stations[3].manage) && digest == manage_digest(w->stations[4].manage));
    world_free(w);
}

static void a_node_convicted_while_it_lived_returns_when_it_hears_of_it(void **state)
{
    (void)state;
    struct world *w = world_meshed(4, 3);
    for (node_id id = 1; id <= 4; id++)
        if (id != 2)
            link_set(w, 2, id, false);
    run(w, 10 * NS_PER_S);
    assert_int_equal(seen(w, 1, 2), MEMBER_CONVICTED);
    assert_int_equal(seen(w, 2, 1), MEMBER_ALIVE); /* it saw everybody die at once: its own fault */
    assert_int_equal(w->stations[2].suspicions, 0);
    link_set(w, 2, 3, true);
    run(w, 7 * NS_PER_S);
    for (node_id id = 1; id <= 4; id++)
        assert_int_equal(seen(w, id, 2), MEMBER_ALIVE);
    world_free(w);
}

static void silence_outside_of_contacts_is_no_failure(void **state)
{
    (void)state;
    struct world *w = world_new(4, 5);
    tai_ns t0 = w->now.wall;
    for (int pass = 0; pass < 10; pass++) /* eight minutes of every hour */
        for (node_id b = 2; b <= 4; b++)
            window(1, b, t0 + pass * NS_PER_HOUR, t0 + pass * NS_PER_HOUR + 8 * NS_PER_MINUTE);
    for (int pass = 0; pass < 10; pass++) {
        for (node_id b = 2; b <= 4; b++)
            link_set(w, 1, b, true);
        run(w, 8 * NS_PER_MINUTE + NS_PER_S); /* one second later than planned */
        for (node_id b = 2; b <= 4; b++)
            link_set(w, 1, b, false);
        run(w, 52 * NS_PER_MINUTE - NS_PER_S);
    }
    for (node_id id = 1; id <= 4; id++)
        assert_int_equal(w->stations[id].suspicions, 0);
    world_free(w);
}

static void a_node_that_died_out_of_sight_is_found_at_the_next_contact(void **state)
{
    (void)state;
    struct world *w = world_new(3, 6);
    tai_ns t0 = w->now.wall;
    window(2, 3, 0, TIME_NEVER);
    link_set(w, 2, 3, true);
    for (node_id b = 2; b <= 3; b++) {
        window(1, b, t0, t0 + 5 * NS_PER_MINUTE);
        window(1, b, t0 + NS_PER_HOUR, t0 + NS_PER_HOUR + 5 * NS_PER_MINUTE);
        link_set(w, 1, b, true);
    }
    run(w, 5 * NS_PER_MINUTE);
    link_set(w, 1, 2, false);
    link_set(w, 1, 3, false);
    kill_node(w, 1);
    run(w, 55 * NS_PER_MINUTE);
    assert_int_equal(seen(w, 2, 1), MEMBER_ALIVE);
    run(w, 25 * NS_PER_S);
    assert_int_equal(seen(w, 2, 1), MEMBER_CONVICTED);
    assert_int_equal(seen(w, 3, 1), MEMBER_CONVICTED);
    world_free(w);
}

static void a_cut_link_convicts_nobody_that_others_hear(void **state)
{
    (void)state;
    struct world *w = world_meshed(3, 7);
    link_set(w, 1, 2, false);
    for (int i = 0; i < 20; i++) {
        run(w, 30 * NS_PER_S);
        assert_int_not_equal(seen(w, 3, 1), MEMBER_CONVICTED);
        assert_int_not_equal(seen(w, 3, 2), MEMBER_CONVICTED);
    }
    for (node_id id = 1; id <= 3; id++)
        for (node_id about = 1; about <= 3; about++)
            assert_int_equal(seen(w, id, about), MEMBER_ALIVE); /* the suspicions were withdrawn */
    assert_in_range(w->stations[1].suspicions, 0, 1);
    link_set(w, 1, 2, true);
    run(w, 10 * NS_PER_S);
    kill_node(w, 2); /* the link works again, and so does the detector */
    run(w, 4 * NS_PER_S);
    assert_int_equal(seen(w, 1, 2), MEMBER_CONVICTED);
    world_free(w);
}

static void a_partition_is_settled_on_heal(void **state)
{
    (void)state;
    struct world *w = world_meshed(4, 8); /* {1,2} | {3,4} without the plan saying so */
    for (node_id a = 1; a <= 2; a++)
        for (node_id b = 3; b <= 4; b++)
            link_set(w, a, b, false);
    run(w, 60 * NS_PER_S);
    for (node_id a = 1; a <= 2; a++)
        for (node_id b = 3; b <= 4; b++)
            link_set(w, a, b, true);
    run(w, 20 * NS_PER_S);
    uint64_t digest = manage_digest(w->stations[1].manage);
    for (node_id id = 1; id <= 4; id++) {
        for (node_id about = 1; about <= 4; about++)
            assert_int_equal(seen(w, id, about), MEMBER_ALIVE);
        assert_true(manage_digest(w->stations[id].manage) == digest);
        assert_true(facts_digest(w->stations[id].facts) == facts_digest(w->stations[1].facts));
    }
    world_free(w);
}

/* Node 1 alone sees node 2; node 3 only sees node 1. */
static struct world *world_with_one_observer(void)
{
    struct world *w = world_new(3, 9);
    window(1, 2, 0, TIME_NEVER);
    window(1, 3, 0, TIME_NEVER);
    link_set(w, 1, 2, true);
    link_set(w, 1, 3, true);
    run(w, 10 * NS_PER_S);
    return w;
}

static void the_only_observer_convicts_when_the_link_broke_too(void **state)
{
    (void)state;
    struct world *w = world_with_one_observer();
    mono_ns killed_at = w->now.mono;
    kill_node(w, 2);
    run(w, 4 * NS_PER_S);
    assert_int_equal(seen(w, 3, 2), MEMBER_CONVICTED);
    assert_in_range(w->stations[3].convicted_at[2] - killed_at, 2 * NS_PER_S, 3 * NS_PER_S + 500 * NS_PER_MS);
    world_free(w);
}

static void the_only_observer_of_a_node_that_hangs_takes_twice_the_patience(void **state)
{
    (void)state;
    struct world *w = world_with_one_observer();
    mono_ns hung_at = w->now.mono;
    w->stations[2].running = false; /* its link still stands */
    run(w, 4 * NS_PER_S);
    assert_int_equal(seen(w, 3, 2), MEMBER_SUSPECT);
    run(w, 4 * NS_PER_S);
    assert_int_equal(seen(w, 3, 2), MEMBER_CONVICTED);
    assert_in_range(w->stations[1].convicted_at[2] - hung_at, 5 * NS_PER_S, 6 * NS_PER_S + 200 * NS_PER_MS);
    world_free(w);
}

static void two_neighbours_that_die_at_once_are_not_doubted_for_ever(void **state)
{
    (void)state;
    struct world *w = world_new(4, 9); /* a string: 1-2-3-4 */
    for (node_id a = 1; a < 4; a++) {
        window(a, a + 1, 0, TIME_NEVER);
        link_set(w, a, a + 1, true);
    }
    run(w, 10 * NS_PER_S);
    kill_node(w, 1);
    kill_node(w, 3);
    run(w, 10 * NS_PER_S);
    assert_int_equal(seen(w, 2, 1), MEMBER_ALIVE); /* it may be our own fault */
    run(w, 25 * NS_PER_S);
    assert_int_equal(seen(w, 2, 1), MEMBER_CONVICTED); /* nobody else could see it */
    assert_int_equal(seen(w, 2, 3), MEMBER_SUSPECT);   /* node 4 could */
    assert_int_equal(seen(w, 4, 3), MEMBER_SUSPECT);
    window(2, 4, 0, TIME_NEVER);
    link_set(w, 2, 4, true);
    run(w, 6 * NS_PER_S);
    assert_int_equal(seen(w, 2, 3), MEMBER_CONVICTED);
    assert_int_equal(seen(w, 4, 1), MEMBER_CONVICTED);
    world_free(w);
}

static void lost_heartbeats_convict_nobody_for_hours(void **state)
{
    (void)state;
    struct world *w = world_meshed(4, 10);
    w->heartbeat_loss = 0.01;
    run(w, 4 * NS_PER_HOUR);
    w->heartbeat_loss = 0.1; /* one in a thousand triples is lost: suspicions come and go */
    run(w, NS_PER_HOUR / 2);
    size_t suspicions = 0;
    for (node_id id = 1; id <= 4; id++) {
        assert_int_equal(w->stations[id].convictions, 0);
        suspicions += w->stations[id].suspicions;
    }
    assert_true(suspicions > 0);
    w->heartbeat_loss = 0;
    run(w, 10 * NS_PER_S);
    for (node_id id = 1; id <= 4; id++)
        for (node_id about = 1; about <= 4; about++)
            assert_int_equal(seen(w, id, about), MEMBER_ALIVE);
    world_free(w);
}

static void a_fast_wall_clock_changes_nothing_for_standing_contacts(void **state)
{
    (void)state;
    struct world *w = world_meshed(3, 11);
    w->now.wall_rate = 600;
    run(w, 100 * NS_PER_S);
    for (node_id id = 1; id <= 3; id++)
        assert_int_equal(w->stations[id].suspicions, 0);
    kill_node(w, 3);
    run(w, 4 * NS_PER_S);
    assert_int_equal(seen(w, 1, 3), MEMBER_CONVICTED);
    world_free(w);
}

static void status_reaches_nodes_that_are_no_neighbours(void **state)
{
    (void)state;
    struct world *w = world_new(6, 12);
    for (node_id a = 1; a < 6; a++) {
        window(a, a + 1, 0, TIME_NEVER);
        link_set(w, a, a + 1, true);
    }
    struct event_craft craft = {.battery_mwh = 700, .battery_capacity_mwh = 1000, .core_mk = 290000, .sunlit_permille = 1000};
    begin(w, &w->stations[1]);
    manage_craft(w->stations[1].manage, &craft);
    run(w, 20 * NS_PER_S);
    const struct view_member *row = view_find(&w->stations[6].view, 1);
    assert_true(row->status_known);
    assert_int_equal(row->status.battery_mwh, 700);
    assert_in_range(w->now.wall - row->status.wall, 0, 8 * NS_PER_S);
    assert_int_equal(row->status.link_count, 1);
    assert_int_equal(row->status.links[0], 2);
    world_free(w);
}

static void malformed_heartbeats_and_facts_change_nothing(void **state)
{
    (void)state;
    struct world *w = world_meshed(2, 13);
    struct station *n = &w->stations[1];
    struct rng rng = rng_stream(1, 1);
    uint64_t digest = manage_digest(n->manage);
    uint8_t bytes[200];
    for (int i = 0; i < 20000; i++) {
        size_t size = rng_below(&rng, sizeof bytes);
        for (size_t j = 0; j < size; j++)
            bytes[j] = (uint8_t)(rng_chance(&rng, 0.6) ? 1 : rng_u64(&rng));
        struct message m = {.from = 2, .to = 1, .service = SERVICE_MANAGE, .type = 1, .body = span_of(bytes, size)};
        struct fact f = {.author = 2, .incarnation = 1, .seq = 1, .type = (uint16_t)(i % 2 ? FACT_JOIN : FACT_PROOF), .body = span_of(bytes, size)};
        begin(w, n);
        manage_message(n->manage, &m);
        manage_fact(n->manage, &f);
    }
    finish(w, n);
    assert_true(manage_digest(n->manage) == digest);
    world_free(w);
}

/* ---- large missions (docs/adr/0011) ---------------------------------------------------------------------------------- */

static void a_large_mission_settles_a_doubt_before_it_becomes_a_fact(void **state)
{
    (void)state;
    struct world *w = world_mesh(world_open(4, 7, true), 4);
    uint64_t facts = facts_count(w->stations[3].facts);
    link_set(w, 1, 2, false);
    run(w, 600 * NS_PER_S);
    for (node_id id = 1; id <= 4; id++)
        assert_int_equal(w->stations[id].suspicions, 0);
    assert_true(facts_count(w->stations[3].facts) == facts);
    kill_node(w, 2); /* who was excused for its broken link is no obstacle */
    run(w, 4500 * NS_PER_MS);
    assert_int_equal(seen(w, 3, 2), MEMBER_CONVICTED);
    assert_int_equal(seen(w, 1, 2), MEMBER_CONVICTED);
    world_free(w);
}

static void a_node_of_a_large_mission_is_convicted_within_four_and_a_half_heartbeats(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_mesh(world_open(4, seed, true), 4);
        run(w, (duration_ns)(seed * 137 % 1000) * NS_PER_MS);
        mono_ns died = w->now.mono;
        kill_node(w, 3);
        run(w, 10 * NS_PER_S);
        for (node_id id = 1; id <= 4; id++)
            if (id != 3)
                assert_in_range(w->stations[id].convicted_at[3], (uint64_t)died + 1, (uint64_t)died + 4500 * NS_PER_MS);
        world_free(w);
    }
}

static void an_answer_that_nobody_asked_for_excuses_nobody(void **state)
{
    (void)state;
    struct world *w = world_mesh(world_open(3, 5, true), 3);
    struct station *n = &w->stations[1];
    uint8_t body[32];
    struct writer out = writer_of(body, sizeof body);
    heard_write(&out, &(struct heard){2, 1, 1000000});
    struct message m = {.from = 3, .to = 1, .service = SERVICE_MANAGE, .type = MANAGE_LIVES, .body = writer_span(&out)};
    begin(w, n);
    manage_message(n->manage, &m);
    finish(w, n);
    kill_node(w, 2);
    run(w, 4500 * NS_PER_MS);
    assert_int_equal(seen(w, 1, 2), MEMBER_CONVICTED);
    world_free(w);
}

static void statuses_of_large_missions_travel_with_every_eighth_heartbeat(void **state)
{
    (void)state;
    struct world *w = world_mesh(world_open(4, 3, true), 4);
    link_set(w, 1, 4, false);
    run(w, 60 * NS_PER_S);
    begin(w, &w->stations[4]);
    manage_craft(w->stations[4].manage, &(struct event_craft){.battery_mwh = 4711, .battery_capacity_mwh = 5000, .core_limit_mk = 340000});
    run(w, 9 * NS_PER_S);
    assert_int_equal(view_find(&w->stations[2].view, 4)->status.battery_mwh, 4711);
    run(w, 9 * NS_PER_S);
    assert_int_equal(view_find(&w->stations[1].view, 4)->status.battery_mwh, 4711); /* over others */
    world_free(w);
}

static void sums_in_heartbeats_find_a_fact_that_was_lost_on_the_way(void **state)
{
    (void)state;
    struct world *w = world_mesh(world_open(2, 9, true), 2);
    struct station *n = &w->stations[1];
    w->link[1][2] = false; /* the air loses it; nobody notices */
    begin(w, n);
    assert_int_equal(facts_publish(n->facts, FACT_TASK, span_of((const uint8_t *)"x", 1), NULL), ERR_OK);
    finish(w, n);
    w->link[1][2] = true;
    assert_true(facts_sum(n->facts) != facts_sum(w->stations[2].facts));
    run(w, 4 * NS_PER_S);
    assert_true(facts_sum(n->facts) == facts_sum(w->stations[2].facts));
    assert_true(facts_digest(n->facts) == facts_digest(w->stations[2].facts));
    world_free(w);
}

static void malformed_messages_of_large_missions_change_nothing(void **state)
{
    (void)state;
    struct world *w = world_mesh(world_open(2, 13, true), 2);
    struct station *n = &w->stations[1];
    struct rng rng = rng_stream(2, 1);
    uint64_t digest = manage_digest(n->manage);
    uint8_t bytes[200];
    for (int i = 0; i < 20000; i++) {
        size_t size = rng_below(&rng, sizeof bytes);
        for (size_t j = 0; j < size; j++)
            bytes[j] = (uint8_t)(rng_chance(&rng, 0.6) ? 1 : rng_u64(&rng));
        if (size > 0)
            bytes[0] = (uint8_t)(i % 3 ? bytes[0] : 2);
        struct message m = {.from = 2, .to = 1, .service = SERVICE_MANAGE, .type = (uint16_t)(1 + i % 4), .body = span_of(bytes, size)};
        begin(w, n);
        manage_message(n->manage, &m);
    }
    finish(w, n);
    assert_true(manage_digest(n->manage) == digest && manage_check(n->manage));
    world_free(w);
}

static void nobody_but_the_root_admits_or_retires(void **state)
{
    (void)state;
    struct world *w = world_meshed(2, 14);
    struct station *n = &w->stations[1];
    uint8_t memory[16];
    struct writer wr = writer_of(memory, sizeof memory);
    leave_write(&wr, &(struct leave){2, 1});
    struct fact f = {.author = 2, .incarnation = 1, .seq = 9, .type = FACT_LEAVE, .body = writer_span(&wr)};
    begin(w, n);
    manage_fact(n->manage, &f);
    assert_int_equal(seen(w, 1, 2), MEMBER_ALIVE);
    f.author = NODE_ROOT;
    manage_fact(n->manage, &f);
    assert_int_equal(seen(w, 1, 2), MEMBER_LEFT);
    finish(w, n);
    world_free(w);
}

static void folds_commute_between_authors(void **state)
{
    (void)state;
    uint8_t memory[4][64];
    struct span bodies[4];
    struct writer wr[4];
    for (int i = 0; i < 4; i++)
        wr[i] = writer_of(memory[i], 64);
    suspect_write(&wr[0], &(struct suspect){2, 0, false, 5});
    convict_write(&wr[1], &(struct convict){.node = 2, .life = 0});
    comeback_write(&wr[2], &(struct comeback){2, 1});
    suspect_write(&wr[3], &(struct suspect){2, 1, false, 9});
    const node_id authors[4] = {3, 4, 2, 5};
    const uint16_t types[4] = {FACT_SUSPECT, FACT_CONVICT, FACT_RETURN, FACT_SUSPECT};
    uint64_t digest = 0;
    for (int i = 0; i < 4; i++)
        bodies[i] = writer_span(&wr[i]);
    for (int order = 0; order < 24; order++) {
        struct world *w = world_new(1, 1);
        struct station *n = &w->stations[1];
        int rest = order, left[4] = {0, 1, 2, 3};
        begin(w, n);
        for (int k = 4; k > 0; k--) {
            int at = rest % k, i = left[at];
            rest /= k;
            left[at] = left[k - 1];
            struct fact f = {.author = authors[i], .incarnation = 1, .seq = 1, .type = types[i], .body = bodies[i]};
            manage_fact(n->manage, &f);
        }
        assert_int_equal(seen(w, 1, 2), MEMBER_SUSPECT); /* back, and suspected anew by one */
        digest = digest ? digest : manage_digest(n->manage);
        assert_true(manage_digest(n->manage) == digest);
        finish(w, n);
        world_free(w);
    }
}

static void health_falls_at_once_and_climbs_with_margin(void **state)
{
    (void)state;
    struct world *w = world_new(1, 1);
    struct station *n = &w->stations[1];
    n->config.battery_floor_mwh = 200;
    n->config.battery_economy_mwh = 600;
    n->config.core_limit_mk = 330000;
    struct event_craft c = {.battery_mwh = 900, .battery_capacity_mwh = 1000, .core_mk = 290000};
    const struct { uint64_t battery; uint32_t core; enum health want; } steps[] = {
        {900, 290000, HEALTH_NOMINAL}, {599, 290000, HEALTH_ECONOMY}, {610, 290000, HEALTH_ECONOMY},
        {620, 290000, HEALTH_NOMINAL}, {240, 290000, HEALTH_SURVIVAL}, {900, 290000, HEALTH_SAFE},
        {900, 290000, HEALTH_ECONOMY}, {900, 290000, HEALTH_NOMINAL},  {900, 326000, HEALTH_ECONOMY},
        {900, 323000, HEALTH_ECONOMY}, {900, 321000, HEALTH_NOMINAL},  {900, 330000, HEALTH_SURVIVAL},
    };
    begin(w, n);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        c.battery_mwh = steps[i].battery;
        c.core_mk = steps[i].core;
        manage_craft(n->manage, &c);
        assert_int_equal(manage_health(n->manage), steps[i].want);
    }
    finish(w, n);
    assert_int_equal(n->healths, 9);
    world_free(w);
}

static void a_liar_is_quarantined_by_everybody(void **state)
{
    (void)state;
    struct world *w = world_meshed(3, 15);
    struct fact_crypto key = {world_keys[3], world_sign, world_verify};
    uint8_t encoded[2][FACT_OVERHEAD + 1], zero[32] = {0};
    for (uint8_t i = 0; i < 2; i++) {
        struct fact f = {.author = 3, .incarnation = 1, .seq = 1, .type = 99, .body = span_of(&i, 1)};
        assert_int_equal(fact_encode(&f, zero, &key, encoded[i]), ERR_OK);
    }
    struct station *n = &w->stations[1];
    begin(w, n);
    manage_equivocation(n->manage, 3, span_of(encoded[0], sizeof encoded[0]), span_of(encoded[1], sizeof encoded[1]));
    finish(w, n);
    deliver_all(w);
    assert_int_equal(seen(w, 1, 3), MEMBER_QUARANTINED);
    assert_int_equal(seen(w, 2, 3), MEMBER_QUARANTINED);
    assert_true(facts_digest(w->stations[1].facts) == facts_digest(w->stations[2].facts));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_genesis_fills_the_table_of_members),
        cmocka_unit_test(a_killed_node_is_convicted_everywhere_within_three_and_a_half_heartbeats),
        cmocka_unit_test(a_returning_node_is_a_member_again),
        cmocka_unit_test(a_node_convicted_while_it_lived_returns_when_it_hears_of_it),
        cmocka_unit_test(silence_outside_of_contacts_is_no_failure),
        cmocka_unit_test(a_node_that_died_out_of_sight_is_found_at_the_next_contact),
        cmocka_unit_test(a_cut_link_convicts_nobody_that_others_hear),
        cmocka_unit_test(a_partition_is_settled_on_heal),
        cmocka_unit_test(the_only_observer_convicts_when_the_link_broke_too),
        cmocka_unit_test(the_only_observer_of_a_node_that_hangs_takes_twice_the_patience),
        cmocka_unit_test(two_neighbours_that_die_at_once_are_not_doubted_for_ever),
        cmocka_unit_test(lost_heartbeats_convict_nobody_for_hours),
        cmocka_unit_test(a_fast_wall_clock_changes_nothing_for_standing_contacts),
        cmocka_unit_test(status_reaches_nodes_that_are_no_neighbours),
        cmocka_unit_test(malformed_heartbeats_and_facts_change_nothing),
        cmocka_unit_test(a_large_mission_settles_a_doubt_before_it_becomes_a_fact),
        cmocka_unit_test(a_node_of_a_large_mission_is_convicted_within_four_and_a_half_heartbeats),
        cmocka_unit_test(an_answer_that_nobody_asked_for_excuses_nobody),
        cmocka_unit_test(statuses_of_large_missions_travel_with_every_eighth_heartbeat),
        cmocka_unit_test(sums_in_heartbeats_find_a_fact_that_was_lost_on_the_way),
        cmocka_unit_test(malformed_messages_of_large_missions_change_nothing),
        cmocka_unit_test(nobody_but_the_root_admits_or_retires),
        cmocka_unit_test(folds_commute_between_authors),
        cmocka_unit_test(health_falls_at_once_and_climbs_with_margin),
        cmocka_unit_test(a_liar_is_quarantined_by_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
