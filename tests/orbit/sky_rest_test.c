#include "test.h"

#include "orbit/sky_inner.h"
#include "orbit/walker.h"

#define START time_from_utc(2026, 11, 21, 6, 0, 0.0)
enum { PLANES = 6, SLOTS = 8, SATELLITES = PLANES * SLOTS };

static struct site sites[SATELLITES + 2];

static void sky_make(struct sky *sky, double eccentricity)
{
    struct walker w = {.inclination_deg = 75, .total = SATELLITES, .planes = PLANES, .phasing = 1, .altitude_km = 1200, .epoch = START};
    for (uint32_t k = 0; k < SATELLITES; k++) {
        sites[k] = (struct site){.node = k + 1, .kind = SITE_SATELLITE, .plane = k / SLOTS, .slot = k % SLOTS};
        assert_int_equal(walker_elements(&w, k, &sites[k].elements), ERR_OK);
        sites[k].elements.eccentricity = eccentricity;
    }
    for (uint32_t k = 0; k < 2; k++)
        sites[SATELLITES + k] = (struct site){
            .node = SATELLITES + k + 1, .kind = SITE_GROUND, .latitude_deg = 48 - 90.0 * k, .longitude_deg = 11 + 20.0 * k};
    struct link_rules rules = link_rules_default();
    rules.topology = TOPOLOGY_GRID;
    assert_int_equal(sky_init(sky, NULL, sites, SATELLITES + 2, &rules, START), ERR_OK);
}

static size_t margins_at(const struct sky *sky, const struct sky_pair *p, tai_ns t, struct sky_motion *a, struct sky_motion *b,
                         struct margin out[SKY_MARGINS_MAX])
{
    *a = sky_motion_of(&sky->sites[p->site_a], t, 0.0);
    *b = sky_motion_of(&sky->sites[p->site_b], t, 0.0);
    return sky_margins(sky, p, a, b, out);
}

/* Every margin of every pair keeps its sign for as long as is said, before and after. */
static void a_margin_keeps_its_sign_while_it_rests(void **state)
{
    (void)state;
    const double eccentricities[] = {0.0001, 0.12};
    size_t rests = 0, samples = 0;
    for (size_t n = 0; n < 2; n++) {
        struct sky sky;
        sky_make(&sky, eccentricities[n]);
        for (size_t k = 0; k < sky.pair_count; k++)
            for (int step = 0; step < 4; step++) {
                const struct sky_pair *p = &sky.pairs[k];
                tai_ns t = START + (tai_ns)(k % 97 + 97 * (size_t)step) * 20 * NS_PER_S;
                struct sky_motion a, b;
                struct margin here[SKY_MARGINS_MAX], there[SKY_MARGINS_MAX];
                size_t count = margins_at(&sky, p, t, &a, &b, here);
                for (size_t m = 0; m < count && p->kind != LINK_FIBRE; m++) {
                    double rest_s = sky_margin_rest_s(&sky, p, m, &a, &b, here[m]);
                    rests += rest_s > 0.0;
                    samples++;
                    for (int part = -4; part <= 4; part++) {
                        struct sky_motion c, d;
                        assert_int_equal(margins_at(&sky, p, t + (tai_ns)(rest_s * part / 4.0 * 1e9), &c, &d, there), count);
                        assert_int_equal(there[m].value > 0.0, here[m].value > 0.0);
                    }
                }
            }
        sky_free(&sky);
    }
    assert_true(rests == samples && samples > 1000);
}

/* Pairs rest in a plan that is asked for at once; extended cell by cell it is the same, and so is one that looks at every cell. */
static void a_plan_with_rests_is_the_plan_that_looks_everywhere(void **state)
{
    (void)state;
    struct sky with, without;
    sky_make(&with, 0.01);
    assert_int_equal(sky_plan_extend(&with, START + 3 * NS_PER_HOUR), ERR_OK);
    sky_make(&without, 0.01);
    for (tai_ns t = START; t <= START + 3 * NS_PER_HOUR; t += NS_PER_MINUTE) {
        assert_int_equal(sky_plan_extend(&without, t), ERR_OK);
        for (size_t k = 0; k < without.pair_count; k++)
            without.pairs[k].rest_until = 0;
    }
    assert_int_equal(sky_pair_count(&with), sky_pair_count(&without));
    size_t contacts = 0;
    for (size_t k = 0; k < sky_pair_count(&with); k++) {
        size_t count, other;
        const struct contact *x = sky_pair_contacts(&with, k, &count), *y = sky_pair_contacts(&without, k, &other);
        assert_int_equal(count, other);
        for (size_t i = 0; i < count; i++) {
            assert_true(x[i].start == y[i].start && x[i].end == y[i].end);
            assert_int_equal(x[i].delay_us_mean, y[i].delay_us_mean);
        }
        contacts += count;
    }
    assert_true(contacts > 100);
    sky_free(&with);
    sky_free(&without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_margin_keeps_its_sign_while_it_rests),
        cmocka_unit_test(a_plan_with_rests_is_the_plan_that_looks_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
