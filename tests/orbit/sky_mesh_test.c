#include "test.h"

#include <math.h>
#include <string.h>

#include "orbit/sky.h"
#include "tables.h"

/* The element sets are of 2026-01-13. */
#define START time_from_utc(2026, 1, 13, 12, 0, 0.0)
enum { SITES_MAX = 310 };

static size_t sites_read(struct site sites[SITES_MAX])
{
    struct span text = file_read("tests/data/starlink_300.tle");
    struct parse_error error;
    size_t at = 0, count = 0;
    int line = 0;
    while (count < SITES_MAX - 2 && tle_next(text, &at, &line, TLE_STRICT, &sites[count].elements, &error) == ERR_OK) {
        struct elements e = sites[count].elements;
        sites[count] = (struct site){.node = (uint32_t)count + 1, .kind = SITE_SATELLITE, .elements = e};
        count++;
    }
    file_free(text);
    assert_int_equal(count, 300);
    sites[count] = (struct site){.node = 1001, .kind = SITE_GROUND, .latitude_deg = 48, .longitude_deg = 11};
    sites[count + 1] = (struct site){.node = 1002, .kind = SITE_GROUND, .latitude_deg = -33, .longitude_deg = 151};
    return count + 2;
}

static void sky_make(struct sky *sky, double range_km, uint32_t dense_max)
{
    static struct site sites[SITES_MAX];
    size_t count = sites_read(sites);
    struct link_rules rules = link_rules_default();
    rules.range_max_km = range_km;
    rules.mesh_dense_max = dense_max;
    assert_int_equal(sky_init(sky, NULL, sites, count, &rules, START + 7 * NS_PER_S), ERR_OK);
    assert_int_equal(sky->sparse, dense_max == 1);
}

static size_t contacts_of(const struct sky *sky)
{
    size_t total = 0, count;
    for (size_t k = 0; k < sky_pair_count(sky); k++) {
        sky_pair_contacts(sky, k, &count);
        total += count;
    }
    return total;
}

static void the_index_misses_nothing_that_a_scan_over_all_pairs_finds(void **state)
{
    (void)state;
    const double ranges_km[] = {150, 700, 2000, 5500}; /* the last is cut by the Earth */
    for (size_t n = 0; n < COUNT_OF(ranges_km); n++) {
        struct sky all, indexed;
        sky_make(&all, ranges_km[n], 100000);
        sky_make(&indexed, ranges_km[n], 1);
        tai_ns until = START + (ranges_km[n] > 1000 ? 12 : 60) * NS_PER_MINUTE;
        assert_int_equal(sky_plan_extend(&all, until), ERR_OK);
        assert_int_equal(sky_plan_extend(&indexed, until), ERR_OK);
        sky_check(&indexed);
        size_t contacts = contacts_of(&all);
        print_message("%.0f km: %zu contacts\n", ranges_km[n], contacts);
        assert_true(contacts > 100 && contacts_of(&indexed) == contacts);
        for (size_t k = 0; k < sky_pair_count(&indexed); k++) {
            size_t mine, theirs;
            const struct contact *x = sky_pair_contacts(&indexed, k, &mine);
            if (mine == 0)
                continue;
            const struct contact *y = sky_contacts(&all, x[0].a, x[0].b, &theirs);
            assert_int_equal(mine, theirs);
            for (size_t i = 0; i < mine; i++) {
                assert_true(x[i].start == y[i].start && x[i].end == y[i].end && x[i].kind == y[i].kind);
                assert_true(x[i].rate_bps == y[i].rate_bps && x[i].delay_us_mean == y[i].delay_us_mean);
            }
        }
        sky_free(&all);
        sky_free(&indexed);
    }
}

static void peers_are_those_that_have_met_and_pairs_end_when_forgotten(void **state)
{
    (void)state;
    struct sky sky;
    sky_make(&sky, 700, 1);
    size_t count, seen = 0;
    uint32_t generation = sky_generation(&sky);
    assert_int_equal(sky_plan_extend(&sky, START + 20 * NS_PER_MINUTE), ERR_OK);
    assert_true(sky_generation(&sky) != generation);
    for (uint32_t node = 1; node <= 300; node++) {
        const uint32_t *peers = sky_peers(&sky, node, &count);
        for (size_t k = 0; k < count; k++) {
            size_t contacts;
            (void)sky_contacts(&sky, node, peers[k], &contacts);
            assert_true(contacts > 0 || peers[k] > 1000); /* stations are candidates at once */
            assert_true(k == 0 || peers[k - 1] < peers[k]);
            seen += peers[k] <= 1000;
        }
    }
    size_t pairs = sky_pair_count(&sky);
    assert_true(seen > 100);
    assert_int_equal(sky_link_kind(&sky, 1, 2), LINK_ISL);
    assert_int_equal(sky_link_kind(&sky, 1, 1), LINK_NONE);
    sky_plan_forget(&sky, START + 19 * NS_PER_MINUTE);
    sky_check(&sky);
    assert_true(sky_pair_count(&sky) < pairs);
    sky_free(&sky);
}

static void extending_in_steps_and_with_little_memory_gives_the_same_plan(void **state)
{
    (void)state;
    struct sky whole, steps;
    sky_make(&whole, 700, 1);
    sky_make(&steps, 700, 1);
    assert_int_equal(sky_plan_extend(&whole, START + 30 * NS_PER_MINUTE), ERR_OK);
    for (int minute = 3; minute <= 30; minute += 3)
        assert_int_equal(sky_plan_extend(&steps, START + minute * NS_PER_MINUTE), ERR_OK);
    assert_true(sky_digest(&whole) == sky_digest(&steps));
    sky_free(&steps);

    /* A heap that is full at first and gets more piece by piece: the plan goes on where it stopped. */
    static struct site sites[SITES_MAX];
    static _Alignas(16) uint8_t memory[24 << 20];
    struct heap heap;
    size_t count = sites_read(sites), full = 0;
    struct link_rules rules = whole.rules;
    heap_init(&heap, memory, sizeof memory);
    assert_int_equal(sky_init(&steps, &heap, sites, count, &rules, START + 7 * NS_PER_S), ERR_OK);
    heap.capacity = heap.used_bump;
    while (sky_plan_extend(&steps, START + 30 * NS_PER_MINUTE) != ERR_OK) {
        full++;
        sky_check(&steps);
        heap.capacity += 20 << 10;
        assert_true(heap.capacity <= sizeof memory);
    }
    assert_true(sky_digest(&whole) == sky_digest(&steps));
    sky_free(&steps);
    assert_true(full > 5);
    sky_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_misses_nothing_that_a_scan_over_all_pairs_finds),
        cmocka_unit_test(peers_are_those_that_have_met_and_pairs_end_when_forgotten),
        cmocka_unit_test(extending_in_steps_and_with_little_memory_gives_the_same_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
