#include "craft/supply.h"

#include <math.h>

#include "test.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

static struct member builtin(const char *name)
{
    struct member m;
    assert_true(member_builtin(name, &m));
    return m;
}

static struct supply_orbit low(size_t stations)
{
    return supply_orbit_of(BODY_EARTH, WGS84_RADIUS_KM + 550.0, 0.0, stations, 10.0 * DEGREE_RAD);
}

/* tests/data/eclipse_fraction.csv and physics.md 4: 550 km. The bound adds half of the penumbra. */
static void the_bound_of_darkness_lies_just_above_the_known_eclipses(void **state)
{
    (void)state;
    struct supply_orbit o = low(0);
    NEAR(o.period_s, 5739.0, 0.1);
    assert_true(o.dark_s > 2136.7 && o.dark_s < 2136.7 + 12.0);
    NEAR(supply_eclipse_s(&o, 0.0), o.dark_s, 0.01);
    NEAR(supply_eclipse_s(&o, 30.0 * DEGREE_RAD) / o.period_s, 0.3511, 0.003);
    NEAR(supply_eclipse_s(&o, 60.0 * DEGREE_RAD) / o.period_s, 0.2147, 0.006);
    assert_true(supply_eclipse_s(&o, 68.0 * DEGREE_RAD) == 0.0);
}

/* The same, found by walking along the orbit in small steps. */
static double walked_s(double a, double e, double apoapsis_to_shadow)
{
    double period = 2.0 * M_PI * sqrt(a * a * a / body_constants(BODY_EARTH)->mu_km3_s2), dark = 0.0;
    const int steps = 20000;
    for (int i = 0; i < steps; i++) {
        double mean = 2.0 * M_PI * i / steps, x = mean;
        for (int k = 0; k < 60; k++)
            x = mean + e * sin(x);
        double px = a * (cos(x) - e), py = a * sqrt(1.0 - e * e) * sin(x); /* periapsis along +x */
        double along = -(px * cos(apoapsis_to_shadow) + py * sin(apoapsis_to_shadow)), across = px * sin(apoapsis_to_shadow) - py * cos(apoapsis_to_shadow);
        dark += along > 0.0 && fabs(across) < WGS84_RADIUS_KM ? period / steps : 0.0;
    }
    return dark;
}

static void no_eclipse_of_an_ellipse_is_longer_than_the_bound(void **state)
{
    (void)state;
    const double shapes[][2] = {{7000.0, 0.001}, {8000.0, 0.15}, {26562.0, 0.72}, {42164.0, 0.3}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        struct supply_orbit o = supply_orbit_of(BODY_EARTH, shapes[i][0], shapes[i][1], 0, 0.0);
        double most = 0.0;
        for (int turn = 0; turn < 36; turn++)
            most = fmax(most, walked_s(shapes[i][0], shapes[i][1], turn * M_PI / 18.0));
        assert_true(most <= o.dark_s);
        assert_true(most > 0.9 * o.dark_s);
    }
}

static void a_walk_of_the_craft_model_agrees_with_the_sums(void **state)
{
    (void)state;
    struct member m = builtin("pod-100w");
    m.radio_present = false;
    struct supply_orbit o = low(0);
    struct supply s = supply_of(&m, &o);
    NEAR(s.need_w, 15.0 + 2 * 8.0, 1e-9);
    assert_true(s.heater_w == 0.0 && s.array_enough && s.battery_enough);
    struct craft c;
    craft_init(&c, &m.craft, 1.0, 300.0);
    struct craft_surroundings dark = {0.0, 0.0, 0.0};
    craft_advance(&c, &m.craft, &dark, 16.0, o.dark_s);
    NEAR(m.craft.battery_wh - c.battery_j / 3600.0, s.dark_wh, 0.01);
    /* With just the array that the sums ask for, an orbit after an orbit ends where it began. */
    m.craft.array_area_m2 = s.array_m2;
    s = supply_of(&m, &o);
    NEAR(s.have_w, s.need_w, 1e-9);
    struct craft_surroundings lit = {.sunlit = 1.0, .generation_w = s.have_w * (o.period_s - o.dark_s + o.dark_s / 0.95 / 0.95) / (o.period_s - o.dark_s)};
    craft_init(&c, &m.craft, 0.8, 300.0);
    for (int orbit = 0; orbit < 4; orbit++) {
        craft_advance(&c, &m.craft, &dark, 16.0, o.dark_s);
        craft_advance(&c, &m.craft, &lit, 16.0, o.period_s - o.dark_s);
    }
    NEAR(c.battery_j / 3600.0, 0.8 * 200.0, 0.05);
}

static void a_radio_counts_while_a_station_is_in_sight(void **state)
{
    (void)state;
    struct member m = builtin("pod-100w");
    m.optical_count = 0;
    struct supply_orbit none = low(0), two = low(2), many = low(64);
    NEAR(supply_of(&m, &none).terminals_w, 0.0, 1e-9);
    NEAR(supply_of(&m, &many).terminals_w, m.radio.draw_w, 1e-9);
    /* physics.md 4: overhead at 550 km above 10 degrees 476.9 s on an Earth that stands still; it turns along by at most a fifteenth. */
    NEAR(two.contact_s / 2.0, 476.9 / (1.0 - 7.2921e-5 * two.period_s / (2.0 * M_PI)), 0.5);
    NEAR(supply_of(&m, &two).terminals_w, m.radio.draw_w * two.contact_s / two.period_s, 1e-9);
    struct supply_orbit still = supply_orbit_of(BODY_EARTH, 42164.0, 0.0, 1, 0.1);
    NEAR(still.contact_s, still.period_s, 1e-6);
    assert_int_equal(supply_terminals(&m), 1);
}

static void weak_members_are_told_what_would_do(void **state)
{
    (void)state;
    struct member m = builtin("pod-100w");
    struct supply_orbit o = low(2);
    m.craft.array_area_m2 = 0.1;
    struct supply s = supply_of(&m, &o);
    assert_false(s.array_enough);
    m.craft.array_area_m2 = 1.001 * s.array_m2;
    assert_true(supply_of(&m, &o).array_enough);
    m.craft.battery_wh = 30.0;
    s = supply_of(&m, &o);
    assert_false(s.battery_enough);
    assert_true(s.margin_wh < 0.7 * 30.0);
    m.craft.battery_wh = 1.001 * s.battery_wh;
    assert_true(supply_of(&m, &o).battery_enough);
    m.craft.battery_floor_fraction = 1.0;
    s = supply_of(&m, &o);
    assert_true(!s.battery_enough && s.battery_wh == 0.0);
}

static void an_array_on_one_axis_needs_the_sun_near_its_plane(void **state)
{
    (void)state;
    struct member m = builtin("pod-100w");
    m.craft.array_tracks_sun = false;
    struct supply_orbit o = low(2);
    double before = supply_of(&m, &o).have_w;
    for (int degrees = 5; degrees <= 90; degrees += 5) {
        o.beta_rad = degrees * DEGREE_RAD;
        double now = supply_of(&m, &o).have_w;
        assert_true(now < before);
        before = now;
    }
    NEAR(before, 0.0, 1e-9);
}

static void far_from_the_sun_and_in_the_shadow_of_the_earth_it_takes_more(void **state)
{
    (void)state;
    struct member m = builtin("box-4kw");
    struct supply_orbit mars = supply_orbit_of(BODY_MARS, 3396.19 + 550.0, 0.0, 1, 0.1), here = low(1);
    mars.contact_s = here.contact_s;
    NEAR(supply_of(&m, &mars).have_w / supply_of(&m, &here).have_w, 1.0 / 2.68, 0.05);
    struct supply_orbit moon = supply_orbit_of(BODY_MOON, 1737.4 + 100.0, 0.0, 1, 0.1);
    assert_true(moon.rare_dark_s > 3.5 * 3600.0 && moon.rare_dark_s < 6.0 * 3600.0 && moon.dark_s < 50 * 60.0);
    assert_true(supply_of(&m, &moon).battery_enough);
    m = builtin("pod-100w");
    assert_false(supply_of(&m, &moon).battery_enough); /* a Pod does not outlast an eclipse of the Moon */
}

static void a_small_base_load_needs_its_heater(void **state)
{
    (void)state;
    struct member m = builtin("pod-100w");
    struct supply_orbit o = low(0);
    m.craft.conductance_closed_w_k = 1.0;
    assert_true(supply_of(&m, &o).heater_w > 0.0 && supply_of(&m, &o).heater_w <= m.craft.heater_w);
    m.craft.base_load_w = 60.0;
    assert_true(supply_of(&m, &o).heater_w == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_of_darkness_lies_just_above_the_known_eclipses),
        cmocka_unit_test(no_eclipse_of_an_ellipse_is_longer_than_the_bound),
        cmocka_unit_test(a_walk_of_the_craft_model_agrees_with_the_sums),
        cmocka_unit_test(a_radio_counts_while_a_station_is_in_sight),
        cmocka_unit_test(weak_members_are_told_what_would_do),
        cmocka_unit_test(an_array_on_one_axis_needs_the_sun_near_its_plane),
        cmocka_unit_test(far_from_the_sun_and_in_the_shadow_of_the_earth_it_takes_more),
        cmocka_unit_test(a_small_base_load_needs_its_heater),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
