#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "craft/craft.h"
#include "orbit/sun.h"
#include "orbit/walker.h"

#define START time_from_utc(2026, 11, 21, 6, 0, 0.0)
#define SIGMA 5.670374419e-8

/* A satellite at 550 km exactly 1 AU from the Sun, which stands `zenith` of the way overhead. */
static struct state place(double sunlit, double cos_zenith)
{
    struct state s = {.altitude_km = 550.0, .sunlit = sunlit};
    s.r_teme_km[0] = WGS84_RADIUS_KM + 550.0;
    double d = ASTRONOMICAL_UNIT_KM;
    s.sun_teme_km[0] = s.r_teme_km[0] + d * cos_zenith;
    s.sun_teme_km[1] = d * sqrt(1.0 - cos_zenith * cos_zenith);
    return s;
}

static struct craft_params dark_and_still(void)
{
    struct craft_params p = craft_params_box();
    p.array_area_m2 = p.absorptivity = p.albedo = p.earth_infrared_w_m2 = p.heater_w =
        p.base_load_w = 0.0;
    return p;
}

static void the_view_factor_agrees_with_the_table(void **state)
{
    (void)state;
    FILE *f = fopen("tests/data/view_factor_earth.csv", "r");
    assert_non_null(f);
    double h, gamma, closed, numeric;
    int rows = 0;
    assert_true(fscanf(f, "%*[^\n]") == 0);
    while (fscanf(f, "%lf,%lf,%lf,%lf", &h, &gamma, &closed, &numeric) == 4) {
        assert_true(fabs(craft_earth_view_factor(h, gamma * DEGREE_RAD) - closed) < 1e-6);
        rows++;
    }
    fclose(f);
    assert_int_equal(rows, 52);
}

/* Panel area (both faces radiate) that rejects 4 kW at 45 C. */
static double panel_m2(double environment_w_m2)
{
    double t4 = pow(318.15, 4.0) - pow(2.7, 4.0);
    return 4000.0 / (2.0 * 0.86 * SIGMA * t4 - environment_w_m2);
}

static void four_kilowatts_need_the_known_radiators(void **state)
{
    (void)state;
    struct craft_params p = craft_params_box();
    p.radiator_area_m2 = 1.0;
    struct state dark = place(0.0, -1.0), noon = place(1.0, 1.0);
    assert_true(fabs(panel_m2(0.0) - 4.003) < 0.001);
    assert_true(fabs(panel_m2(craft_environment_w(&p, &dark)) - 4.474) < 0.001);
    assert_true(fabs(panel_m2(craft_environment_w(&p, &noon)) - 4.638) < 0.001);
    double nadir =
        0.86 * 237.0 * (craft_earth_view_factor(550.0, 0.0) + craft_earth_view_factor(550.0, M_PI));
    assert_true(fabs(panel_m2(nadir) - 4.840) < 0.001);
}

static void a_steady_load_settles_at_the_temperature_of_its_radiator(void **state)
{
    (void)state;
    struct craft_params p = craft_params_box();
    p.radiator_area_m2 = 4.474;
    p.heater_w = 0.0;
    p.base_load_w = 0.0;
    p.discharge_efficiency = p.charge_efficiency = 1.0;
    p.battery_wh = 4e6;
    p.battery_floor_fraction = 0.0;
    p.array_area_m2 = 0.0;
    struct craft c;
    craft_init(&c, &p, 1.0, 290.0);
    struct state dark = place(0.0, -1.0);
    for (int k = 0; k < 400; k++)
        craft_step(&c, &p, &dark, 4000000, 100 * NS_PER_S);
    assert_true(fabs(c.radiator_k - 318.15) < 0.02);
    assert_true(fabs(c.core_k - c.radiator_k - 4000.0 / p.conductance_w_k) < 1e-3);
    assert_true(c.energy_residual < 1e-9);
}

static void cooling_follows_the_closed_form(void **state)
{
    (void)state;
    struct craft_params p = dark_and_still();
    p.radiator_area_m2 = 4.0;
    p.core_capacity_j_k = 1.0;
    p.radiator_capacity_j_k = 49999.0;
    p.conductance_w_k = p.conductance_closed_w_k = 1e6;
    const struct {
        int seconds;
        double kelvin;
    } expected[] = {{60, 313.493}, {600, 280.942}, {3600, 205.447}};
    struct craft c;
    craft_init(&c, &p, 0.5, 318.15);
    struct state dark = place(0.0, -1.0);
    int at = 0;
    for (size_t k = 0; k < COUNT_OF(expected); k++) {
        for (; at < expected[k].seconds; at += 10)
            craft_step(&c, &p, &dark, 0, 10 * NS_PER_S);
        assert_true(fabs(c.radiator_k - expected[k].kelvin) < 2e-3);
    }
    assert_true(c.energy_residual < 1e-9);
    /* Long steps are cut into pieces: nearly the same end. */
    craft_init(&c, &p, 0.5, 318.15);
    craft_step(&c, &p, &dark, 0, 3600 * NS_PER_S);
    assert_true(fabs(c.radiator_k - 205.447) < 0.01);
}

static void one_orbit_of_four_kilowatts_keeps_the_books(void **state)
{
    (void)state;
    /* 550 km, beta 0: eclipse 2136.7 s of 5739.0 s; round trip efficiency 0.9 (physics notes 7.5).
     */
    struct craft_params p = craft_params_box();
    p.heater_w = 0.0;
    p.base_load_w = 0.0;
    p.charge_efficiency = 0.9;
    p.discharge_efficiency = 1.0;
    p.battery_wh = 7910.0;
    p.temperature_coefficient = p.degradation_per_year = 0.0;
    p.array_area_m2 = 6636.0 / (SOLAR_CONSTANT_W_M2 * p.cell_efficiency * p.packing);
    struct craft c;
    craft_init(&c, &p, 1.0, 300.0);
    struct state dark = place(0.0, -1.0), lit = place(1.0, 0.0);
    craft_step(&c, &p, &dark, 4000000, (duration_ns)(2136.7 * 1e9));
    double used_wh = 7910.0 - c.battery_j / 3600.0;
    assert_true(fabs(used_wh - 2374.0) < 1.0);
    assert_true(fabs(used_wh / 7910.0 - 0.30) < 0.001);
    craft_step(&c, &p, &lit, 4000000, (duration_ns)((5739.0 - 2136.7) * 1e9));
    struct craft_state s = craft_state_of(&c, &p);
    assert_true(s.battery_mwh > s.battery_capacity_mwh - 3000); /* full again, within 0.04 % */
    assert_true(abs((int)s.generation_mw - 6636000) < 2 && s.load_mw == 4000000 &&
                s.sunlit == 1000);
    assert_true(c.shed_j == 0.0 && c.energy_residual < 1e-9);
}

static void lanes_are_shed_at_the_floor_and_base_load_at_zero(void **state)
{
    (void)state;
    struct craft_params p = craft_params_pod();
    struct craft c;
    craft_init(&c, &p, 0.5, 300.0);
    struct state dark = place(0.0, -1.0);
    for (int k = 0; k < 60; k++)
        craft_step(&c, &p, &dark, 100000, NS_PER_MINUTE);
    struct craft_state s = craft_state_of(&c, &p);
    assert_true(s.shedding && c.shed_j > 0.0);
    assert_true(s.battery_mwh <= 60000); /* lanes stopped at 30 % */
    assert_true(s.battery_mwh > 40000);  /* base load alone since */
    for (int k = 0; k < 600; k++)
        craft_step(&c, &p, &dark, 0, NS_PER_MINUTE);
    s = craft_state_of(&c, &p);
    assert_int_equal(s.battery_mwh, 0);
    assert_true(s.core_mk > 100000 && s.core_mk < 268150); /* no power, no heater */
    assert_true(c.energy_residual < 1e-9);
}

static void the_heater_holds_the_core(void **state)
{
    (void)state;
    struct craft_params p = craft_params_pod();
    p.base_load_w = 0.0;
    p.battery_wh = 1e5;
    struct craft c;
    craft_init(&c, &p, 1.0, 300.0);
    struct state dark = place(0.0, -1.0);
    bool was_on = false, was_off_again = false;
    for (int k = 0; k < 20000; k++) {
        craft_step(&c, &p, &dark, 0, 30 * NS_PER_S);
        was_off_again |= was_on && !c.heater_on;
        was_on |= c.heater_on;
    }
    assert_true(was_on && was_off_again);
    assert_true(c.core_k > 266.0 && c.core_k < 273.0);
}

static void the_heat_pipe_keeps_an_idle_member_from_freezing(void **state)
{
    (void)state;
    struct craft_params p = craft_params_box();
    p.battery_wh = 4e6;
    struct craft c;
    craft_init(&c, &p, 1.0, 300.0);
    struct state dark = place(0.0, -1.0);
    for (int k = 0; k < 2000; k++)
        craft_step(&c, &p, &dark, 0, NS_PER_MINUTE);
    assert_true(c.core_k > 275.0 && c.core_k < 285.0);
    assert_true(c.radiator_k < 230.0);
    assert_true(c.energy_residual < 1e-9);
}

static void sky_of_one(struct sky *sky)
{
    struct site site = {.node = 1, .kind = SITE_SATELLITE, .name = "sat-1"};
    struct pearls pearls = {
        .altitude_km = 550, .inclination_deg = 53, .spacing_deg = 10, .count = 1, .epoch = START};
    assert_int_equal(pearls_elements(&pearls, 0, &site.elements), ERR_OK);
    struct link_rules rules = link_rules_default();
    assert_int_equal(sky_init(sky, NULL, &site, 1, &rules, START), ERR_OK);
}

static void a_forecast_foresees_what_happens(void **state)
{
    (void)state;
    struct sky sky;
    sky_of_one(&sky);
    for (int big = 0; big < 2; big++) {
        struct craft_params p = big ? craft_params_box() : craft_params_pod();
        uint32_t load_mw = big ? 3000000 : 70000;
        struct craft c;
        craft_init(&c, &p, 0.8, 295.0);
        struct craft_forecast f;
        assert_int_equal(
            craft_forecast(&c, &p, &sky, 1, START, START + 3 * NS_PER_HOUR, load_mw, &f), ERR_OK);
        uint32_t lowest = UINT32_MAX, warmest = 0;
        for (tai_ns t = START; t < START + 3 * NS_PER_HOUR;
             t += 5 * NS_PER_S) { /* a host's finer steps */
            struct state s;
            assert_int_equal(sky_position(&sky, 1, t, &s), ERR_OK);
            craft_step(&c, &p, &s, load_mw, 5 * NS_PER_S);
            struct craft_state now = craft_state_of(&c, &p);
            lowest = MIN(lowest, now.battery_mwh);
            warmest = MAX(warmest, now.core_mk);
        }
        assert_true(f.floor_kept && f.limit_kept);
        assert_true(fabs((double)f.battery_min_mwh - lowest) < 0.005 * p.battery_wh * 1000.0);
        assert_true(fabs((double)f.core_max_mk - warmest) < 300.0);
        assert_true(f.sunlit_permille > 550 && f.sunlit_permille < 760);
        assert_true(c.energy_residual < 1e-9);
    }
    sky_free(&sky);
}

static void a_forecast_refuses_what_the_battery_cannot_carry(void **state)
{
    (void)state;
    struct sky sky;
    sky_of_one(&sky);
    struct craft_params p = craft_params_pod();
    struct craft c;
    struct craft_forecast f;
    craft_init(&c, &p, 0.5, 300.0);
    assert_int_equal(craft_forecast(&c, &p, &sky, 1, START, START + 2 * NS_PER_HOUR, 300000, &f),
                     ERR_OK);
    assert_false(f.floor_kept);
    assert_int_equal(craft_forecast(&c, &p, &sky, 2, START, START + NS_PER_HOUR, 0, &f),
                     ERR_NOT_FOUND);
    assert_int_equal(craft_forecast(&c, &p, &sky, 1, START, START + 2 * NS_PER_DAY, 0, &f),
                     ERR_RANGE);
    assert_int_equal(craft_forecast(&c, &p, &sky, 1, START, START - 1, 0, &f), ERR_RANGE);
    p.core_limit_k = 300.0;
    craft_init(&c, &p, 1.0, 299.0);
    assert_int_equal(craft_forecast(&c, &p, &sky, 1, START, START + NS_PER_HOUR, 100000, &f),
                     ERR_OK);
    assert_false(f.limit_kept);
    sky_free(&sky);
}

static void both_default_members_survive_a_week_under_their_design_load(void **state)
{
    (void)state;
    struct sky sky;
    sky_of_one(&sky);
    for (int big = 0; big < 2; big++) {
        struct craft_params p = big ? craft_params_box() : craft_params_pod();
        assert_int_equal(craft_params_check(&p), ERR_OK);
        struct craft c;
        craft_init(&c, &p, 1.0, 300.0);
        for (int day = 0; day < 7; day++) {
            struct craft_forecast f;
            tai_ns from = START + day * NS_PER_DAY;
            uint32_t load_mw = big ? 3600000 : 85000;
            assert_int_equal(craft_forecast(&c, &p, &sky, 1, from, from + NS_PER_DAY, load_mw, &f),
                             ERR_OK);
            assert_true(f.floor_kept && f.limit_kept);
            assert_true(f.core_end_mk > 273000);
        }
    }
    sky_free(&sky);
}

static void radiators_give_off_what_the_law_says(void **state)
{
    (void)state;
    /* Emissivity 0.9, 4 kW: twin.md 5.2. */
    const double expected[][2] = {{20.0, 5.31}, {45.0, 3.83}, {60.0, 3.18}, {80.0, 2.52}};
    for (size_t k = 0; k < COUNT_OF(expected); k++)
        assert_true(fabs(craft_radiator_area_m2(4000.0, expected[k][0] + 273.15, 0.9, 0.0) - expected[k][1]) < 0.006);
    assert_true(fabs(2.0 * craft_radiator_area_m2(4000.0, 318.15, 0.9, 0.0) - 7.65) < 0.006);
    assert_true(fabs(0.9 * SIGMA * pow(318.15, 4.0) - 523.0) < 0.5);
}

static void the_battery_and_the_array_fade_with_the_years(void **state)
{
    (void)state;
    struct craft_params p = craft_params_box();
    p.heater_w = 0.0;
    struct craft c;
    craft_init(&c, &p, 1.0, 300.0);
    struct craft_surroundings lit = {7000.0, 0.0, 1.0}, dark = {0.0, 0.0, 0.0};
    for (int orbit = 0; orbit < 550; orbit++) { /* a tenth of a year */
        craft_advance(&c, &p, &dark, 3600.0, 2136.7);
        craft_advance(&c, &p, &lit, 3600.0, 5739.0 - 2136.7);
    }
    double depth = 4000.0 * 2136.7 / 3600.0 / 0.95 / 8000.0, years = 550.0 * 5739.0 / (365.25 * 86400.0);
    double life = 550.0 / battery_cycle_life(&p.ageing, depth) + years / 15.0;
    assert_true(fabs(battery_life_used(&c.wear, &p.ageing) / life - 1.0) < 0.01);
    assert_true(fabs(craft_battery_capacity_wh(&c, &p) - 8000.0 * (1.0 - 0.2 * life)) < 1.0);
    struct craft_state s = craft_state_of(&c, &p);
    assert_true(s.battery_capacity_mwh < 8000000 && s.battery_mwh <= s.battery_capacity_mwh && c.energy_residual < 1e-9);
    struct state noon = place(1.0, 0.0);
    craft_step(&c, &p, &noon, 0, NS_PER_S);
    assert_true(fabs(c.generation_w / craft_array_power_w(&p, &noon) - pow(0.99, years)) < 1e-6);
}

static void refuses_parameters_without_meaning(void **state)
{
    (void)state;
    struct craft_params p = craft_params_box();
    p.emissivity = 0.0;
    assert_int_equal(craft_params_check(&p), ERR_RANGE);
    p = craft_params_box();
    p.battery_wh = NAN;
    assert_int_equal(craft_params_check(&p), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_view_factor_agrees_with_the_table),
        cmocka_unit_test(four_kilowatts_need_the_known_radiators),
        cmocka_unit_test(a_steady_load_settles_at_the_temperature_of_its_radiator),
        cmocka_unit_test(cooling_follows_the_closed_form),
        cmocka_unit_test(one_orbit_of_four_kilowatts_keeps_the_books),
        cmocka_unit_test(lanes_are_shed_at_the_floor_and_base_load_at_zero),
        cmocka_unit_test(the_heater_holds_the_core),
        cmocka_unit_test(the_heat_pipe_keeps_an_idle_member_from_freezing),
        cmocka_unit_test(a_forecast_foresees_what_happens),
        cmocka_unit_test(a_forecast_refuses_what_the_battery_cannot_carry),
        cmocka_unit_test(both_default_members_survive_a_week_under_their_design_load),
        cmocka_unit_test(radiators_give_off_what_the_law_says),
        cmocka_unit_test(the_battery_and_the_array_fade_with_the_years),
        cmocka_unit_test(refuses_parameters_without_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
