#include "test.h"

#include <math.h>
#include <string.h>

#include "orbit/frames.h"
#include "orbit/sgp4.h"
#include "orbit/visibility.h"
#include "orbit/walker.h"

#define START time_from_utc(2026, 3, 20, 12, 0, 0.0)

static void a_delta_spreads_planes_over_the_whole_circle(void **state)
{
    (void)state;
    struct walker w = {.altitude_km = 1200, .epoch = START};
    assert_int_equal(walker_parse("56:24/3/1", &w), ERR_OK);
    assert_true(w.inclination_deg == 56.0 && w.total == 24 && w.planes == 3 && w.phasing == 1);
    struct elements e;
    assert_int_equal(walker_elements(&w, 8, &e), ERR_OK); /* plane 1, slot 0 */
    assert_true(fabs(e.raan_deg - 120.0) < 1e-12 && fabs(e.mean_anomaly_deg - 15.0) < 1e-12 &&
                e.bstar == 0.0);
    assert_string_equal(e.name, "sat-9");
    assert_int_equal(walker_elements(&w, 23, &e), ERR_OK);
    assert_true(fabs(e.raan_deg - 240.0) < 1e-12 &&
                fabs(e.mean_anomaly_deg - (315.0 + 30.0)) < 1e-12);
    w.star = true;
    assert_int_equal(walker_elements(&w, 8, &e), ERR_OK);
    assert_true(fabs(e.raan_deg - 60.0) < 1e-12);
    assert_int_equal(walker_elements(&w, 24, &e), ERR_RANGE);
}

static void refuses_patterns_without_meaning(void **state)
{
    (void)state;
    struct walker w = {.altitude_km = 550};
    const char *bad[] = {"", "53", "53:24/3", "53:24/3/1x", "53:24/3/1/2", "a:24/3/1"};
    for (size_t k = 0; k < COUNT_OF(bad); k++)
        assert_int_equal(walker_parse(bad[k], &w), ERR_INVALID);
    const char *out[] = {"53:24/5/1",  "53:24/3/3", "53:0/1/0",
                         "190:24/3/1", "53:24/0/0", "53:900000/3/1"};
    for (size_t k = 0; k < COUNT_OF(out); k++) {
        assert_int_equal(walker_parse(out[k], &w), ERR_OK);
        assert_int_equal(walker_check(&w), ERR_RANGE);
    }
    w.altitude_km = NAN;
    assert_int_equal(walker_parse("53:24/3/1", &w), ERR_OK);
    assert_int_equal(walker_check(&w), ERR_RANGE);
}

static void pearls_keep_their_spacing_for_weeks(void **state)
{
    (void)state;
    struct pearls p = {
        .altitude_km = 550, .inclination_deg = 97.6, .spacing_deg = 10, .count = 4, .epoch = START};
    struct sgp4 s[4];
    for (uint32_t k = 0; k < 4; k++) {
        struct elements e;
        assert_int_equal(pearls_elements(&p, k, &e), ERR_OK);
        assert_int_equal(sgp4_init(&s[k], &e), ERR_OK);
    }
    for (int day = 0; day < 30; day++) {
        double a[3], b[3], v[3];
        assert_int_equal(sgp4_propagate(&s[0], day * 1440.0, a, v), SGP4_OK);
        assert_int_equal(sgp4_propagate(&s[1], day * 1440.0, b, v), SGP4_OK);
        double angle = acos(vector_dot(a, b) / (vector_length(a) * vector_length(b))) / DEGREE_RAD;
        assert_true(fabs(angle - 10.0) < 0.1);
        assert_true(fabs(vector_length(a) - 6378.135 - 550.0) < 20.0);
    }
}

static void the_plane_follows_the_local_time(void **state)
{
    (void)state;
    /* At the March equinox the mean Sun is at right ascension 0: a node at 18 h lies 90 degrees
     * east. */
    struct pearls p = {.altitude_km = 550,
                       .inclination_deg = 97.6,
                       .use_local_time = true,
                       .local_time_h = 18.0,
                       .spacing_deg = 10,
                       .count = 1,
                       .epoch = START};
    struct elements e;
    assert_int_equal(pearls_elements(&p, 0, &e), ERR_OK);
    assert_true(fabs(e.raan_deg - 90.0) < 3.0);
    p.local_time_h = 25.0;
    assert_int_equal(pearls_elements(&p, 0, &e), ERR_RANGE);
}

static void sun_synchronous_inclinations_are_the_known_ones(void **state)
{
    (void)state;
    double i;
    assert_int_equal(sun_synchronous_inclination_deg(550, &i), ERR_OK);
    assert_true(fabs(i - 97.593) < 2e-3);
    assert_int_equal(sun_synchronous_inclination_deg(600, &i), ERR_OK);
    assert_true(fabs(i - 97.788) < 2e-3);
    assert_int_equal(sun_synchronous_inclination_deg(650, &i), ERR_OK);
    assert_true(fabs(i - 97.986) < 2e-3);
    assert_int_equal(sun_synchronous_inclination_deg(7000, &i), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delta_spreads_planes_over_the_whole_circle),
        cmocka_unit_test(refuses_patterns_without_meaning),
        cmocka_unit_test(pearls_keep_their_spacing_for_weeks),
        cmocka_unit_test(the_plane_follows_the_local_time),
        cmocka_unit_test(sun_synchronous_inclinations_are_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
