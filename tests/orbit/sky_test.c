#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orbit/sky.h"
#include "orbit/walker.h"

#define START time_from_utc(2026, 11, 21, 6, 0, 0.0)

static struct site ground(uint32_t node, const char *name, double latitude_deg,
                          double longitude_deg)
{
    struct site s = {.node = node,
                     .kind = SITE_GROUND,
                     .latitude_deg = latitude_deg,
                     .longitude_deg = longitude_deg};
    snprintf(s.name, sizeof s.name, "%s", name);
    return s;
}

static void pearls_fill(struct site *out, uint32_t count)
{
    struct pearls p = {.altitude_km = 550,
                       .inclination_deg = 53,
                       .spacing_deg = 10,
                       .count = count,
                       .epoch = START};
    for (uint32_t k = 0; k < count; k++) {
        out[k] = (struct site){.node = 10 + k, .kind = SITE_SATELLITE, .slot = k};
        assert_int_equal(pearls_elements(&p, k, &out[k].elements), ERR_OK);
        snprintf(out[k].name, sizeof out[k].name, "sat-%u", k + 1);
    }
}

/* Four pearls and two gateways: first-mesh. */
static size_t first_mesh(struct site out[6])
{
    pearls_fill(out, 4);
    out[4] = ground(1, "svalbard", 78.2, 15.4);
    out[5] = ground(2, "punta-arenas", -52.9, -70.9);
    return 6;
}

static void walker_fill(struct site *out, const struct walker *w)
{
    for (uint32_t k = 0; k < w->total; k++) {
        out[k] = (struct site){.node = 100 + k, .kind = SITE_SATELLITE};
        out[k].plane = k / (w->total / w->planes);
        out[k].slot = k % (w->total / w->planes);
        assert_int_equal(walker_elements(w, k, &out[k].elements), ERR_OK);
    }
}

/* The plan against the truth at every `step`, for all pairs. */
static void compare_with_truth(const struct sky *sky, duration_ns step)
{
    size_t n = sky_site_count(sky), ups = 0;
    for (size_t x = 0; x < n; x++)
        for (size_t y = x + 1; y < n; y++) {
            uint32_t a = sky_site_at(sky, x)->node, b = sky_site_at(sky, y)->node;
            for (tai_ns t = sky_plan_start(sky); t < sky_plan_end(sky); t += step) {
                bool truth = sky_visible(sky, a, b, t);
                const struct contact *c = sky_contact_at(sky, b, a, t);
                ups += truth;
                if (truth != (c != NULL)) { /* edges are rounded inwards by up to a millisecond */
                    bool inner = sky_visible(sky, a, b, t - NS_PER_MS) &&
                                 sky_visible(sky, a, b, t + NS_PER_MS);
                    if (!truth || inner)
                        fail_msg("pair %u-%u at %lld: truth %d, plan %d", a, b, (long long)t, truth,
                                 c != NULL);
                }
            }
        }
    assert_true(ups > 0);
}

static void the_plan_is_the_truth_sampled_every_second(void **state)
{
    (void)state;
    struct site sites[6];
    size_t count = first_mesh(sites);
    struct link_rules rules = link_rules_default();
    rules.range_max_km = 3000.0; /* neighbours and next neighbours, not the ends */
    struct sky sky;
    assert_int_equal(sky_init(&sky, NULL, sites, count, &rules, START), ERR_OK);
    assert_int_equal(sky_plan_extend(&sky, START + 3 * NS_PER_HOUR), ERR_OK);
    sky_check(&sky);
    compare_with_truth(&sky, NS_PER_S);
    sky_free(&sky);
}

static void every_edge_is_true_inside_and_false_outside(void **state)
{
    (void)state;
    struct walker w = {.inclination_deg = 53,
                       .total = 24,
                       .planes = 4,
                       .phasing = 1,
                       .altitude_km = 1200,
                       .epoch = START};
    struct site sites[26];
    walker_fill(sites, &w);
    sites[24] = ground(1, "a", 10, 20);
    sites[25] = ground(2, "b", -45, 170);
    struct link_rules rules = link_rules_default();
    struct sky sky;
    assert_int_equal(sky_init(&sky, NULL, sites, 26, &rules, START + 12345678), ERR_OK);
    assert_int_equal(sky_plan_extend(&sky, START + 6 * NS_PER_HOUR), ERR_OK);
    sky_check(&sky);
    size_t contacts = 0;
    for (size_t k = 0; k < sky_pair_count(&sky); k++) {
        size_t count;
        const struct contact *c = sky_pair_contacts(&sky, k, &count);
        for (size_t i = 0; i < count; i++) {
            if (c[i].kind == LINK_FIBRE)
                continue;
            contacts++;
            assert_true(sky_visible(&sky, c[i].a, c[i].b, c[i].start));
            assert_true(sky_visible(&sky, c[i].a, c[i].b, (c[i].start + c[i].end) / 2));
            assert_true(sky_visible(&sky, c[i].a, c[i].b, c[i].end) ||
                        c[i].end == sky_plan_end(&sky));
            if (c[i].start > sky_plan_start(&sky))
                assert_false(sky_visible(&sky, c[i].a, c[i].b, c[i].start - 2 * NS_PER_MS));
            if (c[i].end < sky_plan_end(&sky))
                assert_false(sky_visible(&sky, c[i].a, c[i].b, c[i].end + 2 * NS_PER_MS));
            double mean_ms =
                (double)sky_light_time(&sky, c[i].a, c[i].b, (c[i].start + c[i].end) / 2) / 1e6;
            assert_true(c[i].delay_us_mean > 500 && c[i].delay_us_mean < 17000 && mean_ms > 0.0);
        }
    }
    assert_true(contacts > 300);
    sky_free(&sky);
}

static void extending_in_steps_gives_the_same_plan_and_digest(void **state)
{
    (void)state;
    struct site sites[6], shuffled[6];
    size_t count = first_mesh(sites);
    for (size_t k = 0; k < count; k++)
        shuffled[k] = sites[(k * 5 + 2) % count];
    struct link_rules rules = link_rules_default();
    struct sky one, two;
    static _Alignas(16) uint8_t memory[1 << 20];
    struct heap heap;
    heap_init(&heap, memory, sizeof memory);
    assert_int_equal(sky_init(&one, NULL, sites, count, &rules, START), ERR_OK);
    assert_int_equal(sky_init(&two, &heap, shuffled, count, &rules, START), ERR_OK);
    assert_int_equal(sky_plan_extend(&one, START + 5 * NS_PER_HOUR), ERR_OK);
    for (tai_ns t = START; t < START + 5 * NS_PER_HOUR; t += 137 * NS_PER_S)
        assert_int_equal(sky_plan_extend(&two, t), ERR_OK);
    assert_true(sky_digest(&one) != sky_digest(&two) || sky_plan_end(&one) == sky_plan_end(&two));
    assert_int_equal(sky_plan_extend(&two, START + 5 * NS_PER_HOUR), ERR_OK);
    assert_true(sky_digest(&one) == sky_digest(&two));
    for (size_t k = 0; k < sky_pair_count(&one); k++) {
        size_t a, b;
        const struct contact *x = sky_pair_contacts(&one, k, &a),
                             *y = sky_pair_contacts(&two, k, &b);
        assert_int_equal(a, b);
        for (size_t i = 0; i < a; i++)
            assert_true(x[i].start == y[i].start && x[i].end == y[i].end &&
                        x[i].delay_us_mean == y[i].delay_us_mean);
    }
    sky_plan_forget(&one, START + 2 * NS_PER_HOUR);
    sky_check(&one);
    assert_true(sky_digest(&one) != sky_digest(&two));
    sky_free(&one);
    sky_free(&two);
    assert_int_equal(heap.used_bytes, 0);
}

static void running_out_of_memory_leaves_a_plan_that_goes_on_later(void **state)
{
    (void)state;
    struct site sites[6];
    size_t count = first_mesh(sites);
    struct link_rules rules = link_rules_default();
    static _Alignas(16) uint8_t memory[64 << 10];
    struct sky wanted;
    assert_int_equal(sky_init(&wanted, NULL, sites, count, &rules, START), ERR_OK);
    assert_int_equal(sky_plan_extend(&wanted, START + 24 * NS_PER_HOUR), ERR_OK);
    int failures = 0;
    for (size_t capacity = 8 << 10; capacity < 40 << 10; capacity += 512) {
        struct heap heap;
        struct sky sky;
        heap_init(&heap, memory, capacity);
        if (sky_init(&sky, &heap, sites, count, &rules, START) != ERR_OK)
            continue;
        err result = sky_plan_extend(&sky, START + 24 * NS_PER_HOUR);
        sky_check(&sky);
        if (result == ERR_NO_MEMORY)
            failures += sky_plan_end(&sky) > START;
        heap.capacity = sizeof memory; /* the budget grows */
        assert_int_equal(sky_plan_extend(&sky, START + 24 * NS_PER_HOUR), ERR_OK);
        assert_true(sky_digest(&sky) == sky_digest(&wanted));
        sky_check(&sky);
    }
    assert_true(failures > 0);
    sky_free(&wanted);
}

static void neighbouring_pearls_always_see_each_other(void **state)
{
    (void)state;
    struct site sites[6];
    size_t count = first_mesh(sites), n;
    struct link_rules rules = link_rules_default();
    rules.topology = TOPOLOGY_STRING;
    struct sky sky;
    assert_int_equal(sky_init(&sky, NULL, sites, count, &rules, START), ERR_OK);
    assert_int_equal(sky_plan_extend(&sky, START + NS_PER_DAY), ERR_OK);
    const struct contact *c = sky_contacts(&sky, 11, 10, &n);
    assert_int_equal(n, 1);
    assert_true(c->start == START && c->end == sky_plan_end(&sky) && c->kind == LINK_ISL);
    /* chord of 10 degrees at 6928 km: 1207.7 km = 4.03 ms */
    assert_true(fabs(c->delay_us_mean - 4028.0) < 30.0);
    assert_null(sky_contacts(&sky, 10, 13, &n)); /* the ends are not joined */
    const uint32_t *peers = sky_peers(&sky, 11, &n);
    const uint32_t expected[] = {1, 2, 10, 12};
    assert_int_equal(n, 4);
    assert_memory_equal(peers, expected, sizeof expected);
    assert_true(sky_link_kind(&sky, 1, 2) == LINK_FIBRE &&
                sky_rate_bps(&sky, 1, 2) == rules.fibre_rate_bps);
    c = sky_contact_at(&sky, 1, 2, START);
    assert_true(c && c->end == TIME_NEVER && sky_contact_next(&sky, 1, 2, START) == NULL);
    /* great circle * 1.5 * 1.468 / c */
    assert_true(llabs(sky_light_time(&sky, 1, 2, START) - (int64_t)c->delay_us_mean * 1000) < 1000);
    sky_free(&sky);
}

static void a_grid_joins_rings_and_planes_but_not_over_the_poles(void **state)
{
    (void)state;
    struct walker w = {.star = true,
                       .inclination_deg = 86.4,
                       .total = 66,
                       .planes = 6,
                       .phasing = 2,
                       .altitude_km = 780,
                       .epoch = START};
    struct site sites[66];
    walker_fill(sites, &w);
    struct link_rules rules = link_rules_default();
    rules.topology = TOPOLOGY_GRID;
    rules.grid_seam = false;
    rules.cross_plane_latitude_max_deg = 60.0;
    struct sky sky;
    size_t n;
    assert_int_equal(sky_init(&sky, NULL, sites, 66, &rules, START), ERR_OK);
    assert_int_equal(sky_pair_count(&sky), 66 + 5 * 11);
    assert_non_null(sky_peers(&sky, 100, &n));
    assert_int_equal(n, 3); /* both neighbours in the ring, one across: plane 0 has no seam */
    assert_non_null(sky_peers(&sky, 100 + 11, &n));
    assert_int_equal(n, 4);
    assert_true(sky_link_kind(&sky, 100, 100 + 55) == LINK_NONE);
    assert_int_equal(sky_plan_extend(&sky, START + 100 * NS_PER_MINUTE), ERR_OK);
    sky_check(&sky);
    const struct contact *c = sky_contacts(&sky, 100, 101, &n);
    assert_true(n == 1 && c->end == sky_plan_end(&sky));
    c = sky_contacts(&sky, 100, 111, &n);
    assert_true(n >= 2); /* down twice per orbit */
    struct state s;
    assert_int_equal(sky_position(&sky, 100, c->start + (c->end - c->start) / 2, &s), ERR_OK);
    assert_true(fabs(s.latitude_deg) < 60.5);
    compare_with_truth(&sky, 61 * NS_PER_S);
    sky_free(&sky);

    rules.grid_seam = true;
    assert_int_equal(sky_init(&sky, NULL, sites, 66, &rules, START), ERR_OK);
    assert_int_equal(sky_pair_count(&sky), 66 + 6 * 11);
    sky_free(&sky);
}

static void a_grid_joins_no_planes_of_two_shells(void **state)
{
    (void)state;
    struct walker w = {.inclination_deg = 53.0, .total = 40, .planes = 4, .phasing = 1, .altitude_km = 780, .epoch = START};
    struct site sites[40];
    walker_fill(sites, &w);
    for (size_t k = 20; k < 40; k++)
        sites[k].shell = 1;
    struct link_rules rules = link_rules_default();
    rules.topology = TOPOLOGY_GRID;
    struct sky sky;
    assert_int_equal(sky_init(&sky, NULL, sites, 40, &rules, START), ERR_OK);
    assert_int_equal(sky_pair_count(&sky), 40 + 2 * 10); /* rings; each shell of two planes is joined once */
    assert_true(sky_link_kind(&sky, sites[10].node, sites[20].node) == LINK_NONE);
    assert_true(sky_link_kind(&sky, sites[20].node, sites[30].node) == LINK_ISL);
    sky_free(&sky);
}

static void tells_position_and_sunlight(void **state)
{
    (void)state;
    struct site sites[6];
    size_t count = first_mesh(sites);
    struct link_rules rules = link_rules_default();
    struct sky sky;
    struct state s;
    assert_int_equal(sky_init(&sky, NULL, sites, count, &rules, START), ERR_OK);
    int dark = 0, lit = 0;
    for (int minute = 0; minute < 96; minute++) {
        assert_int_equal(sky_position(&sky, 10, START + minute * NS_PER_MINUTE, &s), ERR_OK);
        assert_true(s.altitude_km > 535.0 && s.altitude_km < 580.0);
        assert_true(fabs(s.latitude_deg) < 53.5);
        dark += s.sunlit == 0.0;
        lit += s.sunlit == 1.0;
    }
    assert_true(dark > 20 && dark < 38 && lit > 55);
    assert_int_equal(sky_position(&sky, 1, START, &s), ERR_OK);
    assert_true(fabs(s.latitude_deg - 78.2) < 1e-9 && s.sunlit == 0.0); /* polar night */
    assert_int_equal(sky_position(&sky, 2, START + 10 * NS_PER_HOUR, &s), ERR_OK);
    assert_true(s.sunlit == 1.0); /* 16 h UTC, noon in Patagonia */
    assert_int_equal(sky_position(&sky, 77, START, &s), ERR_NOT_FOUND);
    assert_true(sky_range_km(&sky, 10, 77, START) < 0.0 &&
                sky_light_time(&sky, 10, 77, START) == -1);
    /* light time in whole nanoseconds */
    double km = sky_range_km(&sky, 10, 11, START);
    assert_true(llabs(sky_light_time(&sky, 10, 11, START) - (int64_t)(km / LIGHT_KM_S * 1e9)) <= 1);
    sky_free(&sky);
}

static void refuses_what_has_no_meaning(void **state)
{
    (void)state;
    struct site sites[6];
    size_t count = first_mesh(sites);
    struct link_rules rules = link_rules_default(), bad = rules;
    struct sky sky;
    sites[1].node = sites[0].node;
    assert_int_equal(sky_init(&sky, NULL, sites, count, &rules, START), ERR_INVALID);
    first_mesh(sites);
    sites[4].latitude_deg = 91.0;
    assert_int_equal(sky_init(&sky, NULL, sites, count, &rules, START), ERR_INVALID);
    first_mesh(sites);
    sites[2].elements.eccentricity = NAN;
    assert_int_equal(sky_init(&sky, NULL, sites, count, &rules, START), ERR_INVALID);
    first_mesh(sites);
    bad.range_max_km = NAN;
    assert_int_equal(sky_init(&sky, NULL, sites, count, &bad, START), ERR_INVALID);
    static _Alignas(16) uint8_t memory[8192];
    struct heap heap;
    heap_init(&heap, memory, sizeof memory);
    assert_int_equal(sky_init(&sky, &heap, sites, count, &rules, START), ERR_NO_MEMORY);
    assert_int_equal(heap.used_bytes, 0);
}

static void a_decayed_satellite_is_never_visible(void **state)
{
    (void)state;
    struct site sites[6];
    size_t count = first_mesh(sites);
    sites[0].elements.mean_motion_rev_day = 16.4; /* about 160 km */
    sites[0].elements.bstar = 0.01;
    struct link_rules rules = link_rules_default();
    struct sky sky;
    struct state s;
    assert_int_equal(sky_init(&sky, NULL, sites, count, &rules, START + 10 * NS_PER_DAY), ERR_OK);
    assert_int_equal(sky_position(&sky, 10, START + 10 * NS_PER_DAY, &s), ERR_DECAYED);
    assert_int_equal(sky_plan_extend(&sky, START + 10 * NS_PER_DAY + NS_PER_HOUR), ERR_OK);
    size_t n;
    assert_null(sky_contacts(&sky, 10, 11, &n));
    assert_non_null(sky_contacts(&sky, 11, 12, &n));
    sky_free(&sky);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_is_the_truth_sampled_every_second),
        cmocka_unit_test(every_edge_is_true_inside_and_false_outside),
        cmocka_unit_test(extending_in_steps_gives_the_same_plan_and_digest),
        cmocka_unit_test(running_out_of_memory_leaves_a_plan_that_goes_on_later),
        cmocka_unit_test(neighbouring_pearls_always_see_each_other),
        cmocka_unit_test(a_grid_joins_rings_and_planes_but_not_over_the_poles),
        cmocka_unit_test(a_grid_joins_no_planes_of_two_shells),
        cmocka_unit_test(tells_position_and_sunlight),
        cmocka_unit_test(refuses_what_has_no_meaning),
        cmocka_unit_test(a_decayed_satellite_is_never_visible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
