#include "test.h"

#include <stdlib.h>

#include "base/rng.h"
#include "hand_plan.h"

#define S NS_PER_S

static struct heap heap;
static void *memory;

static int setup(void **state)
{
    (void)state;
    memory = aligned_alloc(16, 1 << 20);
    heap_init(&heap, memory, 1 << 20);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static void open_route(struct route *r, const struct hand_plan *p, node_id self)
{
    struct route_sky sky = hand_sky(p);
    assert_int_equal(route_init(r, &heap, &sky, self, NS_PER_MS, 2 * S), ERR_OK);
    for (size_t i = 0; i < p->peer_count[self]; i++) { /* all links that should stand do */
        size_t count;
        const struct contact *c = hand_contacts(p, self, &p->peers[self][i], &count);
        for (size_t j = 0; j < count; j++)
            if (c[j].start <= 0 && c[j].end >= 0)
                route_set_linked(r, p->peers[self][i], true);
    }
}

static void waits_for_the_contact_that_brings_it_there_first(void **state)
{
    (void)state;
    struct hand_plan p = {.count = 3};
    hand_contact(&p, 1, 2, 0, 100 * S, 1000000000, 1000);
    hand_contact(&p, 2, 3, 50 * S, 60 * S, 1000000000, 1000);
    hand_contact(&p, 1, 3, 80 * S, 90 * S, 1000000000, 1000);
    struct route r;
    open_route(&r, &p, 1);
    struct route_way way;
    assert_true(route_to(&r, ROUTE_SMALL, 0, 3, &way));
    assert_true(way.first == 2 && way.hops == 2 && !way.open);
    assert_true(way.arrival > 50 * S && way.arrival < 50 * S + 10 * NS_PER_MS);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 2, &way) && way.open && way.first == 2);
    /* When the contact that it waits for begins, the arrival starts to move. */
    assert_true(route_is_fresh(&r, ROUTE_SMALL, 49 * S) &&
                !route_is_fresh(&r, ROUTE_SMALL, 51 * S));
    assert_true(route_check(&r));
    route_free(&r);
}

static void of_equal_arrivals_the_fewest_hops_win(void **state)
{
    (void)state;
    /* 1-2-3-4 is at 3 first (two hops); 1-3 directly later. Both wait for 3-4 at 50 s. */
    struct hand_plan p = {.count = 4};
    hand_contact(&p, 1, 2, 0, 100 * S, 1000000000, 1);
    hand_contact(&p, 2, 3, 0, 100 * S, 1000000000, 1);
    hand_contact(&p, 1, 3, 0, 100 * S, 1000000000, 30000);
    hand_contact(&p, 3, 4, 50 * S, 60 * S, 1000000000, 1);
    struct route r;
    open_route(&r, &p, 1);
    struct route_way way;
    assert_true(route_to(&r, ROUTE_SMALL, 0, 3, &way) && way.hops == 2 && way.first == 2);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.hops == 2 && way.first == 3);
    route_free(&r);
}

static void a_transmission_may_end_with_its_contact_but_not_later(void **state)
{
    (void)state;
    const struct contact list[] = {
        {.start = 0, .end = 8 * NS_PER_MS, .rate_bps = 1000000}, /* 8,000 bits */
        {.start = 20 * S, .end = 30 * S, .rate_bps = 1000000}};
    tai_ns departure;
    assert_true(route_cross(list, 2, 0, 8000, NULL, &departure) == 8 * NS_PER_MS);
    assert_true(route_cross(list, 2, 1, 8000, NULL, &departure) == 20 * S + 8 * NS_PER_MS &&
                departure == 20 * S);
    assert_true(route_cross(list, 2, 0, 100000000, NULL, &departure) == TIME_NEVER);
    assert_true(route_cross(list, 0, 0, 8, NULL, &departure) == TIME_NEVER);
}

static void surer_contacts_win_unless_they_are_much_later(void **state)
{
    (void)state;
    /* 4 is met by 2 soon, if the sky is clear (0.4), and by 3 surely, later. */
    struct hand_plan p = {.count = 4};
    struct route r;
    struct route_way way;
    hand_contact(&p, 1, 2, 0, 9000 * S, 1000000000, 1000);
    hand_contact(&p, 1, 3, 0, 9000 * S, 1000000000, 1000);
    hand_contact(&p, 2, 4, 300 * S, 900 * S, 1000000000, 1000);
    hand_contact(&p, 3, 4, 1200 * S, 1800 * S, 1000000000, 1000);
    open_route(&r, &p, 1);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 2 && way.arrival < 301 * S);
    p.contacts[2][4][0].doubt_permille = 600; /* 18 minutes on average: the sure one is only 15 later */
    route_stale(&r);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 3 && way.arrival < 1201 * S);
    p.contacts[2][4][0].doubt_permille = 400; /* 12 minutes: worth the try */
    route_stale(&r);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 2);
    assert_true(way.arrival >= 300 * S + ROUTE_AGAIN_NS * 2 / 5 && way.arrival < 301 * S + ROUTE_AGAIN_NS * 2 / 5);
    p.contacts[2][4][0].doubt_permille = 1000;
    route_stale(&r);
    assert_true(route_to(&r, ROUTE_SMALL, 400 * S, 4, &way) && way.first == 3); /* no word of it yet */
    /* Long after it began nobody called it lost: it stands. */
    route_stale(&r);
    assert_true(route_to(&r, ROUTE_SMALL, 500 * S, 4, &way) && way.first == 2 && way.open && way.arrival < 501 * S);
    assert_true(route_check(&r));
    route_free(&r);
    /* An own link that stands leaves no doubt. */
    p.contacts[1][2][0].doubt_permille = 900;
    open_route(&r, &p, 1);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 2, &way) && way.first == 2 && way.arrival < S);
    route_set_linked(&r, 2, false);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 2, &way) && way.arrival > ROUTE_AGAIN_NS * 9 / 10);
    route_free(&r);
    struct route_sky sky = hand_sky(&p); /* large skies do the same */
    assert_int_equal(route_init_far(&r, &heap, &sky, 1, NS_PER_MS, 2 * S), ERR_OK);
    route_set_linked(&r, 2, true);
    route_set_linked(&r, 3, true);
    p.contacts[2][4][0].doubt_permille = 600;
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 3);
    p.contacts[2][4][0].doubt_permille = 0;
    route_stale(&r);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 2);
    route_free(&r);
}

static void a_large_bundle_takes_the_wide_way(void **state)
{
    (void)state;
    struct hand_plan p = {.count = 3};
    hand_contact(&p, 1, 3, 0, 100 * S, 1000000, 1); /* 8 s for a megabyte */
    hand_contact(&p, 1, 2, 0, 100 * S, 1000000000, 200000);
    hand_contact(&p, 2, 3, 0, 100 * S, 1000000000, 400000);
    struct route r;
    open_route(&r, &p, 1);
    struct route_way way;
    assert_true(route_to(&r, ROUTE_SMALL, 0, 3, &way) && way.first == 3);
    assert_true(route_to(&r, ROUTE_BULK, 0, 3, &way) && way.first == 2);
    assert_true(route_class_of(ROUTE_SMALL_BYTES) == ROUTE_SMALL &&
                route_class_of(ROUTE_SMALL_BYTES + 1) == ROUTE_BULK);
    route_free(&r);
}

static void goes_around_closed_nodes_lost_edges_and_own_links_that_are_down(void **state)
{
    (void)state;
    struct hand_plan p = {.count = 4};
    hand_contact(&p, 1, 2, 0, 100 * S, 1000000000, 10);
    hand_contact(&p, 2, 4, 0, 100 * S, 1000000000, 10);
    hand_contact(&p, 1, 3, 0, 100 * S, 1000000000, 10);
    hand_contact(&p, 3, 4, 0, 100 * S, 1000000000, 20);
    struct route r;
    open_route(&r, &p, 1);
    struct route_way way;
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 2);
    route_set_closed(&r, 2, true);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 3);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 2, &way) &&
                way.first == 2); /* but it may be reached itself */
    route_set_closed(&r, 2, false);
    assert_int_equal(route_set_lost(&r, 4, 2, 30 * S), ERR_OK);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 3);
    assert_int_equal(route_set_lost(&r, 2, 4, 0), ERR_OK);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 2);
    route_set_linked(&r, 2, false);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 3);
    route_set_linked(&r, 3, false);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 4, &way) && way.first == 2 && way.arrival > 2 * S &&
                !way.open);
    assert_false(route_to(&r, ROUTE_SMALL, 0, 9, &way));
    route_free(&r);
}

/* The word of a lost cable holds until TIME_NEVER: what comes after it is not the distant past. */
static void a_lost_cable_is_no_way_at_all(void **state)
{
    (void)state;
    struct hand_plan p = {.count = 3};
    hand_contact(&p, 1, 2, 0, 100 * S, 1000000000, 10);
    hand_contact(&p, 2, 3, 0, TIME_NEVER, 1000000000, 10);
    struct route r;
    open_route(&r, &p, 1);
    struct route_way way;
    assert_true(route_to(&r, ROUTE_SMALL, S, 3, &way) && way.first == 2);
    assert_int_equal(route_set_lost(&r, 2, 3, TIME_NEVER), ERR_OK);
    assert_false(route_to(&r, ROUTE_SMALL, S, 3, &way));
    assert_int_equal(route_set_lost(&r, 2, 3, 0), ERR_OK);
    assert_true(route_to(&r, ROUTE_SMALL, S, 3, &way) && way.arrival > S);
    route_free(&r);
    open_route(&r, &p, 2);
    route_set_linked(&r, 3, false);
    assert_int_equal(route_set_lost(&r, 2, 3, TIME_NEVER), ERR_OK);
    assert_false(route_to(&r, ROUTE_SMALL, S, 3, &way));
    route_free(&r);
}

static void a_link_that_stands_unplanned_is_used(void **state)
{
    (void)state;
    struct hand_plan p = {.count = 3};
    hand_contact(&p, 1, 2, 500 * S, 600 * S, 1000000000, 10);
    hand_contact(&p, 2, 3, 0, 100 * S, 1000000000, 10);
    struct route r;
    open_route(&r, &p, 1);
    struct route_way way;
    assert_false(route_to(&r, ROUTE_SMALL, 0, 3, &way));
    route_set_linked(&r, 2, true);
    assert_true(route_to(&r, ROUTE_SMALL, 0, 3, &way) && way.open && way.first == 2);
    route_free(&r);
}

/* ---- the oracle: every simple path
 * ---------------------------------------------------------------------------------- */

struct oracle {
    const struct hand_plan *p;
    bool visited[HAND_NODES + 1];
    tai_ns arrival[HAND_NODES + 1];
    unsigned hops[HAND_NODES + 1];
    node_id closed;
};

static void walk(struct oracle *o, node_id at, tai_ns t, unsigned hops)
{
    if (hops > 0 && (t < o->arrival[at] || (t == o->arrival[at] && hops < o->hops[at]))) {
        o->arrival[at] = t;
        o->hops[at] = hops;
    }
    if (at == o->closed)
        return;
    o->visited[at] = true;
    for (node_id next = 1; next <= o->p->count; next++) {
        if (o->visited[next])
            continue;
        node_id low = MIN(at, next), high = MAX(at, next);
        tai_ns best = TIME_NEVER, ready = hops == 0 ? t : t + NS_PER_MS;
        for (size_t i = 0; i < o->p->contact_count[low][high]; i++) {
            const struct contact *c = &o->p->contacts[low][high][i];
            tai_ns leave = MAX(ready, c->start),
                   done = leave + (tai_ns)(8 * ROUTE_SMALL_BYTES * 1000ll /
                                           (int64_t)(c->rate_bps / 1000000));
            if (done <= c->end)
                best = MIN(best, done + (tai_ns)c->delay_us_mean * 1000);
        }
        if (best != TIME_NEVER)
            walk(o, next, best, hops + 1);
    }
    o->visited[at] = false;
}

static void agrees_with_every_path_tried(void **state)
{
    (void)state;
    size_t reached = 0, waited = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct rng rng = rng_stream(seed, 3);
        struct hand_plan p = {.count = 2 + rng_below(&rng, 6)};
        for (node_id a = 1; a <= p.count; a++)
            for (node_id b = a + 1; b <= p.count; b++) {
                tai_ns at = 1 + (tai_ns)rng_below(&rng, 5) * S;
                for (size_t i = 0; i < 3 && rng_chance(&rng, 0.5); i++) {
                    tai_ns end = at + (tai_ns)(1 + rng_below(&rng, 3)) * S;
                    hand_contact(&p, a, b, at, end, rng_chance(&rng, 0.5) ? 1000000 : 1000000000,
                                 (uint32_t)rng_below(&rng, 3) * 1000);
                    at = end + (tai_ns)(1 + rng_below(&rng, 4)) * S;
                }
            }
        struct oracle o = {.p = &p, .closed = rng_chance(&rng, 0.3) ? 2 : 0};
        for (node_id n = 1; n <= p.count; n++)
            o.arrival[n] = TIME_NEVER;
        walk(&o, 1, 0, 0);
        struct route r;
        struct route_sky sky = hand_sky(&p);
        assert_int_equal(route_init(&r, &heap, &sky, 1, NS_PER_MS, 0), ERR_OK);
        if (o.closed)
            route_set_closed(&r, o.closed, true);
        for (node_id n = 2; n <= p.count; n++) {
            struct route_way way;
            bool found = route_to(&r, ROUTE_SMALL, 0, n, &way);
            if (found != (o.arrival[n] != TIME_NEVER) ||
                (found && (way.arrival != o.arrival[n] || way.hops != o.hops[n])))
                fail_msg("seed %lu node %u: found %d", (unsigned long)seed, n, found);
            reached += found;
            waited += found && !way.open;
        }
        assert_true(route_check(&r));
        route_free(&r);
    }
    assert_true(reached > 5000 && waited > 3000);
    assert_int_equal(heap.used_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_the_contact_that_brings_it_there_first),
        cmocka_unit_test(of_equal_arrivals_the_fewest_hops_win),
        cmocka_unit_test(a_transmission_may_end_with_its_contact_but_not_later),
        cmocka_unit_test(surer_contacts_win_unless_they_are_much_later),
        cmocka_unit_test(a_large_bundle_takes_the_wide_way),
        cmocka_unit_test(goes_around_closed_nodes_lost_edges_and_own_links_that_are_down),
        cmocka_unit_test(a_lost_cable_is_no_way_at_all),
        cmocka_unit_test(a_link_that_stands_unplanned_is_used),
        cmocka_unit_test(agrees_with_every_path_tried),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
