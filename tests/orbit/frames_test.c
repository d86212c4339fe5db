#include "tables.h"

#include <math.h>

#include "orbit/frames.h"
#include "orbit/sgp4.h"

static void sidereal_time_agrees_with_erfa(void **state)
{
    (void)state;
    FILE *f = table_open("tests/data/ref_sun.csv");
    char line[512], *cell[5];
    size_t n, rows = 0;
    while (row_next(f, line, cell, 5, &n)) {
        double gmst = frames_gmst(REFERENCE_EPOCH + (tai_ns)(atof(cell[0]) * 1e9));
        assert_true(fabs(gmst - atof(cell[4])) < 1e-11);
        rows++;
    }
    fclose(f);
    assert_int_equal(rows, 25);
}

static void positions_agree_with_the_reference_day_to_a_millimetre(void **state)
{
    (void)state;
    struct elements sats[REFERENCE_SATELLITES];
    reference_elements(sats);
    FILE *f = table_open("tests/data/ref_positions.csv");
    char line[512], *cell[14];
    size_t n, rows = 0;
    double worst_km = 0.0, worst_angle = 0.0;
    while (row_next(f, line, cell, 14, &n)) {
        struct sgp4 s;
        assert_int_equal(sgp4_init(&s, reference_find(sats, cell[0])), ERR_OK);
        tai_ns t = REFERENCE_EPOCH + atoll(cell[1]) * NS_PER_S;
        double r[3], v[3], ecef[3];
        assert_int_equal(sgp4_at(&s, t, r, v), SGP4_OK);
        frames_teme_to_ecef(frames_gmst(t), r, ecef);
        struct geodetic g = frames_ecef_to_geodetic(ecef);
        for (int k = 0; k < 3; k++) {
            worst_km = fmax(worst_km, fabs(r[k] - atof(cell[2 + k])));
            worst_km = fmax(worst_km, fabs(ecef[k] - atof(cell[8 + k])));
        }
        worst_km = fmax(worst_km, fabs(g.altitude_km - atof(cell[13])));
        worst_angle = fmax(worst_angle, fabs(g.latitude_rad / DEGREE_RAD - atof(cell[11])));
        worst_angle = fmax(worst_angle,
                           fabs(remainder(g.longitude_rad / DEGREE_RAD - atof(cell[12]), 360.0)));
        rows++;
    }
    fclose(f);
    print_message("%zu positions: worst %.2e km, %.2e degrees\n", rows, worst_km, worst_angle);
    assert_int_equal(rows, 1450);
    assert_true(worst_km < 2e-6); /* the table has six decimals */
    assert_true(worst_angle < 6e-7);
}

static void geodetic_coordinates_survive_the_way_there_and_back(void **state)
{
    (void)state;
    for (int la = -90; la <= 90; la += 5)
        for (int lo = -180; lo < 180; lo += 30)
            for (double h = -10.0; h < 50000.0; h = h < 1.0 ? h + 3.0 : h * 4.0) {
                struct geodetic g = {la * DEGREE_RAD, lo * DEGREE_RAD, h};
                double r[3];
                frames_geodetic_to_ecef(&g, r);
                struct geodetic b = frames_ecef_to_geodetic(r);
                assert_true(fabs(b.altitude_km - h) < 1e-9 + 1e-14 * h);
                assert_true(fabs(b.latitude_rad - g.latitude_rad) < 1e-14);
                if (abs(la) < 90)
                    assert_true(fabs(remainder(b.longitude_rad - g.longitude_rad, 2 * M_PI)) <
                                1e-14);
            }
}

static void agrees_with_the_textbook_site(void **state)
{
    (void)state;
    /* Vallado 2013, example 3-3: r = (6524.834, 6862.875, 6448.296) km. */
    const double r[3] = {6524.834, 6862.875, 6448.296};
    struct geodetic g = frames_ecef_to_geodetic(r);
    assert_true(fabs(g.latitude_rad / DEGREE_RAD - 34.352496) < 1e-6);
    assert_true(fabs(g.longitude_rad / DEGREE_RAD - 46.4464) < 1e-4);
    assert_true(fabs(g.altitude_km - 5085.22) < 1e-2);
}

static void the_textbook_sidereal_time_is_met(void **state)
{
    (void)state;
    /* Vallado 2013, example 3-5: 152.578787810 degrees, computed there from one double Julian date
     * (40 us). */
    double gmst = frames_gmst(time_from_utc(1992, 8, 20, 12, 14, 0.0));
    assert_true(fabs(gmst / DEGREE_RAD - 152.578787810) < 2e-7);
}

static void a_turning_frame_sees_a_fixed_star_move_west(void **state)
{
    (void)state;
    const double h_s = 0.5;
    tai_ns t = REFERENCE_EPOCH;
    const double r[3] = {7000.0, 100.0, 20.0}, v[3] = {0.0, 7.5, 0.1};
    double ecef[3], rate[3], before[3], after[3];
    frames_teme_to_ecef(frames_gmst(t), r, ecef);
    frames_velocity_to_ecef(frames_gmst(t), v, ecef, rate);
    double past[3], future[3];
    for (int k = 0; k < 3; k++) {
        past[k] = r[k] - h_s * v[k];
        future[k] = r[k] + h_s * v[k];
    }
    frames_teme_to_ecef(frames_gmst(t - NS_PER_S / 2), past, before);
    frames_teme_to_ecef(frames_gmst(t + NS_PER_S / 2), future, after);
    for (int k = 0; k < 3; k++)
        assert_true(fabs((after[k] - before[k]) / (2.0 * h_s) - rate[k]) < 1e-6);
}

static void great_circle_from_new_york_to_london(void **state)
{
    (void)state;
    struct geodetic ny = {40.7128 * DEGREE_RAD, -74.0060 * DEGREE_RAD, 0},
                    london = {51.5074 * DEGREE_RAD, -0.1278 * DEGREE_RAD, 0};
    assert_true(fabs(frames_great_circle_km(&ny, &london) - 5570.0) < 2.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sidereal_time_agrees_with_erfa),
        cmocka_unit_test(positions_agree_with_the_reference_day_to_a_millimetre),
        cmocka_unit_test(geodetic_coordinates_survive_the_way_there_and_back),
        cmocka_unit_test(agrees_with_the_textbook_site),
        cmocka_unit_test(the_textbook_sidereal_time_is_met),
        cmocka_unit_test(a_turning_frame_sees_a_fixed_star_move_west),
        cmocka_unit_test(great_circle_from_new_york_to_london),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
