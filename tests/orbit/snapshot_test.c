#include "test.h"

#include <math.h>

#include "orbit/snapshot.h"
#include "orbit/visibility.h"
#include "orbit/walker.h"

#define START time_from_utc(2026, 11, 21, 6, 0, 0.0)
enum { PEARLS = 6 };

/* Six pearls and a station; pearls 2 and 5 (from 1) have nothing to link to others with. */
static void pearls(struct sky *sky, enum link_topology topology)
{
    struct pearls p = {.altitude_km = 550, .inclination_deg = 53, .spacing_deg = 10, .count = PEARLS, .epoch = START};
    struct link_rules rules = link_rules_default();
    struct site sites[PEARLS + 1] = {{0}};
    for (uint32_t k = 0; k < PEARLS; k++) {
        sites[k] = (struct site){.node = k + 1, .kind = SITE_SATELLITE, .slot = k, .ground_only = k == 1 || k == 4};
        assert_int_equal(pearls_elements(&p, k, &sites[k].elements), ERR_OK);
    }
    sites[PEARLS] = (struct site){.node = PEARLS + 1, .kind = SITE_GROUND, .latitude_deg = 52, .longitude_deg = 13};
    rules.topology = topology;
    rules.min_elevation_rad = 0;
    assert_int_equal(sky_init(sky, NULL, sites, PEARLS + 1, &rules, START), ERR_OK);
}

static bool linked(struct snapshot *s, uint32_t a, uint32_t b)
{
    paths_from(&s->paths, a);
    return fabs(s->paths.distance_km[b] - visibility_range_km(s->motions[a].r, s->motions[b].r)) < 1e-6;
}

static void satellites_without_lasers_are_linked_to_the_ground_only(void **state)
{
    (void)state;
    for (int topology = 0; topology < 2; topology++) {
        struct sky sky;
        struct snapshot s;
        size_t to_ground = 0;
        pearls(&sky, topology ? TOPOLOGY_STRING : TOPOLOGY_MESH);
        assert_int_equal(snapshot_of_sky(&s, NULL, &sky), ERR_OK);
        for (tai_ns t = START; t < START + 24 * NS_PER_HOUR; t += 10 * NS_PER_MINUTE) {
            assert_int_equal(snapshot_at(&s, t), ERR_OK);
            for (uint32_t a = 0; a < PEARLS; a++)
                for (uint32_t b = a + 1; b < PEARLS; b++)
                    assert_int_equal(linked(&s, a, b), sky_visible(&sky, a + 1, b + 1, t));
            paths_from(&s.paths, 1);
            for (uint32_t b = 0; b < PEARLS; b++) /* stations do not pass on */
                assert_true(b == 1 || isinf(s.paths.distance_km[b]));
            to_ground += !isinf(s.paths.distance_km[PEARLS]);
            assert_int_equal(!isinf(s.paths.distance_km[PEARLS]), sky_visible(&sky, 2, PEARLS + 1, t));
        }
        assert_true(to_ground > 0);
        snapshot_free(&s);
        sky_free(&sky);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(satellites_without_lasers_are_linked_to_the_ground_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
