#include <math.h>

#include "tables.h"

#include "orbit/body.h"
#include "orbit/ephemeris.h"
#include "orbit/sun.h"

static double angle_deg(const double a[3], const double b[3])
{
    return acos(fmin(1.0, vector_dot(a, b) / (vector_length(a) * vector_length(b)))) / DEGREE_RAD;
}

static void positions_agree_with_erfa_from_2000_to_2050(void **state)
{
    (void)state;
    FILE *f = table_open("tests/data/ref_bodies.csv");
    char line[512], *cell[5];
    size_t n, rows = 0;
    double moon_deg = 0.0, moon_km = 0.0, mars_deg = 0.0, mars_share = 0.0;
    while (row_next(f, line, cell, 5, &n)) {
        /* TT Julian date to our time scale: TT = TAI + 32.184 s. */
        double days = atof(cell[0]) - 2440587.5, r[3];
        tai_ns t = (tai_ns)llround(days * 86400e3) * NS_PER_MS - 32184 * NS_PER_MS;
        const double expected[3] = {atof(cell[2]), atof(cell[3]), atof(cell[4])};
        enum body b;
        assert_int_equal(body_parse(cell[1], &b), ERR_OK);
        body_position(b, t, r);
        double error_deg = angle_deg(r, expected);
        double error_km = fabs(vector_length(r) - vector_length(expected));
        if (b == BODY_MOON) {
            moon_deg = fmax(moon_deg, error_deg);
            moon_km = fmax(moon_km, error_km);
        } else {
            mars_deg = fmax(mars_deg, error_deg);
            mars_share = fmax(mars_share, error_km / vector_length(expected));
        }
        rows++;
    }
    fclose(f);
    print_message("%zu rows: Moon %.3f deg %.0f km, Mars %.4f deg %.1e of the distance\n", rows,
                  moon_deg, moon_km, mars_deg, mars_share);
    assert_true(rows > 100);
    assert_true(moon_deg < 0.1 && moon_km < 600.0);
    assert_true(mars_deg < 0.1 && mars_share < 1e-3);
}

static double light_s(enum body b, tai_ns t)
{
    double r[3];
    body_position(b, t, r);
    return vector_length(r) / LIGHT_KM_S;
}

static void the_moon_is_between_1_2_and_1_36_light_seconds_away(void **state)
{
    (void)state;
    double least = 1e9, most = 0.0;
    for (int day = 0; day < 366 * 19; day++) {
        double s = light_s(BODY_MOON, time_from_utc(2020, 1, 1, 0, 0, 0) + day * NS_PER_DAY);
        least = fmin(least, s);
        most = fmax(most, s);
    }
    assert_true(least > 1.18 && least < 1.20); /* 356,400 km */
    assert_true(most < 1.36 && most > 1.35);   /* 406,700 km */
    /* Meeus, Astronomical Algorithms, example 47.a: 1992 April 12, 0h TD: 368,409.7 km. */
    assert_true(fabs(light_s(BODY_MOON, time_from_utc(1992, 4, 12, 0, 0, 0)) * LIGHT_KM_S -
                     368409.7) < 500.0);
}

static void mars_is_minutes_away_on_known_dates(void **state)
{
    (void)state;
    /* Closest approaches of 2003-08-27 (0.37272 au), 2018-07-31 (0.38496 au), 2020-10-06 (0.41492
     * au); conjunction of 2015-06-14 (2.57 au). NASA and USNO almanacs. */
    const struct {
        int year, month, day;
        double au, tolerance;
    } known[] = {{2003, 8, 27, 0.37272, 3e-4},
                 {2018, 7, 31, 0.38496, 3e-4},
                 {2020, 10, 6, 0.41492, 3e-4},
                 {2015, 6, 14, 2.57, 0.005}};
    for (size_t k = 0; k < COUNT_OF(known); k++) {
        tai_ns t = time_from_utc(known[k].year, known[k].month, known[k].day, 12, 0, 0);
        double au = light_s(BODY_MARS, t) * LIGHT_KM_S / ASTRONOMICAL_UNIT_KM;
        if (!(fabs(au - known[k].au) < known[k].tolerance))
            fail_msg("%d: %.5f au, expected %.5f", known[k].year, au, known[k].au);
    }
    for (int day = 0; day < 366 * 50; day += 3) {
        double minutes =
            light_s(BODY_MARS, time_from_utc(2000, 1, 1, 0, 0, 0) + day * NS_PER_DAY) / 60.0;
        assert_true(minutes > 3.0 && minutes < 22.4);
    }
}

static void velocities_are_the_rates_of_positions(void **state)
{
    (void)state;
    tai_ns t = time_from_utc(2026, 11, 21, 5, 0, 0);
    const struct trajectory about[] = {
        {.kind = TRAJECTORY_ORBITER,
         .body = BODY_MOON,
         .orbiter = {.altitude_km = 100, .inclination_deg = 86, .raan_deg = 30, .epoch = t}},
        {.kind = TRAJECTORY_ORBITER,
         .body = BODY_MARS,
         .orbiter = {.altitude_km = 400, .inclination_deg = 93, .phase_deg = 60, .epoch = t}},
        {.kind = TRAJECTORY_ORBITER,
         .body = BODY_EARTH,
         .orbiter = {.altitude_km = 550, .inclination_deg = 53, .epoch = t}}};
    const struct elements none = {0};
    for (size_t k = 0; k < COUNT_OF(about); k++) {
        struct ephemeris e;
        assert_int_equal(ephemeris_init(&e, &none, &about[k]), ERR_OK);
        for (double at = 0; at < 40000; at += 1234) {
            double before[3], after[3], r[3], v[3], w[3];
            assert_true(ephemeris_state(&e, t, at - 1, before, w));
            assert_true(ephemeris_state(&e, t, at + 1, after, w));
            assert_true(ephemeris_state(&e, t, at, r, v));
            for (int i = 0; i < 3; i++)
                assert_true(fabs((after[i] - before[i]) / 2.0 - v[i]) < 1e-5);
        }
    }
    for (int b = 0; b < BODY_COUNT; b++) {
        struct body_site before = body_site((enum body)b, 0.5, 2.0, 1.0, t - NS_PER_S);
        struct body_site now = body_site((enum body)b, 0.5, 2.0, 1.0, t);
        struct body_site after = body_site((enum body)b, 0.5, 2.0, 1.0, t + NS_PER_S);
        for (int i = 0; i < 3; i++) {
            assert_true(fabs((after.r_km[i] - before.r_km[i]) / 2.0 - now.v_km_s[i]) < 1e-5);
            assert_true(fabs((after.up[i] - before.up[i]) / 2.0 - now.up_rate[i]) < 1e-8);
        }
    }
}

static void the_moon_shows_the_earth_one_face(void **state)
{
    (void)state;
    /* The mean sub-Earth point is the origin of lunar coordinates; libration stays below 8 degrees.
     */
    double worst = 0.0;
    for (int day = 0; day < 3000; day += 7) {
        tai_ns t = time_from_utc(2024, 1, 1, 0, 0, 0) + day * NS_PER_DAY;
        double centre[3], to_earth[3];
        body_position(BODY_MOON, t, centre);
        struct body_site s = body_site(BODY_MOON, 0.0, 0.0, 0.0, t);
        for (int k = 0; k < 3; k++)
            to_earth[k] = -centre[k];
        worst = fmax(worst, angle_deg(s.up, to_earth));
    }
    print_message("libration in longitude and latitude together: %.1f degrees\n", worst);
    assert_true(worst > 7.0 && worst < 10.6); /* 7.9 and 6.7 degrees at their extremes */
}

static void orbiters_keep_the_periods_of_their_bodies(void **state)
{
    (void)state;
    tai_ns t = time_from_utc(2026, 11, 21, 0, 0, 0);
    const struct elements none = {0};
    /* 100 km about the Moon: 117.85 minutes (LRO's early orbit: 118); 400 km about Mars: 118.5. */
    const struct {
        enum body body;
        double altitude_km, minutes;
    } known[] = {{BODY_MOON, 100, 117.85}, {BODY_MARS, 400, 118.4}};
    for (size_t k = 0; k < COUNT_OF(known); k++) {
        struct trajectory tr = {
            .kind = TRAJECTORY_ORBITER,
            .body = known[k].body,
            .orbiter = {.altitude_km = known[k].altitude_km, .inclination_deg = 90, .epoch = t}};
        struct ephemeris e;
        assert_int_equal(ephemeris_init(&e, &none, &tr), ERR_OK);
        double minutes = 2.0 * M_PI / e.u_rate / 60.0;
        if (fabs(minutes - known[k].minutes) > 0.4)
            fail_msg("%.2f minutes, expected %.2f", minutes, known[k].minutes);
    }
}

static void an_orbiter_behind_its_moon_is_in_the_dark(void **state)
{
    (void)state;
    tai_ns t = time_from_utc(2026, 11, 21, 0, 0, 0);
    double centre[3], sun[3], r[3];
    sun_position(t, sun);
    body_position(BODY_MOON, t, centre);
    double length = vector_length(sun);
    for (int k = 0; k < 3; k++)
        r[k] = centre[k] - 1837.0 * sun[k] / length;
    assert_true(ephemeris_sun_fraction(BODY_MOON, t, r, sun) == 0.0);
    for (int k = 0; k < 3; k++)
        r[k] = centre[k] + 1837.0 * sun[k] / length;
    assert_true(ephemeris_sun_fraction(BODY_MOON, t, r, sun) == 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_agree_with_erfa_from_2000_to_2050),
        cmocka_unit_test(the_moon_is_between_1_2_and_1_36_light_seconds_away),
        cmocka_unit_test(mars_is_minutes_away_on_known_dates),
        cmocka_unit_test(velocities_are_the_rates_of_positions),
        cmocka_unit_test(the_moon_shows_the_earth_one_face),
        cmocka_unit_test(orbiters_keep_the_periods_of_their_bodies),
        cmocka_unit_test(an_orbiter_behind_its_moon_is_in_the_dark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
