#include "test.h"

#include <stdio.h>

#include "orbit/walker.h"
#include "rig.h"

#define S NS_PER_S

/* Two pearls (1, 2) and a gateway (3), under a real sky. */
static void make_sky(struct sky *sky, tai_ns start)
{
    struct pearls p = {
        .altitude_km = 550, .inclination_deg = 53, .spacing_deg = 10, .count = 2, .epoch = start};
    struct site sites[3] = {0};
    for (uint32_t k = 0; k < 2; k++) {
        sites[k] = (struct site){.node = 1 + k, .kind = SITE_SATELLITE, .slot = k};
        assert_int_equal(pearls_elements(&p, k, &sites[k].elements), ERR_OK);
    }
    sites[2] =
        (struct site){.node = 3, .kind = SITE_GROUND, .latitude_deg = -20, .longitude_deg = 120};
    struct link_rules rules = link_rules_default();
    assert_int_equal(sky_init(sky, NULL, sites, 3, &rules, start), ERR_OK);
    assert_int_equal(sky_plan_extend(sky, start + 26 * NS_PER_HOUR), ERR_OK);
}

static void terminals_follow_the_contact_plan(void **state)
{
    (void)state;
    struct rig *r = rig_new(3);
    struct sky sky;
    make_sky(&sky, r->now.wall);
    r->now.wall_rate = 60;
    rig_boot_all(r, &sky);
    assert_true(r->nodes[1].pointed[2] &&
                r->nodes[2].pointed[1]); /* neighbours see each other always */
    size_t count, ups = 0;
    const struct contact *passes = sky_contacts(&sky, 1, 3, &count);
    assert_true(count >= 3);
    for (size_t i = 0; i < count && passes[i].end < r->now.wall + 20 * NS_PER_HOUR; i++) {
        if (passes[i].start < r->now.wall)
            continue;
        rig_wait(r, (passes[i].start - 2 * S - r->now.wall) / 60);
        assert_false(r->nodes[1].pointed[3] || r->nodes[3].pointed[1]);
        rig_wait(r, (passes[i].start + S / 2 - r->now.wall) / 60);
        assert_true(r->nodes[1].pointed[3] && r->nodes[3].pointed[1]);
        rig_wait(r, (passes[i].end - S - r->now.wall) / 60);
        assert_true(r->nodes[1].pointed[3] && r->nodes[3].pointed[1]);
        rig_wait(r, (passes[i].end + S - r->now.wall) / 60);
        assert_false(r->nodes[1].pointed[3] || r->nodes[3].pointed[1]);
        ups++;
    }
    assert_true(ups >= 2);
    rig_free(r);
    sky_free(&sky);
}

/* Two satellites of crossing planes, far apart at first, in a sky that makes pairs when they meet. */
static tai_ns make_large_sky(struct sky *sky, tai_ns start)
{
    for (uint32_t phase = 0; phase < 360; phase += 20) {
        struct site sites[2] = {0};
        for (uint32_t k = 0; k < 2; k++) {
            struct pearls p = {.altitude_km = k ? 800 : 550, .inclination_deg = k ? 97 : 53, .spacing_deg = 10, .phase_deg = k ? phase : 0,
                               .count = 1, .epoch = start};
            sites[k] = (struct site){.node = 1 + k, .kind = SITE_SATELLITE};
            assert_int_equal(pearls_elements(&p, 0, &sites[k].elements), ERR_OK);
        }
        struct link_rules rules = link_rules_default();
        rules.mesh_dense_max = 1;
        rules.range_max_km = 3000;
        struct sky far;
        assert_int_equal(sky_init(&far, NULL, sites, 2, &rules, start), ERR_OK);
        assert_int_equal(sky_plan_extend(&far, start + 6 * NS_PER_HOUR), ERR_OK);
        const struct contact *c = sky_contact_next(&far, 1, 2, start);
        tai_ns first = c && !sky_contact_at(&far, 1, 2, start) ? c->start : 0;
        sky_free(&far);
        if (first < start + NS_PER_HOUR)
            continue;
        assert_int_equal(sky_init(sky, NULL, sites, 2, &rules, start), ERR_OK);
        assert_int_equal(sky_plan_extend(sky, start + 10 * NS_PER_MINUTE), ERR_OK);
        return first;
    }
    fail();
    return 0;
}

static void who_first_meets_after_the_start_is_pointed_at(void **state)
{
    (void)state;
    struct rig *r = rig_new(2);
    struct sky sky;
    tai_ns first = make_large_sky(&sky, r->now.wall);
    r->now.wall_rate = 60;
    size_t peers;
    (void)sky_peers(&sky, 1, &peers);
    assert_int_equal(peers, 0);
    rig_boot_all(r, &sky);
    while (r->now.wall < first + 10 * S) {
        assert_false(r->nodes[1].pointed[2] && r->now.wall < first - NS_PER_MINUTE);
        if (sky_plan_end(&sky) < r->now.wall + 5 * NS_PER_MINUTE)
            assert_int_equal(sky_plan_extend(&sky, sky_plan_end(&sky) + 10 * NS_PER_MINUTE), ERR_OK);
        rig_wait(r, S / 10);
    }
    assert_true(r->nodes[1].pointed[2] && r->nodes[2].pointed[1]);
    rig_free(r);
    sky_free(&sky);
}

static void a_quarantined_member_is_not_pointed_at_and_a_convicted_one_is(void **state)
{
    (void)state;
    struct rig *r = rig_new(3);
    struct sky sky;
    make_sky(&sky, r->now.wall);
    rig_boot_all(r, &sky);
    view_find(&r->nodes[1].view, 2)->state = MEMBER_CONVICTED;
    rig_step_begin(r, 1);
    network_member(r->nodes[1].network, 2);
    rig_step_end(r);
    assert_true(r->nodes[1].pointed[2]);
    view_find(&r->nodes[1].view, 2)->state = MEMBER_QUARANTINED;
    rig_step_begin(r, 1);
    network_member(r->nodes[1].network, 2);
    rig_step_end(r);
    assert_false(r->nodes[1].pointed[2]);
    rig_free(r);
    sky_free(&sky);
}

static void an_unpredicted_loss_becomes_a_fact_and_is_taken_back(void **state)
{
    (void)state;
    struct rig *r = rig_new(3);
    struct sky sky;
    make_sky(&sky, r->now.wall);
    rig_boot_all(r, &sky);
    rig_link(r, 1, 2, true);
    rig_wait(r, 60 * S);
    assert_int_equal(r->nodes[1].lost_facts + r->nodes[2].lost_facts, 0);
    rig_link(r, 1, 2, false);
    assert_int_equal(r->nodes[1].traces[TRACE_LINK_LOST], 1);
    rig_wait(r, 2 * S);
    assert_int_equal(r->nodes[1].lost_facts, 0); /* three heartbeats of patience */
    rig_wait(r, 5 * S);
    assert_true(r->nodes[1].lost_facts == 1 && r->nodes[2].lost_facts == 1);
    rig_wait(r, 100 * S);
    assert_int_equal(r->nodes[1].lost_facts, 1); /* said once */
    assert_true(network_digest(r->nodes[1].network) == network_digest(r->nodes[3].network));
    assert_true(view_find(&r->nodes[1].view, 2)->reach_ns > 100 * S);
    rig_link(r, 1, 2, true);
    rig_run(r);
    assert_true(r->nodes[1].found_facts == 1 && r->nodes[2].found_facts == 1);
    assert_true(network_digest(r->nodes[1].network) == network_digest(r->nodes[3].network));
    for (int i = 0; i < 20; i++) { /* a flapping link does not flood the others */
        rig_link(r, 1, 2, false);
        rig_wait(r, 4 * S);
        rig_link(r, 1, 2, true);
        rig_wait(r, S);
    }
    assert_true(r->nodes[1].lost_facts <= 5);
    rig_free(r);
    sky_free(&sky);
}

/* Six pearls in a row, linked, of a large mission. */
static struct rig *make_row(struct sky *sky)
{
    struct rig *r = rig_new(6);
    struct pearls p = {.altitude_km = 550, .inclination_deg = 53, .spacing_deg = 10, .count = 6, .epoch = r->now.wall};
    struct site sites[6] = {0};
    for (uint32_t k = 0; k < 6; k++) {
        sites[k] = (struct site){.node = 1 + k, .kind = SITE_SATELLITE, .slot = k};
        assert_int_equal(pearls_elements(&p, k, &sites[k].elements), ERR_OK);
    }
    struct link_rules rules = link_rules_default();
    rules.topology = TOPOLOGY_STRING;
    assert_int_equal(sky_init(sky, NULL, sites, 6, &rules, r->now.wall), ERR_OK);
    assert_int_equal(sky_plan_extend(sky, r->now.wall + 2 * NS_PER_HOUR), ERR_OK);
    rig_boot_all(r, sky);
    for (node_id id = 1; id <= 6; id++) {
        r->nodes[id].view.large = true;
        r->nodes[id].config.acquire_ns = 300 * S;
    }
    return r;
}

static void news_of_a_link_goes_three_hops_and_a_fact_follows_when_it_lasts(void **state)
{
    (void)state;
    struct sky sky;
    struct rig *r = make_row(&sky);
    for (node_id id = 1; id < 6; id++)
        rig_link(r, id, id + 1, true);
    rig_wait(r, 60 * S);
    rig_link(r, 1, 2, false);
    rig_wait(r, S / 10);
    for (node_id id = 3; id <= 5; id++) /* 2 tells 3, 4, 5 */
        assert_true(near_until(r->nodes[id].network, 2, 1) > r->now.wall);
    assert_true(near_until(r->nodes[6].network, 2, 1) == 0);
    assert_true(view_find(&r->nodes[4].view, 1)->reach_ns > 100 * S);
    assert_int_equal(r->nodes[1].lost_facts + r->nodes[2].lost_facts, 0);
    rig_link(r, 1, 2, true);
    rig_wait(r, 2 * S);
    for (node_id id = 1; id <= 6; id++)
        assert_true(near_until(r->nodes[id].network, 2, 1) == 0);
    assert_true(view_find(&r->nodes[4].view, 1)->reach_ns < S);
    rig_link(r, 1, 2, false);
    rig_wait(r, 55 * S);
    assert_int_equal(r->nodes[1].lost_facts + r->nodes[2].lost_facts, 0);
    rig_wait(r, 10 * S);
    assert_true(r->nodes[1].lost_facts == 1 && r->nodes[2].lost_facts == 1);
    rig_link(r, 1, 2, true);
    rig_wait(r, S);
    assert_true(r->nodes[1].found_facts == 1 && r->nodes[2].found_facts == 1);
    rig_free(r);
    sky_free(&sky);
}

static void a_laser_that_searches_is_not_lost_before_its_terminal_should_have_found_the_peer(void **state)
{
    (void)state;
    struct sky sky;
    struct rig *r = make_row(&sky);
    for (node_id id = 2; id < 6; id++)
        rig_link(r, id, id + 1, true);
    rig_wait(r, 290 * S);
    assert_int_equal(r->nodes[1].lost_facts + r->nodes[2].lost_facts, 0);
    assert_true(near_until(r->nodes[4].network, 2, 1) > r->now.wall); /* those around do not count on it */
    rig_wait(r, 30 * S);
    assert_true(r->nodes[1].lost_facts == 1 && r->nodes[2].lost_facts == 1);
    rig_free(r);
    sky_free(&sky);
}

static void malformed_news_of_links_changes_nothing_and_lies_are_short(void **state)
{
    (void)state;
    struct sky sky;
    struct rig *r = make_row(&sky);
    rig_link(r, 2, 3, true);
    struct rng rng = rng_stream(4, 4);
    uint8_t bytes[40];
    for (int i = 0; i < 20000; i++) {
        size_t size = i % 2 ? 25 : rng_below(&rng, sizeof bytes);
        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)(rng_chance(&rng, 0.6) ? rng_below(&rng, 4) : rng_u64(&rng));
        struct message m = {.from = 3, .to = 2, .service = SERVICE_NETWORK, .type = NETWORK_NEAR, .body = span_of(bytes, size)};
        rig_step_begin(r, 2);
        near_take(r->nodes[2].network, &m);
        rig_step_end(r);
    }
    assert_true(r->nodes[2].network->near.count <= 36);
    for (node_id a = 1; a <= 6; a++)
        for (node_id b = 1; b <= 6; b++)
            assert_true(near_until(r->nodes[2].network, a, b) <= r->now.wall + NEAR_FOR_NS);
    for (node_id b = 1; b <= 6; b++)
        assert_true(near_until(r->nodes[2].network, 2, b) == 0); /* nobody speaks for us */
    rig_free(r);
    sky_free(&sky);
}

static void the_loss_of_a_dead_peer_is_not_a_lost_link(void **state)
{
    (void)state;
    struct rig *r = rig_new(3);
    struct sky sky;
    make_sky(&sky, r->now.wall);
    rig_boot_all(r, &sky);
    rig_link(r, 1, 2, true);
    view_find(&r->nodes[1].view, 2)->state = MEMBER_CONVICTED;
    rig_link(r, 1, 2, false);
    rig_wait(r, 30 * S);
    assert_int_equal(r->nodes[1].lost_facts, 0);
    rig_free(r);
    sky_free(&sky);
}

static void malformed_link_facts_change_nothing(void **state)
{
    (void)state;
    struct rig *r = rig_new(3);
    rig_boot_all(r, NULL);
    static const struct {
        uint8_t body[13];
        size_t size;
    } list[] = {{{0}, 0},
                {{2, 0, 0, 0}, 4},
                {{1, 0, 0, 0, 5}, 12},
                {{0, 0, 0, 0, 5}, 12},
                {{2, 0, 0, 0, 5}, 13},
                {{2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80}, 12}};
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        struct fact f = {.author = 1,
                         .incarnation = 1,
                         .seq = i + 1,
                         .type = FACT_LINK_LOST,
                         .body = span_of(list[i].body, list[i].size)};
        rig_step_begin(r, 2);
        network_fact(r->nodes[2].network, &f);
        rig_step_end(r);
    }
    assert_true(network_digest(r->nodes[2].network) == 0);
    assert_int_equal(r->nodes[2].traces[TRACE_REFUSED], COUNT_OF(list));
    rig_free(r);
}

static void equal_sets_of_link_facts_fold_to_equal_digests(void **state)
{
    (void)state;
    struct rig *r = rig_new(3);
    rig_boot_all(r, NULL);
    enum { FACTS = 12 };
    uint8_t bodies[FACTS][12];
    struct fact facts[FACTS];
    for (size_t i = 0; i < FACTS; i++) { /* authors 1 and 2, sequences 1.. each */
        bool lost = i % 3 != 2;
        struct writer w = writer_of(bodies[i], 12);
        write_u32(&w, i % 2 ? 3 : 4);
        write_u64(&w, lost ? (uint64_t)(r->now.wall + (tai_ns)i * S) : 0);
        facts[i] = (struct fact){.author = 1 + i % 2,
                                 .incarnation = 1,
                                 .seq = i / 2 + 1,
                                 .body = writer_span(&w),
                                 .type = lost ? FACT_LINK_LOST : FACT_LINK_FOUND};
    }
    for (node_id id = 1; id <= 3; id++)
        for (size_t i = 0; i < FACTS; i++) { /* in different interleavings of the two authors */
            size_t k = id == 1   ? i
                       : id == 2 ? (i < FACTS / 2 ? 2 * i : 2 * (i - FACTS / 2) + 1)
                                 : (i < FACTS / 2 ? 2 * i + 1 : 2 * (i - FACTS / 2));
            rig_step_begin(r, id);
            network_fact(r->nodes[id].network, &facts[k]);
            rig_step_end(r);
        }
    uint64_t digest = network_digest(r->nodes[1].network);
    assert_true(digest != 0 && digest == network_digest(r->nodes[2].network) &&
                digest == network_digest(r->nodes[3].network));
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terminals_follow_the_contact_plan),
        cmocka_unit_test(who_first_meets_after_the_start_is_pointed_at),
        cmocka_unit_test(a_quarantined_member_is_not_pointed_at_and_a_convicted_one_is),
        cmocka_unit_test(an_unpredicted_loss_becomes_a_fact_and_is_taken_back),
        cmocka_unit_test(news_of_a_link_goes_three_hops_and_a_fact_follows_when_it_lasts),
        cmocka_unit_test(a_laser_that_searches_is_not_lost_before_its_terminal_should_have_found_the_peer),
        cmocka_unit_test(malformed_news_of_links_changes_nothing_and_lies_are_short),
        cmocka_unit_test(the_loss_of_a_dead_peer_is_not_a_lost_link),
        cmocka_unit_test(malformed_link_facts_change_nothing),
        cmocka_unit_test(equal_sets_of_link_facts_fold_to_equal_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
