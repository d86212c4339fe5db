#include "tables.h"

#include <math.h>

#include "orbit/visibility.h"

static double seconds_of(tai_ns t)
{
    return (double)(t - REFERENCE_EPOCH) / 1e9;
}

static void finds_all_passes_of_the_reference_day(void **state)
{
    (void)state;
    struct elements sats[REFERENCE_SATELLITES];
    reference_elements(sats);
    FILE *f = table_open("tests/data/ref_passes.csv");
    char line[512], *cell[10], key[64], last[64] = "";
    size_t n, rows = 0, count = 0, at = 0;
    struct pass passes[64];
    double worst_edge = 0.0, worst_degree = 0.0, worst_km = 0.0;
    while (row_next(f, line, cell, 10, &n)) {
        snprintf(key, sizeof key, "%s %s", cell[0], cell[1]);
        if (strcmp(key, last) != 0) {
            assert_int_equal(at, count); /* nothing more was found for the pair before */
            struct sgp4 s;
            assert_int_equal(sgp4_init(&s, reference_find(sats, cell[0])), ERR_OK);
            struct station station = station_at(atof(cell[2]), atof(cell[3]), atof(cell[4]));
            assert_int_equal(visibility_passes(&s, &station, 10.0 * DEGREE_RAD, REFERENCE_EPOCH,
                                               REFERENCE_EPOCH + NS_PER_DAY, passes, 64, &count),
                             ERR_OK);
            strcpy(last, key);
            at = 0;
        }
        assert_true(at < count);
        worst_edge = fmax(worst_edge, fabs(seconds_of(passes[at].start) - atof(cell[5])));
        worst_edge = fmax(worst_edge, fabs(seconds_of(passes[at].end) - atof(cell[6])));
        worst_degree =
            fmax(worst_degree, fabs(passes[at].max_elevation_rad / DEGREE_RAD - atof(cell[8])));
        if (passes[at].start > REFERENCE_EPOCH && passes[at].end < REFERENCE_EPOCH + NS_PER_DAY)
            worst_km = fmax(worst_km, fabs(passes[at].range_at_peak_km - atof(cell[9])));
        at++;
        rows++;
    }
    fclose(f);
    assert_int_equal(at, count);
    print_message("%zu passes: worst edge %.2f ms, elevation %.1e deg, range %.1e km\n", rows,
                  worst_edge * 1e3, worst_degree, worst_km);
    assert_int_equal(rows, 229);
    assert_true(worst_edge < 2e-3);
    assert_true(worst_degree < 2e-5);
    assert_true(worst_km < 0.05);
}

static void finds_all_windows_between_the_reference_satellites(void **state)
{
    (void)state;
    struct elements sats[REFERENCE_SATELLITES];
    reference_elements(sats);
    struct sgp4 model[REFERENCE_SATELLITES];
    for (int k = 0; k < REFERENCE_SATELLITES; k++)
        assert_int_equal(sgp4_init(&model[k], &sats[k]), ERR_OK);
    FILE *f = table_open("tests/data/ref_isl_windows.csv");
    char line[512], *cell[6];
    size_t n, rows = 0;
    double worst = 0.0;
    bool more = row_next(f, line, cell, 6, &n);
    for (int a = 0; a < REFERENCE_SATELLITES; a++)
        for (int b = a + 1; b < REFERENCE_SATELLITES; b++) {
            struct sight list[128];
            size_t count, at = 0;
            assert_int_equal(visibility_sights(&model[a], &model[b], 80.0, REFERENCE_EPOCH,
                                               REFERENCE_EPOCH + NS_PER_DAY, list, 128, &count),
                             ERR_OK);
            for (; more && (uint32_t)atoi(cell[0]) == sats[a].catalog &&
                   (uint32_t)atoi(cell[1]) == sats[b].catalog;
                 more = row_next(f, line, cell, 6, &n), at++, rows++) {
                assert_true(at < count);
                worst = fmax(worst, fabs(seconds_of(list[at].start) - atof(cell[2])));
                worst = fmax(worst, fabs(seconds_of(list[at].end) - atof(cell[3])));
            }
            assert_int_equal(at, count);
        }
    fclose(f);
    print_message("%zu windows: worst edge %.2f ms\n", rows, worst * 1e3);
    assert_int_equal(rows, 696);
    assert_true(worst < 2e-3);
}

static void the_longest_clear_link_is_the_known_one(void **state)
{
    (void)state;
    /* Two satellites at 550 km whose ray grazes 80 km are 5,016.59 km apart (R = 6378.135 there,
     * 6378.137 here). */
    const double radius = WGS84_RADIUS_KM + 550.0,
                 half = sqrt(radius * radius - pow(WGS84_RADIUS_KM + 80.0, 2.0));
    assert_true(fabs(2.0 * half - 5016.59) < 0.01);
    const double angle = asin(half / radius);
    const double a[3] = {radius * cos(angle), radius * sin(angle), 0},
                 b[3] = {radius * cos(angle), -radius * sin(angle), 0};
    assert_true(fabs(visibility_graze_km(a, b) - 80.0) < 1e-9);
    assert_true(fabs(visibility_range_km(a, b) - 2.0 * half) < 1e-9);
}

/* A bump far shorter than a cell, where both ends are below. */
static struct sample bump(const void *context, double t_s)
{
    const double *top = context;
    double x = t_s - top[0];
    return (struct sample){t_s, top[1] - x * x, -2.0 * x};
}

static void a_short_bump_or_dip_between_samples_is_not_missed(void **state)
{
    (void)state;
    const double context[2] = {17.3, 1e-4}; /* 20 ms long */
    struct interval out[4];
    size_t count;
    assert_int_equal(windows_find(bump, context, 0.0, 100.0, 30.0, out, 4, &count), ERR_OK);
    assert_int_equal(count, 1);
    assert_true(fabs(out[0].start_s - 17.29) < 1e-6 && fabs(out[0].end_s - 17.31) < 1e-6);
    const double below[2] = {17.3, -1e-9};
    assert_int_equal(windows_find(bump, below, 0.0, 100.0, 30.0, out, 4, &count), ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(windows_find(bump, context, 0.0, 100.0, 30.0, out, 0, &count), ERR_FULL);
}

static void slopes_are_the_rates_of_their_margins(void **state)
{
    (void)state;
    struct elements sats[REFERENCE_SATELLITES];
    reference_elements(sats);
    struct sgp4 a, b;
    assert_int_equal(sgp4_init(&a, &sats[0]), ERR_OK);
    assert_int_equal(sgp4_init(&b, &sats[5]), ERR_OK);
    const struct station station = station_at(52.0, 5.0, 0.0);
    const double h = 0.01;
    for (int minute = 0; minute < 300; minute += 7) {
        double value[3][4], slope[4] = {0};
        for (int side = -1; side <= 1; side++) {
            struct motion ma, mb;
            double t_s = minute * 60.0 + side * h;
            assert_true(visibility_motion(&a, REFERENCE_EPOCH, t_s, &ma) &&
                        visibility_motion(&b, REFERENCE_EPOCH, t_s, &mb));
            struct motion fixed =
                visibility_to_ecef(REFERENCE_EPOCH + (tai_ns)llround(t_s * 1e9), &ma);
            const struct margin m[4] = {visibility_elevation_margin(&station, 0.17, &fixed),
                                        visibility_graze_margin(&ma, &mb, 80.0),
                                        visibility_range_margin(&ma, &mb, 4000.0),
                                        visibility_latitude_margin(&ma, 0.7)};
            for (int k = 0; k < 4; k++) {
                value[side + 1][k] = m[k].value;
                if (side == 0)
                    slope[k] = m[k].slope;
            }
        }
        for (int k = 0; k < 4; k++)
            assert_true(fabs((value[2][k] - value[0][k]) / (2.0 * h) - slope[k]) < 1e-3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_all_passes_of_the_reference_day),
        cmocka_unit_test(finds_all_windows_between_the_reference_satellites),
        cmocka_unit_test(the_longest_clear_link_is_the_known_one),
        cmocka_unit_test(a_short_bump_or_dip_between_samples_is_not_missed),
        cmocka_unit_test(slopes_are_the_rates_of_their_margins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
