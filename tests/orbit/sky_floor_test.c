#include "test.h"

#include <string.h>

#include "orbit/sky_floor.h"
#include "orbit/walker.h"

#define START time_from_utc(2026, 11, 21, 6, 0, 0.0)
enum { PLANES = 6, SLOTS = 8, SATELLITES = PLANES * SLOTS };

static void sky_make(struct sky *sky, enum link_topology topology)
{
    static struct site sites[SATELLITES + 2];
    struct walker w = {.inclination_deg = 53, .total = SATELLITES, .planes = PLANES, .phasing = 1, .altitude_km = 550, .epoch = START};
    for (uint32_t k = 0; k < SATELLITES; k++) {
        sites[k] = (struct site){.node = k + 1, .kind = SITE_SATELLITE, .plane = k / SLOTS, .slot = k % SLOTS};
        assert_int_equal(walker_elements(&w, k, &sites[k].elements), ERR_OK);
    }
    for (uint32_t k = 0; k < 2; k++)
        sites[SATELLITES + k] = (struct site){
            .node = SATELLITES + k + 1, .kind = SITE_GROUND, .latitude_deg = 48 - 10.0 * k, .longitude_deg = 11 + 20.0 * k};
    struct link_rules rules = link_rules_default();
    rules.topology = topology;
    assert_int_equal(sky_init(sky, NULL, sites, SATELLITES + 2, &rules, START), ERR_OK);
}

static size_t plane_nodes(uint32_t plane, uint32_t out[SLOTS])
{
    for (uint32_t k = 0; k < SLOTS; k++)
        out[k] = plane * SLOTS + k + 1;
    return SLOTS;
}

/* The least light time over candidate pairs, sampled every 1.7 s. */
static duration_ns sampled_least(const struct sky *sky, const uint32_t *a, const uint32_t *b, tai_ns from, tai_ns until)
{
    duration_ns least = TIME_NEVER;
    for (tai_ns t = from; t <= until; t += 1700 * NS_PER_MS)
        for (size_t i = 0; i < SLOTS; i++)
            for (size_t j = 0; j < SLOTS; j++) {
                duration_ns d = sky_light_time(sky, a[i], b[j], t);
                if (sky_link_kind(sky, a[i], b[j]) != LINK_NONE && d >= 0)
                    least = MIN(least, d);
            }
    return least;
}

static void the_floor_is_below_every_light_time_and_close_to_the_least(void **state)
{
    (void)state;
    const enum link_topology topologies[] = {TOPOLOGY_MESH, TOPOLOGY_GRID};
    for (size_t n = 0; n < 2; n++) {
        struct sky sky;
        sky_make(&sky, topologies[n]);
        for (uint32_t plane = 1; plane < PLANES; plane++) {
            uint32_t a[SLOTS], b[SLOTS];
            plane_nodes(0, a);
            plane_nodes(plane, b);
            tai_ns until = START + 20 * NS_PER_MINUTE;
            duration_ns least = sampled_least(&sky, a, b, START, until);
            duration_ns bound = sky_light_time_floor(&sky, a, SLOTS, b, SLOTS, START, until);
            assert_true(bound <= least);
            if (least == TIME_NEVER)
                assert_true(bound == TIME_NEVER);
            else /* a step bends by at most 1.8 km: 6 us; sampling adds its own 1.7 s */
                assert_true(bound > 0 && bound >= least - 50 * NS_PER_US);
        }
        sky_free(&sky);
    }
}

static void ground_stations_and_fibres_have_floors_too(void **state)
{
    (void)state;
    struct sky sky;
    sky_make(&sky, TOPOLOGY_GRID);
    uint32_t plane[SLOTS], one = SATELLITES + 1, two = SATELLITES + 2, unknown = 999;
    plane_nodes(2, plane);
    tai_ns until = START + NS_PER_HOUR;
    duration_ns fibre = sky_light_time(&sky, one, two, START);
    duration_ns floor = sky_light_time_floor(&sky, &one, 1, &two, 1, START, until);
    assert_true(floor <= fibre && floor >= fibre - 1);
    duration_ns least = TIME_NEVER;
    for (tai_ns t = START; t <= until; t += NS_PER_S)
        for (size_t k = 0; k < SLOTS; k++)
            least = MIN(least, sky_light_time(&sky, one, plane[k], t));
    floor = sky_light_time_floor(&sky, &one, 1, plane, SLOTS, START, until);
    assert_true(floor <= least && floor > least - 20 * NS_PER_US);
    assert_true(sky_light_time_floor(&sky, &unknown, 1, plane, SLOTS, START, until) == TIME_NEVER);
    sky_free(&sky);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_floor_is_below_every_light_time_and_close_to_the_least),
        cmocka_unit_test(ground_stations_and_fibres_have_floors_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
