#include "tables.h"

#include <math.h>

#include "orbit/sun.h"
#include "orbit/visibility.h"

static double centuries_of_julian_date(double jd)
{
    return (jd - 2451545.0) / 36525.0;
}

static void the_sun_of_the_textbook(void **state)
{
    (void)state;
    /* Vallado 2013, example 5-1, with the Almanac's constants. */
    const double expected[3] = {146185999.569, 28789948.690, 12481485.206};
    double sun[3];
    sun_position_at(centuries_of_julian_date(2453827.5), sun);
    for (int k = 0; k < 3; k++)
        assert_true(fabs(sun[k] / expected[k] - 1.0) < 1e-9);
}

static void the_sun_agrees_with_erfa_to_an_eightieth_of_a_degree(void **state)
{
    (void)state;
    FILE *f = table_open("tests/data/ref_sun.csv");
    char line[512], *cell[5];
    size_t n, rows = 0;
    while (row_next(f, line, cell, 5, &n)) {
        double sun[3], expected[3] = {atof(cell[1]), atof(cell[2]), atof(cell[3])};
        sun_position(REFERENCE_EPOCH + (tai_ns)(atof(cell[0]) * 1e9), sun);
        double cosine = vector_dot(sun, expected) / (vector_length(sun) * vector_length(expected));
        assert_true(acos(fmin(1.0, cosine)) < 0.0125 * DEGREE_RAD);
        rows++;
    }
    fclose(f);
    assert_int_equal(rows, 25);
}

/* The STK comparison of Neta & Vallado: an orbit given by true anomaly. */
static void orbit_at(double anomaly_deg, double r[3])
{
    const double e = 0.002, i = 63.4 * DEGREE_RAD, p = 1.029 * WGS84_RADIUS_KM;
    double nu = anomaly_deg * DEGREE_RAD, radius = p / (1.0 + e * cos(nu));
    r[0] = radius * cos(nu);
    r[1] = radius * sin(nu) * cos(i);
    r[2] = radius * sin(nu) * sin(i);
}

static double anomaly_of_edge(bool umbra, double low, double high)
{
    const double sun[3] = {67029379.3287, -120206236.9878, -52109013.7096};
    double r[3];
    orbit_at(low, r);
    struct shadow_margin m = sun_shadow_margin(SHADOW_CONE_OBLATE, r, sun);
    bool lit_low = (umbra ? m.umbra : m.penumbra) > 0.0;
    for (int k = 0; k < 60; k++) {
        double middle = 0.5 * (low + high);
        orbit_at(middle, r);
        m = sun_shadow_margin(SHADOW_CONE_OBLATE, r, sun);
        if (((umbra ? m.umbra : m.penumbra) > 0.0) == lit_low)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void shadow_edges_agree_with_stk(void **state)
{
    (void)state;
    assert_true(fabs(anomaly_of_edge(false, 30, 120) - 50.061) < 0.03);
    assert_true(fabs(anomaly_of_edge(true, 30, 120) - 50.747) < 0.03);
    assert_true(fabs(anomaly_of_edge(true, 120, 250) - 196.025) < 0.03);
    assert_true(fabs(anomaly_of_edge(false, 120, 250) - 196.692) < 0.03);
}

static void the_curtis_satellite_is_in_shadow(void **state)
{
    (void)state;
    const double r[3] = {2817.899, -14110.473, -7502.672},
                 sun[3] = {-11747041, 139486985, 60472278};
    for (int model = SHADOW_CONE_OBLATE; model <= SHADOW_CYLINDER; model++)
        assert_true(sun_fraction((enum shadow_model)model, r, sun) == 0.0);
}

struct event_kind {
    const char *name;
    enum shadow_model model;
    bool umbra;
};
static const struct event_kind kinds[] = {
    {"cyl", SHADOW_CYLINDER, true},          {"penumbra_obl", SHADOW_CONE_OBLATE, false},
    {"umbra_obl", SHADOW_CONE_OBLATE, true}, {"penumbra", SHADOW_CONE_SPHERE, false},
    {"umbra", SHADOW_CONE_SPHERE, true},
};

static double nearest(const struct sight *list, size_t count, bool entry, double t_s)
{
    double best = 1e9;
    for (size_t k = 0; k < count; k++)
        best = fmin(
            best,
            fabs((double)((entry ? list[k].start : list[k].end) - REFERENCE_EPOCH) / 1e9 - t_s));
    return best;
}

static void eclipse_edges_of_the_reference_day_are_met(void **state)
{
    (void)state;
    struct elements sats[REFERENCE_SATELLITES];
    reference_elements(sats);
    size_t events = 0, found = 0;
    double worst = 0.0;
    for (int s = 0; s < REFERENCE_SATELLITES; s++) {
        struct sgp4 model;
        assert_int_equal(sgp4_init(&model, &sats[s]), ERR_OK);
        for (size_t q = 0; q < COUNT_OF(kinds); q++) {
            struct sight list[64];
            size_t count;
            assert_int_equal(visibility_eclipses(&model, kinds[q].model, kinds[q].umbra,
                                                 REFERENCE_EPOCH, REFERENCE_EPOCH + NS_PER_DAY,
                                                 list, 64, &count),
                             ERR_OK);
            for (size_t k = 0; k < count; k++) /* the edges of the day are no events */
                found += (size_t)(list[k].start > REFERENCE_EPOCH) +
                         (size_t)(list[k].end < REFERENCE_EPOCH + NS_PER_DAY);
            FILE *f = table_open("tests/data/ref_eclipse_events.csv");
            char line[512], *cell[3], name[32];
            size_t n;
            while (row_next(f, line, cell, 3, &n)) {
                char *cut = strrchr(cell[1], '_');
                snprintf(name, sizeof name, "%.*s", (int)(cut - cell[1]), cell[1]);
                if ((uint32_t)atoi(cell[0]) != sats[s].catalog || strcmp(name, kinds[q].name) != 0)
                    continue;
                worst =
                    fmax(worst, nearest(list, count, strcmp(cut, "_entry") == 0, atof(cell[2])));
                events++;
            }
            fclose(f);
        }
    }
    print_message("%zu events: worst %.3f s\n", events, worst);
    assert_int_equal(events, 1190);
    assert_int_equal(found, 1190);
    assert_true(worst < 0.3);
}

/* A circular orbit with the Sun `beta` above its plane; u from the point opposite the Sun. */
static void circle_at(double altitude_km, double beta, double u, double r[3])
{
    double radius = WGS84_RADIUS_KM + altitude_km;
    r[0] = -radius * cos(u) * cos(beta);
    r[1] = radius * sin(u);
    r[2] = radius * cos(u) * sin(beta);
}

static double dark_fraction(double altitude_km, double beta_deg, const struct event_kind *kind)
{
    const double sun[3] = {ASTRONOMICAL_UNIT_KM, 0.0, 0.0};
    double low = 0.0, high = M_PI / 2.0 + 0.6, r[3];
    for (int k = 0; k < 71; k++) {
        double u = k == 0 ? 0.0 : 0.5 * (low + high);
        circle_at(altitude_km, beta_deg * DEGREE_RAD, u, r);
        struct shadow_margin m = sun_shadow_margin(kind->model, r, sun);
        bool dark = (kind->umbra ? m.umbra : m.penumbra) < 0.0;
        if (k == 0 && !dark)
            return 0.0;
        if (dark)
            low = u;
        else
            high = u;
    }
    return low / M_PI;
}

static void eclipse_fractions_agree_with_the_table(void **state)
{
    (void)state;
    FILE *f = table_open("tests/data/eclipse_fraction.csv");
    char line[512], *cell[7];
    size_t n, rows = 0;
    while (row_next(f, line, cell, 7, &n)) {
        double h = atof(cell[0]), beta = atof(cell[1]);
        assert_true(fabs(dark_fraction(h, beta, &kinds[0]) - atof(cell[3])) < 1e-7);
        assert_true(fabs(dark_fraction(h, beta, &kinds[3]) - atof(cell[4])) < 1e-7);
        assert_true(fabs(dark_fraction(h, beta, &kinds[4]) - atof(cell[5])) < 1e-7);
        rows++;
    }
    fclose(f);
    assert_int_equal(rows, 133);
}

static void the_visible_fraction_falls_smoothly_through_the_penumbra(void **state)
{
    (void)state;
    const double sun[3] = {ASTRONOMICAL_UNIT_KM, 0.0, 0.0};
    double last = 1.0, r[3];
    bool half_seen = false;
    for (double u = 1.3; u > 1.0; u -= 1e-5) {
        circle_at(550.0, 0.0, u, r);
        double fraction = sun_fraction(SHADOW_CONE_SPHERE, r, sun);
        assert_true(fraction <= last + 1e-12 && fraction >= 0.0);
        assert_true(last - fraction < 0.005);
        struct shadow_margin m = sun_shadow_margin(SHADOW_CONE_SPHERE, r, sun);
        assert_true((fraction == 1.0) == (m.penumbra >= 0.0) || fraction > 1.0 - 1e-6);
        assert_true((fraction == 0.0) == (m.umbra <= 0.0) || fraction < 1e-6);
        half_seen |= fraction > 0.49 && fraction < 0.51;
        last = fraction;
    }
    assert_true(half_seen);
    assert_true(last == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sun_of_the_textbook),
        cmocka_unit_test(the_sun_agrees_with_erfa_to_an_eightieth_of_a_degree),
        cmocka_unit_test(shadow_edges_agree_with_stk),
        cmocka_unit_test(the_curtis_satellite_is_in_shadow),
        cmocka_unit_test(eclipse_edges_of_the_reference_day_are_met),
        cmocka_unit_test(eclipse_fractions_agree_with_the_table),
        cmocka_unit_test(the_visible_fraction_falls_smoothly_through_the_penumbra),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
